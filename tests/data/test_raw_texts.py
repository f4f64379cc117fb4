"""Raw text that is read as whole texts: lines, tables, hub data sets; pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from nlparch.data.raw_sources import RawFiles
from nlparch.data.raw_texts import RawTextReading
from nlparch.data.unlabeled import load_unlabeled
from nlparch.errors import DataError, UserError

TEXTS = RawTextReading()
PAIRS = replace(TEXTS, has_pairs=True)


def test_lines_are_texts_and_each_stands_once(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_bytes(b'\xef\xbb\xbfa b\r\n\r\n"c"\na  b\nheld\ngold\n')
    rows, notes = load_unlabeled([tmp_path / "raw.txt"], reading=TEXTS, gold=["gold"], held_out=["held"])
    assert list(rows) == ["a b", '"c"']
    assert notes == [
        f"{tmp_path}/raw.txt: 2 texts, one a line; 1 empty lines passed over; 1 repeated texts dropped; 1 texts that "
        "stand in gold dropped; 1 texts that stand in dev or test dropped"
    ]


def test_tables_are_read_by_their_columns(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text('id,sentence\n1,"a\nb"\n2,c\n')
    rows, notes = load_unlabeled([tmp_path], reading=replace(TEXTS, notes=[]))
    assert list(rows) == ["a\nb", "c"] and "2 texts of tables" in notes[0]
    rows, _ = load_unlabeled([tmp_path], reading=replace(TEXTS, column="id"))
    assert list(rows) == ["1", "2"]
    with pytest.raises(DataError, match="unlabeled must be in a column named x, .* --unlabeled_column"):
        load_unlabeled([tmp_path], reading=replace(TEXTS, column="x"))
    (tmp_path / "raw.csv").write_text("text\na,b\n")
    with pytest.raises(DataError, match="raw.csv:2: every row must have as many fields"):
        load_unlabeled([tmp_path], reading=TEXTS)


def test_pairs_are_divided_by_a_tab_or_stand_in_two_columns(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("a\tb\na b\tc\na\tb c\n")
    rows, _ = load_unlabeled([tmp_path / "raw.txt"], reading=PAIRS, held_out=[("a", "b")])
    assert list(rows) == [("a b", "c"), ("a", "b c")]
    (tmp_path / "raw.txt").write_text("a\tb\n\na\t\n\t\n")
    rows, notes = load_unlabeled([tmp_path / "raw.txt"], reading=PAIRS)
    assert list(rows) == [("a", "b"), ("a", "")] and "2 empty lines passed over" in notes[0]
    assert PAIRS.read_line("", "place") == ("", "")
    (tmp_path / "raw.jsonl").write_text('{"premise": "a", "hypothesis": "b"}\n')
    rows, _ = load_unlabeled([tmp_path / "raw.jsonl"], reading=PAIRS)
    assert list(rows) == [("a", "b")]
    rows, _ = load_unlabeled([tmp_path / "raw.jsonl"], reading=TEXTS)
    assert list(rows) == ["a"]
    rows, _ = load_unlabeled([tmp_path / "raw.jsonl"], reading=replace(TEXTS, has_pairs=None))
    assert list(rows) == [("a", "b")]
    (tmp_path / "raw.txt").write_text("a\tb\nalone\n")
    with pytest.raises(DataError, match="raw.txt:2: a line must hold two texts, divided by a tab, got 1"):
        load_unlabeled([tmp_path / "raw.txt"], reading=PAIRS)
    (tmp_path / "raw.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match="text_pair must be in a column"):
        load_unlabeled([tmp_path / "raw.jsonl"], reading=PAIRS)


def test_a_column_is_refused_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("a\n")
    with pytest.raises(UserError, match="--unlabeled_column is of tables and hub data sets"):
        load_unlabeled([tmp_path / "raw.txt"], reading=replace(TEXTS, column="text"))


def test_rows_of_the_hub_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> Any:
        return {"train": [{"text": "two\nlines", "label": 1}, {"text": None, "label": 0}]}

    monkeypatch.setattr(datasets, "load_dataset", load)
    rows, notes = load_unlabeled(["someone/texts"], reading=TEXTS)
    assert list(rows) == ["two\nlines"] and "1 texts of its rows; 1 empty" in notes[0]


def test_every_row_has_the_texts_that_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_text('{"text": "a"}\n{"text": "b", "text_pair": "c"}\n{"id": 1}\n')
    reading = replace(TEXTS, has_pairs=None)
    texts = reading.read_file(tmp_path / "raw.jsonl", RawFiles("raw", []))
    assert [next(texts), next(texts)] == ["a", ("b", "c")]
    with pytest.raises(DataError, match=r"raw.jsonl:3: text must be in a column|raw.jsonl:3: unlabeled must be"):
        next(texts)
