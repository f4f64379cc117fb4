import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data import form_counts
from nlparch.data.features import (
    N_AFFIXES,
    SHAPES,
    WordFeatures,
    affix_ids,
    build_features,
    frequent_words,
    normalize_word,
    shape_id,
    shorten,
)
from nlparch.data.form_counts import count_forms
from nlparch.errors import UserError

words = st.text(min_size=1, max_size=12)
sentences = st.lists(st.lists(words, min_size=1, max_size=6), min_size=1, max_size=4)
KNOWN = [["The", "cat", "sat", "in", "1999"], ["the", "Cat", "sat", "in", "2024"], ["zoé"]]


@given(sentences, st.booleans(), st.booleans(), st.integers(2, 8))
def test_a_batch_is_what_each_word_says_by_itself(
    batch: list[list[str]], lowercase: bool, normalize_digits: bool, length: int
) -> None:
    features, _ = build_features(
        batch[:2], lowercase=lowercase, normalize_digits=normalize_digits, max_word_length=length
    )
    found = features.encode(batch)
    longest = max(map(len, batch))
    assert found.mask.tolist() == [[place < len(row) for place in range(longest)] for row in batch]
    for row, sentence in enumerate(batch):
        for place in range(longest):
            if place >= len(sentence):
                assert found.word_ids[row, place] == found.shape_ids[row, place] == found.form_index[row, place] == 0
                continue
            word = sentence[place]
            form = found.form_index[row, place]
            assert found.word_ids[row, place] == features.word_id(word) != 0
            assert found.shape_ids[row, place] == shape_id(word) != 0
            seen = [2 + features.characters.find(character) for character in shorten(word, length)]
            assert found.char_ids[form].tolist() == seen + [0] * (found.char_ids.shape[1] - len(seen))
            assert found.affix_ids[form].tolist() == affix_ids(word, n_buckets=features.n_affix_buckets)
    assert len(found.char_ids) == len({word for sentence in batch for word in sentence}), "a form a distinct word"


@given(sentences)
def test_ids_stay_within_their_tables(batch: list[list[str]]) -> None:
    features, _ = build_features(KNOWN)
    found = features.encode(batch)
    assert found.word_ids.max() < features.n_words and found.char_ids.max() < features.n_characters
    assert found.affix_ids.max() <= features.n_affix_buckets and found.shape_ids.max() < len(SHAPES)


@given(sentences)
def test_what_else_is_in_the_batch_changes_no_word(batch: list[list[str]]) -> None:
    features, _ = build_features(KNOWN)
    whole = features.encode(batch)
    for row, sentence in enumerate(batch):
        alone = features.encode([sentence])
        n = len(sentence)
        assert np.array_equal(whole.word_ids[row, :n], alone.word_ids[0])
        for place in range(n):
            one, other = whole.char_ids[whole.form_index[row, place]], alone.char_ids[alone.form_index[0, place]]
            assert one[one > 0].tolist() == other[other > 0].tolist()


def test_the_vocabulary_is_ordered_by_frequency_then_spelling_whatever_the_order_of_the_text() -> None:
    features, notes = build_features(KNOWN)
    assert features.words == ("0000", "cat", "in", "sat", "the", "zoé")
    assert notes == []
    again, _ = build_features(reversed([row[::-1] for row in KNOWN]))
    assert again == features


def test_case_and_digits_are_kept_where_asked() -> None:
    features, _ = build_features(KNOWN, lowercase=False, normalize_digits=False)
    assert set(features.words) == {"The", "the", "cat", "Cat", "sat", "in", "1999", "2024", "zoé"}
    assert features.word_id("CAT") == 1 and features.word_id("Cat") != features.word_id("cat")
    folded, _ = build_features(KNOWN)
    assert folded.word_id("CAT") == folded.word_id("cat") and folded.word_id("1234") == folded.word_id("1999")
    assert normalize_word("A٣b²", lowercase=True, normalize_digits=True) == "a0b0"


def test_what_is_cut_is_counted() -> None:
    rare, notes = build_features(KNOWN, min_word_count=2)
    assert set(rare.words) == {"the", "cat", "sat", "in", "0000"}
    assert notes == ["vocabulary: 1 of 6 words cut (9.1% of the text); the model does not know them"]
    small, notes = build_features(KNOWN, max_vocab=2, max_characters=3)
    assert len(small.words) == 2 and len(small.characters) == 3
    assert notes[0].startswith("vocabulary: 4 of 6 words cut") and "characters cut" in notes[1]
    assert small.word_id("zoé") == 1
    _, notes = build_features([*KNOWN, ["abcdefgh", "abcdefgh", "zoézoé"]], max_word_length=6)
    assert notes == [
        "vocabulary: 2 words (14.3% of the text) have more than 6 characters; those in the middle are not read"
    ]


def test_long_words_show_their_beginning_and_their_end() -> None:
    assert shorten("handkerchief", 6) == "hanief" and shorten("handkerchief", 5) == "hanef"
    assert shorten("cat", 3) == "cat" and shorten("cats", 2) == "cs"


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("cat", "lower"), ("Cat", "Capitalised"), ("CAT", "UPPER"), ("cAT", "mIxed"), ("CaT", "mIxed"),
        ("1999", "digits"), ("B2B", "d1g1ts"), ("1.5", "d1g1ts"), ("...", "other"), ("東京", "lower"),
        ("é", "lower"), ("É", "UPPER"), ("O'Hara", "mIxed"), ("-cat", "lower"), ("I", "UPPER"),
        ("🙂", "other"), ("²", "digits"),
    ],
)  # fmt: skip
def test_shapes(word: str, shape: str) -> None:
    assert SHAPES[shape_id(word)] == shape


def test_affixes_tell_beginnings_from_ends_and_short_words_have_few() -> None:
    found = affix_ids("reader", n_buckets=8192)
    assert len(found) == N_AFFIXES and 0 not in found and len(set(found)) == N_AFFIXES
    assert affix_ids("reading", n_buckets=8192)[:3] == found[:3] != affix_ids("reading", n_buckets=8192)[3:]
    assert affix_ids("render", n_buckets=8192)[3] == found[3]
    assert affix_ids("Reader", n_buckets=8192)[0] != found[0], "they see case"
    assert [bool(bucket) for bucket in affix_ids("cat", n_buckets=8192)] == [True, True, False] * 2
    assert affix_ids("a", n_buckets=8192) == [0] * N_AFFIXES
    assert set(affix_ids("reader", n_buckets=1)) == {1}


@given(sentences, st.integers(1, 70_000))
def test_hashed_words_have_two_buckets_of_their_normal_form_and_no_vocabulary(
    batch: list[list[str]], n_buckets: int
) -> None:
    features, _ = build_features(batch, n_word_buckets=n_buckets)
    assert features.words == () and features.n_words == n_buckets + 2
    found = features.encode(batch)
    assert found.word_ids.shape == (*found.mask.shape, 2)
    assert (found.word_ids[~found.mask] == 0).all() and found.word_ids.max() < features.n_words
    for row, sentence in enumerate(batch):
        for place, word in enumerate(sentence):
            assert found.word_ids[row, place].tolist() == list(features.bucket_ids(word))
            assert features.bucket_ids(word) == features.bucket_ids(features.normalize(word)) >= (2, 2)


def test_words_that_share_one_bucket_rarely_share_the_other() -> None:
    features, _ = build_features(KNOWN, n_word_buckets=1000)
    endings = itertools.product("abcdefghij", "abcdefghij", "abcdefghijklmnopqrst")
    pairs = [features.bucket_ids("word" + "".join(ending)) for ending in endings]
    assert len(set(pairs)) > 1990
    for side in range(2):
        counts = np.bincount([pair[side] - 2 for pair in pairs], minlength=1000)
        assert counts.mean() == 2 and counts.var() < 4, "words are spread evenly"
    assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 0.1


def test_features_of_hashed_words_stay_small_whatever_the_text(tmp_path: Path) -> None:
    features, notes = build_features([[f"word{number}" for number in range(5000)]], n_word_buckets=10)
    features.save(tmp_path)
    assert WordFeatures.load(tmp_path) == features
    assert (tmp_path / "features.json").stat().st_size < 400 and notes == []


def test_frequent_words_are_counted_as_the_model_normalises_them() -> None:
    features, _ = build_features(KNOWN, n_word_buckets=10)
    assert frequent_words(KNOWN, features, limit=4) == ["0000", "cat", "in", "sat"]
    assert len(frequent_words(KNOWN, features, limit=99)) == 6


def test_saved_features_are_the_same(tmp_path: Path) -> None:
    text = [["\u2028", "naïve", "\x00", "🙂", "\ud800", '"', "東京", "the"]]
    features, _ = build_features(text, lowercase=False, normalize_digits=False, max_word_length=7)
    for each in (features, replace(features, n_affix_buckets=64)):
        each.save(tmp_path)
        assert WordFeatures.load(tmp_path) == each
        assert WordFeatures.load(tmp_path).encode(text).char_ids.tolist() == each.encode(text).char_ids.tolist()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"words": 3}', '{"words": [], "characters": "", "colour": 1}'])
def test_files_that_are_no_features_are_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "features.json").write_text(content)
    with pytest.raises(UserError, match="features.json: not the features of a model") as caught:
        WordFeatures.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_features_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="features.json: a model's folder must hold it"):
        WordFeatures.load(tmp_path)


def test_files_of_features_are_plain_json(tmp_path: Path) -> None:
    build_features(KNOWN)[0].save(tmp_path)
    tree = json.loads((tmp_path / "features.json").read_text(encoding="ascii"))
    assert tree["words"][:1] and tree["lowercase"] is True


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=30), st.integers(1, 8))
def test_counts_are_bounded_and_lack_what_was_forgotten(corpus: list[list[str]], most: int) -> None:
    true = Counter(word for words in corpus for word in words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form_counts, "_COUNTED_TOGETHER", 1)
        counts, floor = count_forms(corpus, most=most)
    assert len(counts) <= most and (floor == 0) == (len(true) <= most)
    lost_at_most = floor * (floor + 1) // 2
    assert all(true[word] - lost_at_most <= counts[word] <= true[word] for word in true)


def test_a_corpus_of_too_many_words_keeps_the_frequent_ones_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_counts, "_COUNTED_TOGETHER", 10)
    monkeypatch.setattr(count_forms, "__kwdefaults__", {"most": 50})
    features, notes = build_features([["often", f"w{number:x}"] for number in range(400)], normalize_digits=False)
    assert features.words[0] == "often" and len(features.words) <= 50
    assert any("times were forgotten" in note for note in notes)


def test_more_words_join_behind_those_of_the_corpus_as_far_as_there_is_room() -> None:
    sentences, more = [["Oslo", "is", "Oslo"]], ["Is", "Rome", "rome", "11", "Bonn"]
    features, notes = build_features(sentences, more_words=more)
    assert features.words == ("oslo", "is", "rome", "00", "bonn")
    assert notes == ["vocabulary: 3 words more that the teacher knows"]
    features, notes = build_features(sentences, more_words=more, max_vocab=3)
    assert features.words == ("oslo", "is", "rome") and len(notes) == 1
    features, notes = build_features(sentences, more_words=more, max_vocab=1)
    assert features.words == ("oslo",) and "teacher" not in " ".join(notes)
    assert build_features(sentences, more_words=more, n_word_buckets=9)[0].words == ()
