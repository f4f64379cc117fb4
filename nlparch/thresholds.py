"""The probabilities above which labels hold, of texts that may have several."""

import numpy as np
import numpy.typing as npt

MIN_POSITIVES = 10
"""A label with fewer texts takes the threshold that is best for all labels together: its own would be chance."""
_LOWEST, _HIGHEST = 0.05, 0.95

Numbers = npt.NDArray[np.floating]


def tune_thresholds(held: Numbers, probabilities: Numbers) -> list[float]:
    """For each label the threshold with the best F1 on labelled texts.

    Args:
        held: 1 where a label holds. Shape: (texts, labels)
        probabilities: Shape: (texts, labels)

    Returns:
        A threshold a label, from 0.05 to 0.95; 0.5 where nothing is known.
    """
    n_labels = held.shape[1]
    if not held.any():
        return [0.5] * n_labels
    shared = _best_threshold(held.ravel(), probabilities.ravel())
    return [
        _best_threshold(held[:, label], probabilities[:, label]) if held[:, label].sum() >= MIN_POSITIVES else shared
        for label in range(n_labels)
    ]


def _best_threshold(held: Numbers, probabilities: Numbers) -> float:
    """Of the thresholds that tell two neighbouring probabilities apart, the one with the best F1."""
    order = np.argsort(-probabilities, kind="stable")
    sure, right = probabilities[order].astype(np.float64), np.cumsum(held[order])
    scores = 2 * right / (np.arange(1, len(sure) + 1) + right[-1])
    following = np.append(sure[1:], -np.inf)
    middles = np.append((sure[:-1] + sure[1:]) / 2, _LOWEST).clip(_LOWEST, _HIGHEST)
    is_cut = (sure >= middles) & (middles > following)
    if not is_cut.any():
        return 0.5
    return float(middles[np.where(is_cut, scores, -1.0).argmax()])
