"""Runs cells: peers, teachers, students; each finished one is safe on disk before the next begins."""

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from cells import Cell, Key, add_cell, claim, find_cell, provenance
from recipes import Corpus, Lever, Recipe, defaults_of, find_recipe, raw_files, split_flags

from nlparch.cli import parse
from nlparch.config import dump
from nlparch.procedure import find_procedure

KEPT = (
    "n_parameters",
    "best_epoch",
    "train_seconds",
    "dev",
    "test",
    "teacher",
    "agreement",
    "words_without_teacher",
    "int8",
    "differences",
)
_PATHS = {"data_dir", "model_name_or_path", "teacher_model_path", "unlabeled_filename", "config_file", "embedding_file"}
_ALWAYS = {"lr", "epochs", "seed"}
_PLACES = {"output_dir", "cache_dir", "overwrite_output_dir", "resume"}


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of task: its corpora, and what is run on them.

    Attributes:
        results: file of cells.
        teacher: procedure that fine-tunes one.
        corpora: by name.
        levers: by name.
        peers: by name, a function of a corpus, its folder and a scratch folder that gives scores of dev and test.
    """

    results: Path
    teacher: str
    corpora: Mapping[str, Corpus]
    levers: Mapping[str, Lever]
    peers: Mapping[str, Callable[[Corpus, Path, Path], Cell]]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things lie.

    Attributes:
        data: a folder a corpus.
        raw: raw text.
        checkpoint: that teachers are fine-tuned from.
        work: runs, teachers, and stored teacher outputs.
    """

    data: Path
    raw: Path
    checkpoint: str
    work: Path


def score(cell: Mapping[str, Any], split: str, measure: str) -> float:
    """The score of a split that is told."""
    return float(cell[split][measure])


def split_names(names: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """Names that are apart by commas or spaces; all known ones where none is given.

    Raises:
        SystemExit: One of them is not known.
    """
    given, all_known = [name for some in names for name in some.split(",") if name], list(known)
    for name in given:
        if all_known and name not in all_known:
            raise SystemExit(f"no {name!r}; there are {', '.join(all_known)}")
    return given or all_known


def student_keys(family: Family, corpus: str, recipes: Iterable[str], seeds: Iterable[int]) -> Iterator[Key]:
    """The cells of a corpus: a recipe's one after the other, those without raw text where it needs some left out."""
    for name in recipes:
        recipe = find_recipe(name, family.levers)
        if recipe.procedure.endswith("_pseudo") and not recipe.raw(corpus, family.corpora[corpus]):
            print(f"{corpus} {name}: there is no raw text like this corpus", flush=True)
            continue
        yield from ((corpus, name, seed) for seed in (seeds if recipe.is_student else (0,)))


class Harness:
    """Runs the cells of a family that are not finished."""

    def __init__(self, family: Family, places: Places) -> None:
        self._family = family
        self._places = places
        # Of the code as it is loaded, whatever is committed while cells run.
        self._made_by = provenance()

    def run_all(self, keys: Iterable[Key]) -> None:
        """Runs cells in their order, those last whose teacher another process is training."""
        waiting = [key for key in keys if not self._run(key, wait=False)]
        for key in waiting:
            self._run(key, wait=True)

    def _run(self, key: Key, *, wait: bool) -> bool:
        """Runs a cell, unless it is finished or another process has claimed it; False where its teacher is not free."""
        corpus, name, seed = key
        recipe = find_recipe(name, self._family.levers)
        if self._find(key) is not None:
            return True
        with claim(self._family.results, f"{corpus} {name} {seed}") as lock:
            if lock is None:
                print(f"{corpus} {name} {seed}: another process runs it", flush=True)
                return True
            if recipe.needs_teacher or name == "teacher":
                with claim(self._family.results, f"{corpus} teacher", wait=wait) as free:
                    if free is None:
                        return False
                    self._teacher(corpus, free)
            if self._find(key) is None:
                self._finish(key, recipe, lock)
        return True

    def _find(self, key: Key) -> Cell | None:
        return find_cell(self._family.results, key, since=defaults_of(key[1]))

    def _finish(self, key: Key, recipe: Recipe, lock: int) -> None:
        """Runs a cell of a student or a peer and adds its line."""
        corpus, name, seed = key
        begin = time.monotonic()
        if recipe.is_student:
            defaults = defaults_of(name)
            # Options do not tell what a default stands for: a run by older ones must not be taken for this cell's.
            folder = self._places.work / f"{corpus}-{name}-{seed}-defaults-{defaults}"
            scores = self.run_student(key, folder, lock=lock) | {"defaults": defaults}
        else:
            scores = self._peer(corpus, recipe.procedure)
        self._add(key, scores | self._made_by, begin)

    def _add(self, key: Key, scores: Cell, begin: float) -> None:
        corpus, recipe, seed = key
        cell = {"corpus": corpus, "recipe": recipe, "seed": seed, **scores}
        add_cell(self._family.results, cell | {"seconds": round(time.monotonic() - begin, 1)})
        measure = self._family.corpora[corpus].measure
        told = ", ".join(f"{split} {score(cell, split, measure):.4f}" for split in ("dev", "test") if split in cell)
        print(f"{corpus} {recipe} {seed}: {told}", flush=True)

    def _peer(self, corpus: str, name: str) -> Cell:
        scratch = self._places.work / "peers" / f"{corpus}-{name}"
        scratch.mkdir(parents=True, exist_ok=True)
        settings = self._family.corpora[corpus]
        command = f"python benchmarks/{self._family.results.stem}.py --only {corpus} --recipes {name}"
        scores = self._family.peers[name](settings, self._places.data / settings.folder, scratch)
        return {"command": command, **scores}

    def _teacher(self, corpus: str, lock: int) -> Path:
        """The folder of a corpus's teacher: fine-tuned over all rates where there is no cell of it, and again at the
        rate that was chosen where its folder is gone."""
        key = (corpus, "teacher", 0)
        if find_cell(self._family.results, key) is None:
            begin = time.monotonic()
            self._add(key, self._best_teacher(corpus, lock) | self._made_by, begin)
        cell = find_cell(self._family.results, key)
        assert cell is not None
        rate = chosen_rate(cell)
        folder = self._teacher_folder(corpus, rate)
        if not (folder / "metrics.json").exists():
            print(f"{corpus}: no teacher in {folder}; it is trained again, at its chosen rate {rate} alone", flush=True)
            told = dict(split_flags(shlex.split(cell["command"])))
            self._train(self._teacher_command(corpus, rate, epochs=told["--epochs"][0]), folder, lock)
        return folder

    def _best_teacher(self, corpus: str, lock: int) -> Cell:
        """The scores of the teacher that is best on dev over the learning rates."""
        measure = self._family.corpora[corpus].measure
        runs = {}
        for rate in self._family.corpora[corpus].teacher_rates:
            runs[rate] = self._train(self._teacher_command(corpus, rate), self._teacher_folder(corpus, rate), lock)
        of_rates = {rate: score(run, "dev", measure) for rate, run in runs.items()}
        best = max(of_rates, key=of_rates.__getitem__)
        return {**runs[best], "dev_of_rates": of_rates}

    def _teacher_folder(self, corpus: str, rate: str) -> Path:
        return self._places.work / "teachers" / f"{corpus}-{rate}"

    def _teacher_command(self, corpus: str, rate: str, epochs: str | None = None) -> list[str]:
        settings = self._family.corpora[corpus]
        command = [self._family.teacher, *self._data_flags(corpus), "--model_name_or_path", self._places.checkpoint]
        command += ["--lr", rate, "--epochs", epochs or str(settings.teacher_epochs), *settings.teacher_flags]
        return command

    def run_student(self, key: Key, folder: Path, *flags: str, lock: int) -> Cell:
        """Runs a student in a folder, its teacher first where there is none, and tells what it scored.

        Args:
            key: corpus, recipe, seed.
            folder: of the run.
            flags: more of them.
            lock: of its claim.
        """
        corpus, name, seed = key
        recipe = find_recipe(name, self._family.levers)
        teacher = None
        if recipe.needs_teacher:
            with claim(self._family.results, f"{corpus} teacher", wait=True) as free:
                assert free is not None
                teacher = self._teacher(corpus, free)
        command = [*self._student(corpus, recipe, seed, teacher), *flags]
        check_same_run(command, folder)
        run = self._train(command, folder, lock)
        return run | ({"config": recipe.config} if recipe.config else {})

    def _student(self, corpus: str, recipe: Recipe, seed: int, teacher: Path | None) -> list[str]:
        """The command of a student."""
        command = [recipe.procedure, *recipe.flags, *self._data_flags(corpus), "--seed", str(seed)]
        if recipe.config:
            command += ["--config_file", str(self._config_file(recipe))]
        if teacher is not None:
            command += ["--teacher_model_path", str(teacher), "--cache_dir", str(self._places.work / "cache")]
        raw = recipe.raw(corpus, self._family.corpora[corpus])
        if raw:
            files = raw_files(raw, raw=self._places.raw, data=self._places.data)
            command += ["--unlabeled_filename", *map(str, files)]
        return command

    def _data_flags(self, corpus: str) -> list[str]:
        settings = self._family.corpora[corpus]
        return ["--data_dir", str(self._places.data / settings.folder), *settings.flags]

    def _config_file(self, recipe: Recipe) -> Path:
        file = self._places.work / "configs" / f"{recipe.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(recipe.config), encoding="utf-8")
        return file

    def _train(self, command: Sequence[str], folder: Path, *locks: int) -> Cell:
        """Runs `nlp-train`, goes on with what was interrupted, or reads what is there when it was finished before."""
        if not (folder / "metrics.json").exists():
            resume = ["--resume"] if (folder / "options.yaml").exists() else []
            program = [sys.executable, "-c", "import sys; from nlparch.cli import train; sys.exit(train())"]
            subprocess.run([*program, *command, "--output_dir", str(folder), *resume], check=True, pass_fds=locks)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return read_run(folder)


def check_same_run(command: Sequence[str], folder: Path) -> None:
    """Refuses a folder that holds a run by other options: by older defaults, say.

    Raises:
        SystemExit: The first of them, and what to do.
    """
    file = folder / "options.yaml"
    if not file.exists():
        return
    options = find_procedure("train", command[0]).load_options()
    asked = yaml.safe_load(dump(parse(options, [*command[1:], "--output_dir", str(folder)], program="nlp-train")))
    found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for name in sorted((asked.keys() & found.keys()) - _PATHS - _PLACES):
        if asked[name] != found[name]:
            raise SystemExit(
                f"{folder} holds a run by {name} {found[name]}, not {asked[name]}; remove it to run it anew"
            )


def read_run(folder: Path) -> Cell:
    """What a finished run tells, with the command that its options make."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    told = {"command": told_command(metrics["procedure"], folder / "options.yaml")}
    return told | {name: metrics[name] for name in KEPT if name in metrics}


def told_command(procedure: str, options: Path) -> str:
    """The command of a run: its options as far as they are not the defaults, paths by their last two parts."""
    values = yaml.safe_load(options.read_text(encoding="utf-8"))
    words = ["nlp-train", procedure]
    for option in fields(find_procedure("train", procedure).load_options()):
        value = values.get(option.name, option.default)
        some = value if isinstance(value, list) else [value]
        is_default = value == option.default or tuple(some) == option.default
        if option.name in _PLACES or (is_default and option.name not in _ALWAYS):
            continue
        if option.name in _PATHS:
            some = ["/".join(Path(path).parts[-2:]) for path in some]
        flag = f"--no_{option.name}" if value is False else f"--{option.name}"
        words += [flag, *(str(word) for word in some if not isinstance(word, bool))]
    return shlex.join(words)


def chosen_rate(cell: Mapping[str, Any]) -> str:
    """The learning rate of a teacher's cell that was best on dev; older cells name the folder, `btc-5e-5`."""
    best: str = max(cell["dev_of_rates"], key=cell["dev_of_rates"].__getitem__)
    return best.removeprefix(f"{cell['corpus']}-")
