"""How sure a score is: intervals and paired tests by drawing the sentences of a test set again and again.

After Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16; the paired test is that of
Koehn (2004), made two-sided. Sentences are drawn, and not words or entities, for those of a sentence go together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlparch.counts import Counts, Numbers, f1

N_RESAMPLES = 1000
LEVEL = 0.95
_DRAWS_AT_ONCE = 2_000_000
Interval = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another.

    Attributes:
        value: the difference of their scores.
        interval: in which it lies in 95% of the resamples.
        p: share of the resamples on the other side of 0, both sides counted: how easily chance makes such a difference.
    """

    value: float
    interval: Interval
    p: float


def resampled_f1(counts: Counts, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Numbers:
    """F1 in sets of sentences drawn from the one that was scored, with replacement, as many as there are.

    The draws are decided by the seed and the number of sentences alone: the scores of two models of the same sentences
    are paired, row by row.

    Returns:
        The last column is that of all groups together; NaN where nothing was drawn. Shape: (resamples, groups + 1)
    """
    n_sentences = len(counts.right)
    both = np.concatenate([counts.right, counts.gold + counts.found], axis=1)
    sums = np.concatenate([drawn @ both for drawn in draws(n_sentences, n_resamples, seed)])
    right, total = (np.column_stack([part, part.sum(1)]) for part in np.split(sums, 2, axis=1))
    return f1(right, total)


def interval(values: Numbers) -> Interval | None:
    """The middle 95% of the values, those that are undefined left out; None where all are."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def paired_difference(
    one: Counts, other: Counts, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Difference | None:
    """The difference of two models' F1 over all groups, on the same resamples; None where it is undefined."""
    scores = [float(f1(counts.right.sum(), (counts.gold + counts.found).sum())) for counts in (one, other)]
    drawn = [resampled_f1(counts, n_resamples=n_resamples, seed=seed)[:, -1] for counts in (one, other)]
    return difference_of(scores, drawn)


def difference_of(scores: Sequence[float | None], drawn: Sequence[Numbers]) -> Difference | None:
    """The difference of two models' scores.

    Args:
        scores: of both; None or NaN where undefined.
        drawn: their scores on the same resamples. Shapes: (resamples,)

    Returns:
        None where it is undefined.
    """
    differences = drawn[0] - drawn[1]
    middle = interval(differences)
    first, second = (np.nan if score is None else score for score in scores)
    if middle is None or np.isnan(first - second):
        return None
    known = differences[~np.isnan(differences)]
    # One more resample, on the other side, is counted: a share of 0 is more than so many draws can tell.
    tail = (min((known <= 0).sum(), (known >= 0).sum()) + 1) / (len(known) + 1)
    return Difference(first - second, middle, min(1.0, 2 * float(tail)))


def draws(n_sentences: int, n_resamples: int, seed: int) -> Iterator[Numbers]:
    """How often each sentence (or text) is drawn, in chunks that bound the memory. Shapes: (resamples, sentences)"""
    random = np.random.default_rng(seed)
    chunk = max(1, _DRAWS_AT_ONCE // max(1, n_sentences))
    for begin in range(0, n_resamples, chunk):
        yield _draw(random, n_sentences, min(chunk, n_resamples - begin))


def _draw(random: np.random.Generator, n_sentences: int, n_resamples: int) -> Numbers:
    drawn = random.integers(0, max(1, n_sentences), (n_resamples, n_sentences))
    drawn += np.arange(n_resamples)[:, None] * n_sentences
    return np.bincount(drawn.ravel(), minlength=n_resamples * n_sentences).reshape(drawn.shape).astype(np.float64)
