"""Teacher, student and peers on real corpora: the figures that are published.

    python benchmarks/tagging.py --data DATA --teacher CHECKPOINT --seeds 3 --only btc snips

DATA holds a folder a corpus with train.txt, dev.txt and test.txt. Each finished cell (corpus, recipe, seed) is one line
of `benchmarks/results/tagging.jsonl` and is not run again; runs and teachers lie in `--work`. `--tables` makes the
tables in docs/benchmarks.md from the lines that are there.
"""

import json
import platform
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tyro

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "tagging.jsonl"
SPEED = HERE / "results" / "speed.jsonl"
RUNTIME = HERE / "results" / "runtime.jsonl"
SERVING = HERE / "results" / "serving.jsonl"
TABLES = HERE.parent / "docs" / "benchmarks.md"
TEACHER_RATES = ("5e-5", "1e-4", "2e-4")
RECIPES = ("crf", "teacher", "tagger", "tagger_kd")
TITLES = {"crf": "CRF", "teacher": "teacher", "tagger": "student, gold only", "tagger_kd": "`tagger_kd`"}
TITLES["tagger_kd+crf"] = "`tagger_kd --use_crf`"
TITLES["tagger_kd+id-cnn"] = "`tagger_kd --model_type id-cnn`"
TITLES["tagger_kd_pseudo"] = "`tagger_kd_pseudo`"
TITLES["tagger_kd_pseudo+id-cnn"] = "`tagger_kd_pseudo --model_type id-cnn`"
TITLES["tagger_kd_pseudo+nano"] = "`tagger_kd_pseudo --size nano`"
# What follows the procedure's name in a recipe.
EXTRAS = {"crf": ["--use_crf"], "id-cnn": ["--model_type", "id-cnn"], "nano": ["--size", "nano"]}
# Folders of raw text that is like the corpus, and the passes over both that cost about as much as ten over gold alone.
RAW_TEXT = {"btc": ("tweets",), "wnut17": ("tweets", "youtube"), "bc5cdr": ("pubmed",)}
RAW_EPOCHS = 6
PACKAGES = ("torch", "transformers", "python-crfsuite")


@dataclass(kw_only=True)
class Options:
    """Runs the cells that are missing, then writes the tables."""

    data: Path = Path("data")
    """Folder with a folder a corpus."""
    raw: Path = Path("data/unlabeled")
    """Folder with a folder of raw text a kind, for tagger_kd_pseudo."""
    teacher: str = ""
    """Checkpoint that the teachers are fine-tuned from."""
    seeds: int = 3
    """Seeds of every student: 1 to N."""
    teacher_epochs: int = 6
    """Epochs of fine-tuning at most; it stops after two without a better dev score."""
    only: tuple[str, ...] = ("btc", "bc5cdr", "snips")
    """Corpora."""
    recipes: tuple[str, ...] = RECIPES
    """Of crf, teacher, and tagger, tagger_kd or tagger_kd_pseudo, which may be followed by +crf, +id-cnn, +nano."""
    work: Path = Path("runs/benchmark")
    """Folder of runs and teachers."""
    quick: bool = False
    """The first corpus and seed only."""
    tables: bool = False
    """Run nothing: write the tables from the lines that are there."""


def main(options: Options) -> None:
    """Runs what is missing, a cell at a time, each one safe on disk before the next begins."""
    if not options.tables:
        corpora = options.only[:1] if options.quick else options.only
        for corpus in corpora:
            for recipe in options.recipes:
                seeds = range(1, 2 if options.quick else options.seeds + 1) if recipe.startswith("tagger") else (0,)
                for seed in seeds:
                    run_cell(options, corpus, recipe, seed)
    TABLES.write_text(write_tables(read_cells()), encoding="utf-8")


def run_cell(options: Options, corpus: str, recipe: str, seed: int) -> None:
    """Runs one cell, unless its line is there."""
    if any((cell["corpus"], cell["recipe"], cell["seed"]) == (corpus, recipe, seed) for cell in read_cells()):
        return
    begin = time.monotonic()
    if recipe == "crf":
        cell = run_crf(options, corpus)
    elif recipe == "teacher":
        cell = best_teacher(options, corpus)[1]
    else:
        cell = run_student(options, corpus, recipe, seed)
    cell = {"corpus": corpus, "recipe": recipe, "seed": seed, **cell, **provenance()}
    cell["seconds"] = round(time.monotonic() - begin, 1)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(cell) + "\n")
    print(f"{corpus} {recipe} {seed}: dev {score(cell, 'dev'):.4f}, test {score(cell, 'test'):.4f}", flush=True)


def run_crf(options: Options, corpus: str) -> dict[str, Any]:
    """The CRF with hand-made features."""
    from crf import train_and_score

    options.work.mkdir(parents=True, exist_ok=True)
    return dict(train_and_score(options.data / corpus, options.work / f"{corpus}.crfsuite"))


def best_teacher(options: Options, corpus: str) -> tuple[Path, dict[str, Any]]:
    """The fine-tuned checkpoint that is best on dev over the learning rates, and its cell."""
    runs = []
    for rate in TEACHER_RATES:
        folder = options.work / "teachers" / f"{corpus}-{rate}"
        command = [
            "transformer_token",
            "--data_dir",
            str(options.data / corpus),
            "--model_name_or_path",
            options.teacher,
        ]
        command += [
            "--lr",
            rate,
            "--epochs",
            str(options.teacher_epochs),
            "--patience",
            "2",
            "--output_dir",
            str(folder),
        ]
        runs.append((folder, train(command, folder)))
    folder, cell = max(runs, key=lambda run: score(run[1], "dev"))
    return folder, {**cell, "dev_of_rates": {run[0].name: score(run[1], "dev") for run in runs}}


def run_student(options: Options, corpus: str, recipe: str, seed: int) -> dict[str, Any]:
    """A student by its procedure's defaults."""
    folder = options.work / f"{corpus}-{recipe}-{seed}"
    procedure, *extras = recipe.split("+")
    command = [procedure, *(word for extra in extras for word in EXTRAS[extra])]
    command += ["--data_dir", str(options.data / corpus), "--seed", str(seed), "--output_dir", str(folder)]
    if procedure != "tagger":
        command += ["--teacher_model_path", str(best_teacher(options, corpus)[0])]
        command += ["--cache_dir", str(options.work / "cache")]
    if procedure == "tagger_kd_pseudo":
        files = [str(options.raw / kind / "unlabeled.txt") for kind in RAW_TEXT[corpus]]
        command += ["--unlabeled_filename", *files, "--epochs", str(RAW_EPOCHS)]
    return train(command, folder)


def train(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Runs `nlp-train`, or reads what it left behind when it was run before."""
    if not (folder / "metrics.json").exists():
        resume = ["--resume"] if (folder / "options.yaml").exists() else []
        subprocess.run(["nlp-train", *command, *resume], check=True)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    kept = (
        "n_parameters",
        "best_epoch",
        "train_seconds",
        "dev",
        "test",
        "teacher",
        "agreement",
        "words_without_teacher",
    )
    return {"command": shlex.join(["nlp-train", *command]), **{name: metrics[name] for name in kept if name in metrics}}


def provenance() -> dict[str, Any]:
    """Commit, machine and versions."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout
    versions = {name: version(name) for name in PACKAGES}
    return {"commit": commit.strip(), "machine": _machine(), "python": platform.python_version(), "versions": versions}


def _machine() -> str:
    import os

    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor()}"


def read_cells() -> list[dict[str, Any]]:
    """The cells that are finished."""
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.exists() else []


def score(cell: dict[str, Any], split: str) -> float:
    """F1, or accuracy of plain tags."""
    scores = cell[split]
    return float(scores["f1"] if "f1" in scores else scores["accuracy"])


def write_tables(cells: Sequence[dict[str, Any]]) -> str:
    """The page of tables."""
    corpora = list(dict.fromkeys(cell["corpus"] for cell in cells))
    lines = [
        "# Benchmarks",
        "",
        "Made by `python benchmarks/tagging.py --tables` from `benchmarks/results/tagging.jsonl`.",
    ]
    for split in ("test", "dev"):
        recipes = [recipe for recipe in TITLES if any(cell["recipe"] == recipe for cell in cells)]
        lines += [
            "",
            f"## {split.capitalize()} F1",
            "",
            "| corpus | " + " | ".join(TITLES[name] for name in recipes) + " | kept |",
        ]
        lines.append("| --- |" + " --- |" * (len(recipes) + 1))
        lines += [_row(cells, corpus, recipes, split) for corpus in corpora]
    lines += _speed_lines()
    lines += _runtime_lines()
    lines += _serving_lines()
    lines += ["", "Students: mean over seeds where there are several, lowest and highest in brackets. *kept*: the best"]
    lines += ["distilled student's share of the teacher's score.", ""]
    return "\n".join([*lines, *_provenance_lines(cells)]) + "\n"


def _speed_lines() -> Iterator[str]:
    """The last line that `benchmarks/speed.py` left."""
    if not SPEED.exists():
        return
    figures = json.loads(SPEED.read_text(encoding="utf-8").splitlines()[-1])
    yield from ("", f"## Speed ({figures['corpus']}, one thread)", "", "| figure | value |", "| --- | --- |")
    ratio = figures["epoch_ratio_kd_to_gold"]
    yield f"| epoch of `tagger_kd` (teacher outputs stored) / epoch of `tagger` | {ratio:.2f} |"
    yield f"| fetching and collating, share of a training step | {figures['data_share_of_step']:.1%} |"
    words = f"{figures['inference_words_per_second']:,.0f}"
    yield f"| `nlp-inference tagger`, raw file to output file, words per second | {words} |"


def _runtime_lines() -> Iterator[str]:
    """The last line that `benchmarks/runtime.py` left."""
    if not RUNTIME.exists():
        return
    from nlparch.procedures.bench import table

    line = json.loads(RUNTIME.read_text(encoding="utf-8").splitlines()[-1])
    yield from ("", f"## Exported: speed, size, quality ({line['corpus']}, one core each, {line['machine']})", "")
    yield table(line["figures"])
    yield from ("", "*words/s*: raw text in, entities out, words met before; *first pass*: just after loading.")


def _serving_lines() -> Iterator[str]:
    """The last lines that `benchmarks/serving.py` left, of rates and of a soak."""
    if not SERVING.exists():
        return
    lines = [json.loads(line) for line in SERVING.read_text(encoding="utf-8").splitlines()]
    for rates in [line for line in lines if "words_20" in line][-1:]:
        yield from ("", f"## Server ({rates['model']}, load generator on the same {rates['n_cores']} cores)", "")
        yield "| words a text | offered, of the peak | answers/s | p50 ms | p99 ms | refused | p99 ms of refusals |"
        yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for n_words in (20, 400):
            for share, found in rates[f"words_{n_words}"].items():
                if share != "peak":
                    refused = "-" if found["refused_p99"] is None else f"{found['refused_p99']:.0f}"
                    yield (
                        f"| {n_words} | {share.removeprefix('at_')} x {rates[f'words_{n_words}']['peak']:,.0f} | "
                        f"{found['goodput']:,.0f} | {found['p50']:.1f} | {found['p99']:.1f} | {found['refused']:,} | "
                        f"{refused} |"
                    )
        yield from (
            "",
            f"Seconds from a restart after kill -9 under load to the first answer: {rates['restart_seconds']}.",
        )
        yield f"Requests while models were swapped under load, by status: {rates['swap']['statuses']}."
    for soaked in [line["soak"] for line in lines if "soak" in line][-1:]:
        memory = f"{soaked['resident_mb'][0]} MB after a tenth of the time, {soaked['resident_mb'][-1]} MB at the end"
        yield f"{soaked['minutes']:.0f} minutes of good and hostile requests: resident memory {memory}, "
        yield f"{soaked['n_5xx_or_lost']} lost or answered by 5xx."


def _row(cells: Sequence[dict[str, Any]], corpus: str, recipes: Sequence[str], split: str) -> str:
    values = {
        name: [score(c, split) for c in cells if (c["corpus"], c["recipe"]) == (corpus, name)] for name in recipes
    }
    means = {name: sum(scores) / len(scores) for name, scores in values.items() if scores}
    shown = [_shown(values[name]) for name in recipes]
    best = max((means[name] for name in means if name.startswith("tagger_kd")), default=None)
    kept = f"{best / means['teacher']:.1%}" if best is not None and "teacher" in means else "-"
    return f"| {corpus} | " + " | ".join(shown) + f" | {kept} |"


def _shown(scores: Sequence[float]) -> str:
    if not scores:
        return "-"
    mean = f"{sum(scores) / len(scores):.3f}"
    return mean if len(scores) == 1 else f"{mean} [{min(scores):.3f}, {max(scores):.3f}]"


def _provenance_lines(cells: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "## Where the figures come from"
    yield ""
    for machine in sorted({cell["machine"] for cell in cells}):
        yield f"- Machine: {machine}."
    for versions in sorted({json.dumps(cell["versions"]) for cell in cells}):
        yield "- Versions: " + ", ".join(f"{name} {number}" for name, number in json.loads(versions).items()) + "."
    yield f"- Commits: {', '.join(sorted({cell['commit'] for cell in cells}))}."
    seeds = sorted({cell["seed"] for cell in cells if cell["recipe"].startswith("tagger")})
    yield f"- Seeds of students: {', '.join(map(str, seeds))}."


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
