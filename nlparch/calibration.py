"""Whether a model is right as often as it says, and the temperature that brings its probabilities in line with that."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from nlparch.metrics import Tags
from nlparch.readings import Reading

N_BINS = 10
_LOWEST, _HIGHEST = 0.05, 20.0


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


def fit_temperature(logits: npt.NDArray[np.floating], gold: npt.NDArray[np.generic]) -> float:
    """The temperature that makes gold most likely (Guo et al., 2017, section 4.2).

    As if, of two items more, one were wrong (Platt, 1999, section 2.2): nothing shows that a model is never wrong, and
    the temperature of one without errors is not as low as it gets.

    Args:
        logits: Shape: (items, labels)
        gold: of one label an item, the labels, shape (items,); of several, 1 where they hold and 0 where not, shape
            (items, labels).

    Returns:
        Above 1 where the model is surer than it is right, below 1 where it is too modest; from 0.05 to 20. 1 without
        items.
    """
    if not gold.size:
        return 1.0
    doubt = 1 / (len(gold) + 2)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits, gold, temperature=float(np.exp(log_temperature)), doubt=doubt)

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def negative_log_likelihood(
    logits: npt.NDArray[np.floating],
    gold: npt.NDArray[np.generic],
    *,
    temperature: float = 1.0,
    doubt: float = 0.0,
) -> float:
    """Mean over items of minus the log probability of gold; of several labels an item, over these as well.

    Args:
        logits: Shape: (items, labels)
        gold: see `fit_temperature`.
        temperature: divides the logits.
        doubt: the share of gold that is spread evenly over all labels, or over a label's holding and not.
    """
    values = np.asarray(logits, dtype=np.float64) / temperature
    if gold.ndim == 1:
        log_probs = log_softmax(values, axis=-1)
        of_gold = np.take_along_axis(log_probs, gold[:, None].astype(np.int64), axis=-1)[:, 0]
        return float(-((1 - doubt) * of_gold + doubt * log_probs.mean(-1)).mean())
    holds = (1 - doubt) * gold.astype(np.float64) + doubt / 2
    return float(-(holds * log_expit(values) + (1 - holds) * log_expit(-values)).mean())


def _bin(low: float, high: float, sure: np.ndarray, is_right: np.ndarray) -> Bin:
    if not len(sure):
        return Bin(low, high, 0, None, None)
    return Bin(low, high, len(sure), float(sure.mean()), float(is_right.mean()))
