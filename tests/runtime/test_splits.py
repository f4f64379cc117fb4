import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.words import SPACED_SPLITTERS, SPLITTERS, make_splitter
from nlparch.runtime.splits import CachedSplitter

PARTS = [
    "can't",
    "U.S.",
    "http://a.b/c?d",
    "@you",
    "#tag",
    ":-)",
    "&amp;",
    "rock'n'roll",
    "3.5%",
    "...",
    "--",
    "🙂‍🔥",
    "न",
    "का",
]
PARTS += [
    "東京",
    "Ann",
    "n't",
    "'s",
    "“Oh”",
    "<3",
    "a-b",
    "\u200d",
    "\u0301",
    "\x00",
    "_",
    "$",
    "www.x.y,",
    "(",
    ")",
    "x" * 60,
]
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\x1c", "\u3000", ""]
TEXTS = st.lists(st.tuples(st.sampled_from(PARTS) | st.text(max_size=4), st.sampled_from(SPACES)), max_size=12).map(
    lambda pairs: "".join(part + space for part, space in pairs)
)


def check_same(splitter: CachedSplitter, name: str, text: str) -> None:
    offsets = make_splitter(name)(text)
    found = splitter(text)
    assert found.text == text
    assert list(found.words) == [text[start:end] for start, end in offsets]
    assert len(found.offsets) == len(offsets) and list(found.offsets) == offsets and found.offsets == offsets


@pytest.mark.parametrize("name", SPLITTERS)
def test_words_are_those_of_the_whole_text(name: str) -> None:
    splitter = CachedSplitter(name, max_stretches=50)

    @given(TEXTS)
    def check(text: str) -> None:
        check_same(splitter, name, text)
        check_same(splitter, name, text)

    check()


CORPORA = Path(__file__).parents[2].parent / "shared" / "data" / "unlabeled"


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the real corpora are not there")
@pytest.mark.parametrize("name", sorted(SPACED_SPLITTERS))
def test_words_are_those_of_the_whole_text_on_real_text(name: str) -> None:
    splitter = CachedSplitter(name)
    for file in sorted(CORPORA.glob("*/unlabeled.txt")):
        for text in file.read_text("utf-8").split("\n")[:5000]:
            check_same(splitter, name, text)


def test_strings_and_patterns_agree_on_what_a_space_is() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    assert all(character.isspace() == bool(re.match(r"\s", character)) for character in characters)


def test_a_stretch_is_split_once_and_places_are_found_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    splitter = CachedSplitter("words")
    split, asked = splitter._splitter, []
    monkeypatch.setattr(splitter, "_splitter", lambda text: asked.append(text) or split(text))
    found = splitter("to be, or not to be")
    assert asked == ["to", "be,", "or", "not", "be"]
    splitter("not to")
    assert len(asked) == 5 and len(found.offsets) == 7
    assert found.offsets._found is None
    assert found.offsets[1] == (3, 5) and found.offsets[-2:] == [(14, 16), (17, 19)]


def test_what_is_kept_is_bounded() -> None:
    splitter = CachedSplitter("spaces", max_stretches=3)
    for number in range(10):
        splitter(f"a{number} b{number} {'x' * 50}")
        assert len(splitter._words) <= 3


def test_given_words_stay() -> None:
    found = CachedSplitter("words")(["New York", "", "!"])
    assert found.text == "New York  !" and list(found.offsets) == [(0, 8), (9, 9), (10, 11)]
    assert list(found.words) == ["New York", "", "!"]
