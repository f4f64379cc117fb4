"""Tables of words and tags: JSON lines, Parquet, what `datasets` saved, data sets of the hub."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nlparch.errors import DataError

if TYPE_CHECKING:
    import datasets

WORDS_COLUMNS = ("words", "tokens")
TAGS_COLUMNS = ("tags", "ner_tags", "pos_tags", "chunk_tags")
HUB_SPLITS = {"train": ("train",), "dev": ("validation", "dev", "valid"), "test": ("test",)}
TABLE_FORMATS = {".json": "json", ".jsonl": "json", ".parquet": "parquet"}
RowsT = TypeVar("RowsT")
RowsT_co = TypeVar("RowsT_co", covariant=True)
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")


@dataclass
class Rows:
    """Sentences and their tags, side by side; `None` for sentences without tags."""

    words: list[list[str]] = field(default_factory=list)
    tags: list[list[str] | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.words)

    def tagged(self) -> Iterator[list[str]]:
        """Give the tags of the sentences that have some."""
        return (tags for tags in self.tags if tags is not None)

    def counts(self) -> Counter[str]:
        """Count each tag."""
        return Counter(tag for tags in self.tagged() for tag in tags)

    def labelled(self) -> list[int]:
        """Number the sentences that have tags."""
        return [index for index, tags in enumerate(self.tags) if tags is not None]

    def take(self, indices: Iterable[int]) -> Rows:
        """Pick sentences by number."""
        chosen = list(indices)
        return Rows([self.words[index] for index in chosen], [self.tags[index] for index in chosen])


def is_saved(folder: Path) -> bool:
    """Whether `datasets` saved this folder."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


class TableReader(Protocol[RowsT_co]):
    """Makes rows of a table."""

    def read(self, table: datasets.Dataset, place: str) -> RowsT_co:
        """The rows of a table that is called `place` in complaints."""
        ...


def read_saved(folder: Path, columns: TableReader[RowsT]) -> dict[str, RowsT]:
    """Read a folder that `datasets` saved."""
    import datasets

    return _read_tables(datasets.load_from_disk(str(folder)), str(folder), columns)


def read_table_file(path: Path, columns: ColumnFinder) -> Rows:
    """Read a JSON, JSON lines or Parquet file."""
    import datasets

    try:
        table = datasets.load_dataset(TABLE_FORMATS[path.suffix], data_files=str(path), split="train")
    except Exception as error:  # Each of its readers fails in its own way.
        raise DataError(f"{path}: cannot be read: {_one_line(error.__cause__ or error)}") from error
    return columns.read(table, str(path))


def read_hub(data_dir: str, columns: TableReader[RowsT]) -> dict[str, RowsT]:
    """Read a data set of the hub, `owner/name` or `owner/name:configuration`.

    Raises:
        DataError: If it cannot be had.
    """
    is_file = Path(data_dir).exists()
    if is_file or not _HUB_ID.fullmatch(data_dir):
        raise DataError(
            f"{data_dir}: --data_dir must be a folder or the id of a data set on the hub, got "
            + ("a file; give its folder, and its name with --train_filename" if is_file else "a path where nothing is")
        )
    import datasets

    name, _, configuration = data_dir.partition(":")
    try:
        table = datasets.load_dataset(name, configuration or None)
    except Exception as error:  # The hub's client fails in a dozen ways; each means that the data is not to be had.
        raise DataError(
            f"{data_dir}: neither a folder here nor a data set that the hub gives: {_one_line(error)}"
        ) from error
    return _read_tables(table, data_dir, columns)


def _read_tables(table: Any, place: str, columns: TableReader[RowsT]) -> dict[str, RowsT]:
    by_name = table if isinstance(table, dict) else {"train": table}
    found = {
        name: next((by_name[hub_name] for hub_name in hub_names if hub_name in by_name), None)
        for name, hub_names in HUB_SPLITS.items()
    }
    return {name: columns.read(rows, f"{place} ({name})") for name, rows in found.items() if rows is not None}


@dataclass
class ColumnFinder:
    """Finds the columns of words and tags in a table."""

    words: str | None
    tags: str | None
    notes: list[str]

    def read(self, table: datasets.Dataset, place: str) -> Rows:
        """Read a table's sentences; those without words are passed over, and noted."""
        words_column = self._find(table.column_names, self.words, WORDS_COLUMNS, "words", place)
        tags_column = self._find(table.column_names, self.tags, TAGS_COLUMNS, "tags", place)
        names = _class_names(table.features[tags_column])
        split = Rows()
        for number, row in enumerate(table.select_columns([words_column, tags_column])):
            words, tags = row[words_column], row[tags_column]
            if not words:
                continue
            row_place = f"{place}, row {number + 1}"
            if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
                raise DataError(
                    f"{row_place}: words must be a list of texts, none of them empty, got {_one_line(words)}"
                )
            split.words.append(words)
            split.tags.append(None if tags is None else _check_row(words, tags, names, row_place))
        if len(split.words) < len(table):
            self.notes.append(f"{place}: {len(table) - len(split.words)} rows without words passed over")
        return split

    def _find(self, there: list[str], given: str | None, usual: tuple[str, ...], what: str, place: str) -> str:
        wanted = (given,) if given else usual
        found = [column for column in wanted if column in there]
        if not found:
            raise DataError(
                f"{place}: {what} must be in a column named {' or '.join(wanted)}, got the columns "
                f"{', '.join(there)}; say which with --{what}_column"
            )
        if len(found) > 1:
            others = ", ".join(found[1:])
            self.notes.append(f"{place}: {what} are read from {found[0]}, not {others}; --{what}_column says otherwise")
        return found[0]


def _class_names(feature: Any) -> list[str] | None:
    names = getattr(getattr(feature, "feature", None), "names", None)
    return list(names) if names else None


def _check_row(words: list[str], tags: list[Any], names: list[str] | None, place: str) -> list[str]:
    if not isinstance(tags, list):
        raise DataError(f"{place}: tags must be a list, one for each word, got {_one_line(tags)}")
    if len(words) != len(tags):
        raise DataError(f"{place}: every word must have a tag, got {len(words)} words and {len(tags)} tags")
    if names is not None:
        # The hub marks words without a tag with -1.
        if not all(isinstance(tag, int) and 0 <= tag < len(names) for tag in tags):
            raise DataError(f"{place}: a tag must be one of {len(names)} classes, got {tags}; drop the row")
        return [names[tag] for tag in tags]
    if not all(isinstance(tag, str) and tag for tag in tags):
        raise DataError(f"{place}: tags must be strings or named classes, got {_one_line(tags)}")
    return tags


def to_dataset(split: Rows) -> datasets.Dataset:
    """Make the data set with the columns `words` and `tags`."""
    import datasets

    strings = datasets.List(datasets.Value("string"))
    features = datasets.Features({"words": strings, "tags": strings})
    return datasets.Dataset.from_dict({"words": split.words, "tags": split.tags}, features=features)


def _one_line(thing: object) -> str:
    text = " ".join(str(thing).split())
    return text if len(text) <= 200 else text[:197] + "..."
