"""The peer of text classifiers: a linear SVM on TF-IDF of word and character n-grams (scikit-learn)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from nlparch.data.texts import TextCorpus, load_text_corpus
from nlparch.text_metrics import score_texts

PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
SCORES = ("accuracy", "macro_f1", "micro_f1", "n")


def train_and_score(folder: Path, measure: str, *, n_examples: int = 0) -> dict[str, Any]:
    """Trains on train, or on the part of it that a student keeps; scores of dev and test.

    Dev chooses the penalty, and of several labels the margin from which on each is given.
    """
    corpus = load_text_corpus(folder, train_examples=n_examples)
    features = _features({split: list(rows["text"]) for split, rows in corpus.splits.items()})
    column = "labels" if corpus.labels.task == "multi_label" else "label"
    gold = {split: list(rows[column]) for split, rows in corpus.splits.items()}
    fit = _several_labels if corpus.labels.task == "multi_label" else _one_label
    best: dict[str, Any] = {}
    for penalty in PENALTIES:
        answers = fit(features, gold, penalty)
        scores = {split: _score(gold[split], answers[split], corpus) for split in answers}
        if not best or scores["dev"][measure] > best["dev"][measure]:
            best = {"penalty": penalty, **scores}
    return best


def _score(gold: Sequence[Any], answers: Sequence[Any], corpus: TextCorpus) -> dict[str, Any]:
    scores = score_texts(gold, answers, corpus.labels, main_score=corpus.main_score)
    return {name: scores[name] for name in SCORES}


def _features(texts: dict[str, list[str]]) -> dict[str, Any]:
    """Word 1- and 2-grams, character 2- to 5-grams within words. Shapes: (texts, n-grams)"""
    kinds = (
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
    )
    for kind in kinds:
        kind.fit(texts["train"])
    return {split: hstack([kind.transform(some) for kind in kinds]).tocsr() for split, some in texts.items()}


def _one_label(features: dict[str, Any], gold: dict[str, list[str]], penalty: float) -> dict[str, list[Any]]:
    """The label of each text of dev and test."""
    model = LinearSVC(C=penalty, random_state=0).fit(features["train"], gold["train"])
    return {split: model.predict(features[split]).tolist() for split in ("dev", "test")}


def _several_labels(features: dict[str, Any], gold: dict[str, list[list[str]]], penalty: float) -> dict[str, list[Any]]:
    """The labels of each text of dev and test; one label against the rest."""
    binarizer = MultiLabelBinarizer().fit(gold["train"])
    model = OneVsRestClassifier(LinearSVC(C=penalty, random_state=0))
    model.fit(features["train"], binarizer.transform(gold["train"]))
    margins = {split: model.decision_function(features[split]) for split in ("dev", "test")}
    columns = zip(binarizer.transform(gold["dev"]).T, margins["dev"].T, strict=True)
    thresholds = [best_threshold(*of_label) for of_label in columns]
    given = {split: (of_split >= thresholds).astype(int) for split, of_split in margins.items()}
    return {split: list(map(list, binarizer.inverse_transform(matrix))) for split, matrix in given.items()}


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
