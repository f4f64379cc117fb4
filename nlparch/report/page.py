"""Reports as one self-contained HTML page with plots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from nlparch.calibration import Bin
from nlparch.metrics import main_score_name
from nlparch.report import curves, tables
from nlparch.report.markdown import yaml_options
from nlparch.report.material import (
    UNDEFINED,
    Evidence,
    Metrics,
    Size,
    between,
    fraction,
    gap_closed,
    models,
    number,
    reliabilities,
    share,
    splits,
)
from nlparch.report.plots import Series, interval_plot, line_plot
from nlparch.report.sections import Section, sections
from nlparch.report.sentences import headline, readers

_MOST_TYPES = 25
_FOLDED = ("scores", "types", "curves", "reliability")
_MOST_ROWS = 9
_LEAST_WORDS = 10


@dataclass(frozen=True)
class Tile:
    """A figure to be seen first: what it is, its value, and a word beside it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A plot, its caption, and the keys and names of what is drawn in it."""

    caption: str
    svg: Markup
    legend: Sequence[tuple[str, str]]


def write_page(
    metrics: Metrics,
    *,
    title: str,
    notes: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    evidence: Evidence | None = None,
) -> str:
    """The report of a run, or of an evaluation, as a page that needs nothing beside itself.

    Args:
        metrics: what stands in `metrics.json`.
        title: its heading.
        notes: what was skipped, cut, masked, converted or chosen, a sentence each.
        options: what it was run with.
        evidence: what there is beyond the metrics.
    """
    evidence = evidence or Evidence()
    return _template().render(
        title=title,
        facts=tables.facts(metrics),
        tiles=list(_tiles(metrics, evidence)),
        sections=[(section, _figures(section, metrics, evidence)) for section in sections(metrics, evidence)],
        folded=_FOLDED,
        most_rows=_MOST_ROWS,
        evidence=evidence,
        sentences=[(headline(found), list(readers(found))) for found in evidence.disagreements],
        notes=notes,
        options=None if options is None else yaml_options(options),
    )


@cache
def _template() -> Template:
    loader = PackageLoader("nlparch.report", "")
    settings: Any = {"trim_blocks": True, "lstrip_blocks": True}
    return Environment(autoescape=True, loader=loader, undefined=StrictUndefined, **settings).get_template("page.html")


def _tiles(metrics: Metrics, evidence: Evidence) -> Iterator[Tile]:
    """The figures of the last split, test where there is one, and what the model costs."""
    if there := splits(metrics):
        yield from _score_tiles(metrics, there[-1])
    yield from _cost_tiles(metrics, evidence)


def _cost_tiles(metrics: Metrics, evidence: Evidence) -> Iterator[Tile]:
    own, teachers = evidence.sizes.get("student", Size()), evidence.sizes.get("teacher", Size())
    if "n_parameters" in metrics:
        times = _times(metrics["n_parameters"], metrics.get("teacher", {}).get("n_parameters"))
        yield Tile("parameters", number(metrics["n_parameters"]), times)
    if own.n_bytes:
        yield Tile("bytes on disk", number(own.n_bytes), _times(own.n_bytes, teachers.n_bytes))
    if own.words_per_second:
        times = _times(own.words_per_second, teachers.words_per_second)
        yield Tile("words per second", number(own.words_per_second), times)


def _times(own: float, teachers: float | None) -> str:
    if not teachers:
        return ""
    times = own / teachers
    return f"{times:.0f} times the teacher's" if times >= 10 else f"{times:.2g} times the teacher's"


def _score_tiles(metrics: Metrics, split: str) -> Iterator[Tile]:
    score = main_score_name(metrics[split])
    values = {key: own.get(split, {}).get(score) for key, _, own in models(metrics)}
    for key, name, own in models(metrics):
        found = own.get(split, {}).get(f"{score}_interval")
        sure = "" if found is None else between(found, ".3f")
        yield Tile(f"{name}, {split} {tables.SCORES[score]}", fraction(values[key]), sure)
    if "teacher" in values:
        yield Tile("of the teacher kept", share(values["student"], values["teacher"]))
    if (closed := gap_closed(values["student"], values.get("teacher"), values.get("baseline"))) != UNDEFINED:
        yield Tile("of the gap closed", closed, "from undistilled to teacher")
    if split in metrics.get("agreement", {}):
        unit = tables.unit_of(metrics[split])
        yield Tile(f"{unit} student and teacher agree on", f"{metrics['agreement'][split]:.1%}")


def _figures(section: Section, metrics: Metrics, evidence: Evidence) -> list[Figure]:
    if section.key == "scores":
        return list(_score_figures(metrics))
    if section.key == "curves":
        return list(_curve_figures(metrics, evidence))
    return [_reliability_figure(metrics, evidence)] if section.key == "reliability" else []


def _score_figures(metrics: Metrics) -> Iterator[Figure]:
    legend = [(key, name) for key, name, _ in models(metrics)]
    for split in splits(metrics):
        score = main_score_name(metrics[split])
        kind = tables.kind_of(metrics[split])
        own: Metrics = metrics[split].get(kind, {})
        often = sorted(own, key=lambda type_: (-own[type_]["support"], type_))[:_MOST_TYPES]
        rows = [("all", {key: (of[split], score) for key, _, of in models(metrics) if split in of})]
        rows += [
            (
                type_,
                {key: (of[split].get(kind, {}).get(type_, {}), "f1") for key, _, of in models(metrics) if split in of},
            )
            for type_ in often
        ]
        drawn = [(name, _marks(of_models)) for name, of_models in rows]
        drawn = [(name, marks) for name, marks in drawn if marks]
        if drawn:
            caption = f"{tables.SCORES[score]} on {split}, with 95% intervals"
            yield Figure(caption, interval_plot(drawn, title=caption), legend)


def _marks(of_models: Mapping[str, tuple[Metrics, str]]) -> dict[str, Any]:
    return {
        key: (row[score], row.get(f"{score}_interval"))
        for key, (row, score) in of_models.items()
        if row.get(score) is not None
    }


def _curve_figures(metrics: Metrics, evidence: Evidence) -> Iterator[Figure]:
    score = curves.dev_score_name(metrics)
    dev = [
        Series(key, name, curves.points(evidence.curves[key], f"eval_{score}"))
        for key, name, _ in models(metrics)
        if key in evidence.curves
    ]
    terms = curves.terms(evidence.curves.get("student", ()))
    # On the log axis there is no 0, which the hard term is where a batch has no hard words.
    losses = [
        Series(f"term-{place}", name, [(x, y) for x, y in values if y > 0])
        for place, (name, values) in enumerate(terms.items())
    ]
    for caption, every, is_log in (
        (f"{tables.SCORES[score]} on dev", dev, False),
        ("loss and its weighted terms, on a logarithmic scale", losses, True),
    ):
        series = [line for line in every if line.points]
        if series:
            legend = [(line.key, line.name) for line in series]
            yield Figure(caption, line_plot(series, title=caption, across="epoch", is_log=is_log), legend)


def _reliability_figure(metrics: Metrics, evidence: Evidence) -> Figure:
    series = [Series(key, name, _reliability(bins)) for key, name, bins in reliabilities(metrics, evidence)]
    unit = tables.unit_of(metrics.get(evidence.bins_split, {}))
    answers = "labels" if unit == "texts" else "tags"
    caption = f"share of {answers} that are right, by their probability (from {_LEAST_WORDS} {unit})"
    drawn = line_plot(series, title=caption, across="mean probability", is_square=True)
    return Figure(caption, drawn, [(line.key, line.name) for line in series])


def _reliability(bins: Sequence[Bin]) -> list[tuple[float, float]]:
    found = [(bin_.confidence, bin_.accuracy) for bin_ in bins if bin_.n >= _LEAST_WORDS]
    return [(x, y) for x, y in found if x is not None and y is not None]
