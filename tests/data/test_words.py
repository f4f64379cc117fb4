import pickle
import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data import words as words_module
from nlparch.data.words import SPLITTERS, choose_splitter, join_words, make_splitter
from nlparch.errors import UserError

# Pieces that the patterns look for, so that random texts run into their edges.
_PIECES = (
    "n't N'T 's 'll gon na can not nt do ca U.S. Inc. Mr . .. ... , ! ?! : ; - -- / \\/ @ # & &amp; $ US$ % ' '' ` `` "
    '" “ ” ’ ( ) [ ] :) ;-( :D <3 -_- ^_^ -LRB- 1 23 0.5 1,000 9/11 80s a I n Z é co- e- _ http:// https://t.co/x www. '
    "a@b.c \u0301 \u0e33 \u094d \u200d \ufe0f \U0001f3fd 😂 👩 ♀ 🇫 🇷 我 "
    "\u0e01 \u0643 \u0915 \x00 \ufeff \u200b \ud800 \u00ad"
).split(" ")
_texts = st.lists(st.sampled_from([*_PIECES, " ", "\n", "\u00a0", "\u2028"]) | st.text(max_size=3), max_size=12).map(
    "".join
)
_every_splitter = pytest.mark.parametrize("name", sorted(SPLITTERS))


def _split(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in make_splitter(name)(text)]


@_every_splitter
@given(text=_texts)
def test_words_are_in_order_apart_not_empty_and_cover_all_but_the_spaces(name: str, text: str) -> None:
    end = 0
    for start, next_end in make_splitter(name)(text):
        assert end <= start < next_end
        assert text[end:start].strip() == ""
        assert not re.search(r"\s", text[start:next_end])
        end = next_end
    assert text[end:].strip() == ""


@pytest.mark.parametrize("name", sorted(set(SPLITTERS) - {"words", "spaces"}))
@given(text=_texts)
def test_the_short_cut_for_plain_words_changes_no_split(name: str, text: str) -> None:
    first = min(
        (p for p in (words_module._PLAIN_SINGLE, words_module._PLAIN) if SPLITTERS[name].startswith(p + "|")),
        key=len,
        default="",
    )
    assert first
    slow = re.compile(SPLITTERS[name].removeprefix(first + "|"))
    assert make_splitter(name)(text) == [match.span() for match in slow.finditer(text)]


@pytest.mark.skipif(unicodedata.unidata_version > "16.0.0", reason="newer marks than the table's")
@_every_splitter
def test_a_letter_keeps_every_combining_mark(name: str) -> None:
    split = make_splitter(name)
    marks = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)).startswith("M")]
    assert len(marks) > 2000
    assert [mark for mark in marks if len(split(f"x{mark}x")) != 1] == []


@_every_splitter
@pytest.mark.parametrize(
    "word",
    [
        "हिन्दी",
        "क्षत्रिय",
        "ภาษาไทย",
        "น้ำ",
        "العَرَبِيَّة",
        "می‌خواهم",
        "עִבְרִית",
        "বাংলা",
        "தமிழ்",
        "ភាសាខ្មែរ",
        "မြန်မာ",
        "한국어",
        "e\u0301te\u0301",
    ],
)
def test_words_of_scripts_with_vowel_signs_stay_whole(name: str, word: str) -> None:
    assert _split(name, f"{word} {word}") == [word, word]


@_every_splitter
@pytest.mark.parametrize("emoji", ["😂", "❤️", "👍🏽", "👩‍👩‍👧‍👦", "🤷🏽‍♀️", "🏳️‍🌈", "🇫🇷", "1️⃣", "#️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_an_emoji_keeps_its_modifiers(name: str, emoji: str) -> None:
    assert _split(name, f"so {emoji} nice") == ["so", emoji, "nice"]


@pytest.mark.parametrize("name", sorted(set(SPLITTERS) - {"spaces"}))
def test_chinese_characters_and_neighbouring_emoji_stand_alone(name: str) -> None:
    assert _split(name, "我爱NLP。") == ["我", "爱", "NLP", "。"]
    assert _split(name, "😂😂🇫🇷🇩🇪") == ["😂", "😂", "🇫🇷", "🇩🇪"]


@pytest.mark.parametrize("name", sorted(set(SPLITTERS) - {"spaces"}))
def test_marks_of_punctuation_are_no_combining_marks(name: str) -> None:
    assert _split(name, "नमस्ते।") == ["नमस्ते", "।"]
    assert _split(name, "مرحبا؟") == ["مرحبا", "؟"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("words", "He isn't in the U.S., 0.5-1 mg/kg", "He isn ' t in the U . S . , 0 . 5 - 1 mg / kg"),
        ("treebank", "He isn't in the U.S., she's gonna pay.", "He is n't in the U.S. , she 's gon na pay ."),
        ("treebank", "Mr. O'Neill's $1,000.50 state-of-the-art A&B", "Mr. O'Neill 's $ 1,000.50 state-of-the-art A&B"),
        ("treebank", "``I cannot,'' he said -- at Acme Inc.", "`` I can not , '' he said -- at Acme Inc ."),
        ("treebank", "3\\/4 and 1\\/2-year US$5 -LRB- a -RRB-", "3\\/4 and 1\\/2-year US$ 5 -LRB- a -RRB-"),
        ("treebank-split", "She'll e-mail Dr. Al-Ani on 9/11", "She 'll e-mail Dr. Al - Ani on 9/11"),
        ("treebank-split", "he/she: it doesnt, a.b@c.com :) !!!", "he / she : it does nt , a.b@c.com :) !!!"),
        ("social", "@user I'm sure it's #fun &amp; don't...", "@user I'm sure it 's #fun &amp; don't ..."),
        ("social", "http://t.co/a?b=1, 7:30 9-5 :)!!", "http://t.co/a?b=1 , 7:30 9-5 :) !!"),
        ("social-split", "RT @user: don't... #no #yes: no", "RT @ user : do n't . . . #no #yes: no"),
        ("social-split", "first-quarter 26-year http://t.co/x, :D!!", "first-quarter 26 - year http://t.co/x , :D ! !"),
        ("spaces", "anything,  goes\u00a0:)", "anything, goes :)"),
    ],
)
def test_a_splitter_keeps_to_its_convention(name: str, text: str, words: str) -> None:
    assert _split(name, text) == words.split(" ")


def test_a_link_ends_before_the_punctuation_after_it() -> None:
    assert _split("social", "(see http://a.b/c_(d)?e=f#g).")[2] == "http://a.b/c_(d)?e=f#g"


@_every_splitter
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "n",
        "n't",
        "'",
        ".",
        "..a",
        "-",
        "a-",
        "a.",
        "A.",
        "1.",
        "@",
        "#",
        ":",
        ":-",
        "(",
        "\\",
        "http://",
        "http://.",
        "Inc. ",
    ]
    + ["\u0301", "a\u0301", "\u200d", "😂\u200d", "🇫", "我", "\x00", "\ud800", " "],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(name: str, unit: str) -> None:
    split = make_splitter(name)
    text = unit * (200_000 // len(unit)) + "x"
    began = time.process_time()
    split(text)
    assert time.process_time() - began < 1


def test_a_regular_expression_is_a_splitter_of_its_matches_that_are_not_empty() -> None:
    assert _split(r"[a-z]*", "ab  1cd") == ["ab", "cd"]


@pytest.mark.parametrize("spec", ["wordz", "", "social_split", "(", "[a", "a{9999999999999}"])
def test_a_spec_that_is_neither_name_nor_pattern_is_refused_with_the_known_names(spec: str) -> None:
    with pytest.raises(
        UserError, match="one of social, social-split, spaces, treebank, treebank-split, words"
    ) as error:
        make_splitter(spec)
    assert "\n" not in str(error.value)


def test_a_splitter_can_be_sent_to_another_process() -> None:
    split = make_splitter("social")
    assert pickle.loads(pickle.dumps(split)) == split


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ('He said : " Do n\'t ! " ( twice ) .', 'He said: "Don\'t!" (twice).'),
        ("`` It 's 0 . 5 % , '' she said", "``It's 0.5%,'' she said"),
        ("the users ' guide ' s one ' first ' page", "the users' guide's one 'first' page"),
        ("I can not pay $ 1 , 400 at 10 : 30 , 12 men do", "I cannot pay $1,400 at 10:30, 12 men do"),
        ("RT @ user : # fun , “ no ” :) she 's gon na , you do nt", "RT @user: #fun, “no” :) she's gonna, you dont"),
        ("alpha - lipoic and / or ( - well )", "alpha-lipoic and/or (- well)"),
        ("我 爱 北 京 。 hi", "我爱北京。 hi"),
        ("ภาษา ไทย", "ภาษาไทย"),
        ("play some music", "play some music"),
        ("", ""),
    ],
)
def test_words_are_joined_as_a_writer_would(words: str, text: str) -> None:
    assert join_words(words.split())[0] == text


@given(st.lists(st.sampled_from([p for p in _PIECES if p]) | st.text(min_size=1, max_size=4), max_size=12))
def test_each_word_stands_at_its_offsets_in_the_joined_text(words: list[str]) -> None:
    text, offsets = join_words(words)
    assert [text[start:end] for start, end in offsets] == words
    ends = [0, *(end for _, end in offsets)]
    assert all(text[end:start] in ("", " ") for end, (start, _) in zip(ends, offsets, strict=False))
    assert ends[-1] == len(text)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("words", "a 5 - HT - induced effect ( n = 3 . 5 ) ."),
        ("treebank", "Mr. Smith does n't own the state-of-the-art plant ."),
        ("treebank-split", "Mr. Smith does n't own the state - of - the - art plant ."),
        ("social", "@user don't !! #fun http://t.co/x"),
        ("social-split", "@ user do n't ! ! #fun: http://t.co/x"),
        ("spaces", "play trek: the movie, please"),
    ],
)
def test_the_splitter_that_recovers_the_sentences_is_chosen(name: str, sentence: str) -> None:
    chosen, shares = choose_splitter([sentence.split()] * 3 + ["one , two".split()])
    assert chosen == name
    assert shares[name] == (0.75 if name == "spaces" else 1.0)
    assert list(shares) == list(SPLITTERS)


def test_splitting_at_spaces_wins_no_tie() -> None:
    assert choose_splitter([["play", "some", "music"]]) == ("words", dict.fromkeys(SPLITTERS, 1.0))
    assert choose_splitter([]) == ("words", dict.fromkeys(SPLITTERS, 0.0))


def test_the_sentences_measured_come_from_the_whole_corpus() -> None:
    corpus = [["plain"]] * 50 + [["a", "-", "b"]] * 50
    _, shares = choose_splitter(iter(corpus), limit=10)
    assert shares["words"] == 1.0
    assert 0.3 < shares["treebank"] < 0.7
