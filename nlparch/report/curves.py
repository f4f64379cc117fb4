"""Learning curves, read from the Trainer's log."""

from collections.abc import Mapping, Sequence
from typing import Any

from nlparch.metrics import main_score_name
from nlparch.report.material import UNDEFINED, Evidence, Metrics, Table, fraction, models

Log = Sequence[Mapping[str, Any]]
Points = list[tuple[float, float]]
_N_ROWS = 20
_WEIGHTED = "_loss_weighted"


def dev_score_name(metrics: Metrics) -> str:
    """The score that chooses the best model."""
    return main_score_name(metrics.get("dev", {}))


def points(log: Log, name: str) -> Points:
    """A value of the log by epoch."""
    return [(row["epoch"], row[name]) for row in log if name in row and "epoch" in row]


def terms(log: Log) -> dict[str, Points]:
    """The loss and its weighted terms by epoch; a loss of one term is told once."""
    names = sorted({name for row in log for name in row if name.endswith(_WEIGHTED)})
    every = {"loss": points(log, "loss")}
    if len(names) > 1:
        every |= {f"{name.removesuffix(_WEIGHTED)} term": points(log, name) for name in names}
    return every


def table(metrics: Metrics, evidence: Evidence) -> Table:
    """Dev score of each model that was trained, and the student's loss, evaluation by evaluation."""
    score = f"eval_{dev_score_name(metrics)}"
    shown = [(name, points(evidence.curves[key], score)) for key, name, _ in models(metrics) if key in evidence.curves]
    losses = terms(evidence.curves.get("student", ()))
    epochs = sorted({epoch for _, scores in shown for epoch, _ in scores} or {epoch for epoch, _ in losses["loss"]})
    rows, before = [], 0.0
    for epoch in _thinned(epochs):
        row = [f"{epoch:.2f}", *(fraction(_last(scores, before, epoch)) for _, scores in shown)]
        rows.append([*row, *(_mean(values, before, epoch) for values in losses.values())])
        before = epoch
    return Table(["epoch", *(f"{name} on dev" for name, _ in shown), *losses], rows)


def _last(values: Points, after: float, until: float) -> float | None:
    return next((value for epoch, value in reversed(values) if after < epoch <= until), None)


def _mean(values: Points, after: float, until: float) -> str:
    inside = [value for epoch, value in values if after < epoch <= until]
    return f"{sum(inside) / len(inside):.4f}" if inside else UNDEFINED


def _thinned(epochs: list[float]) -> list[float]:
    step = -(-len(epochs) // _N_ROWS) or 1
    return epochs[::-1][::step][::-1]
