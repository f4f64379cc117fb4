"""Intervals, paired tests, calibration and telling texts, against scores computed again on the same draws."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from nlparch.bootstrap import draws
from nlparch.data.text_labels import TextLabels
from nlparch.text_evidence import add_text_evidence, confusions, telling_texts, text_bins
from nlparch.text_metrics import held_labels
from nlparch.text_readings import ReadTexts, TextReading, reading_of

NAMES = ("a", "b", "c")


def one_label(main_score: str = "accuracy", n: int = 40) -> ReadTexts:
    random = np.random.default_rng(0)
    labels = TextLabels(NAMES, "one_label")
    texts = [f"text {row}" for row in range(n)]
    gold = random.choice(NAMES, n).tolist()
    split = ReadTexts(texts, gold, labels, main_score)
    for model, noise in (("student", 1.0), ("teacher", 0.5)):
        logits = np.eye(3)[labels.encode(gold)] + noise * random.normal(size=(n, 3))
        split.readings[model] = reading_of(logits, texts, labels)
    return split


def evidence(split: ReadTexts) -> dict[str, Any]:
    metrics: dict[str, Any] = {"test": split.score("student"), "teacher": {"test": split.score("teacher")}}
    add_text_evidence(metrics, {"test": split})
    return metrics


def resampled(split: ReadTexts, score: Any) -> np.ndarray:
    values = []
    for some in draws(len(split.gold), 1000, 0):
        for drawn in some:
            rows = np.repeat(np.arange(len(split.gold)), drawn.astype(int))
            gold = np.array(split.gold, dtype=object)[rows]
            values.append(
                score(gold.tolist(), np.array(split.readings["student"].answers, dtype=object)[rows].tolist())
            )
    return np.quantile(values, [0.025, 0.975])


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("accuracy", lambda gold, found: np.mean(np.array(gold) == np.array(found))),
        ("macro_f1", lambda gold, found: f1_score(gold, found, labels=NAMES, average="macro", zero_division=0)),
        ("matthews_correlation", matthews_corrcoef),
    ],
)
def test_intervals_are_those_of_scores_of_the_same_draws(name: str, score: Any) -> None:
    split = one_label(name)
    metrics = evidence(split)
    assert metrics["test"][f"{name}_interval"] == pytest.approx(resampled(split, score), abs=1e-9)
    found = metrics["differences"]["test"]["teacher"]
    assert found["difference"] == pytest.approx(metrics["test"][name] - metrics["teacher"]["test"][name])
    assert 0 < found["p"] <= 1 and metrics["test"]["calibration_error"] > 0
    assert set(metrics["test"]["per_label"]) == set(NAMES)
    assert all("f1_interval" in row for row in metrics["test"]["per_label"].values())


def test_a_label_counts_in_the_draws_that_hold_gold_of_it() -> None:
    labels = TextLabels(tuple("abcdefghij"), "multi_label")
    random = np.random.default_rng(0)
    gold = [[labels.names[row % 10]] if row < 20 else [] for row in range(100)]
    logits = np.where(labels.encode(gold) > 0, 2.0, -2.0) + random.normal(size=(100, 10))
    split = ReadTexts([f"text {row}" for row in range(100)], gold, labels, "macro_f1")
    split.readings["student"] = reading_of(logits, split.texts, labels)
    metrics: dict[str, Any] = {"test": split.score("student")}
    add_text_evidence(metrics, {"test": split})

    def score(gold: Any, found: Any) -> float:
        wanted, given = (held_labels(some, labels.names) for some in (gold, found))
        in_gold = wanted.any(0)
        return float(f1_score(wanted[:, in_gold], given[:, in_gold], average="macro", zero_division=0))

    assert metrics["test"]["macro_f1_interval"] == pytest.approx(resampled(split, score), abs=1e-9)


def test_glue_s_mean_of_accuracy_and_f1_has_an_interval() -> None:
    labels = TextLabels(("0", "1"), "one_label")
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 1.0], [3.0, 0.0]] * 10)
    split = ReadTexts(["x"] * 40, ["0", "1", "0", "0"] * 10, labels, "accuracy_and_f1")
    split.readings["student"] = reading_of(logits, split.texts, labels)
    metrics: dict[str, Any] = {"test": split.score("student")}
    add_text_evidence(metrics, {"test": split})
    low, high = metrics["test"]["accuracy_and_f1_interval"]
    assert low < metrics["test"]["accuracy_and_f1"] < high and "differences" not in metrics


def test_numbers_have_intervals_and_no_calibration() -> None:
    random = np.random.default_rng(0)
    labels = TextLabels(("score",), "regression")
    gold = random.normal(size=30).tolist()
    split = ReadTexts(["x"] * 30, gold, labels, "pearson_spearman")
    for model, noise in (("student", 0.8), ("teacher", 0.2)):
        split.readings[model] = reading_of(
            np.array(gold)[:, None] + noise * random.normal(size=(30, 1)), split.texts, labels
        )
    metrics = evidence(split)
    low, high = metrics["test"]["pearson_spearman_interval"]
    assert low < metrics["test"]["pearson_spearman"] < high and "calibration_error" not in metrics["test"]
    assert metrics["differences"]["test"]["teacher"]["difference"] < 0
    assert text_bins(split, split.readings["student"]) == [] and confusions(split) == []
    shown = telling_texts(split)
    assert (
        shown
        and shown[0].confidence is None
        and float(shown[0].gold)
        == pytest.approx(gold[[f"{value:.4g}" for value in gold].index(shown[0].gold)], abs=1e-3)
    )


def test_single_decisions_of_several_labels_are_calibrated() -> None:
    labels = TextLabels(("x", "y"), "multi_label")
    probabilities = np.array([[0.9, 0.2], [0.6, 0.4]])
    split = ReadTexts(["s", "t"], [["x"], ["y", "odd"]], labels, "macro_f1")
    reading = split.readings["student"] = TextReading([["x"], ["x"]], probabilities)
    bins = {round(bin_.high, 1): (bin_.n, bin_.accuracy) for bin_ in text_bins(split, reading) if bin_.n}
    assert bins == {0.9: (1, 1.0), 0.8: (1, 1.0), 0.6: (2, 0.0)}
    metrics: dict[str, Any] = {"test": split.score("student")}
    add_text_evidence(metrics, {"test": split})
    assert metrics["test"]["macro_f1_interval"] is not None


def test_the_texts_are_shown_where_the_student_is_surest_of_what_only_it_says() -> None:
    labels = TextLabels(NAMES, "one_label")
    split = ReadTexts(["s", ("t", "u"), "v", "w"], ["a", "a", "a", "a"], labels, "accuracy")
    sure = np.array([[0.1, 0.9, 0.0], [0.3, 0.7, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    split.readings["student"] = TextReading(["b", "b", "b", "a"], sure)
    split.readings["teacher"] = TextReading(["a", "c", "b", "a"], sure)
    first, second = telling_texts(split)
    assert (first.text, first.student, first.confidence) == ("s", "b", 0.9)
    assert (second.text, second.gold, second.teacher) == ("t / u", "a", "c")
    assert confusions(split) == [("a", "b", 3)]
