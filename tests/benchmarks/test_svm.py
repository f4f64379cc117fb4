"""The SVM that text classifiers are held against."""

import json

import numpy as np
import pytest
from svm import best_threshold, read_texts, train_and_score

ROWS = [("a fine day", "good"), ("a sad day", "bad"), ("so fine", "good"), ("so sad", "bad")] * 3


def write(folder, split, rows, column):
    lines = [json.dumps({"text": text, column: label}) for text, label in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")


def test_one_label_is_learnt(tmp_path):
    for split in ("train", "dev", "test"):
        write(tmp_path, split, ROWS, "label")
    found = train_and_score(tmp_path, "accuracy")
    assert found["test"]["accuracy"] == 1.0
    assert found["penalty"] in (0.03, 0.1, 0.3, 1.0, 3.0)


def test_several_labels_are_learnt_with_thresholds_of_dev(tmp_path):
    rows = [(text, [label, "day"] if "day" in text else [label]) for text, label in ROWS]
    for split in ("train", "dev", "test"):
        write(tmp_path, split, rows, "labels")
    assert train_and_score(tmp_path, "macro_f1")["test"]["macro_f1"] == pytest.approx(1.0)


def test_the_best_threshold_is_that_of_the_best_f1():
    gold, margins = np.array([1, 0, 1, 0, 0]), np.array([0.9, 0.5, 0.4, 0.1, -1.0])
    assert best_threshold(gold, margins) == 0.4
    assert best_threshold(np.zeros(5), margins) == np.inf


def test_quoted_fields_and_tabs_are_read(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"one, two\nthree",x\n')
    (tmp_path / "b.tsv").write_text("text\tlabel\none, two\ty\n")
    assert read_texts(tmp_path / "a.csv") == (["one, two\nthree"], ["x"])
    assert read_texts(tmp_path / "b.tsv") == (["one, two"], ["y"])
