"""The SVM that text classifiers are held against."""

import json

import numpy as np
import pytest
from svm import best_threshold, train_and_score

from nlparch.errors import UserError

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


def test_a_part_of_the_training_texts_may_be_kept(tmp_path):
    rows = [("a fine day", "good"), *[("a sad day", "bad")] * 30]
    for split in ("train", "dev", "test"):
        write(tmp_path, split, rows if split == "train" else ROWS, "label")
    assert train_and_score(tmp_path, "accuracy")["test"]["accuracy"] == 1.0
    with pytest.raises(UserError, match="at most the 31"):
        train_and_score(tmp_path, "accuracy", n_examples=99)
