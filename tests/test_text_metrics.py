"""Scores of texts, against scikit-learn's and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from nlparch.data.text_labels import TextLabels
from nlparch.text_metrics import score_texts, text_agreement

ONE = TextLabels(("a", "b", "c"), "one_label")
SEVERAL = TextLabels(("x", "y"), "multi_label")
NUMBER = TextLabels(("score",), "regression")


def test_one_label_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    gold, predicted = (random.choice(ONE.names, 50).tolist() for _ in range(2))
    scores = score_texts(gold, predicted, ONE, main_score="accuracy")
    assert scores["accuracy"] == scores["micro_f1"] == metrics.accuracy_score(gold, predicted)
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(gold, predicted, average="macro"))
    assert scores["matthews_correlation"] == pytest.approx(metrics.matthews_corrcoef(gold, predicted))
    assert scores["n"] == 50 and scores["main_score"] == "accuracy"
    assert scores["per_label"]["a"]["support"] == gold.count("a")


def test_labels_that_the_model_lacks_count_as_errors() -> None:
    scores = score_texts(["a", "odd"], ["a", "b"], ONE, main_score="accuracy")
    assert scores["accuracy"] == 0.5 and scores["macro_f1"] == 0.5 and scores["per_label"]["odd"]["f1"] == 0
    scores = score_texts([["x", "odd"]], [["x"]], SEVERAL, main_score="macro_f1")
    assert scores["accuracy"] == 0 and scores["micro_f1"] == pytest.approx(2 / 3)


def test_several_labels() -> None:
    gold, predicted = [["x"], ["x", "y"], []], [["x"], ["x"], ["y"]]
    probabilities = np.array([[0.9, 0.1], [0.8, 0.3], [0.1, 0.6]])
    scores = score_texts(gold, predicted, SEVERAL, main_score="macro_f1", probabilities=probabilities)
    assert scores["accuracy"] == pytest.approx(1 / 3) and scores["macro_f1"] == 0.5
    assert scores["micro_f1"] == pytest.approx(2 / 3) and scores["average_precision"] == pytest.approx((1 + 0.5) / 2)
    held = np.array([[1, 0], [1, 1], [0, 0]])
    given = np.array([[1, 0], [1, 0], [0, 1]])
    assert scores["matthews_correlation"] == pytest.approx(metrics.matthews_corrcoef(held.ravel(), given.ravel()))


def test_several_labels_of_which_there_is_one() -> None:
    only = TextLabels(("x",), "multi_label")
    scores = score_texts([["x"], [], [], []], [["x"], ["x"], [], []], only, main_score="macro_f1")
    assert scores["per_label"] == {
        "x": {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1},
    }


def test_a_regression() -> None:
    scores = score_texts([1.0, 2.0, 3.0], [1.0, 4.0, 9.0], NUMBER, main_score="pearson_spearman")
    assert scores["spearman"] == pytest.approx(1.0) and scores["pearson"] == pytest.approx(0.98974, abs=1e-4)
    assert scores["pearson_spearman"] == pytest.approx((scores["pearson"] + 1) / 2)
    assert scores["mse"] == pytest.approx(40 / 3)
    flat = score_texts([1.0, 2.0], [3.0, 3.0], NUMBER, main_score="pearson_spearman")
    assert flat["pearson"] is None and flat["pearson_spearman"] is None


def test_glue_asks_for_the_f1_of_the_positive_label() -> None:
    labels = TextLabels(("0", "1"), "one_label")
    scores = score_texts(["1", "1", "0"], ["1", "0", "0"], labels, main_score="accuracy_and_f1")
    assert scores["positive_f1"] == pytest.approx(2 / 3) and scores["accuracy_and_f1"] == pytest.approx(2 / 3)


def test_nothing_to_score_is_undefined() -> None:
    assert score_texts([], [], ONE, main_score="accuracy")["accuracy"] is None
    assert score_texts([], [], NUMBER, main_score="pearson_spearman")["mse"] is None
    with pytest.raises(ValueError, match="a prediction for each text, got 1 for 0"):
        score_texts([], ["a"], ONE, main_score="accuracy")


def test_agreement_is_the_share_of_like_answers() -> None:
    assert text_agreement(["a", "b"], ["a", "c"], ONE) == 0.5
    assert text_agreement([["x", "y"], []], [["y", "x"], ["x"]], SEVERAL) == 0.5
    assert text_agreement([1.0], [1.0], NUMBER) is None and text_agreement([], [], ONE) is None
