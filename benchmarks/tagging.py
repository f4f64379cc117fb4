"""Teacher, student and peers on real corpora: the figures that are published.

    python benchmarks/tagging.py --data DATA/tagging --teacher CHECKPOINT --seeds 3 --only btc,snips
    python benchmarks/tagging.py --data DATA/tagging --teacher CHECKPOINT --parts search --only snips,btc,bc5cdr
    python benchmarks/tagging.py --tables

Each finished cell (corpus, recipe, seed) is one line of `benchmarks/results/tagging.jsonl`, with the commit it was made
by, and is not run again; several processes may run cells at once. A recipe is a procedure and levers (`tagger_kd+kl`);
its levers stand below. Runs, teachers and stored outputs lie in `--work`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tyro
from cells import RESULTS, Cell, Key, claim, provenance, read_cells
from harness import Family, Harness, Places, read_run, split_names, student_keys
from page import SEARCH, write_page
from recipes import Corpus, split_flags
from tables import Results, student_lines
from tagging_recipes import (
    ABLATION_BASE,
    ABLATION_CORPORA,
    ABLATIONS,
    CORPORA,
    LEVERS,
    LITTLE_GOLD,
    QUICK,
    STUDENTS,
    VARIANTS,
)

SEARCH_RUNS = 40
SPACY_SECONDS = 480

Part = Literal["table", "little_gold", "ablations", "search"]


@dataclass(kw_only=True)
class Options:
    """Runs the cells that are missing, then writes the page and its plots."""

    data: Path = Path("data/tagging")
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
    """Corpora, by default all of the part."""
    parts: tuple[Part, ...] = ("table", "little_gold", "ablations")
    """What to run: the main table, the study with 300 sentences, the ablations, the search for defaults."""
    recipes: tuple[str, ...] = ()
    """Recipes, by default all of the part."""
    work: Path = Path("runs/benchmark")
    """Folder of runs and teachers."""
    log: tuple[Path, ...] = ()
    """Run nothing: log finished runs, made by hand, among those of the search."""
    quick: bool = False
    """One corpus, one seed, one teacher, on 1,500 sentences: prints a table and changes no page."""
    tables: bool = False
    """Run nothing: write the page from the lines that are there."""


def main(options: Options) -> None:
    """Runs what is missing, a cell at a time, each one safe on disk before the next begins."""
    split_names(options.only, known=CORPORA)
    if options.quick:
        run_quick(options)
        return
    if options.log:
        for folder in options.log:
            log_run(folder)
    elif not options.tables:
        harness = Harness(FAMILY, places(options))
        for part in options.parts:
            if part == "search":
                run_search(options)
            else:
                harness.run_all(keys(options, part))
    write_page()


def keys(options: Options, part: Part) -> Iterator[Key]:
    """The cells of a part, those of a corpus together."""
    corpora: dict[Part, Sequence[str]] = {"ablations": ABLATION_CORPORA, "little_gold": LITTLE_GOLD}
    recipes: dict[Part, Sequence[str]] = {
        "table": ("crf", "teacher", *STUDENTS, "spacy"),
        "little_gold": ("crf", "teacher", "tagger", "tagger_kd", "tagger_kd_pseudo", "spacy"),
        "ablations": (ABLATION_BASE, *ABLATIONS),
        "search": VARIANTS,
    }
    usual = corpora.get(part, [name for name in CORPORA if name not in LITTLE_GOLD])
    wanted = split_names(options.only, known=CORPORA)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for corpus in (name for name in usual if name in wanted):
        more = CORPORA[corpus].students if part == "table" else ()
        yield from student_keys(FAMILY, corpus, split_names(options.recipes) or (*recipes[part], *more), seeds)


def places(options: Options) -> Places:
    """Where things lie."""
    return Places(data=options.data, raw=options.raw, checkpoint=options.teacher, work=options.work)


def crf(corpus: Corpus, folder: Path, scratch: Path) -> Cell:
    """The CRF with hand-made features."""
    from crf import train_and_score

    return dict(train_and_score(folder, scratch / "model.crfsuite", n_examples=corpus.n_examples))


def spacy(corpus: Corpus, folder: Path, scratch: Path) -> Cell:
    """spaCy's NER or tagger, with its settings for a CPU."""
    from spacy_ner import train

    return train(folder, scratch, max_seconds=SPACY_SECONDS, n_examples=corpus.n_examples)


FAMILY = Family(
    results=RESULTS / "tagging.jsonl",
    teacher="transformer_token",
    corpora=CORPORA,
    levers=LEVERS,
    peers={"crf": crf, "spacy": spacy},
)


def run_quick(options: Options) -> None:
    """A small table, in a few minutes, from a part of one corpus."""
    corpus = split_names(options.only)[0] if options.only else "snips"
    settings = replace(CORPORA[corpus], flags=("--train_examples", "1500"), teacher_epochs=3, teacher_rates=("2e-4",))
    results = options.work / "quick" / f"{corpus}.jsonl"
    family = replace(FAMILY, results=results, corpora={corpus: settings})
    harness = Harness(family, replace(places(options), work=options.work / "quick"))
    harness.run_all(student_keys(family, corpus, QUICK, [1]))
    lines = student_lines(Results(read_cells(results), family.corpora), [corpus], gold="tagger+epochs-6", recipes=QUICK)
    print("\n".join(lines))


def run_search(options: Options) -> None:
    """Runs variants on corpora and seeds, test unread; what is logged is not run again."""
    harness = Harness(FAMILY, places(options))
    for key in keys(options, "search"):
        corpus, name, seed = key
        with claim(SEARCH, f"{corpus} {name} {seed}") as lock:
            logged = [(line["corpus"], line["variant"], line["seed"]) for line in read_cells(SEARCH)]
            if lock is None or key in logged:
                continue
            if len(logged) >= SEARCH_RUNS:
                raise SystemExit(f"the search for defaults has had its {SEARCH_RUNS} runs; see {SEARCH}")
            folder = options.work / "search" / f"{corpus}-{name}-{seed}"
            log_search(harness.run_student(key, folder, "--test_filename", "", lock=lock), corpus, name, seed)


def log_run(folder: Path) -> None:
    """Logs a finished run that was made by hand, under its folder's name without corpus and seed."""
    run = read_run(folder)
    flags = dict(split_flags(run["command"].split()))
    corpus, seed = flags["--data_dir"][0].split("/")[-1], flags["--seed"][0]
    log_search(run, corpus, folder.name.removeprefix(f"{corpus}-").removesuffix(f"-{seed}"), int(seed))


def log_search(run: Cell, corpus: str, variant: str, seed: int) -> None:
    """Adds a line to the log of the search: dev scores only.

    Raises:
        SystemExit: The search has had its runs.
    """
    if len(read_cells(SEARCH)) >= SEARCH_RUNS:
        raise SystemExit(f"the search for defaults has had its {SEARCH_RUNS} runs; see {SEARCH}")
    names = ("command", "n_parameters", "best_epoch", "train_seconds", "config")
    told = {name: run[name] for name in names if name in run}
    dev = {name: value for name, value in run["dev"].items() if isinstance(value, float)}
    line = {"corpus": corpus, "variant": variant, "seed": seed, **told, "dev": dev, **provenance()}
    with SEARCH.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(f"{corpus} {variant} {seed}: dev {dev[CORPORA[corpus].measure]:.4f}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
