"""Column files: one word a line, its tag in another column, a blank line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from nlparch.errors import DataError

_TABLES = (".json", ".jsonl", ".parquet", ".csv")
_BLANK = " \t\r\n"
_DOCUMENT_MARK = "-DOCSTART-"
_KEY_VALUE = re.compile(r"# *[\w.:-]+ += ?|# *[\w.:-]+= ")
# Ids are only looked for where the first sentence begins as CoNLL-U lets it: other columns hold scores and times.
_FIRST_ID = re.compile(r"0\.1|1|1-\d+")
_RANGE_ID = re.compile(r"\d+[-.]\d+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a column file.

    Attributes:
        words: Its words.
        tags: Their tags; `None` where none were asked for.
        line: The line of its first word, counted from 1.
    """

    words: list[str]
    tags: list[str] | None
    line: int


@dataclass
class ReadCounts:
    """What was read, and what was passed over."""

    sentences: int = 0
    words: int = 0
    comments: int = 0
    document_marks: int = 0
    ignored_rows: int = 0
    range_rows: int = 0

    def notes(self) -> list[str]:
        """Say what was passed over, a phrase for each kind that occurred."""
        kinds = {
            "comment lines": self.comments,
            f"{_DOCUMENT_MARK} lines": self.document_marks,
            "rows of the ignored token": self.ignored_rows,
            "rows of multi-word tokens and empty nodes": self.range_rows,
        }
        return [f"{count} {kind} passed over" for kind, count in kinds.items() if count]


def read_sentences(
    lines: Iterable[str],
    *,
    name: str,
    word_col: int = 0,
    tag_col: int | None = -1,
    ignore_token: str = "",
    counts: ReadCounts | None = None,
) -> Iterator[Sentence]:
    """Read sentences as they come, in constant memory.

    The first row sets the number of columns, and whether tabs or spaces divide them; where tabs do, a word may hold
    any space. Only tabs, spaces and line ends count as white space: odd Unicode spaces are part of words. A line that
    begins with `#` where a sentence begins is a comment if it reads `# key = value`, or is no row of the file's kind.
    In files whose sentences number their rows (CoNLL-U), rows such as `1-2` and `1.1` are passed over.

    Args:
        lines: Lines, each ending where a line feed does.
        name: The file's name, for complaints.
        word_col: The words' column; negative ones count from the end.
        tag_col: The tags' column; `None` where no tags are wanted.
        ignore_token: Rows with this word are passed over.
        counts: Counts what was read.

    Raises:
        DataError: If a row has another number of columns than the first, or an empty word or tag, or if a column is
            missing.
    """
    counts = ReadCounts() if counts is None else counts
    rest = _without_bom(lines)
    head, form = _look_ahead(rest, name)
    if form is None:
        counts.comments += sum(line.startswith("#") for line in head)
        return
    word_index, tag_index = form.find_columns(word_col, tag_col)
    words: list[str] = []
    tags: list[str] = []
    start = 0
    for number, row in _rows(chain(head, rest), form, counts):
        if row is None:
            if words:
                yield _finish(words, None if tag_index is None else tags, start, counts)
                words, tags = [], []
            continue
        word = form.pick(row, word_index, number, "word")
        if ignore_token and word == ignore_token:
            counts.ignored_rows += 1
            continue
        start = start if words else number
        words.append(word)
        if tag_index is not None:
            tags.append(form.pick(row, tag_index, number, "tag"))


def read_file(
    path: str | Path,
    *,
    word_col: int = 0,
    tag_col: int | None = -1,
    ignore_token: str = "",
    counts: ReadCounts | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of a file as they come; the arguments are those of `read_sentences`.

    Raises:
        DataError: As `read_sentences` does, and if the file is missing, is not UTF-8, or holds no sentence.
    """
    is_empty = True
    for sentence in read_sentences(
        read_lines(path), name=str(path), word_col=word_col, tag_col=tag_col, ignore_token=ignore_token, counts=counts
    ):
        is_empty = False
        yield sentence
    if is_empty:
        raise DataError(f"{path}: a column file must hold at least one sentence, got none; check the file's name")


def read_lines(path: str | Path) -> Iterator[str]:
    """Read the lines of a UTF-8 file; a line ends at a line feed and nowhere else.

    Raises:
        DataError: If the file cannot be opened or is a table, or at the first line that is not UTF-8.
    """
    if Path(path).suffix in _TABLES:
        raise DataError(f"{path}: text or a column file is read here, not {Path(path).suffix}; convert the file first")
    try:
        with open(path, "rb") as file:
            yield from decode_lines(file, name=str(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


_OTHER_BEGINNINGS = {
    b"\xff\xfe": "convert the file with `iconv -f UTF-16 -t UTF-8`",
    b"\xfe\xff": "convert the file with `iconv -f UTF-16 -t UTF-8`",
    b"\x1f\x8b": "it is compressed: `gunzip` it first",
    b"PK\x03\x04": "it is an archive: `unzip` it first",
}
"""How files begin that are something else, and what to do."""


def decode_lines(lines: Iterable[bytes], *, name: str) -> Iterator[str]:
    """Decode lines of UTF-8, without the mark that some files begin with; one that is not UTF-8 is a DataError."""
    for number, line in enumerate(lines, 1):
        text = _decode(line, name, number)
        yield text.removeprefix("\ufeff") if number == 1 else text


def _decode(line: bytes, path: str | Path, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        remedy = "convert the file, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
        for mark, other in _OTHER_BEGINNINGS.items():
            remedy = other if number == 1 and line.startswith(mark) else remedy
        raise DataError(f"{path}:{number}: text must be UTF-8, got byte 0x{line[error.start]:02x}; {remedy}") from error


def write_sentences(file: TextIO, sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Write `word<TAB>tag` lines, with a blank line after each sentence."""
    for words, tags in sentences:
        file.writelines(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
        file.write("\n")


@dataclass(frozen=True, slots=True)
class _Form:
    """What the first row says about the rows of its file."""

    name: str
    line: int
    has_tabs: bool
    columns: list[str]

    def find_columns(self, word_col: int, tag_col: int | None) -> tuple[int, int | None]:
        n = len(self.columns)
        for option, column in (("word_col", word_col), ("tag_col", tag_col)):
            if column is not None and not -n <= column < n:
                raise DataError(f"{self.name}:{self.line}: --{option} must name one of the {n} columns, got {column}")
        if tag_col is not None and word_col % n == tag_col % n:
            raise DataError(
                f"{self.name}:{self.line}: words and tags must be in different columns, got {word_col % n} for both "
                f"of the row's {n}; set --word_col and --tag_col, or give the file as unlabelled text"
            )
        return word_col % n, None if tag_col is None else tag_col % n

    def is_comment(self, line: str) -> bool:
        if _KEY_VALUE.match(line):
            return True
        return ("\t" in line) != self.has_tabs or len(_split(line)) != len(self.columns)

    def split(self, line: str, number: int) -> list[str]:
        n = len(self.columns)
        # A row that lost its tab must not pass for one divided by spaces.
        row = [line] if self.has_tabs and "\t" not in line else _split(line)
        if len(row) != n and (len(row) < n or any(row[n:])):
            divided = "tabs" if self.has_tabs else "spaces"
            raise DataError(
                f"{self.name}:{number}: every row must have as many columns as line {self.line}, {n} divided by "
                f"{divided}, got {len(row)} in {_shortened(line)}; mend the row, or put a blank line between sentences"
            )
        return row

    def pick(self, row: list[str], index: int, number: int, what: str) -> str:
        if row[index]:
            return row[index]
        raise DataError(f"{self.name}:{number}: a {what} must not be empty (column {index}); fill it or drop the row")


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    rest = iter(lines)
    for line in rest:
        yield line.removeprefix("\ufeff")
        break
    yield from rest


def _look_ahead(lines: Iterator[str], name: str) -> tuple[list[str], _Form | None]:
    """Read up to the first row that is surely one; a file of nothing but `#` lines may hold words too."""
    head: list[str] = []
    doubtful: tuple[int, str] | None = None
    for line in lines:
        head.append(line)
        if not line.strip(_BLANK) or _is_document_mark(line):
            continue
        if not line.startswith("#"):
            return head, _Form(name, len(head), "\t" in line, _split(line))
        if doubtful is None and not _KEY_VALUE.match(line):
            doubtful = len(head), line
    return head, _Form(name, doubtful[0], "\t" in doubtful[1], _split(doubtful[1])) if doubtful else None


def _rows(lines: Iterable[str], form: _Form, counts: ReadCounts) -> Iterator[tuple[int, list[str] | None]]:
    """Split the rows, with `None` wherever a sentence ends."""
    has_ids = bool(len(form.columns) > 2 and _FIRST_ID.fullmatch(form.columns[0]))
    at_start, number = True, 0
    for number, line in enumerate(lines, 1):
        if not line.strip(_BLANK):
            at_start = True
            yield number, None
        elif _is_document_mark(line):
            counts.document_marks += 1
            at_start = True
            yield number, None
        elif at_start and line.startswith("#") and form.is_comment(line):
            counts.comments += 1
        else:
            at_start = False
            row = form.split(line, number)
            if has_ids and _RANGE_ID.fullmatch(row[0]):
                counts.range_rows += 1
            else:
                yield number, row
    yield number + 1, None


def _finish(words: list[str], tags: list[str] | None, start: int, counts: ReadCounts) -> Sentence:
    counts.sentences += 1
    counts.words += len(words)
    return Sentence(words, tags, start)


def _is_document_mark(line: str) -> bool:
    return line.lstrip(" ").startswith(_DOCUMENT_MARK)


def _split(line: str) -> list[str]:
    if "\t" in line:
        return [column.strip(" ") for column in line.rstrip("\r\n").split("\t")]
    return [column for column in line.strip(_BLANK).split(" ") if column]


def _shortened(line: str) -> str:
    shown = line.rstrip("\r\n")
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
