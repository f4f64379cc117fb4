from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nlparch.runtime import RuntimeTagger
from nlparch.runtime.model import _MAX_BATCH_WORDS


class Lengths:
    """A network that tags words by their length, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def meet(self, sentences: Sequence[Sequence[str]]) -> None:
        self.met = list(sentences)

    def label(self, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append([len(words) for words in sentences])
        labels = np.zeros((len(sentences), max(map(len, sentences))), dtype=np.int64)
        for row, words in enumerate(sentences):
            labels[row, : len(words)] = [len(word) > 2 for word in words]
        return labels, 0.5 + labels / 4


@pytest.fixture
def network() -> Lengths:
    return Lengths()


@pytest.fixture
def tagger(network: Lengths) -> RuntimeTagger:
    return RuntimeTagger(network, labels=["O", "B-X"], splitter="spaces", precision="fp32", model_hash="0")


def test_texts_and_words_are_tagged_in_their_order(tagger: RuntimeTagger) -> None:
    found = tagger.predict(["a long day", "", ["is", "two words"], "  end "])
    assert [list(prediction.tags) for prediction in found] == [["O", "B-X", "B-X"], [], ["O", "B-X"], ["B-X"]]
    assert found[2].text == "is two words" and list(found[2].offsets) == [(0, 2), (3, 12)]
    assert [entity.to_dict() for entity in found[3].entities] == [
        {"start": 2, "end": 5, "text": "end", "label": "X", "score": 0.75}
    ]
    assert found[1].entities == [] and found[0].words[1].score == 0.75


def test_sentences_of_like_length_are_read_together(tagger: RuntimeTagger, network: Lengths) -> None:
    tagger.predict(["a " * n for n in (5, 1, 4, 2, 0, 3)], batch_size=2)
    assert network.batches == [[1, 2], [3, 4], [5]]
    assert len(network.met) == 6


def test_long_sentences_make_small_batches(tagger: RuntimeTagger, network: Lengths) -> None:
    half = _MAX_BATCH_WORDS // 2
    tagger.predict([["a"] * n for n in (half, half, half, 3 * half)])
    assert network.batches == [[half, half], [half], [3 * half]]


def test_a_stream_is_answered_as_it_comes(tagger: RuntimeTagger) -> None:
    read = []

    def texts() -> Any:
        for number in range(10_000):
            read.append(number)
            yield "abc"

    stream = tagger.predict_stream(texts(), batch_size=4)
    assert list(next(stream).tags) == ["B-X"]
    assert len(read) == 4 * 32


def test_one_string_is_no_list_of_texts(tagger: RuntimeTagger) -> None:
    with pytest.raises(ValueError, match=r"predict\(\['some text'\]\)"):
        tagger.predict("some text")
