"""Raw text that is read as whole texts, or pairs of texts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from nlparch.data.conll import read_lines
from nlparch.data.raw_sources import HubTexts, RawFiles, RawSource
from nlparch.data.records import RECORD_FORMATS, Record
from nlparch.data.sentences import TextFile
from nlparch.data.text_predictions import Text
from nlparch.data.text_tables import TextColumns
from nlparch.errors import DataError


@dataclass(frozen=True)
class RawTextReading:
    """Texts, one a line, or in the columns of tables and hub data sets.

    Attributes:
        column: the column of tables with the texts; None looks for the usual names.
        pair_column: that of the second texts of pairs; None looks for the usual partner of the first.
        has_pairs: whether pairs of texts are wanted; of lines, both texts are then divided by a tab. None: where a
            table has a column for the second.
        notes: gains what was chosen.
        option: names the column on the command line, as `--{option}_column`.
    """

    column: str | None = None
    pair_column: str | None = None
    has_pairs: bool | None = False
    notes: list[str] = field(default_factory=list)
    option: str = "unlabeled"

    suffixes: ClassVar[Collection[str]] = (".text", ".txt", *RECORD_FORMATS)

    def read_file(self, file: Path, source: RawSource) -> Iterator[Text]:
        """The rows of a table, or else lines."""
        if file.suffix in RECORD_FORMATS:
            source.forms.add("texts of tables")
            return self._read_records(RECORD_FORMATS[file.suffix](file, self.notes), str(file))
        source.forms.add("pairs of texts, one a line" if self.has_pairs else "texts, one a line")
        lines = (line.rstrip("\r\n") for line in read_lines(file))
        return (self.read_line(line, f"{file}:{number}") for number, line in enumerate(lines, 1))

    def read_line(self, line: str, place: str) -> Text:
        """The text of a line, or both of a pair; of an empty line, both are empty.

        Raises:
            DataError: If there should be two, divided by a tab, and are not.
        """
        if not self.has_pairs:
            return line
        if not line.strip():
            return "", ""
        parts = line.split("\t")
        if len(parts) != 2:
            raise DataError(f"{place}: a line must hold two texts, divided by a tab, got {len(parts)}")
        return parts[0], parts[1]

    def read_row(self, row: Mapping[str, Any], place: str, source: RawSource) -> Iterator[Text]:
        """One text or pair."""
        source.forms.add("texts of its rows")
        return self._read_records([Record(place, row)], f"--unlabeled_filename {source.name}")

    def _read_records(self, records: Iterable[Record], place: str) -> Iterator[Text]:
        # Rows of JSON may differ in their columns.
        pair_column = "" if self.has_pairs is False else self.pair_column
        columns = TextColumns(self.column, pair_column, None, self.notes, option=self.option)
        finders: dict[tuple[str, ...], Callable[[Record], Text]] = {}
        for record in records:
            there = tuple(record.values)
            if there not in finders:
                where = record.place if finders else place
                finders[there] = columns.text_finder(list(there), where, needs_pair=bool(self.has_pairs))
            yield finders[there](record)

    def has_columns(self, source: RawSource) -> bool:
        """Tables and hub data sets have."""
        if isinstance(source, RawFiles):
            return any(file.suffix in RECORD_FORMATS for file in source.files)
        return isinstance(source, HubTexts)

    def words_of(self, item: Text) -> Sequence[str]:
        """What stands between spaces; of pairs, with a mark between both texts, unless both are empty."""
        if isinstance(item, str):
            return item.split()
        first, second = (part.split() for part in item)
        return [*first, "\0", *second] if first or second else []

    def store(self, items: Iterable[Text], folder: str | Path | None) -> TextFile:
        """As texts."""
        return TextFile.write(items, folder=folder)
