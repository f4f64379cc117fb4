import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.counts import count_items, f1
from nlparch.metrics import score_tags

SPAN_TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y")


@st.composite
def tagged(draw, tags):
    """Gold and predicted tags of a few sentences."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6))
    one = [[draw(st.sampled_from(tags)) for _ in range(n)] for n in lengths]
    return one, [[draw(st.sampled_from(tags)) for _ in range(n)] for n in lengths]


def score(counts):
    value = float(f1(counts.right.sum(), (counts.gold + counts.found).sum()))
    return None if np.isnan(value) else value


@given(tagged(SPAN_TAGS))
def test_the_counts_of_spans_sum_up_to_the_scores_of_seqeval(pair):
    gold, predicted = pair
    counts, scores = count_items(gold, predicted, scheme="IOB2"), score_tags(gold, predicted, scheme="IOB2")
    assert score(counts) == pytest.approx(scores["f1"])
    assert dict(zip(counts.groups, counts.gold.sum(0), strict=True)) == {
        type_: row["support"] for type_, row in scores["per_type"].items()
    }
    by_type = f1(counts.right.sum(0), (counts.gold + counts.found).sum(0))
    assert by_type.tolist() == pytest.approx([scores["per_type"][type_]["f1"] for type_ in counts.groups])


@given(tagged(("A", "B", "O")))
def test_the_f1_of_plain_tags_is_their_accuracy(pair):
    gold, predicted = pair
    counts = count_items(gold, predicted, scheme="plain")
    assert score(counts) == pytest.approx(score_tags(gold, predicted, scheme="plain")["accuracy"])
    assert counts.gold.sum(1).tolist() == [len(tags) for tags in gold]


def test_items_may_be_grouped_otherwise():
    counts = count_items(
        [["B-X", "O", "B-Y"]], [["B-X", "O", "O"]], scheme="IOB2", groups=("late", "early"),
        group_of=lambda row, item: "early" if item[1] == 0 else "late",
    )  # fmt: skip
    assert counts.groups == ("late", "early")
    assert (counts.gold.tolist(), counts.found.tolist(), counts.right.tolist()) == ([[1, 1]], [[0, 1]], [[0, 1]])


def test_sentences_without_items_count_nothing():
    counts = count_items([["O"], []], [["O"], []], scheme="IOB2")
    assert counts.groups == () and counts.right.shape == (2, 0) and score(counts) is None
