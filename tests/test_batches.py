from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nlparch.batches import MixedLengthSampler, StagedSampler, TaggingCollator, TaggingExamples
from nlparch.data.labels import LabelSet, match_labels
from nlparch.distill.cache import TeacherOutputs


def sampler(lengths: Sequence[int], gold: Sequence[bool], **options: Any) -> MixedLengthSampler:
    return MixedLengthSampler(np.array(lengths), np.array(gold, dtype=bool), **({"batch_size": 4} | options))


corpora = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=700)
ratios = st.sampled_from([None, 0.5, 1.0, 3.0])


@given(corpora, ratios, st.integers(0, 3))
def test_an_epoch_has_every_gold_row_once_and_so_many_others(
    corpus: list[tuple[int, bool]], ratio: float | None, epoch: int
) -> None:
    lengths, gold = zip(*corpus, strict=True)
    drawn = sampler(lengths, gold, unlabeled_ratio=ratio)
    drawn.set_epoch(epoch)
    rows = list(drawn)
    n_gold = sum(gold)
    n_other = len(gold) - n_gold
    wanted = n_other if ratio is None else min(n_other, round(ratio * n_gold))
    assert len(rows) == len(set(rows)) == len(drawn) == n_gold + wanted
    assert {row for row in rows if gold[row]} == {row for row, has_gold in enumerate(gold) if has_gold}


@given(corpora, st.integers(1, 5))
def test_an_epoch_depends_on_the_seed_and_its_number_alone(corpus: list[tuple[int, bool]], epoch: int) -> None:
    lengths, gold = zip(*corpus, strict=True)
    fresh, used = (sampler(lengths, gold, unlabeled_ratio=0.5) for _ in range(2))
    for earlier in range(epoch):
        used.set_epoch(earlier)
        list(used)
    for each in (fresh, used):
        each.set_epoch(epoch)
    assert list(fresh) == list(used) == list(used)


def test_epochs_and_seeds_differ() -> None:
    random = np.random.default_rng(0)
    lengths, gold = random.integers(1, 50, 400), random.random(400) < 0.3
    orders = []
    for seed, epoch in ((1, 0), (1, 1), (2, 0), (2, 1)):
        drawn = sampler(lengths, gold, seed=seed, unlabeled_ratio=1.0)
        drawn.set_epoch(epoch)
        orders.append(tuple(drawn))
    assert len(set(orders)) == 4
    others = [{row for row in order if not gold[row]} for order in orders]
    assert others[0] != others[1], "rows without gold are drawn anew each epoch"


def test_rows_of_like_length_stand_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 3210)
    drawn = sampler(lengths, [True] * 3210, batch_size=16)
    rows = list(drawn)
    batches = [rows[begin : begin + 16] for begin in range(0, len(rows), 16)]
    waste = 1 - lengths.sum() / sum(len(batch) * lengths[batch].max() for batch in batches)
    assert waste < 0.05
    longest = [int(lengths[batch].max()) for batch in batches]
    assert longest != sorted(longest), "the order of the batches is drawn"


def test_only_the_last_batch_is_short() -> None:
    rows = list(sampler(range(1, 812), [True] * 811, batch_size=4))
    assert len(rows) == 811
    lengths = [row + 1 for row in rows]
    for begin in range(0, 808, 4):
        batch = lengths[begin : begin + 4]
        assert batch == sorted(batch), "as the data loader cuts them, batches are whole"


def test_a_corpus_without_rows_has_an_empty_epoch() -> None:
    assert list(sampler([], [])) == []
    assert list(sampler([3, 4], [False, False], unlabeled_ratio=0.5)) == []


def staged(gold: Sequence[bool], n_total: int, share: float, *, batch_size: int = 4, seed: int = 42) -> StagedSampler:
    lengths = np.random.default_rng(0).integers(1, 60, len(gold))
    return StagedSampler(
        lengths, np.array(gold), batch_size=batch_size, n_total=n_total, gold_share=share, seed=seed
    )  # fmt: skip


def read(drawn: StagedSampler, n_epochs: int) -> list[int]:
    rows = []
    for epoch in range(n_epochs):
        drawn.set_epoch(epoch)
        rows.append(list(drawn))
        assert len(rows[-1]) == len(drawn), "epochs are as long as there are rows"
    return [row for epoch_rows in rows for row in epoch_rows]


halves = st.tuples(st.integers(1, 300), st.integers(1, 300)).map(lambda n: [True] * n[0] + [False] * n[1])


@given(halves, st.integers(1, 5), st.floats(0.01, 0.99), st.integers(1, 9))
def test_rows_without_gold_are_read_first_and_the_share_of_the_others_last(
    gold: list[bool], n_epochs: int, share: float, batch_size: int
) -> None:
    rows = read(staged(gold, n_epochs * len(gold), share, batch_size=batch_size), n_epochs)
    has_gold = [gold[row] for row in rows]
    n_before = has_gold.index(True) if True in has_gold else len(rows)
    assert all(has_gold[n_before:]), "once gold is reached, nothing else is read"
    assert abs(n_before - (1 - share) * len(rows)) <= batch_size
    in_epoch = n_before % len(gold)
    assert in_epoch % batch_size == 0, "the stages change between two batches"


@given(halves, st.floats(0.1, 0.9))
def test_each_stage_reads_its_rows_evenly_within_an_epoch(gold: list[bool], share: float) -> None:
    rows = read(staged(gold, len(gold), share), 1)
    for kind in (True, False):
        counts = [rows.count(row) for row, is_gold in enumerate(gold) if is_gold == kind]
        assert max(counts) - min(counts) <= 1


def test_staged_epochs_depend_on_the_seed_and_their_number_alone() -> None:
    gold = [True] * 40 + [False] * 160
    whole, late = staged(gold, 800, 0.3), staged(gold, 800, 0.3)
    read(whole, 3)
    for drawn in (whole, late):
        drawn.set_epoch(2)
    assert list(whole) == list(late) == list(late)
    other = staged(gold, 800, 0.3, seed=7)
    other.set_epoch(2)
    assert list(other) != list(late)


def test_staged_rows_of_like_length_stand_together() -> None:
    drawn = staged([True] * 500 + [False] * 1500, 2000, 0.5)
    lengths = np.random.default_rng(0).integers(1, 60, 2000)
    rows = read(drawn, 1)
    batches = [lengths[rows[begin : begin + 4]] for begin in range(0, len(rows), 4)]
    assert 1 - lengths[rows].sum() / sum(len(batch) * batch.max() for batch in batches) < 0.1


# Examples and batches


def table(**columns: Any) -> Any:
    import datasets

    return datasets.Dataset.from_dict(columns)


LABELS = LabelSet(("B-X", "I-X", "O"), "IOB2")


def outputs(lengths: Sequence[int], n_labels: int = 3) -> TeacherOutputs:
    starts = np.cumsum([0, *lengths])
    values = np.arange(starts[-1] * n_labels, dtype=np.float16).reshape(-1, n_labels)
    return TeacherOutputs(values, starts[:-1], np.diff(starts))


def test_examples_hold_labels_and_the_teacher_s_outputs_of_their_own_row() -> None:
    rows = table(words=[["a"], ["b", "c"]], tags=[["O"], ["B-X", "B-NEW"]])
    examples = TaggingExamples(rows, LABELS, outputs([1, 2]))
    assert len(examples) == 2
    one = examples[1]
    assert one["words"] == ["b", "c"] and one["labels"] == [0, -100]
    assert one["teacher_logits"].tolist() == [[3, 4, 5], [6, 7, 8]]
    both = examples.__getitems__([1, 0])
    assert [example["words"] for example in both] == [["b", "c"], ["a"]]
    assert both[1]["teacher_logits"].tolist() == [[0, 1, 2]]


def test_rows_without_tags_have_no_labels() -> None:
    examples = TaggingExamples(table(words=[["a"], ["b"]], tags=[None, ["O"]]), LABELS)
    assert [example["labels"] for example in examples.__getitems__([0, 1])] == [None, [2]]
    assert TaggingExamples(table(words=[["a"]]), LABELS)[0]["labels"] is None


def test_outputs_for_another_corpus_are_refused() -> None:
    with pytest.raises(ValueError, match="outputs for every row, got 2 for 1 rows"):
        TaggingExamples(table(words=[["a"]]), LABELS, outputs([1, 1]))


def test_batches_are_padded_with_what_no_loss_sees(new_tagger: Any) -> None:
    model = new_tagger()
    examples = [
        {"words": ["Ann", "Lee"], "labels": [1, 3], "teacher_logits": np.full((2, 5), 2, np.float16)},
        {"words": ["Oslo"], "labels": None, "teacher_logits": np.full((1, 5), 3, np.float16)},
    ]
    batch = TaggingCollator(model, match_labels(model.label_set.tags, ()))(examples)
    assert batch["labels"].tolist() == [[1, 3], [-100, -100]]
    assert batch["has_gold"].tolist() == [True, False]
    assert batch["teacher_logits"].dtype == torch.float32
    assert batch["teacher_logits"][1, 0].eq(3).all() and batch["teacher_logits"][1, 1].isnan().all()
    assert batch["mask"].tolist() == [[True, True], [True, False]]
    alone = TaggingCollator(model)(examples)
    assert "teacher_logits" not in alone and "has_gold" not in alone


def test_teacher_labels_are_put_in_the_student_s_order(new_tagger: Any) -> None:
    model = new_tagger(["A", "B", "C"])
    match = match_labels(["C", "X", "A", "B"], ["A", "B", "C"], {"X": "A"})
    logits = np.array([[1.0, 2.0, 3.0, 4.0], [np.nan] * 4], np.float16)
    batch = TaggingCollator(model, match)([{"words": ["a", "b"], "labels": None, "teacher_logits": logits}])
    order = list(match.tags)
    row = batch["teacher_logits"][0, 0]
    assert row[order.index("A")].item() == pytest.approx(np.logaddexp(2, 3), abs=1e-3)
    assert [row[order.index("B")].item(), row[order.index("C")].item()] == [4, 1]
    assert batch["teacher_logits"][0, 1].isnan().all()
