"""A run's folder: whether it may be used, making it the run's own, going on in it with the same options and inputs."""

import dataclasses
import glob
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlparch import config
from nlparch.distill.cache import words_digest, write_atomically
from nlparch.errors import UserError

_OPTIONS_FILE = "options.yaml"
_INPUTS_FILE = "inputs.json"
_MAY_CHANGE_ON_RESUME = {"resume", "overwrite_output_dir"}


def check(options: Any) -> Path:
    """The output folder, checked to be usable; nothing in it is touched before training begins (see `claim`).

    Raises:
        UserError: If the folder cannot be made, holds something and neither `--overwrite_output_dir` nor `--resume` is
            given, holds something that no run made, or holds what the run is to read; or if a resumed run is given
            other options than it began with.
    """
    folder = Path(options.output_dir)
    if not is_main_process():
        return folder
    check_can_make(folder, "--output_dir")
    _check_apart(options, folder)
    if folder.exists() and any(folder.iterdir()):
        if not (options.resume or options.overwrite_output_dir):
            raise UserError(f"--output_dir {folder} is not empty; add --overwrite_output_dir to empty it, or --resume")
        if not (folder / _OPTIONS_FILE).exists():
            raise UserError(
                f"--output_dir {folder} holds no run ({_OPTIONS_FILE} is missing); empty it, or name another"
            )
        if options.resume:
            _check_same_options(options, folder / _OPTIONS_FILE)
    return folder


def check_can_make(folder: Path, flag: str) -> None:
    """Refuses a folder that is a file, or lies where nothing can be written."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"{flag} must be a folder that can be written, got {folder}: {there} cannot hold it")


def _check_apart(options: Any, folder: Path) -> None:
    """Refuses an output folder in which something lies that the run is to read: it would be emptied."""
    names = ("data_dir", "teacher_model_path", "model_name_or_path", "cache_dir", "config_file", "label_map")
    inputs = [(name, getattr(options, name, None)) for name in (*names, "embedding_file")]
    for pattern in getattr(options, "unlabeled_filename", ()):
        inputs += [("unlabeled_filename", name) for name in glob.glob(pattern, recursive=True) or [pattern]]
    for name, value in ((name, value) for name, value in inputs if value is not None):
        # The folder of stored outputs need not be there yet; of the others, what is not there is no path but a hub id.
        is_path = name == "cache_dir" or Path(value).exists()
        if is_path and Path(value).resolve().is_relative_to(folder.resolve()):
            raise UserError(f"--output_dir {folder} must not hold what the run reads: --{name} {value}; name another")


def claim(options: Any) -> None:
    """Makes the output folder this run's: emptied unless the run is resumed, with `options.yaml` in it."""
    if not is_main_process():
        return
    folder = check(options)  # once more: since the run began, another one may have taken the folder
    if folder.exists() and not options.resume:
        shutil.rmtree(folder.resolve())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output_dir {folder} cannot be made: {error.strerror}") from error
    if not (folder / _OPTIONS_FILE).exists():
        # To repeat a run is neither to go on with it nor to empty its folder: both are to be asked for each time.
        repeatable = dataclasses.replace(options, resume=False, overwrite_output_dir=False)
        write_atomically(folder / _OPTIONS_FILE, config.dump(repeatable))


def is_main_process() -> bool:
    """Whether this process writes the run's files: the only one, or the first that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def rows_digest(content: Iterable[Sequence[str]], gold: Iterable[Any]) -> str:
    """A digest of training rows."""
    labels = ((str(value),) if isinstance(value, str | float) else tuple(map(str, value or ())) for value in gold)
    return words_digest(content) + words_digest(labels)


def check_same_inputs(options: Any, folder: Path, digests: Mapping[str, str]) -> None:
    """Refuses to go on with other inputs than the run began with: its ids would mean other words, say.

    Args:
        options: of the procedure.
        folder: of the run.
        digests: by the name of an input.

    Raises:
        UserError: If one of them is another.
    """
    file = folder / _INPUTS_FILE
    if not (options.resume and file.exists()):
        return
    before = json.loads(file.read_text(encoding="utf-8"))
    for name, digest in digests.items():
        if before.get(name, digest) != digest:
            raise UserError(
                f"--resume must find {name} as the run began with, but there is a change; give it as it was, or begin "
                f"anew, not in {folder}"
            )


def keep_inputs(folder: Path, digests: Mapping[str, str]) -> None:
    """Keeps what `check_same_inputs` will compare."""
    if is_main_process():
        write_atomically(folder / _INPUTS_FILE, json.dumps(digests))


def _check_same_options(options: Any, file: Path) -> None:
    if not file.exists():
        return
    before = config.load(type(options), file)
    for name in (option.name for option in dataclasses.fields(options)):
        was, now = getattr(before, name), getattr(options, name)
        if name not in _MAY_CHANGE_ON_RESUME and was != now:
            raise UserError(
                f"--resume must repeat the run's options: {name} was {was!r}, got {now!r}; add --config {file}"
            )
