"""Finished cells of a benchmark: one JSON line each, written once, and claimed while it is being run."""

import fcntl
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import nlparch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "python-crfsuite", "spacy", "scikit-learn")
# What decides a cell; pages and plots do not.
_CODE = (
    "nlparch",
    "procedures",
    "setup.py",
    *(f"benchmarks/{name}.py" for name in ("crf", "spacy_ner", "svm", "harness")),
)

Cell: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str, int]
"""Corpus, recipe, seed."""


def read_cells(file: Path) -> list[Cell]:
    """The cells that are finished."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def key_of(cell: Mapping[str, Any]) -> Key:
    """What a cell is known by."""
    return cell["corpus"], cell["recipe"], cell["seed"]


def find_cell(file: Path, key: Key, *, since: int = 1) -> Cell | None:
    """The cell of this key that was made by the current defaults, if it is finished.

    Args:
        file: of cells.
        key: of the cell.
        since: number of the defaults that it must have been made by, at least; cells without a number are of the first.
    """
    found = [cell for cell in read_cells(file) if key_of(cell) == key and cell.get("defaults", 1) >= since]
    return found[-1] if found else None


def add_cell(file: Path, cell: Cell) -> None:
    """Adds a finished cell.

    Raises:
        ValueError: It is there already.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        if find_cell(file, key_of(cell), since=cell.get("defaults", 1)) is not None:
            raise ValueError(f"a finished cell is not written again, got {key_of(cell)} for {file}")
        lines.write(json.dumps(cell) + "\n")


@contextmanager
def claim(file: Path, name: str, *, wait: bool = False) -> Iterator[int | None]:
    """Claims a piece of work of a file of cells for this process and the children that inherit the lock.

    The lock is the system's: it ends with the last process that holds it, however that ends, so what a dead process
    claimed is free.

    Args:
        file: of cells.
        name: of the piece of work.
        wait: until it is free.

    Yields:
        The lock's file descriptor, for `pass_fds`; None where another process holds it.
    """
    folder = file.parent / ".claims" / file.stem
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
        else:
            yield lock.fileno()


def provenance() -> dict[str, Any]:
    """Commit of the code that runs, machine, and versions; `(changed)` where the code differs from the commit."""
    where: dict[str, Any] = {"cwd": Path(nlparch.__file__).parents[1], "capture_output": True, "text": True}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **where).stdout.strip()
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *_CODE], **where).returncode == 1
    return {
        "commit": commit + " (changed)" * changed,
        "machine": _machine(),
        "python": platform.python_version(),
        "versions": dict(_versions(PACKAGES)),
    }


def _versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor()}"
