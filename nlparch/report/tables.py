"""The tables of a report, which its Markdown and its page share."""

from collections.abc import Iterator, Sequence
from typing import Any

from nlparch.metrics import main_score_name
from nlparch.report.material import (
    UNDEFINED,
    Evidence,
    Metrics,
    Size,
    Table,
    between,
    fraction,
    gap_closed,
    models,
    number,
    reliabilities,
    share,
    splits,
)

SCORES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "f1_strict": "F1, strict reading",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "matthews_correlation": "Matthews correlation",
    "average_precision": "average precision",
    "positive_f1": "F1 of the label 1",
    "accuracy_and_f1": "mean of accuracy and F1 of the label 1",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "pearson_spearman": "mean of both correlations",
    "mse": "mean squared error",
    "raw_f1": "F1 from raw text (character spans)",
    "raw_accuracy": "accuracy from raw text (character spans)",
    "calibration_error": "expected calibration error",
    "calibration_error_before": "expected calibration error, uncalibrated",
}
_MAIN_SCORES = ("f1", "raw_f1")
_MAIN_PLAIN_SCORES = ("accuracy", "macro_f1", "raw_accuracy")
_MAIN_TEXT_SCORES = ("accuracy", "macro_f1", "average_precision", "pearson", "spearman")
_NO_SHARE = ("calibration_error", "calibration_error_before", "mse")
_MOST_CONFUSIONS = 20
_KINDS = {"per_tag": "tag", "per_label": "label", "per_type": "type"}
"""Where scores of single kinds of answers stand, and what one is called."""


def scores(metrics: Metrics, *, short: bool = False) -> Table:
    """The scores of dev and test; those of teacher and undistilled student stand beside them."""
    names = [name for _, name, _ in models(metrics)]
    header = ["split", "score", *names]
    header += ["share of teacher"] if "teacher" in metrics else []
    header += ["gap closed"] if "baseline" in metrics else []
    rows = [row for split in splits(metrics) for row in _score_rows(metrics, split, short=short)]
    if "n_parameters" in metrics:
        sizes = [own.get("n_parameters") for _, _, own in models(metrics)]
        rows.append(["", "parameters", *map(number, sizes), *([share(*sizes[:2])] if len(sizes) > 1 else [])])
    return Table(header, [[*row, *[""] * (len(header) - len(row))] for row in rows])


def _score_rows(metrics: Metrics, split: str, *, short: bool) -> Iterator[list[str]]:
    flat = {key: _flat(own.get(split, {})) for key, _, own in models(metrics)}
    student = flat["student"]
    for name in _short(student) if short else SCORES:
        if any(name in values for values in flat.values()):
            yield [split, SCORES[name], *_score_cells(name, {key: values.get(name) for key, values in flat.items()})]
    if split in metrics.get("agreement", {}):
        yield [split, "agreement with the teacher", fraction(metrics["agreement"][split])]
    if not short and "n" in student:
        yield [split, unit_of(student), f"{student['n']:,}"]


def unit_of(scores: Metrics) -> str:
    """What scores are over."""
    return "texts" if "main_score" in scores else "words"


def kind_of(scores: Metrics) -> str:
    """Where scores of types, tags or labels stand; `per_type` where there are none."""
    return next((kind for kind in _KINDS if kind in scores), "per_type")


def kind_name(scores: Metrics) -> str:
    """What one of them is called."""
    return _KINDS[kind_of(scores)]


def _short(scores: Metrics) -> Sequence[str]:
    """The scores that matter most, in order."""
    if "main_score" in scores:
        return list(dict.fromkeys([scores["main_score"], *_MAIN_TEXT_SCORES]))
    return _MAIN_SCORES if "f1" in scores else _MAIN_PLAIN_SCORES


def _score_cells(name: str, values: dict[str, float | None]) -> Iterator[str]:
    yield from map(fraction, values.values())
    if name not in _NO_SHARE and "teacher" in values:
        yield share(values["student"], values["teacher"])
        if "baseline" in values:
            yield gap_closed(values["student"], values["teacher"], values["baseline"])


def _flat(of_split: Metrics) -> dict[str, Any]:
    return {**of_split, **{f"raw_{name}": value for name, value in of_split.get("raw_text", {}).items()}}


def intervals(metrics: Metrics) -> Table:
    """The score that matters most with its interval, and by how much the student differs from each other model."""
    rows = []
    for split in splits(metrics):
        name = main_score_name(metrics[split])
        for _, shown, own in models(metrics):
            of_split = own.get(split, {})
            if f"{name}_interval" in of_split:
                value, found = of_split.get(name), of_split[f"{name}_interval"]
                rows.append([split, SCORES[name], shown, fraction(value), between(found), ""])
        for key, shown, _ in models(metrics):
            found = metrics.get("differences", {}).get(split, {}).get(key)
            if found:
                cells = [f"{found['difference']:+.4f}", between(found["interval"], "+.4f"), f"{found['p']:.3f}"]
                rows.append([split, SCORES[name], f"student - {shown}", *cells])
    header = ["split", "score", "model", "value", "95% interval", "p"]
    if not any(row[-1] for row in rows):  # nothing to compare with
        header, rows = header[:-1], [row[:-1] for row in rows]
    return Table(header, rows, text_columns=("split", "score", "model"))


def types(metrics: Metrics, split: str) -> Table:
    """The scores of each type of span, of each tag, or of each label."""
    kind = kind_of(metrics[split])
    own: Metrics = metrics[split].get(kind, {})
    others = [(name, of.get(split, {}).get(kind)) for key, name, of in models(metrics) if key != "student"]
    others = [(name, rows) for name, rows in others if rows is not None]
    sure = any("f1_interval" in row for row in own.values())
    header = [kind_name(metrics[split]), "support", "precision", "recall", "F1", *["95% interval"] * sure]
    for name, _ in others:
        header += [f"{name} F1", *["95% interval"] * sure]
    rows = []
    for type_ in sorted({*own, *(type_ for _, found in others for type_ in found)}):
        every = [own.get(type_, {}), *(found.get(type_, {}) for _, found in others)]
        support = next((row["support"] for row in every if "support" in row), 0)
        cells = [type_, f"{support:,}", fraction(every[0].get("precision")), fraction(every[0].get("recall"))]
        for row in every:
            cells += [fraction(row.get("f1")), *[between(row.get("f1_interval"))] * sure]
        rows.append(cells)
    return Table(header, rows)


def seen(metrics: Metrics) -> Table:
    """Scores on what was seen in training and what was not, apart."""
    is_plain = any("per_tag" in metrics[split] for split in splits(metrics))
    score, items = ("accuracy", "words") if is_plain else ("f1", "entities")
    header = ["split", items, "support"]
    for _, name, _ in models(metrics):
        header += [f"{name} {SCORES[score]}", "95% interval"]
    rows = []
    for split in splits(metrics):
        for kind in ("seen", "unseen"):
            if kind in metrics[split]:
                row = [split, kind, f"{metrics[split][kind]['support']:,}"]
                for _, _, own in models(metrics):
                    found = own.get(split, {}).get(kind, {})
                    row += [fraction(found.get(score)), between(found.get(f"{score}_interval"))]
                rows.append(row)
    return Table(header, rows, text_columns=("split", items))


def sizes(metrics: Metrics, evidence: Evidence) -> Table:
    """What each model costs, the student in int8 too, and what it is worth for that."""
    split = splits(metrics)[-1] if splits(metrics) else ""
    score = main_score_name(metrics[split]) if split else ""
    every = [(name, own, evidence.sizes[key]) for key, name, own in models(metrics) if key in evidence.sizes]
    if found := metrics.get("int8"):
        in_int8 = {"n_parameters": metrics.get("n_parameters"), split: found[split]}
        every.insert(1, ("student in int8", in_int8, Size(found["bytes"], found["words_per_second"])))
    rows = []
    for name, own, size in every:
        costs = map(number, (own.get("n_parameters"), size.n_bytes, size.words_per_second))
        rows.append([name, *costs, *([fraction(own.get(split, {}).get(score))] if split else [])])
    header = [
        "model",
        "parameters",
        "bytes on disk",
        "words per second",
        *([f"{split} {SCORES[score]}"] if split else []),
    ]
    return Table(header, rows, text_columns=("model",))


def confusions(evidence: Evidence) -> Table:
    """Which labels the student takes for which others."""
    rows = [[gold, given, f"{n:,}"] for gold, given, n in evidence.confusions[:_MOST_CONFUSIONS]]
    return Table(["gold", "student", "texts"], rows, text_columns=("gold", "student"))


def reliability(metrics: Metrics, evidence: Evidence) -> Table:
    """How often the tags of each range of probabilities are right."""
    shown = [(name, bins) for _, name, bins in reliabilities(metrics, evidence)]
    header, unit = ["probability"], unit_of(metrics.get(evidence.bins_split, {}))
    for name, _ in shown:
        header += [f"{name} {unit}", "mean probability", "right"]
    rows = []
    for every in zip(*(bins for _, bins in shown), strict=True):
        row = [f"{every[0].low:.1f} to {every[0].high:.1f}"]
        for bin_ in every:
            row += [f"{bin_.n:,}", fraction(bin_.confidence), fraction(bin_.accuracy)]
        rows.append(row)
    return Table(header, rows)


def facts(metrics: Metrics) -> list[str]:
    """How the model came to be, a fact each."""
    found = []
    if "seed" in metrics:
        found.append(f"seed: {metrics['seed']}")
    if metrics.get("best_step") is not None:
        found.append(f"best model on dev: step {metrics['best_step']}, epoch {metrics.get('best_epoch') or UNDEFINED}")
    if metrics.get("train_seconds") is not None:
        found.append(f"training: {metrics['train_seconds']:.1f} s")
    if "words_without_teacher" in metrics:
        found.append(f"training words without teacher outputs: {metrics['words_without_teacher']:,}")
    return found
