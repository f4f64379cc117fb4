"""Which number format an export ends in: int8 where it costs no more than it may, otherwise less of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlparch.export.folder import Export
from nlparch.runtime import load_model

Score = Callable[[Any], float]
"""Of a loaded model."""


@dataclass(frozen=True)
class Attempt:
    """One form of the exported model, and what it scores.

    Attributes:
        name: for people.
        export: the form.
        score: what chooses the best model.
    """

    name: str
    export: Export
    score: float


def int8_forms(export: Export) -> Iterator[tuple[str, Export]]:
    """From all of the model in int8 to none of it, each form with less than the one before.

    What comes last decides between labels and what comes first sees the widest inputs: they are the first to be left
    in floating point.
    """
    products = export.products()
    yield "int8", export.to_int8()
    if len(products) > 1:
        yield f"int8 but {products[-1]}", export.to_int8(leave_out=products[-1:])
    if len(products) > 2:
        ends = [products[0], products[-1]]
        yield f"int8 but {' and '.join(ends)}", export.to_int8(leave_out=ends)
    yield "int8 tables of vectors only", export.to_int8(leave_out=products)
    yield "fp32", export


def choose_form(export: Export, *, score: Score, at_least: float) -> list[Attempt]:
    """Tries the forms in turn; the last one tried is the one to ship.

    Args:
        export: in fp32.
        score: of a loaded model.
        at_least: the score that a form must reach; fp32 is taken whatever it scores.
    """
    attempts = []
    for name, form in int8_forms(export):
        attempts.append(Attempt(name, form, score(load_form(form))))
        if attempts[-1].score >= at_least:
            break
    return attempts


def load_form(export: Export) -> Any:
    """The export as the runtime will run it."""
    with TemporaryDirectory() as folder:
        export.write(Path(folder))
        return load_model(folder)
