import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.subsets import keep_part
from nlparch.data.tables import Rows
from nlparch.errors import UserError


def rows(n):
    return Rows([[f"w{index}"] for index in range(n)], [["O"] for _ in range(n)])


def kept(n, fraction=1.0, n_examples=0, seed=0):
    splits = {"train": rows(n), "dev": rows(3)}
    keep_part(splits, fraction=fraction, n_examples=n_examples, seed=seed, notes=[])
    assert splits["dev"] == rows(3)
    return [int(word[1:]) for (word,) in splits["train"].words]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_a_part_has_the_size_asked_for_and_keeps_the_order(n, n_examples, seed):
    n_examples = min(n, n_examples)
    part = kept(n, n_examples=n_examples, seed=seed)
    assert len(part) == n_examples and part == sorted(set(part)) and set(part) <= set(range(n))
    assert part == kept(n, n_examples=n_examples, seed=seed)


def test_a_smaller_part_lies_within_a_larger_one_and_another_seed_draws_another():
    assert set(kept(100, n_examples=10)) < set(kept(100, n_examples=11)) < set(kept(100, fraction=0.5))
    assert kept(100, n_examples=10) != kept(100, n_examples=10, seed=1)
    assert len(kept(100, fraction=0.5)) == 50 and len(kept(100, fraction=0.001)) == 1


def test_all_are_kept_without_a_word_unless_a_part_is_asked_for():
    notes, splits = [], {"train": rows(5)}
    keep_part(splits, fraction=1.0, n_examples=0, seed=0, notes=notes)
    assert splits == {"train": rows(5)} and not notes
    keep_part(splits, fraction=0.4, n_examples=0, seed=7, notes=notes)
    assert notes == ["train: 2 of 5 sentences kept, drawn at random with seed 7; the others dropped"]


def test_more_than_there_are_is_refused():
    with pytest.raises(UserError, match="--train_examples must be at most the 5 sentences of train, got 6"):
        kept(5, n_examples=6)
    with pytest.raises(UserError, match="keep a part of train, and there is none"):
        keep_part({"dev": rows(3)}, fraction=0.5, n_examples=0, seed=0, notes=[])
