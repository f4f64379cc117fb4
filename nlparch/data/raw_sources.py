"""Raw text, wherever it lies: files, folders, patterns, data sets of the hub; read as it streams by."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from nlparch.data.conll import ReadCounts, read_file, read_lines
from nlparch.data.sentences import ItemFile, SentenceFile
from nlparch.data.words import Splitter
from nlparch.errors import DataError

TEXT_SUFFIXES = (".bio", ".conll", ".conllu", ".iob", ".iob2", ".text", ".tsv", ".txt")
"""Files of a folder that are read; others are to be named, or matched by a pattern."""
TEXT_COLUMNS = ("text", "sentence", "words", "tokens")
"""Columns of a hub data set that are looked for, in this order."""

Item = TypeVar("Item")

_HUB_ID = re.compile(r"([\w-][\w.-]*)/[\w-][\w.-]*(:[\w.-]+)?")
_COLUMN_FILE_HEAD = 1000
_MIN_ROWS = 8


class RawSource(Protocol):
    """What one name stands for.

    Attributes:
        name: as it was given.
        forms: in which forms its texts were found, once they are read.
        counts: rows of column files that were passed over.
    """

    name: str
    forms: set[str]
    counts: ReadCounts

    def notes(self) -> Iterator[str]:
        """What else is to be told of it, once it is read."""
        ...

    def items(self, reading: Reading[Item]) -> Iterator[Item]:
        """The sentences or texts, in order; empty ones among them."""
        ...


class Reading(Protocol[Item]):
    """How raw text is read: as sentences of words (`RawReading`), or as whole texts (`RawTextReading`).

    Attributes:
        suffixes: of the files of a folder that are read; others are to be named, or matched by a pattern.
        column: the column that `--unlabeled_column` names; None where it is left to us.
    """

    @property
    def suffixes(self) -> Collection[str]: ...

    @property
    def column(self) -> str | None: ...

    def read_file(self, file: Path, source: RawSource) -> Iterator[Item]:
        """The items of a file, in order; its form is added to those of the source."""
        ...

    def read_row(self, row: Mapping[str, Any], place: str, source: RawSource) -> Iterator[Item]:
        """The items of a row of a hub data set."""
        ...

    def has_columns(self, source: RawSource) -> bool:
        """Whether a source has columns with names."""
        ...

    def words_of(self, item: Item) -> Sequence[str]:
        """The words by which an item is known; none where it is empty."""
        ...

    def store(self, items: Iterable[Item], folder: str | Path | None) -> ItemFile[Item]:
        """Writes items to disk as they come."""
        ...


@dataclass(frozen=True)
class RawReading:
    """How raw text becomes sentences of words.

    Attributes:
        split: gives the character offsets of a text's words.
        word_col: the words' column in column files.
        ignore_token: rows of column files to pass over.
        text_column: the column of hub data sets with texts or words; None looks for the usual names.
    """

    split: Splitter
    word_col: int = 0
    ignore_token: str = ""
    text_column: str | None = None

    suffixes: ClassVar[Collection[str]] = TEXT_SUFFIXES

    @property
    def column(self) -> str | None:
        """See `text_column`."""
        return self.text_column

    def read_file(self, file: Path, source: RawSource) -> Iterator[Sequence[str]]:
        """Texts, one a line, or column files without tags, told apart by what their first lines look like."""
        if is_column_file(file):
            source.forms.add("sentences in columns")
            columns: Any = {"word_col": self.word_col, "tag_col": None, "ignore_token": self.ignore_token}
            yield from (sentence.words for sentence in read_file(file, counts=source.counts, **columns))
        else:
            source.forms.add("texts, one a line")
            yield from (self._words(line.rstrip("\r\n")) for line in read_lines(file))

    def read_row(self, row: Mapping[str, Any], place: str, source: RawSource) -> Iterator[Sequence[str]]:
        """The words of each line of a text, or of a sentence."""
        column = self._find_column(row, source)
        value = row[column]
        if isinstance(value, str):
            source.forms.add(f"lines of the column {column}")
            yield from map(self._words, value.split("\n"))
        elif isinstance(value, list) and all(isinstance(word, str) for word in value):
            source.forms.add(f"sentences of the column {column}")
            yield [word.replace("\n", " ") for word in value if word]
        elif value is not None:
            raise DataError(f"{place}: {column} must be a text or a list of words, got {value!r:.80}")

    def has_columns(self, source: RawSource) -> bool:
        """Hub data sets have."""
        return isinstance(source, HubTexts)

    def words_of(self, item: Sequence[str]) -> Sequence[str]:
        """The sentence itself."""
        return item

    def store(self, items: Iterable[Sequence[str]], folder: str | Path | None) -> SentenceFile:
        """As sentences."""
        return SentenceFile.write(items, folder=folder)

    def _words(self, text: str) -> list[str]:
        return [text[start:end] for start, end in self.split(text)]

    def _find_column(self, row: Mapping[str, Any], source: RawSource) -> str:
        wanted = (self.text_column,) if self.text_column else TEXT_COLUMNS
        for column in wanted:
            if column in row:
                return column
        raise DataError(
            f"--unlabeled_filename {source.name}: raw text must be in a column named {' or '.join(wanted)}, got the "
            f"columns {', '.join(row)}; say which with --unlabeled_column"
        )


def find_sources(names: Iterable[str | Path], *, suffixes: Collection[str] = TEXT_SUFFIXES) -> list[RawSource]:
    """What the names stand for: files, folders of text files, patterns such as `raw/*.txt`, ids of hub data sets.

    Raises:
        DataError: If there is nothing by one of the names.
    """
    return [_find_source(str(name), suffixes) for name in names]


def _find_source(name: str, suffixes: Collection[str]) -> RawSource:
    path = Path(name)
    if path.is_dir():
        there = [file for file in path.rglob("*") if not (file.is_dir() or _is_hidden(file, path))]
        files = [file for file in there if file.suffix in suffixes]
        complaint = f"the folder holds no text file ({', '.join(suffixes)})"
        return RawFiles(name, _some(files, name, complaint), n_passed_over=len(there) - len(files))
    if path.exists():
        return RawFiles(name, [path])
    if glob.has_magic(name):
        files = [file for file in map(Path, glob.glob(name, recursive=True)) if file.is_file()]
        return RawFiles(name, _some(files, name, "the pattern matches no file"))
    hub_id = _HUB_ID.fullmatch(name)
    if hub_id and not Path(hub_id[1]).exists():
        return HubTexts(name)
    raise DataError(f"--unlabeled_filename {name}: there is no such file or folder, nor is it a hub data set's id")


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _some(files: Sequence[Path], name: str, complaint: str) -> list[Path]:
    if not files:
        raise DataError(f"--unlabeled_filename {name}: {complaint}")
    return sorted(files)


class RawFiles:
    """Files of raw text; of a folder, those whose ending is not that of a text are counted and passed over."""

    def __init__(self, name: str, files: Sequence[Path], *, n_passed_over: int = 0) -> None:
        self.name = name
        self.n_passed_over = n_passed_over
        self.files = files
        self.forms: set[str] = set()
        self.counts = ReadCounts()

    def notes(self) -> Iterator[str]:
        """How many files were read and passed over, and rows of column files."""
        if len(self.files) > 1:
            yield f"{len(self.files)} files read"
        if self.n_passed_over:
            yield f"other files passed over: {self.n_passed_over}; to read them, name them or give a pattern"
        yield from self.counts.notes()

    def items(self, reading: Reading[Item]) -> Iterator[Item]:
        """Those of each file."""
        for file in self.files:
            yield from reading.read_file(file, self)


class HubTexts:
    """A data set of the hub, `owner/name` or `owner/name:configuration`, streamed: its train split, or else all."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.forms: set[str] = set()
        self.counts = ReadCounts()

    def notes(self) -> Iterator[str]:
        """Nothing."""
        yield from ()

    def items(self, reading: Reading[Item]) -> Iterator[Item]:
        """Those of each row."""
        for number, row in enumerate(self._rows(), 1):
            yield from reading.read_row(row, f"--unlabeled_filename {self.name}, row {number}", self)

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        import datasets

        name, _, configuration = self.name.partition(":")
        try:
            splits: Any = datasets.load_dataset(name, configuration or None, streaming=True)
            for split in [splits["train"]] if "train" in splits else splits.values():
                yield from split
        except Exception as error:  # The hub's client fails in a dozen ways; each means that the text is not to be had.
            told = " ".join(str(error).split())
            raise DataError(
                f"--unlabeled_filename {self.name}: no file or folder here, nor a data set that the hub gives: "
                f"{told:.200}"
            ) from error


def is_column_file(path: Path) -> bool:
    """Whether the first lines look like words in columns rather than texts.

    They do where they are rows alike, in sentences divided by blank lines: all of one word, all of equally many columns
    divided by tabs, or (eight rows at least) by spaces.
    """
    forms: Counter[tuple[bool, int]] = Counter()
    n_rows, longest, has_ended = 0, 0, False
    for line in islice(read_lines(path), _COLUMN_FILE_HEAD):
        text = line.strip(" \t\r\n")
        if not text:
            has_ended, n_rows = has_ended or n_rows > 0, 0
        elif not text.startswith(("# ", "-DOCSTART-")):
            n_rows += 1
            longest = max(longest, n_rows)
            forms["\t" in text, len(text.split("\t")) if "\t" in text else len(re.split(" +", text))] += 1
    if not has_ended or longest < 2 or len(forms) != 1:
        return False
    (has_tabs, n_columns), total = forms.popitem()
    return has_tabs or n_columns == 1 or total >= _MIN_ROWS
