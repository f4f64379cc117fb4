"""In which order training rows are read."""

import os
from typing import Any

import numpy as np

from nlparch.batches import MixedLengthSampler, StagedSampler
from nlparch.data.sentences import sentence_lengths
from nlparch.errors import UserError
from nlparch.training import TrainingPlan


def choose_sampler(options: Any, plan: TrainingPlan, rows: Any) -> MixedLengthSampler | StagedSampler:
    """The order that the options ask for; rows without gold are mixed with gold ones unless they say otherwise.

    Raises:
        UserError: If the rows lack what the order is about.
    """
    lengths = sentence_lengths(rows["words"])
    has_gold = np.fromiter((tags is not None for tags in rows["tags"]), dtype=np.bool_, count=len(lengths))
    common: Any = {"batch_size": plan.batch_size, "seed": plan.seed}
    if getattr(options, "schedule", "joint") == "staged":
        if has_gold.all() or not has_gold.any():
            raise UserError("--schedule staged needs sentences with gold tags and without; one kind is missing")
        n_total = _rows_to_read(plan, len(lengths))
        return StagedSampler(lengths, has_gold, n_total=n_total, gold_share=options.gold_share, **common)
    ratio = getattr(options, "unlabeled_ratio", None)
    sampler = MixedLengthSampler(lengths, has_gold, unlabeled_ratio=ratio, **common)
    if not len(sampler):
        raise UserError("--unlabeled_ratio is per gold sentence, and there is none to train on; leave it out")
    return sampler


def _rows_to_read(plan: TrainingPlan, n_rows: int) -> int:
    """Rows that the whole training reads, by all processes together."""
    if plan.max_steps <= 0:
        return round(plan.epochs * n_rows)
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    return plan.max_steps * plan.batch_size * plan.gradient_accumulation * n_processes
