"""A temperature for the probabilities of a trained model, fitted on dev."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nlparch.calibration import fit_temperature, negative_log_likelihood
from nlparch.data.labels import IGNORED_LABEL, LabelSet
from nlparch.data.text_labels import TextLabels
from nlparch.devices import Precision
from nlparch.models.task_model import TaskModel

if TYPE_CHECKING:
    from .runs import Run
    from .tasks import Task

Logits = npt.NDArray[np.floating]


class Fit(NamedTuple):
    """A temperature, and the negative log-likelihood of gold without it and with it."""

    temperature: float
    before: float
    after: float

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature:.3f}, mean negative log-likelihood from {self.before:.4f} to "
            f"{self.after:.4f}"
        )


def calibrate(run: "Run", model: TaskModel, task: "Task", *, precision: Precision) -> None:
    """Fits the model's temperature on dev; without dev its probabilities stay as they are."""
    model.config.calibration_temperature = 1.0
    if not task.has_probabilities:
        return
    if "dev" in task.corpus.splits:
        fit = task.fit_temperature(model, precision=precision)
        model.config.calibration_temperature = fit.temperature
        run.note(f"probabilities calibrated on dev: {fit}")
    else:
        run.note(f"no dev {task.unit}: probabilities are as the model gives them, not calibrated")
    run.metrics["temperature"] = model.temperature


def fit_words(logits: Sequence[Logits], tags: Iterable[Sequence[str]], labels: LabelSet) -> Fit:
    """Fits a temperature to words with gold.

    Args:
        logits: of each sentence; NaN for words that the model cannot see. Shapes: (words, labels)
        tags: of each sentence; words whose tag is not among the labels are left out.
        labels: of the logits.
    """
    gold = np.array([label for row in tags for label in labels.encode(row)], dtype=np.int64)
    every = np.concatenate([*logits, np.empty((0, len(labels)), np.float32)])
    known = ~np.isnan(every[:, 0]) & (gold != IGNORED_LABEL)
    return _fit(every[known], gold[known])


def fit_texts(logits: Logits, gold: Sequence[Any], labels: TextLabels) -> Fit:
    """Fits a temperature to texts with gold.

    Args:
        logits: Shape: (texts, labels)
        gold: of each text its label, or its labels; texts whose label is not among the labels are left out.
        labels: of the logits, one or several a text.
    """
    encoded = labels.encode(gold)
    known = encoded != IGNORED_LABEL if encoded.ndim == 1 else ~np.isnan(encoded.astype(np.float32)).any(-1)
    return _fit(logits[known], encoded[known])


def _fit(logits: Logits, gold: npt.NDArray[np.generic]) -> Fit:
    temperature = fit_temperature(logits, gold)
    if not gold.size:
        return Fit(temperature, 0.0, 0.0)
    return Fit(temperature, *(negative_log_likelihood(logits, gold, temperature=t) for t in (1.0, temperature)))


def tag_probabilities(logits: Sequence[Logits], tags: Iterable[Sequence[str]], labels: LabelSet) -> list[list[float]]:
    """The probability of each tag at temperature 1; words that the model cannot see may have any tag.

    Args:
        logits: of each sentence. Shapes: (words, labels)
        tags: of each sentence, all of them among the labels.
        labels: of the logits.
    """
    found = []
    for values, row in zip(logits, tags, strict=True):
        values = np.nan_to_num(np.asarray(values, dtype=np.float32))
        chosen = values[np.arange(len(row)), labels.encode(row)]
        found.append(np.exp(chosen - np.logaddexp.reduce(values, axis=-1)).tolist())
    return found
