"""The undistilled student: the same model on gold alone, to hold the distilled one against."""

import copy
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from transformers import set_seed

from nlparch.errors import UserError

from . import runs
from .tasks import task_of

FOLDER = "baseline"
_KEPT = ("n_parameters", "best_epoch", "best_step")


def check_baseline(corpus: runs.AnyCorpus) -> None:
    """Refuses a baseline that has nothing to learn from."""
    rows, task = corpus.splits.get("train"), task_of(corpus)
    if rows is None or not any(gold is not None for gold in task.gold(rows)):
        raise UserError(
            f"--baseline trains a student on gold {task.gold_kind}, and there are none to train on; leave it out"
        )


def train_baseline(
    options: Any,
    run: runs.Run,
    corpus: runs.AnyCorpus,
    learn: Callable[..., None],
    *,
    plain: type[Any],
    procedure: str,
) -> None:
    """Trains what the procedure without a teacher makes of the same options, and sets its scores beside the student's.

    Its folder is a run of its own within that of the student, which goes on where it was cut off like any other.

    Args:
        options: of the student.
        run: the student's, already scored.
        corpus: with gold.
        learn: trains and scores a model, given options, run and rows.
        plain: the options of the procedure without a teacher.
        procedure: its name.
    """
    own = gold_options(options, plain)
    baseline = runs.Run(Path(own.output_dir))
    length = f"{own.max_steps} steps" if own.max_steps else f"{own.epochs:g} epochs"
    run.note(f"undistilled student: the same options and seed on gold alone, {length}, in {FOLDER}/")
    set_seed(own.seed)
    learn(own, baseline, rows=runs.gold_rows(baseline, corpus))
    run.metrics["baseline"] = {name: baseline.metrics[name] for name in _KEPT}
    for name, split in baseline.splits.items():
        run.metrics["baseline"][name] = copy.deepcopy(baseline.metrics[name])
        run.splits[name].readings["baseline"] = split.readings["student"]
    run.readers["baseline"] = baseline.readers["student"]
    run.curves["baseline"] = baseline.curves["student"]
    runs.write_run(own, baseline, procedure)


def gold_options(options: Any, plain: type[Any]) -> Any:
    """The options of the procedure without a teacher that repeat the undistilled student."""
    values: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(plain)}
    values |= {"output_dir": str(Path(options.output_dir) / FOLDER), "overwrite_output_dir": False}
    if options.epochs == type(options).epochs:  # with raw text they are fewer, for each is longer
        values["epochs"] = plain.epochs
    return plain(**values)
