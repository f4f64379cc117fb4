"""The peer of text classifiers: a linear SVM on TF-IDF of word and character n-grams (scikit-learn)."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def train_and_score(folder: Path, measure: str) -> dict[str, Any]:
    """Trains on train, chooses the penalty (of several labels also a threshold each) on dev; scores of dev and test."""
    splits = {split: read_texts(next(folder.glob(f"{split}.*"))) for split in ("train", "dev", "test")}
    features = _features({split: texts for split, (texts, _) in splits.items()})
    labels = {split: values for split, (_, values) in splits.items()}
    is_multi = isinstance(labels["train"][0], list)
    best: dict[str, Any] = {}
    for penalty in PENALTIES:
        fit = _several_labels if is_multi else _one_label
        scores = fit(features, labels, penalty)
        if not best or scores["dev"][measure] > best["dev"][measure]:
            best = {"penalty": penalty, **scores}
    return best


def read_texts(file: Path) -> tuple[list[str], list[Any]]:
    """Texts of a file, and the label or the list of labels of each."""
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix == ".jsonl":
            rows = [json.loads(line) for line in lines]
        else:
            rows = list(csv.DictReader(lines, delimiter=_DELIMITERS[file.suffix]))
    column = "labels" if "labels" in rows[0] else "label"
    return [row["text"] for row in rows], [row[column] for row in rows]


def _features(texts: dict[str, list[str]]) -> dict[str, Any]:
    """Word 1- and 2-grams, character 2- to 5-grams within words. Shapes: (texts, n-grams)"""
    kinds = (
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
    )
    for kind in kinds:
        kind.fit(texts["train"])
    return {split: hstack([kind.transform(some) for kind in kinds]).tocsr() for split, some in texts.items()}


def _one_label(features: dict[str, Any], labels: dict[str, list[str]], penalty: float) -> dict[str, Any]:
    model = LinearSVC(C=penalty, random_state=0).fit(features["train"], labels["train"])
    return {split: _scores(labels[split], model.predict(features[split])) for split in ("dev", "test")}


def _several_labels(features: dict[str, Any], labels: dict[str, list[list[str]]], penalty: float) -> dict[str, Any]:
    """One against the rest, each label from the margin on that is best for its F1 on dev."""
    binarizer = MultiLabelBinarizer().fit(labels["train"])
    model = OneVsRestClassifier(LinearSVC(C=penalty, random_state=0)).fit(
        features["train"], binarizer.transform(labels["train"])
    )
    gold = {split: binarizer.transform(labels[split]) for split in ("dev", "test")}
    margins = {split: model.decision_function(features[split]) for split in gold}
    thresholds = [best_threshold(*columns) for columns in zip(gold["dev"].T, margins["dev"].T, strict=True)]
    return {split: _scores(gold[split], margins[split] >= thresholds) for split in gold}


def best_threshold(gold: Any, margins: Any) -> float:
    """The margin from which on a label is given so that its F1 is best.

    Args:
        gold: 1 where the label is right. Shape: (texts,)
        margins: of the label. Shape: (texts,)
    """
    order = np.argsort(-margins, kind="stable")
    right = np.cumsum(gold[order])
    scores = 2 * right / (np.arange(1, len(order) + 1) + gold.sum())
    return float(margins[order][scores.argmax()]) if gold.any() else np.inf


def _scores(gold: Sequence[Any], predicted: Sequence[Any]) -> dict[str, float]:
    averages = {f"{kind}_f1": f1_score(gold, predicted, average=kind, zero_division=0) for kind in ("macro", "micro")}
    return {"accuracy": float(accuracy_score(gold, predicted)), **{name: float(x) for name, x in averages.items()}}
