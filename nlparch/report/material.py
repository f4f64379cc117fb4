"""What a report is made of, and how its figures are written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlparch.calibration import Bin
from nlparch.disagreements import Disagreement
from nlparch.text_evidence import TextDisagreement

Metrics = Mapping[str, Any]
Row = Sequence[str]

SPLITS = ("dev", "test")
UNDEFINED = "-"


@dataclass(frozen=True)
class Size:
    """What a model costs; None where it is not known.

    Attributes:
        n_bytes: of its files.
        words_per_second: measured once.
    """

    n_bytes: int | None = None
    words_per_second: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a report tells beyond the metrics. Models are `student`, `teacher` and `baseline`.

    Attributes:
        sizes: of each model.
        measured_on: the machine that `words_per_second` were measured on.
        curves: the Trainer's log of each model that was trained, an entry a line.
        bins: reliability of each model's probabilities; under `uncalibrated`, of the student's as they were before.
        bins_split: the split they are of.
        disagreements: sentences or texts where student and teacher part.
        disagreements_split: the split they are of.
        confusions: label of gold, label of the student and number of texts, of the same split as `bins`.
    """

    sizes: Mapping[str, Size] = field(default_factory=dict)
    measured_on: str = ""
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    bins: Mapping[str, Sequence[Bin]] = field(default_factory=dict)
    bins_split: str = ""
    disagreements: Sequence[Disagreement | TextDisagreement] = ()
    disagreements_split: str = ""
    confusions: Sequence[tuple[str, str, int]] = ()


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; columns named in `text_columns` hold text, the others figures."""

    header: Row
    rows: Sequence[Row]
    text_columns: Sequence[str] = ("split", "score", "type", "tag", "label")


def models(metrics: Metrics) -> Iterator[tuple[str, str, Metrics]]:
    """Each model that was scored: its key, what the report calls it, where its scores stand."""
    yield "student", "student" if "teacher" in metrics else "model", metrics
    for key, name in (("teacher", "teacher"), ("baseline", "undistilled")):
        if key in metrics:
            yield key, name, metrics[key]


def reliabilities(metrics: Metrics, evidence: Evidence) -> Iterator[tuple[str, str, Sequence[Bin]]]:
    """The reliability of each model's probabilities: its key, what the report calls it, the bins."""
    for key, name, _ in models(metrics):
        if key in evidence.bins:
            yield key, name, evidence.bins[key]
        if key == "student" and "uncalibrated" in evidence.bins:
            yield "uncalibrated", f"{name}, uncalibrated", evidence.bins["uncalibrated"]


def splits(metrics: Metrics) -> list[str]:
    """The splits with scores."""
    return [split for split in SPLITS if split in metrics]


def fraction(value: float | None) -> str:
    """A score."""
    return UNDEFINED if value is None else f"{value:.4f}"


def share(part: float | None, whole: float | None) -> str:
    """A part of a whole, in percent; undefined of a whole that is none, as a negative correlation is."""
    return f"{part / whole:.1%}" if part is not None and whole is not None and whole > 0 else UNDEFINED


def gap_closed(student: float | None, teacher: float | None, baseline: float | None) -> str:
    """How much of what the teacher is better by than the undistilled student, the distilled one has won."""
    if student is None or teacher is None or baseline is None or teacher <= baseline:
        return UNDEFINED
    return f"{(student - baseline) / (teacher - baseline):.1%}"


def between(interval: Sequence[float] | None, form: str = ".4f") -> str:
    """An interval."""
    return UNDEFINED if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def number(value: float | None) -> str:
    """A count, or something measured that needs no decimals."""
    return UNDEFINED if value is None else f"{value:,.0f}"
