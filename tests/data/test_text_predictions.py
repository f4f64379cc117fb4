from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy.special import expit, softmax

from nlparch.data.text_labels import TextLabels
from nlparch.data.text_predictions import as_text, build_text_predictions, probabilities_of, texts_in_order

ONE, SEVERAL = TextLabels(("a", "b", "c"), "one_label"), TextLabels(("a", "b", "c"), "multi_label")
NUMBER = TextLabels(("score",), "regression")
logits = st_numpy.arrays(np.float32, (4, 3), elements=st.floats(-1e4, 1e4, width=32))


@given(logits, st.sampled_from([0.5, 1.0, 3.0]))
def test_probabilities_are_softmax_and_sigmoid_at_a_temperature(values: Any, temperature: float) -> None:
    of_one, of_several = (probabilities_of(values, labels, temperature=temperature) for labels in (ONE, SEVERAL))
    assert of_one == pytest.approx(softmax(values.astype(float) / temperature, -1), abs=1e-4)
    assert of_several == pytest.approx(expit(values.astype(float) / temperature), abs=1e-4)
    assert (probabilities_of(values[:, :1], NUMBER, temperature=temperature) == values[:, :1]).all()


def test_one_label_is_the_likeliest() -> None:
    (found,) = build_text_predictions(["x"], np.array([[0.0, 2.0, 1.0]]), ONE)
    assert (found.text, found.text_pair, list(found.labels)) == ("x", None, ["b"])
    assert found.to_dict() == {
        "text": "x",
        "label": "b",
        "score": 0.6652,
        "probabilities": {"b": 0.6652, "c": 0.2447, "a": 0.09},
    }


def test_several_labels_hold_from_their_thresholds_on() -> None:
    values = np.array([[0.0, 2.0, -1.0], [-9.0, -9.0, -9.0]])
    pairs = [("x", "y"), ("", "")]
    first, second = build_text_predictions(pairs, values, SEVERAL)
    assert list(first.labels) == ["b", "a"] and first.scores == pytest.approx([0.8808, 0.5], abs=1e-4)
    assert second.to_dict()["labels"] == [] == second.to_dict()["scores"] and second.text_pair == ""
    (first, _) = build_text_predictions(pairs, values, SEVERAL, thresholds=[0.6, 0.9, 0.2])
    assert list(first.labels) == ["c"] and first.to_dict()["text_pair"] == "y"
    (first, _) = build_text_predictions(pairs, values, SEVERAL, temperature=4.0, thresholds=[0.6, 0.9, 0.4])
    assert list(first.labels) == ["c"] and first.scores == pytest.approx([0.4378], abs=1e-4)


def test_the_likeliest_label_comes_first() -> None:
    (found,) = build_text_predictions(["x"], np.array([[0.1, 2.0, 1.0]]), SEVERAL)
    assert list(found.labels) == ["b", "c", "a"] and list(found.scores) == sorted(found.scores, reverse=True)


def test_a_number_is_its_own_score() -> None:
    (found,) = build_text_predictions(["x"], np.array([[3.25]]), NUMBER, temperature=2.0)
    assert found.to_dict() == {"text": "x", "score": 3.25} and list(found.labels) == []


def test_texts_are_checked() -> None:
    assert as_text(["a", "b"]) == ("a", "b") and as_text("a") == "a"
    for wrong in (None, 3, ["a"], ["a", 2], ("a", "b", "c")):
        with pytest.raises(ValueError, match="a text must be a string or a pair of strings"):
            as_text(wrong)
    assert texts_in_order([("a", "b"), ("c", "d")], has_pairs=True) == ["a", "c", "b", "d"]
    with pytest.raises(ValueError, match="this model reads pairs of texts, got a single text"):
        texts_in_order([("a", "b"), "c"], has_pairs=True)
