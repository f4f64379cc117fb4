import math

import numpy as np
import pytest

from nlparch.data.text_labels import TextLabels


def test_names_are_sorted_and_each_stands_once() -> None:
    assert TextLabels.from_names(["b", "a", "b"], "one_label").names == ("a", "b")


def test_a_regression_has_one_output_whatever_the_numbers_were() -> None:
    assert TextLabels.from_names(["1.5", "2"], "regression").names == ("score",)


def test_one_label_becomes_its_place_and_minus_100_where_there_is_none_of_ours() -> None:
    assert TextLabels(("a", "b"), "one_label").encode(["b", None, "c"]).tolist() == [1, -100, -100]


def test_several_labels_become_a_row_of_zeros_and_ones() -> None:
    held = TextLabels(("a", "b"), "multi_label").encode([["b", "c"], [], ["a", "b"]])
    assert held.tolist() == [[0, 1], [0, 0], [1, 1]]


def test_texts_without_gold_are_nan_where_labels_are_numbers() -> None:
    assert np.isnan(TextLabels(("a", "b"), "multi_label").encode([None])).all()
    assert np.isnan(TextLabels(("score",), "regression").encode([None, 0.5])).tolist() == [[True], [False]]


def test_labels_begin_as_likely_as_they_are_in_gold() -> None:
    several = TextLabels(("x", "y"), "multi_label")
    x, y = several.log_odds([*[["x"]] * 8, [], None]) or []
    assert 1 / (1 + math.exp(-x)) == pytest.approx(9 / 11) and 1 / (1 + math.exp(-y)) == pytest.approx(1 / 11)
    assert several.log_odds([None]) is None
    assert TextLabels(("x", "y"), "one_label").log_odds(["x", "y"]) is None
