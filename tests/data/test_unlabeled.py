from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from nlparch.data import digests as module
from nlparch.data.raw_sources import RawReading, find_sources
from nlparch.data.unlabeled import load_unlabeled
from nlparch.data.words import make_splitter
from nlparch.errors import DataError, UserError

SPACES = RawReading(make_splitter("spaces"))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def words_of(name: str | Path, **settings: Any) -> list[str]:
    """Each sentence, joined by spaces."""
    return [" ".join(words) for words in load_unlabeled([name], reading=replace(SPACES, **settings))[0]]


def test_raw_text_is_split_counted_and_freed_of_repeats(tmp_path: Path) -> None:
    write(tmp_path, a="\ufeffone two\n\n one  two \nthree\u0085four\n", b="one two\nfive")
    rows, notes = load_unlabeled([tmp_path / "a.txt", tmp_path / "b.txt"], reading=SPACES)
    assert list(rows) == [["one", "two"], ["three", "four"], ["five"]]
    assert notes == [
        f"{tmp_path / 'a.txt'}: 2 texts, one a line; 1 empty lines passed over; 1 repeated texts dropped",
        f"{tmp_path / 'b.txt'}: 1 texts, one a line; 1 repeated texts dropped",
    ]


@pytest.mark.parametrize(
    ("text", "is_columns"),
    [
        ("one\ntwo\n\nthree\n", True),
        ("one\tX\ntwo\tX\n\nthree\tX\n", True),
        ("# text = one two\none\ntwo\n\n", True),
        ("one X\ntwo X\n\n" * 4, True),
        ("one X\ntwo X\n\n", False),
        ("one\ntwo\nthree\n", False),
        ("one\n\ntwo\n\nthree\n", False),
        ("one two\nthree\n\nfour\n", False),
        ("id\tsome text\nid\tother\n", False),
    ],
)
def test_column_files_are_told_from_texts(tmp_path: Path, text: str, is_columns: bool) -> None:
    _, notes = load_unlabeled([write(tmp_path, a=text) / "a.txt"], reading=SPACES)
    assert ("sentences in columns" in notes[0]) == is_columns


def test_raw_text_that_stands_in_gold_is_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("a b\nc d\na b\nc d\n")
    rows, notes = load_unlabeled([tmp_path / "raw.txt"], reading=SPACES, gold=[["a", "b"], ["x"]])
    assert list(rows) == [["c", "d"]]
    assert notes == [
        f"{tmp_path / 'raw.txt'}: 1 texts, one a line; 1 repeated texts dropped; 2 texts that stand in gold dropped"
    ]
    with pytest.raises(DataError, match="no text with words in it that is not in gold, dev or test"):
        load_unlabeled([tmp_path / "raw.txt"], reading=SPACES, gold=[["a", "b"], ["c", "d"]])


def test_column_files_without_tags_are_read_as_sentences(tmp_path: Path) -> None:
    write(tmp_path, a="1\tone\n2\ttwo\n\n1\tskip\n2\tthree\n", b="five six\n")
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    rows, notes = load_unlabeled(paths, reading=replace(SPACES, word_col=1, ignore_token="skip"))
    assert list(rows) == [["one", "two"], ["three"], ["five", "six"]]
    assert notes[0].endswith("2 sentences in columns; 1 rows of the ignored token passed over")


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    for word in ("one", "two"):
        rows, _ = load_unlabeled([write(tmp_path, a=word) / "a.txt"], reading=SPACES)
        assert list(rows) == [[word]]


def test_unusable_raw_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text with words in it"):
        load_unlabeled([write(tmp_path, a="\n\n") / "a.txt"], reading=SPACES)
    with pytest.raises(DataError, match="b.txt: there is no such file or folder"):
        load_unlabeled([tmp_path / "b.txt"], reading=SPACES)
    (tmp_path / "c.txt").write_bytes(b"ok\n\xff\n")
    with pytest.raises(DataError, match="c.txt:2: text must be UTF-8"):
        load_unlabeled([tmp_path / "c.txt"], reading=SPACES)


def test_sentences_of_dev_and_test_are_dropped_and_counted_apart_from_gold(tmp_path: Path) -> None:
    write(tmp_path, raw="a b\nc d\ne  f\nc d\ng\ng\n")
    rows, notes = load_unlabeled(
        [tmp_path / "raw.txt"], reading=SPACES, gold=[["a", "b"]], held_out=[["a", "b"], ["c", "d"], ["e", "f"]]
    )
    assert list(rows) == [["g"]]
    assert notes[0].partition(": ")[2] == (
        "1 texts, one a line; 1 repeated texts dropped; 1 texts that stand in gold dropped; "
        "3 texts that stand in dev or test dropped"
    )


@pytest.mark.parametrize("sifted_together", [1, 2, 3, 100])
def test_repeats_are_found_however_far_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sifted_together: int
) -> None:
    monkeypatch.setattr(module, "_SIFTED_TOGETHER", sifted_together)
    write(tmp_path, a="a one\na two\na one\n\na three\n", b="a two\na four\na one\n")
    rows, notes = load_unlabeled([tmp_path / "a.txt", tmp_path / "b.txt"], reading=SPACES)
    assert [words[1] for words in rows] == ["one", "two", "three", "four"]
    assert "1 empty lines passed over; 1 repeated texts dropped" in notes[0] and "2 repeated" in notes[1]


def test_a_folder_gives_its_text_files_in_order_and_a_pattern_whatever_it_matches(tmp_path: Path) -> None:
    (tmp_path / "more" / ".hidden").mkdir(parents=True)
    write(write(write(tmp_path, b="two", a="one") / "more", c="three") / ".hidden", d="never")
    (tmp_path / "read.me").write_text("not this")
    assert words_of(tmp_path) == ["one", "two", "three"]
    assert words_of(tmp_path / "*.txt") == ["one", "two"]
    assert words_of(f"{tmp_path}/**/[c-r]*") == ["three", "not this"]
    _, notes = load_unlabeled([tmp_path], reading=SPACES)
    told = "3 files read; other files passed over: 1; to read them, name them or give a pattern"
    assert notes == [f"{tmp_path}: 3 texts, one a line; {told}"]


def test_a_name_with_brackets_that_is_a_file_is_no_pattern(tmp_path: Path) -> None:
    assert words_of(write(tmp_path, **{"a[1]": "one"}) / "a[1].txt") == ["one"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none.txt", "there is no such file or folder"),
        ("empty", "the folder holds no text file"),
        ("*.raw", "the pattern matches no file"),
        ("empty/none", "there is no such file or folder"),
    ],
)
def test_a_name_for_nothing_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=complaint) as refusal:
        find_sources([name])
    assert f"--unlabeled_filename {name}: " in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_column_without_a_hub_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--unlabeled_column is of tables and hub data sets"):
        words_of(write(tmp_path, a="one two") / "a.txt", text_column="text")


# The hub


def publish(monkeypatch: pytest.MonkeyPatch, **splits: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Stands in for the hub; returns what it is asked for."""
    asked = []

    def load_dataset(*args: Any, streaming: bool) -> Any:
        asked.append((*args, streaming))
        return datasets.IterableDatasetDict(
            {
                name: datasets.IterableDataset.from_generator(lambda rows=rows: iter(rows))
                for name, rows in splits.items()
            }
        )

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_texts_of_a_hub_data_set_are_streamed_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = publish(monkeypatch, test=[{"text": "never"}], train=[{"id": 1, "text": "a b\nc"}, {"id": 2, "text": None}])
    rows, notes = load_unlabeled(["someone/texts:small"], reading=SPACES)
    assert list(rows) == [["a", "b"], ["c"]]
    assert notes == ["someone/texts:small: 2 lines of the column text"]
    assert asked == [("someone/texts", "small", True)]


def test_words_of_a_hub_data_set_are_read_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, only=[{"tokens": ["a b", "", "c\nd"], "mine": "e f"}])
    assert words_of("someone/words") == ["a b c d"]
    assert words_of("someone/words", text_column="mine") == ["e f"]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [({"label": 1}, "got the columns label; say which with --unlabeled_column"), ({"text": 3}, "row 1: text must be")],
)
def test_a_hub_data_set_without_texts_is_refused(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], complaint: str
) -> None:
    publish(monkeypatch, train=[row])
    with pytest.raises(DataError, match=complaint):
        load_unlabeled(["someone/numbers"], reading=SPACES)


def test_a_hub_that_does_not_answer_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: Any, **__: Any) -> Iterator[Any]:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match="someone/texts: no file or folder here, .* gives: no route to the hub"):
        load_unlabeled(["someone/texts"], reading=SPACES)
