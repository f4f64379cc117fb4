"""A temperature for the probabilities of a trained model, fitted on dev."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nlparch.calibration import fit_temperature, negative_log_likelihood
from nlparch.data.labels import IGNORED_LABEL, LabelSet
from nlparch.data.text_labels import TextLabels

if TYPE_CHECKING:
    from .runs import Run

Logits = npt.NDArray[np.floating]


class Fit(NamedTuple):
    """A temperature, and the negative log-likelihood of gold without it and with it."""

    temperature: float
    before: float
    after: float
    per: str = "word"

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature:.3f}, negative log-likelihood a {self.per} from {self.before:.4f} to "
            f"{self.after:.4f}"
        )


def keep_fit(run: "Run", model: Any, fit: Fit | None, *, unit: str) -> None:
    """Gives a model the temperature that was fitted on dev; None, where there is no dev, leaves its logits alone."""
    model.temperature = 1.0 if fit is None else fit.temperature
    if fit is None:
        run.note(f"no dev {unit}: probabilities are as the model gives them, not calibrated")
    else:
        run.note(f"probabilities calibrated on dev: {fit}")
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
    return _fit(every, gold, ~np.isnan(every[:, 0]) & (gold != IGNORED_LABEL), per="word")


def fit_texts(logits: Logits, values: Sequence[Any], labels: TextLabels) -> Fit:
    """Fits a temperature to texts with gold, but not of a regression.

    Args:
        logits: Shape: (texts, labels)
        values: of each text, its label or its labels; texts whose label is not among the labels are left out.
        labels: of the logits.
    """
    gold = labels.encode(values)
    known = gold != IGNORED_LABEL if gold.ndim == 1 else ~np.isnan(gold).any(-1)
    return _fit(logits, gold, known, per="text" if gold.ndim == 1 else "decision")


def _fit(logits: Logits, gold: npt.NDArray[np.generic], known: npt.NDArray[np.bool_], *, per: str) -> Fit:
    logits, gold = logits[known], gold[known]
    temperature = fit_temperature(logits, gold)
    before, after = (
        negative_log_likelihood(logits, gold, temperature=t) if len(gold) else 0.0 for t in (1.0, temperature)
    )
    return Fit(temperature, before, after, per)


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
