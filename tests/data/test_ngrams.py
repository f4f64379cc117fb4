import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.features import build_features
from nlparch.data.ngrams import checksum, ngram_ids, pair_ids


def test_n_grams_stand_between_the_marks_of_a_word_s_ends() -> None:
    wanted = [checksum(part) % 50 + 1 for part in ("<ab", "ab>", "<ab>")]
    assert ngram_ids("ab", n_buckets=50) == wanted
    assert ngram_ids("", n_buckets=50) == [] and len(ngram_ids("a", n_buckets=50)) == 1


@given(st.lists(st.lists(st.text(max_size=3), max_size=4), min_size=1, max_size=4))
def test_pairs_depend_on_both_words_and_nothing_else(sentences: list[list[str]]) -> None:
    features, _ = build_features([["a"]], n_word_buckets=9, n_pair_buckets=1000)
    ids = features.pair_ids(sentences)
    for row, words in zip(ids, sentences, strict=True):
        alone = features.pair_ids([words])[0]
        assert row[: len(words)].tolist() == alone[: len(words)].tolist() and not row[len(words) :].any()
        assert all(1 <= value <= 1000 for value in row[: len(words)])
        for place in range(1, len(words)):
            pair = features.pair_ids([["x", words[place - 1], words[place]]])[0]
            assert row[place] == pair[2]


def test_pairs_fill_their_buckets_evenly_and_know_the_order() -> None:
    random = np.random.default_rng(0)
    sums = random.integers(0, 2**32, (1, 40_000)).astype(np.uint64)
    counts = np.bincount(pair_ids(sums, n_buckets=200)[0] - 1, minlength=200)
    assert counts.min() > 120 and counts.max() < 290
    few = np.array([[7, 8, 7]], dtype=np.uint64)
    first, second, third = pair_ids(few, n_buckets=10**9)[0].tolist()
    assert len({first, second, third}) == 3


def test_n_grams_of_a_batch_are_those_of_each_form_as_normalised() -> None:
    features, _ = build_features([["Ann", "flew"]], n_word_buckets=9, n_ngram_buckets=77)
    batch = features.encode([["Ann", "x", "2019"], ["Ann"]])
    assert batch.ngram_ids.shape[0] == 3
    for form, row in zip(("ann", "x", "0000"), batch.ngram_ids, strict=True):
        assert [value for value in row.tolist() if value] == ngram_ids(form, n_buckets=77)
    plain, _ = build_features([["Ann"]])
    assert plain.encode([["Ann"]]).ngram_ids.shape == (1, 0)
