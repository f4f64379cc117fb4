from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nlparch.batches import MixedLengthSampler, StagedSampler
from nlparch.errors import UserError
from nlparch.procedures.order import choose_sampler, length_notes
from nlparch.training import TrainingPlan

STAGED = SimpleNamespace(schedule="staged", gold_share=0.25, unlabeled_ratio=None)


def choose(options: Any, plan: TrainingPlan, n_gold: int, n_raw: int) -> MixedLengthSampler | StagedSampler:
    gold = [["O", "O"]] * n_gold + [None] * n_raw
    return choose_sampler(options, plan, np.full(len(gold), 2), gold, unit="sentences")


def plan(**values: Any) -> TrainingPlan:
    return TrainingPlan(output_dir=Path("x"), **({"epochs": 4.0, "batch_size": 2, "lr": 0.1} | values))


def gold_places(sampler: StagedSampler, n_gold: int, n_epochs: int) -> list[int]:
    """At which places of the training gold rows are read."""
    read: list[int] = []
    for epoch in range(n_epochs):
        sampler.set_epoch(epoch)
        read += sampler
    return [place for place, row in enumerate(read) if row < n_gold]


def test_rows_are_mixed_unless_something_else_is_asked_for() -> None:
    for options in (SimpleNamespace(), SimpleNamespace(schedule="joint", unlabeled_ratio=None)):
        sampler = choose(options, plan(), 4, 8)
        assert isinstance(sampler, MixedLengthSampler) and len(sampler) == 12
    assert len(choose(SimpleNamespace(unlabeled_ratio=0.5), plan(), 4, 8)) == 6


def test_gold_has_its_share_of_all_epochs() -> None:
    sampler = choose(STAGED, plan(), 4, 8)
    assert isinstance(sampler, StagedSampler)
    assert gold_places(sampler, 4, 4) == list(range(36, 48))


def test_gold_has_its_share_of_the_steps_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    sampler = choose(STAGED, plan(max_steps=4, gradient_accumulation=3), 4, 8)
    assert isinstance(sampler, StagedSampler)
    assert gold_places(sampler, 4, 4) == list(range(36, 48)), "4 steps of 2 rows, 3 times, on 2 devices"


def test_gold_has_its_share_where_batches_and_steps_do_not_fill_an_epoch() -> None:
    sampler = choose(STAGED, plan(max_steps=40, batch_size=16, gradient_accumulation=3), 6, 61)
    assert isinstance(sampler, StagedSampler)
    # 67 rows are 5 batches, which are 2 steps: 20 epochs.
    assert gold_places(sampler, 6, 20) == list(range(1005, 1340))


@pytest.mark.parametrize(("n_gold", "n_raw"), [(0, 5), (5, 0)])
def test_stages_need_both_kinds_of_rows(n_gold: int, n_raw: int) -> None:
    with pytest.raises(UserError, match="--schedule staged needs sentences with gold and without"):
        choose(STAGED, plan(), n_gold, n_raw)


def test_what_the_training_is_too_short_for_is_told() -> None:
    def told(**values: Any) -> list[str]:
        return length_notes(plan(**values), choose(SimpleNamespace(), plan(), 4, 8))

    # 12 rows are 6 steps an epoch, 24 in all.
    assert told(freeze_epochs=3.8, warmup=0.9) == [] == told(warmup=23)
    assert told(freeze_epochs=3.9) == ["--freeze_epochs 3.9: word vectors never thaw in 24 steps"]
    assert told(freeze_epochs=1, max_steps=3) == ["--freeze_epochs 1: word vectors never thaw in 3 steps"]
    assert told(epochs=0.01) == []
    rising = "the learning rate is still rising at the end, after"
    assert told(warmup=24) == [f"--warmup 24: {rising} 24 steps"]
    assert told(warmup=24, max_steps=3) == [f"--warmup 24: {rising} 3 steps"]
    assert told(warmup=3, epochs=0.55) == [] == told(warmup=24, lr_schedule="constant")
