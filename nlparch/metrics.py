"""Scores of tags against gold, as the literature reports them."""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2, IOBES
from sklearn.metrics import precision_recall_fscore_support

from nlparch.data.labels import OUTSIDE, Scheme, spans, split_tag

Tags = Sequence[Sequence[str]]
_STRICT = {"IOB2": IOB2, "BIOES": IOBES}


def score_tags(gold: Tags, predicted: Tags, *, scheme: Scheme) -> dict[str, Any]:
    """Scores of one labelled set.

    Args:
        gold: tags of each sentence.
        predicted: as many tags for each sentence.
        scheme: the scheme of both; `plain` tags have no spans.

    Returns:
        Fractions of 1, plain floats, None where undefined. Spans: `precision, recall, f1` (conlleval's reading,
        sentence by sentence), `f1_strict`, `per_type`. Plain tags: `macro_f1` over the tags of gold, `per_tag`. Both:
        `accuracy` over words, `n` words.
    """
    _check_same_shape(gold, predicted)
    flat_gold = [tag for tags in gold for tag in tags]
    flat_predicted = [tag for tags in predicted for tag in tags]
    n_right = sum(one == other for one, other in zip(flat_gold, flat_predicted, strict=True))
    scores: dict[str, Any] = {"accuracy": n_right / len(flat_gold) if flat_gold else None, "n": len(flat_gold)}
    return scores | (
        _plain_scores(flat_gold, flat_predicted) if scheme == "plain" else _span_scores(gold, predicted, scheme)
    )


def agreement(one: Tags, other: Tags) -> float | None:
    """Share of words to which two models give the same tag; None without words."""
    _check_same_shape(one, other)
    pairs = [pair for pair_of_tags in zip(one, other, strict=True) for pair in zip(*pair_of_tags, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def main_score(scores: dict[str, Any]) -> float:
    """The score that chooses the best model (see `main_score_name`); 0 where it is undefined."""
    return float(scores[main_score_name(scores)] or 0.0)


def main_score_name(scores: dict[str, Any]) -> str:
    """What scores of texts say; of tags, `f1` where there are spans, else `accuracy`."""
    return str(scores.get("main_score", "f1" if "f1" in scores else "accuracy"))


def spell_spans(tags: Tags, scheme: Scheme) -> list[list[str]]:
    """Writes every tag with the prefix that a span scheme knows.

    BILOU's `L-` and `U-` become `E-` and `S-`. A word whose tag has no prefix (a stray tag in gold, say) becomes a span
    of its own: seqeval would take the tag's first letter for the prefix, and our own reading would see no span at all.
    """
    alone = "S" if scheme == "BIOES" else "B"
    spelled = {}
    for tag in {tag for sentence in tags for tag in sentence}:
        kind, type_ = split_tag(tag)
        spelled[tag] = f"{kind}-{type_}" if kind != OUTSIDE else tag if tag == OUTSIDE else f"{alone}-{tag}"
    return [[spelled[tag] for tag in sentence] for sentence in tags]


def _span_scores(gold: Tags, predicted: Tags, scheme: Scheme) -> dict[str, Any]:
    gold, predicted = spell_spans(gold, scheme), spell_spans(predicted, scheme)
    if not any(spans(tags) for tags in (*gold, *predicted)):
        return {"precision": None, "recall": None, "f1": None, "f1_strict": None, "per_type": {}}
    report = _seqeval_report(gold, predicted)
    overall = _row(report["micro avg"])
    return {name: overall[name] for name in ("precision", "recall", "f1")} | {
        "f1_strict": _strict_f1(gold, predicted, scheme),
        "per_type": {name: _row(row) for name, row in report.items() if not name.endswith(" avg")},
    }


def _strict_f1(gold: Tags, predicted: Tags, scheme: Scheme) -> float | None:
    if scheme not in _STRICT:
        return None
    try:
        report = _seqeval_report(gold, predicted, mode="strict", scheme=_STRICT[scheme])
    except ValueError:  # a tag of another scheme
        return None
    return float(report["micro avg"]["f1-score"])


def _seqeval_report(gold: Tags, predicted: Tags, **reading: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of types that were never predicted: their scores stand in the table
        return dict(classification_report(gold, predicted, output_dict=True, zero_division=0, **reading))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "precision": float(row["precision"]),
        "recall": float(row["recall"]),
        "f1": float(row["f1-score"]),
        "support": int(row["support"]),
    }


def _plain_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    if not gold:
        return {"macro_f1": None, "per_tag": {}}
    names = sorted({*gold, *predicted})
    values = precision_recall_fscore_support(gold, predicted, labels=names, zero_division=0)
    per_tag = {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(names, *values, strict=True)
    }
    in_gold = Counter(gold)
    return {"macro_f1": sum(per_tag[name]["f1"] for name in in_gold) / len(in_gold), "per_tag": per_tag}


def _check_same_shape(one: Tags, other: Tags) -> None:
    if [len(tags) for tags in one] != [len(tags) for tags in other]:
        raise ValueError("both sides must have as many tags for each sentence")
