"""Thresholds of several labels, tuned on labelled texts."""

import numpy as np
from sklearn.metrics import f1_score

from nlparch.thresholds import MIN_POSITIVES, tune_thresholds


def test_each_frequent_label_gets_the_threshold_with_the_best_f1() -> None:
    random = np.random.default_rng(0)
    held = (random.random((200, 2)) < 0.3).astype(np.float32)
    probabilities = np.clip(0.3 * held + random.normal(0.3, 0.15, held.shape), 0.01, 0.99)
    for label, threshold in enumerate(tune_thresholds(held, probabilities)):
        best = max(f1_score(held[:, label], probabilities[:, label] > other) for other in np.linspace(0.05, 0.95, 400))
        assert f1_score(held[:, label], probabilities[:, label] > threshold) >= best - 1e-9


def test_a_rare_label_takes_the_threshold_of_all() -> None:
    held = np.zeros((100, 2), np.float32)
    held[:50, 0] = 1
    held[: MIN_POSITIVES - 1, 1] = 1
    probabilities = np.where(held == 1, 0.6, 0.2)
    probabilities[:, 1] = 0.3
    frequent, rare = tune_thresholds(held, probabilities)
    assert 0.2 < frequent < 0.6 and 0.3 <= rare < 0.6


def test_without_gold_or_difference_the_threshold_stays() -> None:
    assert tune_thresholds(np.zeros((4, 2)), np.full((4, 2), 0.3)) == [0.5, 0.5]
    assert all(0.05 <= value <= 0.95 for value in tune_thresholds(np.ones((20, 1)), np.full((20, 1), 0.001)))


def test_what_no_threshold_reaches_counts_as_missed() -> None:
    held = np.array([[1.0], [0], [1], [1], [1]] * 4, np.float32)
    probabilities = np.array([[0.9], [0.6], [0.04], [0.03], [0.02]] * 4)
    (threshold,) = tune_thresholds(held, probabilities)
    assert f1_score(held[:, 0], probabilities[:, 0] >= threshold) == f1_score(held[:, 0], probabilities[:, 0] > 0.75)


def test_no_other_threshold_from_end_to_end_is_better() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        held = (random.random((40, 1)) < 0.4).astype(np.float32)
        probabilities = random.beta(0.3, 0.3, held.shape)
        (threshold,) = tune_thresholds(held, probabilities)
        found, *others = (
            f1_score(held[:, 0], probabilities[:, 0] >= value) for value in (threshold, *np.linspace(0.05, 0.95, 181))
        )
        assert found >= max(others) - 1e-9
