"""What a teacher's outputs make of rows without gold, told before the student learns from them."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from nlparch.batches import pad_logits
from nlparch.data.labels import LabelMatch
from nlparch.distill.cache import StoredOutputs
from nlparch.distill.objectives import OneLabel

from .runs import Run

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
"""Rows that are looked at, evenly spaced."""
_ROWS_TOGETHER = 64


def note_accepted(
    run: Run, model: Any, gold: Iterable[Any], outputs: StoredOutputs, match: LabelMatch, *, items: str, unit: str
) -> None:
    """Notes how many pseudo-labels are sure enough to be learnt from, where there is a threshold.

    Args:
        run: takes the note.
        model: the student, with its lesson.
        gold: of each row; None where there is none.
        outputs: the teacher's, of each row.
        match: how the teacher's labels become the student's.
        items: what has a pseudo-label, in words.
        unit: what a row is, in words.
    """
    without_gold = np.flatnonzero(np.fromiter((value is None for value in gold), dtype=np.bool_, count=len(outputs)))
    if not model.distillation.min_confidence or not len(without_gold):
        return
    rows = _evenly(without_gold)
    accepted, seen, whole = _count(model, rows, outputs, match)
    which = f"{len(without_gold):,}" if len(rows) == len(without_gold) else f"{len(rows):,} of {len(without_gold):,}"
    share = "none to accept" if not seen else f"{accepted / seen:.1%} of {seen:,} {items} accepted"
    if model.distillation.confidence_level == "sentence":
        share += f", all of {whole / len(rows):.1%} of {unit}"
    run.note(f"pseudo-labels of {which} {unit} without gold: {share}")


def warn_of_silence(run: Run, model: Any, outputs: StoredOutputs, match: LabelMatch, *, items: str) -> None:
    """Warns where the teacher says nothing but O, or the same, of all the rows that the student is to learn from.

    Args:
        run: takes the note.
        model: the student.
        outputs: the teacher's, of each row.
        match: how the teacher's labels become the student's.
        items: what has a label, in words.
    """
    said: set[Any] = set()
    for row in range(len(outputs)):
        logits = match.apply(outputs[row])
        seen = logits[~np.isnan(logits[:, 0])]
        # What several labels are is all of their logits: the likeliest may well be the same in every text.
        has_one = isinstance(model.objective, OneLabel)
        said.update(seen.argmax(-1).tolist() if has_one else map(tuple, seen.round(1).tolist()))
        if len(said) > 1 or (said and model.outside_label not in (None, *said)):
            return
    what = "the same" if model.outside_label is None else "nothing but O"
    warning = (
        f"the teacher says {what} of all {items} of the training rows: the student can learn nothing else of it; is it "
        "the right teacher for this text and --label_map?"
    )
    logger.warning("%s", warning)
    run.notes.append(warning)


def _evenly(rows: np.ndarray) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).round().astype(np.int64)]


def _count(model: Any, rows: np.ndarray, outputs: StoredOutputs, match: LabelMatch) -> tuple[int, int, int]:
    """Accepted items, items that the teacher has outputs for, and rows all of whose items are accepted."""
    accepted = seen = whole = 0
    by_length = sorted(rows.tolist(), key=lambda row: len(outputs[row]))
    for begin in range(0, len(by_length), _ROWS_TOGETHER):
        logits = [outputs[row] for row in by_length[begin : begin + _ROWS_TOGETHER]]
        batch = torch.from_numpy(match.apply(pad_logits(logits, max(map(len, logits)))))
        labels = model.objective.unlabelled(batch)
        filled = model.hard_labels(labels, batch, torch.zeros(len(logits), dtype=torch.bool))
        is_accepted, is_seen = model.objective.labelled(filled), model.objective.seen(batch)
        accepted += int(is_accepted.sum())
        seen += int(is_seen.sum())
        whole += int((is_accepted == is_seen).flatten(1).all(1).sum())
    return accepted, seen, whole
