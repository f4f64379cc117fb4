"""In which order training rows are read."""

import os
from collections.abc import Iterable
from math import ceil
from typing import Any

import numpy as np

from nlparch.batches import MixedLengthSampler, StagedSampler
from nlparch.errors import UserError
from nlparch.training import TrainingPlan


def choose_sampler(
    options: Any, plan: TrainingPlan, lengths: np.ndarray, gold: Iterable[Any], *, unit: str
) -> MixedLengthSampler | StagedSampler:
    """The order that the options ask for; rows without gold are mixed with gold ones unless they say otherwise.

    Args:
        options: of the procedure.
        plan: of the training.
        lengths: of the rows. Shape: (rows,)
        gold: of the rows; None where there is none.
        unit: what a row is.

    Raises:
        UserError: If the rows lack what the order is about.
    """
    has_gold = np.fromiter((value is not None for value in gold), dtype=np.bool_, count=len(lengths))
    common: Any = {"batch_size": plan.batch_size, "seed": plan.seed}
    if getattr(options, "schedule", "joint") == "staged":
        if has_gold.all() or not has_gold.any():
            raise UserError(f"--schedule staged needs {unit} with gold and without; one kind is missing")
        n_total = _rows_to_read(plan, len(lengths))
        return StagedSampler(lengths, has_gold, n_total=n_total, gold_share=options.gold_share, **common)
    ratio = getattr(options, "unlabeled_ratio", None)
    sampler = MixedLengthSampler(lengths, has_gold, unlabeled_ratio=ratio, **common)
    if not len(sampler):
        raise UserError(f"--unlabeled_ratio is per gold row, and there are no {unit} with gold; leave it out")
    if ratio is not None and not sampler.n_drawn:
        raise UserError(f"--unlabeled_ratio {ratio} leaves no raw row; give more, or train without raw text")
    return sampler


def order_notes(options: Any, sampler: MixedLengthSampler | StagedSampler) -> list[str]:
    """What the order makes of the rows, as far as options say something of it."""
    if isinstance(sampler, StagedSampler):
        n_gold = sampler.n_total - sampler.n_before_gold
        return [f"staged: the last {n_gold:,} of {sampler.n_total:,} rows of the training read gold"]
    if getattr(options, "unlabeled_ratio", None) is None:
        return []
    return [f"{sampler.n_drawn:,} of {sampler.n_unlabeled:,} raw rows are drawn for each epoch"]


def length_notes(plan: TrainingPlan, sampler: MixedLengthSampler | StagedSampler) -> list[str]:
    """What never comes to its end, for the training is too short for it."""
    of_epoch = _steps_of_epoch(plan, len(sampler))
    n_steps = plan.max_steps if plan.max_steps > 0 else ceil(plan.epochs * of_epoch)
    notes = []
    # What is frozen is settled before each step.
    if plan.freeze_epochs > (n_steps - 1) / of_epoch:
        notes.append(f"--freeze_epochs {plan.freeze_epochs:g}: word vectors never thaw in {n_steps} steps")
    if plan.warmup >= max(n_steps, 1) and plan.lr_schedule != "constant":
        notes.append(f"--warmup {plan.warmup:g}: the learning rate is still rising at the end, after {n_steps} steps")
    return notes


def _rows_to_read(plan: TrainingPlan, n_rows: int) -> int:
    """Rows that the whole training reads, by all processes together."""
    if plan.max_steps <= 0:
        return round(plan.epochs * n_rows)
    return round(plan.max_steps / _steps_of_epoch(plan, n_rows) * n_rows)


def _steps_of_epoch(plan: TrainingPlan, n_rows: int) -> int:
    # The last batch of an epoch, and its last step, may be short.
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    n_batches = ceil(n_rows / (plan.batch_size * n_processes))
    return ceil(n_batches / plan.gradient_accumulation)
