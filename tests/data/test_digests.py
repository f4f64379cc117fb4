import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.digests import DigestSet, digest_letters, digest_sentences

chunks = st.lists(st.lists(st.integers(0, 30).map(lambda number: number * 2**59), max_size=12), max_size=6)


def as_digests(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, dtype=np.uint64)


@given(chunks)
def test_a_digest_is_new_once(parts: list[list[int]]) -> None:
    digests, slow = DigestSet(), set[int]()
    for part in parts:
        expected = []
        for number in part:
            expected.append(number not in slow)
            slow.add(number)
        assert digests.add(as_digests(part)).tolist() == expected
    assert len(digests) == len(slow)
    everything = as_digests([number * 2**59 for number in range(31)])
    assert digests.contains(everything).tolist() == [int(number) in slow for number in everything]


def test_digests_at_both_ends_and_at_the_bounds_of_shelves_are_found() -> None:
    numbers = as_digests([0, 2**64 - 1, 2**58, 2**58 - 1, 2**63])
    digests = DigestSet(numbers)
    assert digests.contains(numbers).all() and not digests.add(numbers).any()


def test_a_set_takes_eight_bytes_a_digest() -> None:
    random = np.random.default_rng(0)
    digests = DigestSet()
    for _ in range(20):
        digests.add(random.integers(0, 2**64, 5000, dtype=np.uint64))
    assert digests.nbytes == 8 * len(digests) == 8 * 20 * 5000


def test_sentences_of_the_same_words_have_the_same_digest_and_no_others() -> None:
    sentences = [["a", "b"], ["a b"], ["ab"], ["b", "a"], ["A", "b"], ["\ud800"]]
    found = digest_sentences(sentences)
    assert len(set(found.tolist())) == len(sentences)
    assert digest_sentences([("a", "b")]).tolist() == found[:1].tolist()
    assert len(digest_sentences([])) == 0


def test_letters_are_the_same_wherever_words_end_and_however_they_are_capitalised() -> None:
    same = [["don't", "GO", "!"], ["do", "n't", "go!"], ["don't go !"]]
    assert len(set(digest_letters(same).tolist())) == 1
    assert len(set(digest_letters([*same, ["don't", "go"]]).tolist())) == 2
