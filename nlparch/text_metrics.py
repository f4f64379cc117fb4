"""Scores of whole texts against gold, as the literature reports them."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score, matthews_corrcoef, precision_recall_fscore_support

from nlparch.data.text_labels import TextLabels

POSITIVE = "1"
"""The label whose F1 GLUE asks for."""
Golds = Sequence[Any]
Numbers = npt.NDArray[np.floating]


def score_texts(
    gold: Golds, predicted: Golds, labels: TextLabels, *, main_score: str, probabilities: Numbers | None = None
) -> dict[str, Any]:
    """Scores of one labelled set.

    Args:
        gold: of each text: its label, its labels or its number; labels that the model lacks count as errors.
        predicted: likewise.
        labels: of the model.
        main_score: which of the scores chooses the best model.
        probabilities: of each label, for several labels. Shape: (texts, labels)

    Returns:
        Fractions of 1, plain floats, None where undefined; `n` texts, and `main_score`, the name of one of the others.
        One label: `accuracy`, `macro_f1` over the labels of gold, `micro_f1`, `matthews_correlation`, `per_label`.
        Several: the same, `accuracy` being the share of texts whose labels are all right and the correlation that of
        all single decisions, and `average_precision`, the mean over the model's labels that are in gold. A regression:
        `pearson`, `spearman`, `pearson_spearman`, their mean, and `mse`.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"there must be a prediction for each text, got {len(predicted)} for {len(gold)}")
    common = {"n": len(gold), "main_score": main_score}
    if labels.task == "regression":
        return _regression_scores(gold, predicted) | common
    if labels.task == "multi_label":
        return _multi_label_scores(gold, predicted, labels, probabilities) | common
    scores = _one_label_scores(gold, predicted)
    if main_score == "accuracy_and_f1":
        positive = scores["per_label"].get(POSITIVE, {}).get("f1")
        scores |= {"positive_f1": positive, "accuracy_and_f1": _mean([scores["accuracy"], positive])}
    return scores | common


def text_agreement(one: Golds, other: Golds, labels: TextLabels) -> float | None:
    """Share of texts to which two models give the same label, or labels; None for numbers, and without texts."""
    if labels.task == "regression" or not len(one):
        return None
    return _share_equal(one, other)


def _share_equal(one: Golds, other: Golds) -> float | None:
    n_equal = sum(_frozen(a) == _frozen(b) for a, b in zip(one, other, strict=True))
    return n_equal / len(one) if len(one) else None


def _frozen(value: Any) -> Any:
    return value if isinstance(value, str) else frozenset(value)


def _matthews(gold: Any, predicted: Any) -> float | None:
    """0 where one answer alone is wanted, or given: then it is undefined."""
    if not len(gold):
        return None
    return float(matthews_corrcoef(gold, predicted)) if len({*gold, *predicted}) > 1 else 0.0


def _one_label_scores(gold: Golds, predicted: Golds) -> dict[str, Any]:
    per_label = _scores_of_labels(gold, predicted)
    accuracy = _share_equal(gold, predicted)
    return {
        "accuracy": accuracy,
        "macro_f1": _macro_f1(per_label),
        "micro_f1": accuracy,  # with one label a text, they are the same
        "matthews_correlation": _matthews(gold, predicted),
        "per_label": per_label,
    }


def _multi_label_scores(
    gold: Golds, predicted: Golds, labels: TextLabels, probabilities: Numbers | None
) -> dict[str, Any]:
    names = sorted({*labels.names, *(name for some in (*gold, *predicted) for name in some)})
    wanted, given = held_labels(gold, names), held_labels(predicted, names)
    per_label = _scores_of_decisions(wanted, given, names)
    n_right, n_both = int((wanted & given).sum()), int(wanted.sum() + given.sum())
    scores = {
        "accuracy": _share_equal(gold, predicted),
        "macro_f1": _macro_f1(per_label),
        "micro_f1": 2 * n_right / n_both if n_both else None,
        "matthews_correlation": _matthews(wanted.ravel(), given.ravel()),
    }
    if probabilities is not None:
        columns = [(probabilities[:, place], wanted[:, names.index(name)]) for name, place in labels.ids.items()]
        precisions = [float(average_precision_score(held, sure)) for sure, held in columns if held.any()]
        scores["average_precision"] = _mean(precisions)
    return scores | {"per_label": per_label}


def _regression_scores(gold: Golds, predicted: Golds) -> dict[str, Any]:
    wanted, given = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    pearson, spearman = (_correlation(measure, wanted, given) for measure in (pearsonr, spearmanr))
    return {
        "pearson": pearson,
        "spearman": spearman,
        "pearson_spearman": _mean([pearson, spearman]),
        "mse": float(((wanted - given) ** 2).mean()) if len(wanted) else None,
    }


def _correlation(measure: Any, one: Numbers, other: Numbers) -> float | None:
    if len(one) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant input: the correlation is undefined
        value = float(measure(one, other).statistic)
    return None if np.isnan(value) else value


def held_labels(values: Golds, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """True for each label that a text has. Shape: (texts, names)"""
    places = {name: place for place, name in enumerate(names)}
    held = np.zeros((len(values), len(names)), dtype=bool)
    for row, some in enumerate(values):
        held[row, [places[name] for name in some]] = True
    return held


def _scores_of_labels(gold: Golds, predicted: Golds) -> dict[str, dict[str, Any]]:
    if not len(gold):
        return {}
    names = sorted({*gold, *predicted})
    values = precision_recall_fscore_support(gold, predicted, labels=names, zero_division=0, average=None)
    return _named_scores(names, values)


def _scores_of_decisions(
    wanted: npt.NDArray[np.bool_], given: npt.NDArray[np.bool_], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    # Counted here: scikit-learn takes a single column for a choice between two labels.
    if not len(wanted):
        return {}
    n_right, n_gold, n_given = ((wanted & given).sum(0), wanted.sum(0), given.sum(0))
    shares = (n_right / np.maximum(n_given, 1), n_right / np.maximum(n_gold, 1))
    return _named_scores(names, (*shares, 2 * n_right / np.maximum(n_gold + n_given, 1), n_gold))


def _named_scores(names: Sequence[str], values: Sequence[Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(names, *values, strict=True)
    }


def _macro_f1(per_label: dict[str, dict[str, Any]]) -> float | None:
    return _mean([row["f1"] for row in per_label.values() if row["support"]])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
