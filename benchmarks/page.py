"""Writes docs/benchmarks.md and its plots from the lines that are there."""

from collections.abc import Iterator
from pathlib import Path

import text_recipes
from cells import RESULTS, Cell, read_cells
from parts import RUNTIME, parity_lines, runtime_lines, scale_lines, serving_lines, speed_lines
from plots import Point, plot_shares
from tables import (
    Results,
    ablation_lines,
    comparison_lines,
    kept_columns,
    provenance_lines,
    search_lines,
    spread,
    student_lines,
    table_row,
)
from tagging_recipes import ABLATION_CORPORA, ABLATIONS, CORPORA, LITTLE_GOLD, NANO_TARGETS, STUDENTS

DOCS = Path(__file__).parents[1] / "docs"
TAGGING = RESULTS / "tagging.jsonl"
TEXT = RESULTS / "text.jsonl"
SEARCH = RESULTS / "search.jsonl"
# What cells of `tagger_kd` are in the search, by the number of their defaults (see `recipes.DEFAULTS`).
_SEARCHED = {2: "tagger_kd+filters-128", 3: "tagger_kd"}
_NOTES = """
*distilled*: of the distilled students (no nano) the one that is best on dev. Scores of students are means over seeds,
lowest and highest in brackets; *gold only* has the levers of the recipe, where that was run. *kept*: share of the
teacher's test score. *gap closed*: (student - gold only) / (teacher - gold only). *student - teacher*: with the
paired-bootstrap 95% interval over test sentences, of the teacher as the student's run read it; of several seeds, the
means of their differences and of their intervals' ends, which is on the safe side of an interval of the mean. A target
is met on the mean, and *within noise* where the interval reaches it. `-`: not measured, or measured before intervals
were kept.
"""
_RECIPE_NOTES = """\
*minutes*: of training, by the clock, on machines that did other work besides. A row `teacher` is of the run that chose
the learning rate. Where its folder was lost since, the teacher was fine-tuned again by that command, which does not
repeat to the last point elsewhere; rows of distilled students give the score of the one that they learnt from.\
"""
_RUN = """
## Run them

DATA holds `tagging/`, `text/` and `unlabeled/`, in them a folder a corpus or kind of text. CHECKPOINT is what teachers
are fine-tuned from.

```sh
python benchmarks/tagging.py --data DATA/tagging --raw DATA/unlabeled --teacher CHECKPOINT --seeds 3
python benchmarks/tagging.py --data DATA/tagging --raw DATA/unlabeled --teacher CHECKPOINT --quick
python benchmarks/text.py --data DATA/text --raw DATA/unlabeled --teacher CHECKPOINT --seeds 3
```

`--only btc,snips` and `--recipes tagger,tagger_kd+softmax` run a part; a recipe is a procedure and levers, listed
in `benchmarks/tagging_recipes.py` and `benchmarks/text_recipes.py`. `--parts table`, `little_gold`, `ablations` or
`search` runs that part of the page; `--quick` makes a small table, of a part of one corpus, in some minutes. A finished
cell is a line of `benchmarks/results/` and is not run again; an interrupted one goes on. Several processes may run
cells at once: one that is being run is left alone by the others.
"""


def write_page() -> None:
    """Writes the page and the plots."""
    cells = read_cells(TAGGING)
    results = Results(cells, CORPORA)
    texts = Results(read_cells(TEXT), text_recipes.CORPORA)
    DOCS.joinpath("benchmarks.md").write_text("\n".join(_lines(results, texts)) + "\n", encoding="utf-8")
    plot_shares(size_points(results), "million parameters", DOCS / "benchmarks-parameters.svg")
    plot_shares(speed_points(), "words per second, one core", DOCS / "benchmarks-speed.svg", scale="log")


def _lines(results: Results, texts: Results) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Made by `python benchmarks/tagging.py --tables` from the lines of `benchmarks/results/`."
    yield from _tagging_lines(results)
    yield from _text_lines(texts)
    yield from speed_lines()
    yield from runtime_lines()
    yield from parity_lines()
    yield from serving_lines()
    yield from scale_lines()
    yield _RUN
    yield from ("## Where the figures come from", "")
    yield "The command of each cell of a teacher, student or peer stands in its line, paths by their last two parts."
    yield "They were made on and by:"
    yield ""
    yield from provenance_lines([*results.cells, *texts.cells])


def _tagging_lines(results: Results) -> Iterator[str]:
    main = [name for name in CORPORA if name not in LITTLE_GOLD]
    more = dict.fromkeys(name for corpus in CORPORA.values() for name in corpus.students)
    students = [*STUDENTS, *more]
    distilled = [name for name in students if "_kd" in name and "nano" not in name]
    yield from ("", "## Tagging: a student beside its teacher", "", "Test F1 of spans; accuracy for ewt_pos.", "")
    yield from comparison_lines(results, main, gold="tagger", students=distilled, peers=("crf", "spacy"))
    yield _NOTES
    cut = [cell["corpus"] for cell in results.cells if cell.get("interrupted")]
    if cut:
        yield f"spaCy was stopped after eight minutes of processor time, or more, on {', '.join(cut)};"
        yield "its best model until then counts.\n"
    yield "![share of the teacher's score against parameters](benchmarks-parameters.svg)"
    yield "![share of the teacher's score against speed](benchmarks-speed.svg)"
    little = [name for name in LITTLE_GOLD if results.recipes(name)]
    if little:
        yield from ("", "## Little gold: 300 tweets with tags, the rest without", "")
        yield from comparison_lines(results, little, gold="tagger", students=distilled, peers=("crf", "spacy"))
        yield from ("", "The teacher has seen the same 300. Dev, which chooses the best epoch, is the whole one.")
    yield from _nano_lines(results)
    yield from ("", "## All recipes", "")
    recipes = ["teacher", "crf", "spacy", *students]
    yield from student_lines(results, list(CORPORA), gold="tagger", recipes=recipes)
    yield from ("", _RECIPE_NOTES)
    ablations = list(ablation_lines(results, ABLATION_CORPORA, ABLATIONS))
    if len(ablations) > 2:
        yield from ("", "## Levers, one at a time", "")
        yield from ablations
        yield from ("", "Gains over the same recipe without the lever, seed by seed: mean [lowest, highest].")
        own = [cell for cell in results.cells if cell["recipe"] in ABLATIONS and cell["corpus"] in ABLATION_CORPORA]
        longest = max(cell.get("train_seconds", 0) for cell in own) / 60
        yield f"The longest run trained for {longest:.1f} minutes by the clock, beside other work."
    yield from _search_lines()


def _search_lines() -> Iterator[str]:
    """The runs of the search, and beside them the cells that were made by today's defaults and by those before."""
    logged = read_cells(SEARCH)
    if not logged:
        return
    cells = [cell | {"variant": _SEARCHED[cell.get("defaults")]} for cell in read_cells(TAGGING) if _is_searched(cell)]
    cells.sort(key=lambda cell: int(cell["variant"] != "tagger_kd"))
    known = {(cell["variant"], cell["corpus"], cell["seed"]) for cell in cells}
    others = [line for line in logged if (line["variant"], line["corpus"], line["seed"]) not in known]
    yield from ("", "## The search for defaults: dev", "")
    yield from search_lines([*cells, *others], CORPORA)
    yield ""
    yield f"{len(logged)} runs, test unread, and cells of the table above. *gain*: over today's defaults, first row,"
    yield "of corpora and seeds of both: the mean over corpora of that over seeds. The code changed between runs."


def _is_searched(cell: Cell) -> bool:
    is_main = cell["corpus"] not in LITTLE_GOLD
    return is_main and cell["recipe"] == "tagger_kd" and cell.get("defaults") in _SEARCHED


def _text_lines(texts: Results) -> Iterator[str]:
    if not texts.cells:
        return
    distilled = [name for name in text_recipes.STUDENTS if "_kd" in name]
    yield from ("", "## Text classification: a student beside its teacher", "")
    yield from ("Test accuracy; macro F1 for goemotions. The SVM is linear, on word and character n-grams.", "")
    corpora = list(text_recipes.CORPORA)
    yield from comparison_lines(texts, corpora, gold="classifier", students=distilled, peers=("svm",))
    yield from ("", "All recipes:", "")
    yield from student_lines(texts, corpora, gold="classifier", recipes=["teacher", "svm", *text_recipes.STUDENTS])
    levers = list(ablation_lines(texts, text_recipes.ABLATION_CORPORA, text_recipes.ABLATIONS))
    if len(levers) > 2:
        yield from ("", "Levers, one at a time; gains over the same recipe without it, seed by seed:", "")
        yield from levers


def _nano_lines(results: Results) -> Iterator[str]:
    """The smallest students, where there is a target for them."""
    rows = []
    for corpus, target in NANO_TARGETS.items():
        for recipe in ("tagger_kd_pseudo+nano", "tagger_kd+nano"):
            if results.of(corpus, recipe):
                kept, closed, difference, told = kept_columns(results, corpus, recipe, "tagger", target)
                scores = spread(results.scores(corpus, recipe))
                rows.append(table_row(corpus, f"`{recipe}`", scores, kept, difference, told))
                break
    if rows:
        yield from ("", "## Nano: at most a million parameters", "")
        yield table_row("corpus", "recipe", "test", "kept", "student - teacher", "target")
        yield "| --- | --- | ---: | ---: | ---: | --- |"
        yield from rows


def size_points(results: Results) -> Iterator[Point]:
    """Share kept of each student against its parameters."""
    for corpus in results.corpora:
        for recipe in ("tagger", *STUDENTS[1:]):
            kept, cells = results.kept(corpus, recipe), results.of(corpus, recipe)
            if kept is not None and "n_parameters" in cells[0]:
                kind = "gold only" if recipe == "tagger" else "with raw text" if "pseudo" in recipe else "distilled"
                yield Point(cells[0]["n_parameters"] / 1e6, kept, corpus, kind)


def speed_points() -> Iterator[Point]:
    """Share kept of each form of the models that were measured last against words per second."""
    for line in read_cells(RUNTIME)[-1:]:
        slow = {figure["model"] for figure in line["figures"] if figure["form"] == "pipeline"}
        whole = max(figure["score"] for figure in line["figures"] if figure["model"] in slow)
        for figure in line["figures"]:
            if figure["score"] is not None:
                yield Point(figure["words_per_second"], figure["score"] / whole, figure["model"], figure["form"])
