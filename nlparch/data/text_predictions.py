"""What `predict` returns of whole texts: labels with their probabilities, or a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nlparch.data.text_labels import TextLabels

Text: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts."""

DEFAULT_THRESHOLD = 0.5
_SCORE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class TextPrediction:
    """A text and what a model says of it.

    Attributes:
        text: the text, or the first of a pair.
        text_pair: the second of a pair; None for a single text.
        labels: the one label; of several those that hold, the likeliest first; of a regression none.
        scores: the probability of each of these; of a regression the number.
        of_each: the probability of every label the model has, in its order; of a regression the number.
        model_labels: those labels.
    """

    text: str
    text_pair: str | None
    labels: Sequence[str]
    scores: Sequence[float]
    of_each: Sequence[float]
    model_labels: TextLabels

    def to_dict(self) -> dict[str, Any]:
        """Writes the prediction as JSON values, rounded to 4 digits; probabilities of all labels, highest first."""
        about: dict[str, Any] = {"text": self.text}
        if self.text_pair is not None:
            about["text_pair"] = self.text_pair
        if self.model_labels.task == "regression":
            return {**about, "score": round(self.scores[0], _SCORE_DIGITS)}
        pairs = sorted(zip(self.model_labels.names, self.of_each, strict=True), key=lambda pair: -pair[1])
        probabilities = {name: round(value, _SCORE_DIGITS) for name, value in pairs}
        scores = [round(value, _SCORE_DIGITS) for value in self.scores]
        if self.model_labels.task == "one_label":
            return {**about, "label": self.labels[0], "score": scores[0], "probabilities": probabilities}
        return {**about, "labels": list(self.labels), "scores": scores, "probabilities": probabilities}


def as_text(item: Any) -> Text:
    """A text or a pair of texts, checked.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(item, str):
        return item
    if isinstance(item, Sequence) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return item[0], item[1]
    raise ValueError(f"a text must be a string or a pair of strings, got {item!r:.80}")


def texts_in_order(texts: Sequence[Text], *, has_pairs: bool) -> list[str]:
    """The texts for a model that reads single texts; or of pairs all first texts, and then all second ones.

    Raises:
        ValueError: If it reads the other kind.
    """
    if any(isinstance(text, str) == has_pairs for text in texts):
        wanted, got = ("pairs of texts", "a single text") if has_pairs else ("single texts", "a pair")
        raise ValueError(f"this model reads {wanted}, got {got}")
    return [text[0] for text in texts] + [text[1] for text in texts] if has_pairs else list(map(str, texts))


def text_length(text: Text) -> int:
    """Characters of a text, or of both texts of a pair: what batches of like length are made by."""
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])


def probabilities_of(
    logits: npt.NDArray[np.floating], labels: TextLabels, *, temperature: float = 1.0
) -> npt.NDArray[np.float32]:
    """The probability of each label; of a regression the numbers as they are.

    Args:
        logits: Shape: (texts, labels)
        labels: what the logits are of.
        temperature: divides the logits.

    Returns:
        Shape: (texts, labels)
    """
    values = np.asarray(logits, dtype=np.float32)
    if labels.task == "regression":
        return values
    values = values / np.float32(temperature)
    if labels.task == "multi_label":
        values = -np.logaddexp(np.float32(0.0), -values)
    else:
        values = values - values.max(-1, keepdims=True)  # so that large logits lose no digits
        values = values - np.logaddexp.reduce(values, axis=-1, keepdims=True)
    return np.exp(values)


def check_calibration(temperature: Any, thresholds: Any, n_labels: int) -> None:
    """What turns logits into answers, as a model's folder has it.

    Args:
        temperature: divides the logits.
        thresholds: the probability from which each of several labels holds, or None.
        n_labels: of the model.

    Raises:
        ValueError: If it cannot be meant so.
    """
    if not _is_number(temperature) or not 0 < temperature < float("inf"):
        raise ValueError(f"the temperature must be a positive number, got {temperature!r:.80}")
    if thresholds is None:
        return
    if not isinstance(thresholds, list) or len(thresholds) != n_labels:
        raise ValueError(f"thresholds must be a list, one for each of {n_labels} labels, got {thresholds!r:.80}")
    if not all(_is_number(value) and 0 <= value <= 1 for value in thresholds):
        raise ValueError(f"thresholds must be from 0 to 1, got {thresholds!r:.80}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def build_text_predictions(
    texts: Sequence[Text],
    logits: npt.NDArray[np.floating],
    labels: TextLabels,
    *,
    temperature: float = 1.0,
    thresholds: Sequence[float] | None = None,
) -> list[TextPrediction]:
    """Puts predictions together from a model's logits.

    Args:
        texts: what was read.
        logits: Shape: (texts, labels)
        labels: what the logits are of.
        temperature: divides the logits before they are read as probabilities.
        thresholds: of several labels, the probability from which each holds; None: 0.5 for all.
    """
    values = probabilities_of(logits, labels, temperature=temperature)
    if labels.task == "multi_label":
        holds = values >= np.asarray(thresholds or [DEFAULT_THRESHOLD] * len(labels), dtype=np.float32)
    elif labels.task == "one_label":
        holds = np.arange(len(labels)) == values.argmax(-1)[:, None]
    else:
        holds = np.zeros(values.shape, dtype=np.bool_)
    return [
        _prediction(text, row, np.flatnonzero(held).tolist(), labels)
        for text, row, held in zip(texts, values.tolist(), holds, strict=True)
    ]


def _prediction(text: Text, values: list[float], chosen: Sequence[int], labels: TextLabels) -> TextPrediction:
    first, second = (text, None) if isinstance(text, str) else text
    chosen = sorted(chosen, key=lambda label: -values[label])
    scores = values if labels.task == "regression" else [values[label] for label in chosen]
    return TextPrediction(first, second, [labels.names[label] for label in chosen], scores, values, labels)
