"""The rows of `nlp-bench`: every form in which a model can run, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from nlparch.data.labels import LabelSet, scheme_of_set
from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.export.folder import export_model
from nlparch.models.loading import load_model
from nlparch.models.small_model import SmallModel
from nlparch.models.text_model import TextModel
from nlparch.runtime.config import is_exported, read_config

from . import runs

_TORCH_FORMS = {"torch fp32": "torch", "torch bf16": "torch-bf16", "pipeline": "pipeline"}
_FORMS_OF_SMALL = ("torch fp32",)


@dataclass
class Entry:
    """One row of the table: a model in one form, running in a process of its own.

    Attributes:
        name: of the model's folder.
        form: how it runs.
        command: starts the process (see `contestant`); the file of texts is its last argument.
        n_parameters: of the model.
        n_bytes: of its folder.
        labels: of the model.
        has_pairs: whether it reads pairs of texts, or single texts; None: both, or words.
        main_score: the score that chose a classifier; None: of words, or exported, which does not say.
    """

    name: str
    form: str
    command: list[str]
    n_parameters: int
    n_bytes: int
    labels: LabelSet | TextLabels
    has_pairs: bool | None = None
    main_score: str | None = None

    def start(self, texts: Path) -> float:
        """Starts the process; returns the seconds until its first answer."""
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} | {"TOKENIZERS_PARALLELISM": "false"}
        begin = perf_counter()
        self._process = subprocess.Popen(
            [*self.command, str(texts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
        )
        self._answer()
        return perf_counter() - begin

    def ask(self, do: str, **arguments: Any) -> Any:
        """What the process answers."""
        assert self._process.stdin is not None
        print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        """Ends the process."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UserError(f"{self.name}, {self.form}: its process ended; what it said stands above")
        return json.loads(line)


def find_entries(folder: str, scratch: Path) -> Iterator[Entry]:
    """Every form of a model: of an exported folder, itself; of a trained one, torch's and the exported ones.

    Args:
        folder: of the model.
        scratch: where exported forms may be written.
    """
    name = Path(folder).resolve().name
    if is_exported(Path(folder)):
        yield _exported(name, Path(folder))
        return
    model: Any = load_model(folder)
    is_small = isinstance(model, SmallModel)
    of_texts = isinstance(model, TextModel)
    labels = model.text_labels if of_texts else model.label_set
    of_model: Any = {"has_pairs": model.has_pairs, "main_score": model.main_score} if of_texts else {}
    for form in _FORMS_OF_SMALL if is_small else _TORCH_FORMS:
        command = _command(_TORCH_FORMS[form], folder)
        yield Entry(name, form, command, runs.n_parameters(model), _n_bytes(Path(folder)), labels, **of_model)
    export = export_model(model)
    for form, made in {"onnx fp32": export, "onnx int8": export.to_int8()}.items():
        if is_small or form == "onnx int8":
            target = scratch / f"{len(list(scratch.iterdir()))}-{form.replace(' ', '-')}"
            made.write(target)
            yield _exported(name, target)


def _exported(name: str, folder: Path) -> Entry:
    config = read_config(folder)
    command = _command("runtime", str(folder))
    form, names = f"onnx {config.precision}", tuple(config.labels)
    labels = TextLabels(names, config.text_task) if config.text_task else LabelSet(names, scheme_of_set(names))
    return Entry(name, form, command, config.n_parameters, _n_bytes(folder), labels, config.has_pairs)


def _command(mode: str, folder: str) -> list[str]:
    return [sys.executable, "-m", "nlparch.procedures.contestant", mode, folder]


def _n_bytes(folder: Path) -> int:
    """What a model needs on disk: of a run, the files at its root that are loaded."""
    kinds = (".json", ".safetensors", ".onnx", ".txt", ".model")
    beside = ("metrics.json", "trainer_state.json")
    return sum(file.stat().st_size for file in folder.iterdir() if file.suffix in kinds and file.name not in beside)
