import errno
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data import sentences as module
from nlparch.data.sentences import SentenceFile, TextFile, TextTrainingRows, TrainingRows, sentence_lengths
from nlparch.data.text_tables import texts_of
from nlparch.errors import UserError

words = st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=4)


@given(st.lists(st.lists(words, min_size=1, max_size=5), max_size=9), st.integers(1, 4))
def test_sentences_come_back_from_disk_as_they_were(corpus: list[list[str]], read_together: int) -> None:
    stored = SentenceFile.write(corpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_READ_TOGETHER", read_together)
        assert list(stored) == corpus
    assert [stored[index] for index in range(len(stored))] == corpus
    assert stored.lengths.tolist() == list(map(len, corpus))


def test_half_characters_survive_and_numbers_beyond_the_end_do_not() -> None:
    stored = SentenceFile.write([["a", "\ud800"], ["c"]])
    assert stored[0] == ["a", "\ud800"] and stored[1] == ["c"]
    for number in (2, -1):
        with pytest.raises(IndexError, match=f"there are 2 items, got number {number}"):
            stored[number]


def test_a_sentence_file_leaves_nothing_behind(tmp_path: Path) -> None:
    stored = SentenceFile.write([["a"]], folder=tmp_path)
    assert list(stored) == [["a"]] and not list(tmp_path.iterdir())


def test_a_full_disk_is_told_in_one_line_and_other_failures_are_not_taken_for_one(tmp_path: Path) -> None:
    def sentences(error: OSError) -> Iterator[list[str]]:
        yield ["a"]
        raise error

    with pytest.raises(UserError, match=r"no room for text \(No space left on device\); make some, or set TMPDIR"):
        SentenceFile.write(sentences(OSError(errno.ENOSPC, "No space left on device")), folder=tmp_path)
    with pytest.raises(FileNotFoundError):
        SentenceFile.write(sentences(FileNotFoundError(errno.ENOENT, "No such file")), folder=tmp_path)


def test_lengths_are_counted_where_they_are_not_known() -> None:
    assert sentence_lengths([["a", "b"], []]).tolist() == [2, 0]


@pytest.mark.parametrize("with_gold", [True, False])
def test_training_rows_are_gold_rows_and_then_raw_sentences_without_tags(with_gold: bool) -> None:
    gold = datasets.Dataset.from_dict({"words": [["a", "b"], ["c"]], "tags": [["O", "X"], None]})
    raw = SentenceFile.write([["d"], ["e", "f", "g"]])
    rows = TrainingRows(gold if with_gold else None, raw)
    everything = ([["a", "b"], ["c"]] if with_gold else []) + [["d"], ["e", "f", "g"]]
    tags = ([["O", "X"], None] if with_gold else []) + [None, None]
    assert len(rows) == len(everything)
    assert list(rows["words"]) == everything and list(rows["tags"]) == tags
    assert rows["words"][len(rows) - 1] == ["e", "f", "g"]
    assert sentence_lengths(rows["words"]).tolist() == list(map(len, everything))
    picked = list(range(len(rows)))[::-1]
    assert rows[picked] == {"words": everything[::-1], "tags": tags[::-1]}


texts = st.text(max_size=6)


@given(st.lists(texts | st.tuples(texts, texts), max_size=9))
def test_texts_and_pairs_come_back_from_disk_as_they_were(corpus: list[str | tuple[str, str]]) -> None:
    stored = TextFile.write(corpus)
    assert list(stored) == corpus and [stored[index] for index in range(len(stored))] == corpus
    assert stored.lengths.tolist() == [len(t) if isinstance(t, str) else len(t[0] + t[1]) for t in corpus]


@pytest.mark.parametrize("with_gold", [True, False])
@pytest.mark.parametrize("has_pairs", [True, False])
def test_training_texts_are_gold_rows_and_then_raw_texts_without_labels(with_gold: bool, has_pairs: bool) -> None:
    pair = {"text_pair": ["c", "d"]} if has_pairs else {}
    gold = datasets.Dataset.from_dict({"text": ["a\nb", ""], **pair, "label": ["x", None]})
    raw = TextFile.write([("e\n", "f"), ("", "g")] if has_pairs else ["e\n", ""])
    rows = TextTrainingRows(gold if with_gold else None, raw, task="one_label")
    everything = (texts_of(gold) if with_gold else []) + list(raw)
    labels = (["x", None] if with_gold else []) + [None, None]
    assert len(rows) == len(everything) and texts_of(rows) == list(rows.texts) == everything
    assert list(rows["label"]) == labels and rows.texts.lengths.tolist()[-2:] == raw.lengths.tolist()
    picked = rows[list(range(len(rows)))[::-1]]
    assert picked["label"] == labels[::-1] and texts_of(picked) == everything[::-1]
    assert texts_of(TextTrainingRows(None, TextFile.write([]), task="multi_label")) == []


def test_more_sentences_stand_behind_the_rows() -> None:
    gold = datasets.Dataset.from_dict({"words": [["a", "b"]], "tags": [["O", "X"]]})
    parts = [SentenceFile.write([["c"]]), SentenceFile.write([]), SentenceFile.write([["d"], ["e", "f"]])]
    rows = TrainingRows(gold)
    for part in parts:
        rows = rows.followed_by(part)
    everything = [["a", "b"], ["c"], ["d"], ["e", "f"]]
    assert list(rows["words"]) == everything and list(rows["tags"]) == [["O", "X"], None, None, None]
    assert [rows["words"][index] for index in range(4)] == everything
    assert rows[[3, 0]] == {"words": [["e", "f"], ["a", "b"]], "tags": [None, ["O", "X"]]}
    with pytest.raises(IndexError):
        rows["words"][4]
