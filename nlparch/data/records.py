"""Records of files: CSV, TSV, JSON, JSON lines, Parquet; read row by row, each with its place."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nlparch.data.conll import decode_lines
from nlparch.errors import DataError


class Record(NamedTuple):
    """A row of a table: where it stands, as `file:line` or `file, row n`, and its values by column."""

    place: str
    values: Mapping[str, Any]


def read_records(path: Path, *, notes: list[str]) -> list[Record]:
    """Reads a whole file, in the format that its suffix names (see `RECORD_FORMATS`).

    Args:
        path: the file.
        notes: gains what was passed over.

    Raises:
        DataError: At the first row that cannot be read, or if there is no row at all.
    """
    records = list(RECORD_FORMATS[path.suffix](path, notes))
    if not records:
        raise DataError(f"{path}: holds no row")
    return records


def table_records(table: Any, place: str) -> Iterator[Record]:
    """The rows of a `datasets.Dataset`; the names of classes stand for their numbers."""
    namers = {name: _class_namer(feature) for name, feature in table.features.items()}
    for number, row in enumerate(table, 1):
        where = f"{place}, row {number}"
        yield Record(where, {name: namers[name](value, where) for name, value in row.items()})


def _class_namer(feature: Any) -> Callable[[Any, str], Any]:
    names = getattr(feature, "names", None)
    if names is not None:
        return lambda value, place: _class_name(names, value, place)
    inner = getattr(getattr(feature, "feature", None), "names", None)
    if inner is not None:
        return lambda values, place: None if values is None else [_class_name(inner, value, place) for value in values]
    return lambda value, place: value


def _class_name(names: list[str], value: int | None, place: str) -> str | None:
    # The hub marks what has no label with -1.
    if value is None or value == -1:
        return None
    if not 0 <= value < len(names):
        raise DataError(f"{place}: a label must be one of {len(names)} classes, got {value}; drop the row")
    return names[value]


def read_separated(path: Path, notes: list[str], *, separator: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV or TSV file, the header among them, each with the number of its first line.

    Args:
        path: a UTF-8 file; lines may end in CR LF.
        notes: gains the number of empty lines that were passed over.
        separator: what divides fields.
        quoted: whether a field may stand in quotes, with separators and line breaks inside.

    Raises:
        DataError: At a quote that does not close its field.
    """
    how: Any = {"delimiter": separator, "quoting": csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, "strict": quoted}
    limit = csv.field_size_limit(sys.maxsize)
    begin, n_empty = 1, 0
    try:
        with path.open("rb") as file:
            reader = csv.reader(decode_lines(file, name=str(path)), **how)
            for row in reader:
                if row:
                    yield begin, row
                else:
                    n_empty += 1
                begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}:{begin}: a quoted field must end at its closing quote, with quotes inside it doubled; {error}"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    finally:
        csv.field_size_limit(limit)
    if n_empty:
        notes.append(f"{path}: {n_empty} empty lines passed over")


def _read_csv(path: Path, notes: list[str]) -> Iterator[Record]:
    return _with_header(path, read_separated(path, notes, separator=",", quoted=True))


def _read_tsv(path: Path, notes: list[str]) -> Iterator[Record]:
    """Many TSV files know no quoting, and have quotes that stand for themselves: the file is read without where those
    break the rules of quoting or the columns, or enclose lines that are rows of their own."""
    n_quoted, n_plain = (_count_rows(path, quoted=quoted) for quoted in (True, False))
    # Of a single column, every line is a row of its own, whatever encloses it.
    quoted = n_quoted is not None and (n_plain in (None, n_quoted) or _has_one_column(path))
    if not quoted:
        notes.append(f"{path}: quotes are read as they stand, for not all of them enclose a field")
    return _with_header(path, read_separated(path, notes, separator="\t", quoted=quoted))


def _has_one_column(path: Path) -> bool:
    _, header = next(read_separated(path, [], separator="\t", quoted=True), (1, []))
    return len(header) == 1


def _count_rows(path: Path, *, quoted: bool) -> int | None:
    """The rows of a TSV file; None where it is none by these rules."""
    try:
        return sum(1 for _ in _with_header(path, read_separated(path, [], separator="\t", quoted=quoted)))
    except DataError:
        return None


def _with_header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    first, names = next(rows, (1, []))
    header = [name.strip() for name in names]
    if repeated := {name for name in header if header.count(name) > 1}:
        raise DataError(f"{path}:{first}: columns must differ in name, got twice: {', '.join(sorted(repeated))}")
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"{path}:{line}: every row must have as many fields as the header, {len(header)}, got {len(row)}; "
                f"{_field_hint(names)}"
            )
        yield Record(f"{path}:{line}", dict(zip(header, row, strict=True)))


def _field_hint(names: list[str]) -> str:
    others = [mark for mark in ";\t|" if len(names) == 1 and mark in names[0]]
    if others:
        return f"is it divided by {others[0]!r}? CSV has commas, TSV tabs"
    return "quote fields that hold the separator"


def _read_json_lines(path: Path, notes: list[str]) -> Iterator[Record]:
    n_empty = 0
    with path.open("rb") as file:
        for number, line in enumerate(decode_lines(file, name=str(path)), 1):
            if line.strip():
                yield _json_record(line, f"{path}:{number}")
            else:
                n_empty += 1
    if n_empty:
        notes.append(f"{path}: {n_empty} empty lines passed over")


def _json_record(text: str, place: str) -> Record:
    try:
        return _as_record(json.loads(text), place)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{place}: must be a JSON object, {error}") from error


def _as_record(value: Any, place: str) -> Record:
    if not isinstance(value, dict):
        raise DataError(f"{place}: must be a JSON object, got {_short(value)}")
    return Record(place, value)


def _read_json(path: Path, notes: list[str]) -> Iterable[Record]:
    """One list of objects, or JSON lines after all."""
    with path.open("rb") as file:
        text = "".join(decode_lines(file, name=str(path)))
    if not text.lstrip().startswith("["):
        return _read_json_lines(path, notes)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: must be a list of JSON objects, {error}") from error
    return (_as_record(row, f"{path}, row {number}") for number, row in enumerate(rows, 1))


def _read_parquet(path: Path, notes: list[str]) -> Iterator[Record]:
    import datasets

    try:
        table = datasets.load_dataset("parquet", data_files=str(path), split="train")
    except Exception as error:  # Its reader fails in many ways.
        raise DataError(f"{path}: cannot be read: {_short(error.__cause__ or error)}") from error
    return table_records(table, str(path))


def _short(thing: object) -> str:
    text = " ".join(str(thing).split())
    return text if len(text) <= 200 else text[:197] + "..."


RECORD_FORMATS: dict[str, Callable[[Path, list[str]], Iterable[Record]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
"""Suffixes of files, and what reads them."""
