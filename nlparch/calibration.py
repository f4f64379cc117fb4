"""Whether a model is right as often as it says: the reliability of the probabilities of its tags."""

from dataclasses import dataclass

import numpy as np

from nlparch.metrics import Tags
from nlparch.readings import Reading

N_BINS = 10


@dataclass(frozen=True)
class Bin:
    """The words whose tags have a probability in some range.

    Attributes:
        low: begin of the range, itself left out, but for 0.
        high: its end.
        n: words.
        confidence: mean probability of their tags; None without words.
        accuracy: share of them whose tag is right; None without words.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def calibrate_bins(gold: Tags, reading: Reading) -> list[Bin]:
    """Words by the probability of their tags, in ranges of equal width; those the model cannot see are left out."""
    pairs = zip(gold, reading.tags, strict=True)
    is_right = np.array([one == other for pair in pairs for one, other in zip(*pair, strict=True)], dtype=bool)
    sure = np.array([value for sentence in reading.probabilities for value in sentence], dtype=np.float64)
    is_known = ~np.isnan(sure)
    is_right, sure = is_right[is_known], sure[is_known]
    edges = np.linspace(0, 1, N_BINS + 1)
    number = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, N_BINS - 1)
    return [
        _bin(float(low), float(high), sure[number == index], is_right[number == index])
        for index, (low, high) in enumerate(zip(edges, edges[1:], strict=False))
    ]


def calibration_error(bins: list[Bin]) -> float | None:
    """The expected calibration error: how far confidence lies from accuracy, on the mean over words.

    Naeini, Cooper and Hauskrecht (2015), https://ojs.aaai.org/index.php/AAAI/article/view/9602.
    """
    n = sum(bin_.n for bin_ in bins)
    gaps = [
        bin_.n * abs(bin_.confidence - bin_.accuracy)
        for bin_ in bins
        if bin_.confidence is not None and bin_.accuracy is not None
    ]
    return sum(gaps) / n if n else None


def _bin(low: float, high: float, sure: np.ndarray, is_right: np.ndarray) -> Bin:
    if not len(sure):
        return Bin(low, high, 0, None, None)
    return Bin(low, high, len(sure), float(sure.mean()), float(is_right.mean()))
