from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.augmentation import (
    DEFAULT_MASK,
    LONGEST_NGRAM,
    Augmenter,
    Unigrams,
    find_mentions,
    outside_words,
    replace_mentions,
    replace_words,
    sample_ngram,
)
from nlparch.data.labels import Scheme, convert, spans
from nlparch.data.words import make_splitter

WORDS = ["Ann", "Lee", "flew", "to", "New", "Delhi", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"]
CORPUS = [(WORDS, TAGS), (["Dee", "sat", "in", "Oslo"], ["B-PER", "O", "O", "B-LOC"])]
SENTENCES, ROWS = [words for words, _ in CORPUS], [tags for _, tags in CORPUS]

lengths = st.integers(1, 12)


def new(**given: object) -> Augmenter:
    settings = dict(
        kinds=("mask", "swap", "ngram", "mention"),
        unigrams=Unigrams(SENTENCES),
        outside=Unigrams(outside_words(SENTENCES, ROWS)),
        mentions=find_mentions(SENTENCES, ROWS),
    )
    return Augmenter(**(settings | given))  # type: ignore[arg-type]


def test_words_are_drawn_as_often_as_they_occur() -> None:
    drawn = Unigrams([["a", "b"], ["a", "a"]]).draw(4000, Random(0))
    assert set(drawn) == {"a", "b"} and drawn.count("a") == pytest.approx(3000, abs=100)
    assert Unigrams([]).draw(3, Random(0)) == []


@given(lengths, st.sets(st.integers(0, 11)), st.integers(0, 99))
def test_a_fifth_of_the_words_is_replaced_one_at_least_and_none_that_is_to_stay(
    n: int, keep: set[int], seed: int
) -> None:
    replaced = replace_words(["a"] * n, lambda some: ["x"] * len(some), Random(seed), keep=keep)
    n_free = n - len(keep & set(range(n)))
    assert len(replaced) == n and replaced.count("x") == min(n_free, max(1, round(0.2 * n_free)))
    assert all(replaced[place] == "a" for place in keep if place < n)


@given(lengths, st.integers(0, 999))
def test_an_ngram_has_one_to_five_words_of_the_sentence(n: int, seed: int) -> None:
    begin, end = sample_ngram(n, Random(seed))
    assert 0 <= begin < end <= n and end - begin <= LONGEST_NGRAM


def test_every_length_and_place_of_an_ngram_is_drawn() -> None:
    random = Random(0)
    drawn = {sample_ngram(6, random) for _ in range(2000)}
    assert drawn == {(begin, begin + n) for n in range(1, 6) for begin in range(7 - n)}


@given(st.integers(0, 999))
def test_an_ngram_cuts_no_mention_in_two(seed: int) -> None:
    found = spans(TAGS)
    begin, end = sample_ngram(len(WORDS), Random(seed), whole=found)
    assert not [one for one in found if one[1] < begin < one[2] or one[1] < end < one[2]]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
@given(seed=st.integers(0, 99))
def test_mentions_are_replaced_by_others_of_their_type_in_the_same_scheme(scheme: Scheme, seed: int) -> None:
    tags = convert(TAGS, source="IOB2", target=scheme)[0]
    mentions = {"PER": [("Dee",), ("Bo", "van", "Wie")], "LOC": [("Oslo",)]}
    words, new_tags = replace_mentions(WORDS, tags, Random(seed), mentions=mentions, scheme=scheme)
    (_, one, after), (_, first, last) = spans(new_tags)
    assert [type_ for type_, _, _ in spans(new_tags)] == ["PER", "LOC"]
    assert tuple(words[one:after]) in mentions["PER"] and words[first:last] == ["Oslo"]
    assert words[after:first] == ["flew", "to"] and words[last:] == ["."]
    assert convert(new_tags, source=scheme, target=scheme) == (new_tags, 0)


def test_a_type_without_other_mentions_keeps_its_own() -> None:
    assert replace_mentions(WORDS, TAGS, Random(0), mentions={}, scheme="IOB2") == (WORDS, TAGS)


def test_mentions_are_found_once_by_type() -> None:
    found = find_mentions([*SENTENCES, ["Oslo"], ["x"]], [*ROWS, ["B-LOC"], None])
    assert found == {"PER": [("Ann", "Lee"), ("Dee",)], "LOC": [("New", "Delhi"), ("Oslo",)]}
    assert list(outside_words([*SENTENCES, ["x"]], [*ROWS, None])) == [["flew", "to", "."], ["sat", "in"], ["x"]]


@pytest.mark.parametrize("kind", ["mask", "swap"])
@given(seed=st.integers(0, 99))
def test_words_of_the_context_are_changed_and_mentions_are_not(kind: str, seed: int) -> None:
    words, tags = new(kinds=(kind,)).augment(WORDS, TAGS, Random(seed))
    assert tags == TAGS and len(words) == len(WORDS)
    assert (words[:2], words[4:6]) == (["Ann", "Lee"], ["New", "Delhi"])
    source = {DEFAULT_MASK} if kind == "mask" else {"flew", "to", ".", "sat", "in"}
    changed = [word for word, old in zip(words, WORDS, strict=True) if word != old]
    assert set(changed) <= source and len(changed) == 1 or kind == "swap"


@given(seed=st.integers(0, 99))
def test_two_fifths_of_the_words_give_way_to_similar_ones_where_there_are_some(seed: int) -> None:
    near = {"flew": ["ran", "went"], "Ann": ["Bo"], "voyage": ["trip"]}
    words, tags = new(kinds=("similar",), neighbours=near).augment(WORDS, TAGS, Random(seed))
    assert tags == TAGS and words[:2] == ["Ann", "Lee"], "mentions stay"
    assert words[2] in ("flew", "ran", "went") and words[3:] == WORDS[3:]
    text = new(kinds=("similar",), neighbours=near).augment_text("Bon  voyage!", make_splitter("words"), Random(seed))
    assert text in ("Bon  voyage!", "Bon  trip!")
    many = new(kinds=("similar",), neighbours={"a": ["b"]}).augment(["a"] * 20, None, Random(seed))[0]
    assert many.count("b") == 8


@given(seed=st.integers(0, 99))
def test_sentences_without_tags_are_changed_anywhere_and_have_no_mentions(seed: int) -> None:
    words, tags = new(kinds=("mask", "mention"), mask_word="<mask>").augment(WORDS, None, Random(seed))
    assert tags is None and words.count("<mask>") == 1
    assert new(kinds=("mention",)).augment(WORDS, None, Random(seed)) == (WORDS, None)


@given(seed=st.integers(0, 99))
def test_tags_stay_with_their_words(seed: int) -> None:
    words, tags = new(kinds=("ngram",)).augment(WORDS, TAGS, Random(seed))
    assert tags is not None and (words, tags) in [
        (WORDS[begin:end], TAGS[begin:end]) for end in range(8) for begin in range(end)
    ]
    assert {type_ for type_, _, _ in spans(tags)} <= {"PER", "LOC"}


def test_the_same_seed_makes_the_same_sentences_and_every_kind_is_drawn() -> None:
    def make(seed: int) -> list[tuple[list[str], list[str] | None]]:
        random = Random(seed)
        return [new().augment(*CORPUS[number % 2], random) for number in range(60)]

    assert make(1) == make(1) != make(2)
    flat = [words for words, _ in make(1)]
    assert any(DEFAULT_MASK in words for words in flat) and any(len(words) < 3 for words in flat)
    assert any("flew" in words and "Dee" in words for words in flat)


def test_texts_keep_what_stands_between_their_words() -> None:
    split, text = make_splitter("words"), " Bon  voyage,\nmy friend! "
    masked = {new(kinds=("mask",)).augment_text(text, split, Random(seed)) for seed in range(99)}
    assert masked == {text.replace(word, DEFAULT_MASK, 1) for word in ("Bon", "voyage", ",", "my", "friend", "!")}
    swapped = new(kinds=("swap",), unigrams=Unigrams([["oh"]])).augment_text(text, split, Random(0))
    assert "oh" in swapped and "\n" in swapped
    ngrams = {new(kinds=("ngram",)).augment_text(text, split, Random(seed)) for seed in range(99)}
    assert "voyage,\nmy" in ngrams and all(isinstance(part, str) and part in text for part in ngrams)


def test_texts_without_words_or_kinds_stay() -> None:
    split = make_splitter("words")
    assert new().augment_text("  ", split, Random(0)) == "  "
    assert new(kinds=("mention",)).augment_text("a b", split, Random(0)) == "a b"


def test_of_a_pair_one_text_or_both_are_changed() -> None:
    split, pair = make_splitter("words"), ("a b c", "d e f")
    augmenter = new(kinds=("mask",))
    found = [augmenter.augment_text(pair, split, Random(seed)) for seed in range(60)]
    changed = {tuple(one != old for one, old in zip(made, pair, strict=True)) for made in found}
    assert changed == {(True, False), (False, True), (True, True)}
