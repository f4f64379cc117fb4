"""What models make of labelled texts, side by side: the ground that every comparison of them stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nlparch.data.text_labels import TextLabels
from nlparch.data.text_predictions import Text, TextPrediction, build_text_predictions, probabilities_of
from nlparch.text_metrics import score_texts
from nlparch.thresholds import tune_thresholds

if TYPE_CHECKING:
    from nlparch.devices import Precision  # needs torch

Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True)
class TextReading:
    """One model's answers.

    Attributes:
        answers: of each text its label, its labels, or its number.
        probabilities: of each label, and after them of others that a teacher may know; of a regression the numbers.
            Shape: (texts, labels)
        raw_probabilities: these before they were calibrated; None where they were not. Shape: (texts, labels)
    """

    answers: Sequence[Any]
    probabilities: Numbers
    raw_probabilities: Numbers | None = None

    @property
    def uncalibrated(self) -> "TextReading | None":
        """The reading with the probabilities before they were calibrated; None where they were not."""
        return None if self.raw_probabilities is None else TextReading(self.answers, self.raw_probabilities)


@dataclass
class ReadTexts:
    """The labelled texts of a split, and what each model makes of them.

    Attributes:
        texts: texts, or pairs of them.
        gold: of each its label, its labels, or its number.
        labels: those of the models.
        main_score: the score that chooses the best model.
        readings: under `student`, `teacher` and `baseline`; a model alone is the student.
    """

    texts: Sequence[Text]
    gold: Sequence[Any]
    labels: TextLabels
    main_score: str
    readings: dict[str, TextReading] = field(default_factory=dict)

    def score(self, model: str) -> dict[str, Any]:
        """The scores of a model's reading."""
        found = self.readings[model]
        scored: Any = {"main_score": self.main_score, "probabilities": found.probabilities}
        return score_texts(self.gold, found.answers, self.labels, **scored)


def read_texts(
    model: Any,
    texts: Sequence[Text],
    *,
    precision: "Precision",
    batch_size: int = 32,
    tuned_on: Sequence[Any] | None = None,
) -> TextReading:
    """A text model's reading of texts.

    Args:
        model: a `TextModel`.
        texts: texts, or pairs of them.
        precision: number format of the matrix products.
        batch_size: texts read together.
        tuned_on: gold of the texts, to tune the thresholds of several labels on; None takes the model's own.
    """
    logits = model.text_logits(texts, batch_size=batch_size, precision=precision)
    thresholds = model.thresholds
    if tuned_on is not None and model.text_labels.task == "multi_label":
        thresholds = fit_thresholds(model.text_labels, tuned_on, logits, temperature=model.temperature)
    calibration: Any = {"temperature": model.temperature, "thresholds": thresholds}
    return reading_of(logits, texts, model.text_labels, **calibration)


def fit_thresholds(
    labels: TextLabels, gold: Sequence[Any], logits: Numbers, *, temperature: float = 1.0
) -> list[float]:
    """The thresholds that suit texts of several labels best."""
    held = labels.encode(gold).astype(np.float32)
    return tune_thresholds(held, probabilities_of(logits, labels, temperature=temperature))


def reading_of(
    logits: Numbers,
    texts: Sequence[Text],
    labels: TextLabels,
    *,
    temperature: float = 1.0,
    thresholds: Sequence[float] | None = None,
) -> TextReading:
    """The reading that a model's logits say. Shape of `logits`: (texts, labels)"""
    probabilities = probabilities_of(logits, labels, temperature=temperature).astype(np.float64)
    predictions = build_text_predictions(texts, logits, labels, temperature=temperature, thresholds=thresholds)
    raw = None if temperature == 1 else probabilities_of(logits, labels).astype(np.float64)
    return TextReading(answers_of(predictions, labels), probabilities, raw)


def answers_of(predictions: Sequence[TextPrediction], labels: TextLabels) -> list[Any]:
    """Of each text its label, its labels, or its number."""
    answer: Any = {
        "one_label": lambda prediction: prediction.labels[0],
        "multi_label": lambda prediction: list(prediction.labels),
        "regression": lambda prediction: prediction.scores[0],
    }[labels.task]
    return [answer(prediction) for prediction in predictions]
