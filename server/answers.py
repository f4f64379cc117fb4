"""Predictions as the JSON that is sent."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from nlparch.data.predictions import TagPrediction
from nlparch.data.text_predictions import TextPrediction


def render_prediction(prediction: TagPrediction, *, entities_only: bool, min_score: float) -> bytes:
    """A prediction in the server's own shape."""
    if entities_only:
        tree: dict[str, Any] = {
            "text": prediction.text,
            "entities": [entity.to_dict() for entity in prediction.entities],
        }
    else:
        tree = prediction.to_dict()
    if min_score:
        tree["entities"] = [entity for entity in tree["entities"] if entity["score"] >= min_score]
    return to_json(tree)


def render_for_hub(prediction: TagPrediction, *, ignored: frozenset[str]) -> bytes:
    """The entities of a text in the shape of the Hugging Face inference API."""
    entities = (entity.to_dict() for entity in prediction.entities if entity.label not in ignored)
    return to_json(
        [
            {
                "entity_group": entity["label"],
                "score": entity["score"],
                "word": entity["text"],
                "start": entity["start"],
                "end": entity["end"],
            }
            for entity in entities
        ]
    )


def render_classification(prediction: TextPrediction) -> bytes:
    """A classified text in the server's own shape."""
    return to_json(prediction.to_dict())


def render_labels_for_hub(prediction: TextPrediction, *, top_k: int | None) -> bytes:
    """Labels with probabilities, the highest first, in the shape of the Hugging Face inference API."""
    tree = prediction.to_dict()
    of_each = tree.get("probabilities", {"score": tree.get("score")})  # a regression has its number alone
    return to_json([{"label": label, "score": score} for label, score in list(of_each.items())[:top_k]])


def join_answers(answers: Sequence[bytes], *, model: str, model_hash: str) -> bytes:
    """The answer to a request in the server's own shape."""
    head = to_json({"model": model, "model_hash": model_hash})
    return b'%s,"predictions":[%s]}' % (head[:-1], b",".join(answers))


def join_for_hub(answers: Sequence[bytes], *, is_single: bool) -> bytes:
    """The answer to a request in the shape of the Hugging Face inference API: for one text not a list of lists."""
    return answers[0] if is_single else b"[%s]" % b",".join(answers)
