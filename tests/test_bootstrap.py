import numpy as np
import pytest
import scipy.stats

from nlparch.bootstrap import interval, paired_difference, resampled_f1
from nlparch.counts import count_items
from nlparch.metrics import score_tags

TAGS = ("O", "O", "O", "B-X", "B-Y")


def sentences(n, seed, share_right=0.0, gold=None):
    random = np.random.default_rng(seed)
    drawn = [[str(tag) for tag in random.choice(TAGS, 5)] for _ in range(n)]
    if gold is None:
        return drawn
    return [
        [right if random.random() < share_right else other for right, other in zip(*pair, strict=True)]
        for pair in zip(gold, drawn, strict=True)
    ]


def test_a_resample_scores_what_seqeval_scores_on_the_sentences_that_were_drawn():
    gold = sentences(9, 0)
    predicted = sentences(9, 1, 0.7, gold)
    counts = count_items(gold, predicted, scheme="IOB2")
    values = resampled_f1(counts, n_resamples=20, seed=4)
    assert values.shape == (20, 3)
    random = np.random.default_rng(4)
    for drawn, row in zip(random.integers(0, 9, (20, 9)), values, strict=True):
        scores = score_tags([gold[i] for i in drawn], [predicted[i] for i in drawn], scheme="IOB2")
        assert row[-1] == pytest.approx(scores["f1"])
        assert row[0] == pytest.approx(scores["per_type"]["X"]["f1"])


def test_the_interval_is_that_of_scipys_percentile_bootstrap():
    gold = sentences(300, 0)
    counts = count_items(gold, sentences(300, 1, 0.6, gold), scheme="IOB2")
    right, total = counts.right.sum(1), (counts.gold + counts.found).sum(1)
    theirs = scipy.stats.bootstrap(
        (right, total), lambda a, b, axis: 2 * a.sum(axis) / b.sum(axis), paired=True, vectorized=True,
        n_resamples=4000, method="percentile", rng=np.random.default_rng(1),
    )  # fmt: skip
    ours = interval(resampled_f1(counts, n_resamples=4000)[:, -1])
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.006)


def test_many_sentences_are_drawn_in_chunks_without_changing_a_score(monkeypatch):
    gold = sentences(50, 0)
    counts = count_items(gold, sentences(50, 1, 0.6, gold), scheme="IOB2")
    whole = resampled_f1(counts)
    monkeypatch.setattr("nlparch.bootstrap._DRAWS_AT_ONCE", 170)
    np.testing.assert_array_equal(resampled_f1(counts), whole)


def test_the_difference_of_two_models_is_paired():
    gold = sentences(200, 0)
    good, better = sentences(200, 1, 0.6, gold), sentences(200, 1, 0.7, gold)
    one, other = (count_items(gold, tags, scheme="IOB2") for tags in (better, good))
    found = paired_difference(one, other)
    scores = [score_tags(gold, tags, scheme="IOB2")["f1"] for tags in (better, good)]
    assert found.value == pytest.approx(scores[0] - scores[1])
    drawn = resampled_f1(one)[:, -1] - resampled_f1(other)[:, -1]
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    assert 0 < found.interval[0] < found.value < found.interval[1] and found.p < 0.01
    back = paired_difference(other, one)
    assert (back.value, back.p) == (pytest.approx(-found.value), found.p)


def test_a_model_does_not_differ_from_itself():
    gold = sentences(30, 0)
    counts = count_items(gold, sentences(30, 1, 0.6, gold), scheme="IOB2")
    found = paired_difference(counts, counts)
    assert (found.value, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_chance_makes_small_p_as_rarely_as_it_says():
    """Two models of the same worth: p is below 0.1 in about a tenth of all test sets."""
    small = 0
    for seed in range(120):
        gold = sentences(60, 3 * seed)
        one, other = (sentences(60, 3 * seed + k, 0.6, gold) for k in (1, 2))
        pair = [count_items(gold, tags, scheme="IOB2") for tags in (one, other)]
        small += paired_difference(*pair, n_resamples=200).p < 0.1
    assert 3 <= small <= 25


def test_what_is_undefined_has_no_interval():
    nothing = count_items([["O"], ["O"]], [["O"], ["O"]], scheme="IOB2")
    assert interval(resampled_f1(nothing)[:, -1]) is None and paired_difference(nothing, nothing) is None
    empty = count_items([], [], scheme="IOB2")
    assert interval(resampled_f1(empty)[:, -1]) is None
