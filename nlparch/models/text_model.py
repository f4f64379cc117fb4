"""What every model of whole texts can do: logits, labels with calibrated probabilities."""

import abc
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlparch.data.text_labels import PROBLEM_TYPES, TextLabels, TextTask
from nlparch.data.text_predictions import (
    Text,
    TextPrediction,
    as_text,
    build_text_predictions,
    text_length,
    texts_in_order,
)
from nlparch.data.texts import MAIN_SCORES
from nlparch.devices import Precision, autocast
from nlparch.distill.objectives import OBJECTIVES, Objective
from nlparch.distill.teachers import fetch_outputs
from nlparch.models.task_model import BATCHES_SORTED_TOGETHER, TaskModel, chunks, reading

_TASKS = {problem_type: task for task, problem_type in PROBLEM_TYPES.items()}


class TextModel(TaskModel):
    """A model that gives every text, or pair of texts, one label, several, or a number.

    The host class supplies `encode_inputs` and `forward`.
    """

    @abc.abstractmethod
    def encode_inputs(self, texts: Sequence[Text]) -> dict[str, Tensor]:
        """The model's inputs for a batch of texts, at least one; a text may be empty. Arguments of `forward`."""

    @cached_property
    def text_labels(self) -> TextLabels:
        """The model's labels in the order of its outputs, and what is asked of a text."""
        return labels_of(self.config)

    @property
    def objective(self) -> Objective:  # type: ignore[override]
        """That of the task."""
        return OBJECTIVES[self.text_labels.task]

    @property
    def thresholds(self) -> list[float] | None:
        """The probability from which each of several labels holds; None: 0.5 for all."""
        return getattr(self.config, "thresholds", None)

    @thresholds.setter
    def thresholds(self, values: list[float] | None) -> None:
        self.config.thresholds = values

    @property
    def has_pairs(self) -> bool | None:
        """Whether the model reads pairs of texts, or single texts; None: it was made elsewhere, and does not say."""
        return getattr(self.config, "has_pairs", None)

    @property
    def main_score(self) -> str:
        """The score that chose the model among those of its training, and by which others are compared with it."""
        return getattr(self.config, "main_score", None) or MAIN_SCORES[self.text_labels.task]

    def encoded_logits(self, batch: dict[str, Tensor], *, precision: Precision = "fp32") -> Tensor:
        """Outputs for what `encode_inputs` made of a batch, on the device, where they may still be in the making.

        Returns:
            Infinite where the model fails. Shape: (texts, labels)
        """
        with reading(self), autocast(self.device, precision):
            logits: Tensor = self.forward(**self._to_device(batch)).logits
            return logits.float().nan_to_num(torch.inf, torch.inf, -torch.inf)

    def text_logits(
        self, texts: Sequence[Text], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> np.ndarray[Any, Any]:
        """The logits of texts, read in batches of like length. Shape: (texts, labels), float32"""
        order = sorted(range(len(texts)), key=lambda row: text_length(texts[row]))
        logits = np.zeros((len(texts), len(self.text_labels)), dtype=np.float32)
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            batch = self.encode_inputs([texts[row] for row in rows])
            logits[rows] = fetch_outputs(self.encoded_logits(batch, precision=precision), precision)
        return logits

    def predict(
        self, inputs: Sequence[Text], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> list[TextPrediction]:
        """Classifies texts, or pairs of texts.

        Args:
            inputs: texts, or pairs of texts.
            batch_size: texts read together.
            precision: number format of the matrix products.

        Raises:
            ValueError: If `inputs` is a single string, or one of them is neither a text nor a pair, or a pair where the
                model reads single texts, or the other way round.
        """
        return list(self.predict_stream(inputs, batch_size=batch_size, precision=precision))

    def predict_stream(
        self, inputs: Iterable[Text], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> Iterator[TextPrediction]:
        """`predict` over an endless stream, in order, in constant memory."""
        if isinstance(inputs, str):
            raise ValueError(f"predict takes a list of texts, got one string; write predict([{inputs[:20]!r}])")
        calibration: Any = {"temperature": self.temperature, "thresholds": self.thresholds}
        for chunk in chunks(inputs, batch_size * BATCHES_SORTED_TOGETHER):
            texts = [as_text(item) for item in chunk]
            if self.has_pairs is not None:
                texts_in_order(texts, has_pairs=self.has_pairs)
            logits = self.text_logits(texts, batch_size=batch_size, precision=precision)
            yield from build_text_predictions(texts, logits, self.text_labels, **calibration)


def labels_of(config: Any) -> TextLabels:
    """The labels that a model's configuration tells of, and what is asked of a text."""
    names = tuple(config.id2label[label] for label in range(len(config.id2label)))
    # A checkpoint of other tools may not say; transformers reads it so.
    default: TextTask = "regression" if len(names) == 1 else "one_label"
    return TextLabels(names, _TASKS.get(getattr(config, "problem_type", None) or "", default))
