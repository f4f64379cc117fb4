import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from nlparch.calibration import calibrate_bins, calibration_error
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
