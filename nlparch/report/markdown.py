"""Reports as Markdown whose tables read well on a terminal too."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from nlparch.report import tables
from nlparch.report.material import Evidence, Metrics, Row, Table
from nlparch.report.sections import sections
from nlparch.report.sentences import Segment, headline, readers


def write_report(
    metrics: Metrics,
    *,
    title: str,
    notes: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    evidence: Evidence | None = None,
) -> str:
    """The report of a run, or of an evaluation.

    Args:
        metrics: what stands in `metrics.json`.
        title: its heading.
        notes: what was skipped, cut, masked, converted or chosen, a sentence each.
        options: what it was run with.
        evidence: what there is beyond the metrics.
    """
    evidence = evidence or Evidence()
    parts = [f"# {title}", _bullets(tables.facts(metrics))]
    for section in sections(metrics, evidence):
        parts += [f"## {section.title}", section.text, _table(section.table)]
    if evidence.disagreements:
        parts += [f"## Where student and teacher part, on {evidence.disagreements_split}", _sentences(evidence)]
    parts += ["## What was skipped, cut, masked, converted and chosen", _bullets(notes) or "Nothing."]
    if options is not None:
        parts += ["## Options", f"```yaml\n{yaml_options(options)}```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_table(metrics: Metrics, *, short: bool = False) -> str:
    """The scores of dev and test as a table; where there is a teacher, its scores stand beside them.

    Args:
        metrics: what stands in `metrics.json`.
        short: the scores that matter most, and no others.
    """
    return _table(tables.scores(metrics, short=short))


def yaml_options(options: Mapping[str, Any]) -> str:
    """Options as they stand in `options.yaml`."""
    return yaml.safe_dump(dict(options), allow_unicode=True, sort_keys=False, width=1000)


def _table(table: Table) -> str:
    """A Markdown table with aligned columns; text at the left, figures at the right."""
    is_text = [name in table.text_columns for name in table.header]
    rows = [[_escape(cell) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.header, *rows, strict=True)]

    def line(cells: Row) -> str:
        padded = (
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(cells, widths, is_text, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if text else "-" * (width - 1) + ":" for width, text in zip(widths, is_text, strict=True)]
    return "\n".join([line(table.header), line(rule), *map(line, rows)])


def _sentences(evidence: Evidence) -> str:
    lines = []
    for number, found in enumerate(evidence.disagreements, 1):
        lines.append(f"{number}. {headline(found)}")
        lines += [f"    - {name}: {' '.join(map(_segment, parts))}" for name, parts in readers(found)]
    return "\n".join(lines)


def _segment(segment: Segment) -> str:
    text = _escape(segment.text)
    if segment.label is None:
        return text
    fate = f", {segment.fate}" if segment.fate != "right" else ""
    return f"**{text}** ({_escape(segment.label)}{fate})"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(sentence.split())}" for sentence in sentences)


def _escape(text: str) -> str:
    """Text in Markdown: marks of punctuation are words, and tags of words, in some corpora.

    Within a word `_` marks nothing, nor does `&` but where it begins an entity.
    """
    return re.sub(r"([\\`*|<\[~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;))", r"\\\1", " ".join(text.split()))
