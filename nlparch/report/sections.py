"""The sections of a report: what each is called, what it says, and its table."""

from collections.abc import Iterator
from dataclasses import dataclass

from nlparch.bootstrap import N_RESAMPLES
from nlparch.report import curves, tables
from nlparch.report.material import Evidence, Metrics, Table, splits

_INTERVALS = (
    f"Bootstrap over sentences or texts, {N_RESAMPLES:,} resamples, seed 0. A difference is the student's score less "
    "the other model's on the same resamples; p is two-sided."
)
_SEEN = (
    "An entity is seen if its words, in whatever case, stand in the training gold as an entity of the same type. "
    "Entities that a model gives are told apart alike."
)
_SEEN_WORDS = "A word is seen if it stands in the training gold, in whatever case and with whatever tag."
_RELIABILITY = (
    "Words by the probability of their tag, or texts by that of their label. A model whose probabilities mean what "
    "they say is right as often as they say; the expected calibration error is how far it is from that, on the mean. "
    "Probabilities are those that the models give, at the temperature that was fitted on dev, where there is one; "
    "uncalibrated are those before."
)


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        key: what it is about, for who adds to it.
        title: its heading.
        table: its figures.
        text: what they mean.
    """

    key: str
    title: str
    table: Table
    text: str = ""


def sections(metrics: Metrics, evidence: Evidence) -> Iterator[Section]:
    """The sections that have something to tell, in order."""
    yield Section("scores", "Scores", tables.scores(metrics))
    for section in _details(metrics, evidence):
        if section.table.rows:
            yield section


def _details(metrics: Metrics, evidence: Evidence) -> Iterator[Section]:
    yield Section("intervals", "How sure the scores are", tables.intervals(metrics), _INTERVALS)
    for split in splits(metrics):
        kind = tables.kind_name(metrics[split])
        yield Section("types", f"{split}, {kind} by {kind}", tables.types(metrics, split))
    yield Section("confusions", f"Labels taken for others, on {evidence.bins_split}", tables.confusions(evidence))
    found = tables.seen(metrics)
    yield Section("seen", "Seen and unseen in training", found, _SEEN_WORDS if "words" in found.header else _SEEN)
    yield Section(
        "sizes", "Size and speed", tables.sizes(metrics, evidence), evidence.measured_on and _speed(metrics, evidence)
    )
    yield Section("curves", "Learning curves", curves.table(metrics, evidence))
    if evidence.bins:
        reliability = tables.reliability(metrics, evidence)
        yield Section("reliability", f"Calibration on {evidence.bins_split}", reliability, _RELIABILITY)


def _speed(metrics: Metrics, evidence: Evidence) -> str:
    in_int8 = "; in int8 by onnxruntime, words met before" if "int8" in metrics else ""
    return f"Words per second were measured once, on the machine of the run, and vary: {evidence.measured_on}{in_int8}."
