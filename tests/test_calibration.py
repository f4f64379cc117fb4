import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve

from nlparch.calibration import calibrate_bins, calibration_error, fit_temperature, negative_log_likelihood
from nlparch.readings import Reading

words = st.lists(st.tuples(st.booleans(), st.integers(0, 1000).map(lambda n: n / 1000)), min_size=1, max_size=40)


def bins_of(some):
    gold = [["A"] * len(some)]
    tags = [["A" if is_right else "B" for is_right, _ in some]]
    return calibrate_bins(gold, Reading(tags, [[sure for _, sure in some]]))


@given(words)
def test_the_error_is_the_mean_gap_of_the_bins_weighted_by_their_words(some):
    gaps = {}
    for is_right, sure in some:
        gaps.setdefault(max(1, math.ceil(round(sure * 10, 12))), []).append(sure - is_right)
    slow = sum(abs(sum(gap)) for gap in gaps.values()) / len(some)
    assert calibration_error(bins_of(some)) == pytest.approx(slow, abs=1e-6)


def test_the_curve_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    sure = random.random(500)
    is_right = random.random(500) < sure**2
    found = bins_of(list(zip(is_right.tolist(), sure.tolist(), strict=True)))
    right, mean = calibration_curve(is_right, sure, n_bins=10)
    assert [bin_.accuracy for bin_ in found] == pytest.approx(right.tolist())
    assert [bin_.confidence for bin_ in found] == pytest.approx(mean.tolist())
    assert sum(bin_.n for bin_ in found) == 500


def test_words_that_a_model_cannot_see_are_left_out():
    found = bins_of([(True, 0.95), (False, float("nan"))])
    assert [bin_.n for bin_ in found] == [0] * 9 + [1]
    assert calibration_error(found) == pytest.approx(0.05)
    assert calibration_error(bins_of([])) is None


def draw(n, temperature, seed=0, n_labels=5):
    """Logits of a model that is right as often as its logits over `temperature` say."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((n, n_labels))
    return logits.astype(np.float32), (logits / temperature + random.gumbel(size=logits.shape)).argmax(-1)


def draw_several(n, temperature):
    random = np.random.default_rng(1)
    logits = 3 * random.standard_normal((n, 4))
    return logits, (random.random(logits.shape) < 1 / (1 + np.exp(-logits / temperature))).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("draw", [draw, draw_several])
def test_the_temperature_is_found_by_which_a_model_is_as_sure_as_right(draw, temperature):
    assert fit_temperature(*draw(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 1000), st.sampled_from([0.3, 1.0, 4.0]))
def test_no_other_temperature_is_better(seed, temperature):
    logits, labels = draw(40, temperature, seed)
    found = fit_temperature(logits, labels)
    best = negative_log_likelihood(logits, labels, temperature=found, doubt=1 / 42)
    for other in np.geomspace(0.05, 20, 60):
        assert negative_log_likelihood(logits, labels, temperature=other, doubt=1 / 42) >= best - 1e-4


def test_the_likelihood_is_that_of_gold():
    logits, labels = draw(30, 1.0)
    probabilities = np.exp(logits / 2) / np.exp(logits / 2).sum(-1, keepdims=True)
    of_labels = [np.log(row[label]) for row, label in zip(probabilities, labels, strict=True)]
    assert negative_log_likelihood(logits, labels, temperature=2.0) == pytest.approx(-np.mean(of_labels), rel=1e-5)
    expected = -0.9 * np.mean(of_labels) - 0.1 * np.log(probabilities).mean()
    found = negative_log_likelihood(logits, labels, temperature=2.0, doubt=0.1)
    assert found == pytest.approx(expected, rel=1e-5)
    logits, holds = draw_several(30, 1.0)
    sure = 1 / (1 + np.exp(-logits))
    expected = -np.log(np.where(holds == 1, sure, 1 - sure)).mean()
    assert negative_log_likelihood(logits, holds) == pytest.approx(expected)


@pytest.mark.parametrize("n", [5, 100, 5000])
def test_a_model_without_errors_is_not_taken_to_be_never_wrong(n):
    labels = np.arange(n) % 5
    logits = 6 * np.eye(5)[labels]
    temperature = fit_temperature(logits, labels)
    doubted = 1 - np.exp(log_softmax(logits / temperature, axis=-1)).max(-1).mean()
    assert doubted == pytest.approx(0.8 / (n + 2), rel=0.05)


def test_without_items_nothing_is_calibrated():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=np.int64)) == 1.0
