"""Measure models on one labelled file: quality, size, speed, latency, memory, start; a table, and a picture."""

import json
import logging
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from nlparch.errors import UserError, not_installed

from . import runs
from .bench_entries import Entry, find_entries
from .bench_material import Material, read_material
from .model_options import BenchOptions

logger = logging.getLogger(__name__)

_FIRST_TEXTS = 320
_MOST_ALONE = 500

Figures = dict[str, Any]


def run(options: BenchOptions) -> None:
    """Measures the models and prints the table."""
    runs.quiet_libraries()
    _check(options)
    with tempfile.TemporaryDirectory() as scratch:
        entries = [entry for folder in options.model_dirs for entry in find_entries(folder, Path(scratch))]
        material = read_material(options, entries)
        for entry in entries:
            material.check_kind(entry.has_pairs, model=entry.name)
        logger.info("%s", "; ".join(material.notes))
        for name, labels in {entry.name: entry.labels for entry in entries}.items():
            for note in material.notes_for(labels):
                logger.info("%s: %s", name, note)
        figures = measure(entries, material, options=options, scratch=Path(scratch))
    print(table(figures))
    if options.output_file:
        Path(options.output_file).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        plot(figures, Path(options.plot))


def measure(entries: Sequence[Entry], material: Material, *, options: BenchOptions, scratch: Path) -> list[Figures]:
    """The figures of each entry; the rounds of all go side by side, so that a slow minute slows all of them.

    Args:
        entries: what to measure.
        material: what they read, and what scores them.
        options: how long to measure.
        scratch: a folder for what the processes read.
    """
    texts = scratch / "texts.json"
    given = {"texts": material.texts, "short": material.short, "answered": material.answered}
    texts.write_text(json.dumps(given), encoding="utf-8")
    rounds: list[list[Figures]] = [[] for _ in entries]
    try:
        starts = [_start(entry, texts) for entry in entries]
        plans = [_plan(entry, len(material.texts), options.seconds) for entry in entries]
        for number in range(options.rounds):
            logger.info("round %d of %d", number + 1, options.rounds)
            for entry, (n_texts, n_alone), measured in zip(entries, plans, rounds, strict=True):
                measured.append(entry.ask("read", n=n_texts) | {"alone": entry.ask("alone", n=n_alone)})
        return [
            _figures(entry, start, measured, material)
            for entry, start, measured in zip(entries, starts, rounds, strict=True)
        ]
    finally:
        for entry in entries:
            entry.stop()


def _start(entry: Entry, texts: Path) -> Figures:
    """Starts an entry; its first pass over some texts meets all their words for the first time."""
    logger.info("%s, %s", entry.name, entry.form)
    seconds = entry.start(texts)
    first = entry.ask("read", n=_FIRST_TEXTS)
    return {"start_seconds": seconds, "first_pass": first["words"] / first["seconds"]}


def _plan(entry: Entry, n_texts: int, seconds: float) -> tuple[int, int]:
    """How many texts together, and how many alone, an entry gets through in a round."""
    together = entry.ask("read", n=_FIRST_TEXTS)["seconds"] / min(_FIRST_TEXTS, n_texts)
    alone = median(entry.ask("alone", n=5))
    return min(n_texts, max(_FIRST_TEXTS, int(seconds / together))), max(20, min(_MOST_ALONE, int(seconds / alone)))


def _figures(entry: Entry, start: Figures, measured: Sequence[Figures], material: Material) -> Figures:
    alone = [1000 * seconds for passed in measured for seconds in passed["alone"]]
    memory = entry.ask("memory")
    main_score, score = material.score(entry.labels, entry.ask("answer"))
    return {
        "model": entry.name,
        "form": entry.form,
        "n_parameters": entry.n_parameters,
        "bytes": entry.n_bytes,
        "main_score": main_score,
        "score": score,
        "words_per_second": median(passed["words"] / passed["seconds"] for passed in measured),
        "words_a_round": measured[0]["words"],
        "p50_ms": median(alone),
        "p99_ms": quantiles(alone, n=100)[98] if len(alone) > 1 else alone[0],
        "memory_bytes": memory,
        **start,
    }


def table(figures: Sequence[Figures]) -> str:
    """The figures as Markdown; speeds beside those of the pipeline of transformers, or else of the slowest."""
    base = next((row for row in figures if row["form"] == "pipeline"), None)
    base = base or min(figures, key=lambda row: row["words_per_second"])
    header = ["model", "runs as", "parameters", "MB", _score_name(figures), "words/s", f"x {base['form']}"]
    rows = [[*header, "first pass, words/s", "p50 ms", "p99 ms", "memory MB", "start s"]]
    rows.append(["---", "---", *["---:"] * (len(rows[0]) - 2)])
    for row in figures:
        memory = "-" if row["memory_bytes"] is None else f"{row['memory_bytes'] / 1e6:.0f}"
        rows.append(
            [
                *(row["model"], row["form"], f"{row['n_parameters']:,}", f"{row['bytes'] / 1e6:.1f}"),
                *("-" if row["score"] is None else f"{row['score']:.4f}", f"{row['words_per_second']:,.0f}"),
                *(f"{row['words_per_second'] / base['words_per_second']:.1f}", f"{row['first_pass']:,.0f}"),
                *(f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", memory, f"{row['start_seconds']:.2f}"),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plot(figures: Sequence[Figures], path: Path) -> None:
    """Draws scores against speed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="words per second on one core", ylabel=_score_name(figures))
    axes.grid(alpha=0.3)
    for row in figures:
        axes.scatter(row["words_per_second"], row["score"], s=30 + row["n_parameters"] / 3e5, alpha=0.7)
        axes.annotate(f"{row['model']}, {row['form']}", (row["words_per_second"], row["score"]), fontsize=8)
    figure.savefig(path, dpi=150)


def _score_name(figures: Sequence[Figures]) -> str:
    """In words; taggers of spans and of plain tags have different ones on the same file."""
    names = {row["main_score"].replace("_", " ") for row in figures}
    return names.pop() if len(names) == 1 else "score"


def _check(options: BenchOptions) -> None:
    """Refuses what would fail after minutes of measuring."""
    for flag, name in (("--output_file", options.output_file), ("--plot", options.plot)):
        if name and not Path(name).parent.is_dir():
            raise UserError(f"{flag} {name}: there is no folder {Path(name).parent}; make it first")
        if name and Path(name).is_dir():
            raise UserError(f"{flag} must be a file, {name} is a folder")
    if options.plot and Path(options.plot).suffix != ".png":
        raise UserError(f"--plot must be a PNG file, got {options.plot}; let its name end in .png")
    if options.plot and find_spec("matplotlib") is None:
        raise not_installed("--plot", "matplotlib", extra="plots")
