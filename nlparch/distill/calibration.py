"""How sure a teacher may be: its probabilities brought in line with how often it is right."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_LOWEST, _HIGHEST = 0.05, 20.0


def fit_temperature(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """The temperature that makes labels most likely (Guo et al., 2017, section 4.2).

    Args:
        logits: Shape: (words, labels)
        labels: Shape: (words,)

    Returns:
        Above 1 where the teacher is surer than it is right, below 1 where it is too modest; from 0.05 to 20.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits, labels, temperature=float(np.exp(log_temperature)))

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def negative_log_likelihood(
    logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], *, temperature: float = 1.0
) -> float:
    """Mean over words of minus the log probability of the label.

    Args:
        logits: Shape: (words, labels)
        labels: Shape: (words,)
        temperature: divides the logits.
    """
    log_probs = log_softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=-1)
    return float(-np.take_along_axis(log_probs, labels[:, None], axis=-1).mean())
