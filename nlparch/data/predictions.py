"""What `predict` returns: the words of a text with their tags, and the entities they spell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlparch.data.labels import spans

_SCORE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class WordTag:
    """A word, its place in the text, and its tag with the tag's probability."""

    text: str
    start: int
    end: int
    tag: str
    score: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of text with a label; the score is the mean of its words' probabilities."""

    start: int
    end: int
    text: str
    label: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Writes the entity as JSON values, the score rounded to 4 digits."""
        return {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "label": self.label,
            "score": round(float(self.score), _SCORE_DIGITS),
        }


@dataclass(frozen=True, slots=True)
class TagPrediction:
    """A tagged text: for each word its offsets, tag and probability, and the entities read from the tags."""

    text: str
    offsets: Sequence[tuple[int, int]]
    tags: Sequence[str]
    scores: Sequence[float]
    entities: list[Entity]

    @property
    def words(self) -> list[WordTag]:
        """The words with their tags, made on each call: who wants entities only does not pay for an object a word."""
        return [
            WordTag(self.text[start:end], start, end, tag, score)
            for (start, end), tag, score in zip(self.offsets, self.tags, self.scores, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Writes the prediction as JSON values, scores rounded to 4 digits."""
        text = self.text
        words = [
            {
                "text": text[start:end],
                "start": start,
                "end": end,
                "tag": tag,
                "score": round(float(score), _SCORE_DIGITS),
            }
            for (start, end), tag, score in zip(self.offsets, self.tags, self.scores, strict=True)
        ]
        return {"text": text, "words": words, "entities": [entity.to_dict() for entity in self.entities]}


def predict_entities(
    text: str, offsets: Sequence[tuple[int, int]], tags: Sequence[str], scores: Sequence[float]
) -> list[Entity]:
    """Reads the entities of a tagged text, as the scores are counted; plain tags have none.

    Args:
        text: the text.
        offsets: (start, end) of each word in the text.
        tags: the tag of each word.
        scores: the probability of each tag.
    """
    found = spans(tags)
    if not found:
        return []
    entities, offsets = [], list(offsets)
    for label, first, after in found:
        start, end = offsets[first][0], offsets[after - 1][1]
        score = float(sum(scores[first:after])) / (after - first)
        entities.append(Entity(start, end, text[start:end], label, score))
    return entities


def build_prediction(
    text: str, offsets: Sequence[tuple[int, int]], tags: Sequence[str], scores: Sequence[float]
) -> TagPrediction:
    """Puts a prediction together from what a model says of each word; the arguments are those of `predict_entities`.

    Raises:
        ValueError: if the words, tags and scores are not equal in number.
    """
    if not len(offsets) == len(tags) == len(scores):
        raise ValueError(
            f"each word needs one tag and one score, got {len(offsets)} words, {len(tags)} tags, {len(scores)} scores"
        )
    return TagPrediction(text, offsets, tags, scores, predict_entities(text, offsets, tags, scores))
