import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.subsets import take_part
from nlparch.data.tables import Rows
from nlparch.errors import UserError


def rows(n):
    return Rows([[f"w{index}"] for index in range(n)], [["O"] for _ in range(n)])


def taken(n, fraction=1.0, n_examples=0, seed=0):
    part = take_part(rows(n), fraction=fraction, n_examples=n_examples, seed=seed, notes=[])
    return [int(word[1:]) for (word,) in part.words]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_a_part_has_the_size_asked_for_and_keeps_the_order(n, n_examples, seed):
    n_examples = min(n, n_examples)
    part = taken(n, n_examples=n_examples, seed=seed)
    assert len(part) == n_examples and part == sorted(set(part)) and set(part) <= set(range(n))
    assert part == taken(n, n_examples=n_examples, seed=seed)


def test_a_smaller_part_lies_within_a_larger_one_and_another_seed_draws_another():
    assert set(taken(100, n_examples=10)) < set(taken(100, n_examples=11)) < set(taken(100, fraction=0.5))
    assert taken(100, n_examples=10) != taken(100, n_examples=10, seed=1)
    assert len(taken(100, fraction=0.5)) == 50 and len(taken(100, fraction=0.001)) == 1


def test_all_are_kept_without_a_word_unless_a_part_is_asked_for():
    notes = []
    train = rows(5)
    assert take_part(train, fraction=1.0, n_examples=0, seed=0, notes=notes) is train and not notes
    take_part(train, fraction=0.4, n_examples=0, seed=7, notes=notes)
    assert notes == ["train: 2 of 5 sentences taken, drawn at random with seed 7; the others dropped"]


def test_more_than_there_are_is_refused():
    with pytest.raises(UserError, match="--train_examples must be at most the 5 sentences of train, got 6"):
        taken(5, n_examples=6)
