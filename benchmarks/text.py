"""Teacher, student and an SVM on real corpora of labelled texts: the figures that are published.

    python benchmarks/text.py --data DATA/text --raw DATA/unlabeled --teacher CHECKPOINT --seeds 3 --only sst2,trec6
    python benchmarks/text.py --tables

Cells are kept as those of `benchmarks/tagging.py` are, in `benchmarks/results/text.jsonl`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from cells import RESULTS, Cell, Key, read_cells
from harness import Family, Harness, Places, split_names, student_keys
from page import write_page
from recipes import Corpus
from tables import Results, student_lines
from text_recipes import ABLATION_CORPORA, ABLATIONS, CORPORA, LEVERS, STUDENTS

QUICK = ("svm", "teacher", "classifier+epochs-6", "classifier_kd+epochs-6")


@dataclass(kw_only=True)
class Options:
    """Runs the cells that are missing, then writes the page and its plots."""

    data: Path = Path("data/text")
    """Folder with a folder a corpus."""
    raw: Path = Path("data/unlabeled")
    """Folder with a folder of raw text a kind."""
    teacher: str = ""
    """Checkpoint that the teachers are fine-tuned from."""
    seeds: int = 3
    """Seeds of every student: 1 to N."""
    first_seed: int = 1
    """The first of them, to share seeds among machines."""
    only: tuple[str, ...] = ()
    """Corpora, by default all."""
    recipes: tuple[str, ...] = ()
    """Recipes, by default svm, teacher and students."""
    work: Path = Path("runs/benchmark")
    """Folder of runs and teachers."""
    ablations: bool = False
    """Run the levers, one at a time, in place of the table; `--only` and `--recipes` choose among them."""
    quick: bool = False
    """One corpus, one seed, one teacher, on 1,500 texts: prints a table and changes no page."""
    tables: bool = False
    """Run nothing: write the page from the lines that are there."""


def main(options: Options) -> None:
    """Runs what is missing, a cell at a time, each one safe on disk before the next begins."""
    corpora = split_names(options.only, known=ABLATION_CORPORA if options.ablations else CORPORA)
    places = Places(data=options.data, raw=options.raw, checkpoint=options.teacher, work=options.work)
    if options.quick:
        run_quick(places, corpora[0] if options.only else "trec6")
        return
    if not options.tables:
        Harness(FAMILY, places).run_all(keys(options, corpora))
    write_page()


def keys(options: Options, corpora: list[str]) -> Iterator[Key]:
    """The cells, those of a corpus together."""
    recipes = split_names(options.recipes)
    recipes = recipes or (list(ABLATIONS) if options.ablations else ["svm", "teacher", *STUDENTS])
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for corpus in corpora:
        yield from student_keys(FAMILY, corpus, recipes, seeds)


def run_quick(places: Places, corpus: str) -> None:
    """A small table, in a few minutes, from a part of one corpus."""
    settings = replace(CORPORA[corpus], flags=("--train_examples", "1500"), teacher_epochs=3, teacher_rates=("2e-4",))
    family = replace(FAMILY, results=places.work / "quick" / f"{corpus}.jsonl", corpora={corpus: settings})
    harness = Harness(family, replace(places, work=places.work / "quick"))
    harness.run_all(student_keys(family, corpus, QUICK, [1]))
    results = Results(read_cells(family.results), family.corpora)
    print("\n".join(student_lines(results, [corpus], gold=QUICK[2], recipes=QUICK)))


def svm(corpus: Corpus, folder: Path, scratch: Path) -> Cell:
    """The linear SVM."""
    from svm import train_and_score

    return train_and_score(folder, corpus.measure, n_examples=corpus.n_examples)


FAMILY = Family(
    results=RESULTS / "text.jsonl",
    teacher="transformer_text",
    corpora=CORPORA,
    levers=LEVERS,
    peers={"svm": svm},
)

if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
