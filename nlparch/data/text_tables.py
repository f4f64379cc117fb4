"""Texts and their labels in the columns of a table: which columns they are, and what their values mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nlparch.data.records import Record, table_records
from nlparch.data.text_labels import TextTask
from nlparch.data.text_predictions import Text
from nlparch.errors import DataError

if TYPE_CHECKING:
    import datasets

TEXT_COLUMNS = {
    "text": "text_pair",
    "sentence1": "sentence2",
    "text1": "text2",
    "question1": "question2",
    "premise": "hypothesis",
    "question": "sentence",
    "sentence": None,
    "content": None,
    "utterance": None,
    "query": None,
}
"""Usual names of the column of texts, in the order they are tried, and of the second texts that may go with it."""
LABEL_COLUMNS = ("label", "labels", "score", "category", "class", "intent")
_FEW = 0.1
"""Of gold: so little that is no number does not make numbers names."""
_HIGHEST = 1e18  # its square still is a number in fp32

Gold = str | float | list[str] | None
Key = tuple[str, str | None]


@dataclass
class TextRows:
    """Texts and their gold, side by side.

    Attributes:
        texts: the texts, or the first ones of pairs.
        pairs: the second texts; all None where there are none.
        gold: a label, a number or a list of labels; None where there is none.
    """

    texts: list[str] = field(default_factory=list)
    pairs: list[str | None] = field(default_factory=list)
    gold: list[Gold] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def labelled(self) -> list[int]:
        """The numbers of the texts that have gold."""
        return [index for index, gold in enumerate(self.gold) if gold is not None]

    def take(self, indices: Iterable[int]) -> TextRows:
        """Picks texts by number."""
        chosen = list(indices)
        return TextRows(
            [self.texts[index] for index in chosen],
            [self.pairs[index] for index in chosen],
            [self.gold[index] for index in chosen],
        )

    def keys(self) -> list[Key]:
        """What makes two rows the same text."""
        return list(zip(self.texts, self.pairs, strict=True))

    def label_counts(self) -> Counter[str]:
        """How often each label stands in gold; nothing for numbers."""
        counts: Counter[str] = Counter()
        for gold in self.gold:
            counts.update([gold] if isinstance(gold, str) else gold if isinstance(gold, list) else [])
        return counts

    def is_empty(self, index: int) -> bool:
        """Whether a text, or both of a pair, hold nothing but space."""
        return not self.texts[index].strip() and not (self.pairs[index] or "").strip()

    def is_half_empty(self, index: int) -> bool:
        """Whether one text of a pair holds nothing but space, and the other something."""
        pair = self.pairs[index]
        return pair is not None and bool(self.texts[index].strip()) != bool(pair.strip())


@dataclass
class RawTexts:
    """Rows as they were read: gold as it stands in the file, with the place of each."""

    rows: TextRows
    places: list[str]


@dataclass
class TextColumns:
    """Finds the columns of texts and labels in a table.

    Attributes:
        text: the texts' column; None tries the usual names. Likewise `text_pair` and `label`.
        separator: divides the labels of a field of CSV or TSV; empty where a field is one label.
        needs_labels: whether a table without a column of labels is refused.
        notes: gains what was chosen.
        option: names the text column on the command line: `--{option}_column`.
    """

    text: str | None
    text_pair: str | None
    label: str | None
    notes: list[str]
    separator: str = ""
    needs_labels: bool = False
    option: str = "text"

    def read(self, table: datasets.Dataset, place: str) -> RawTexts:
        """The texts of a `datasets.Dataset`."""
        return self.read_records(list(table_records(table, place)), table.column_names, place)

    def read_records(self, records: Sequence[Record], names: Iterable[str], place: str) -> RawTexts:
        """The texts of records that have the columns `names`."""
        there = list(names)
        text, pair = self._find_texts(there, place)
        label = self._find_label([name for name in there if name not in (text, pair)], place)
        rows = TextRows()
        for record in records:
            rows.texts.append(_text(record, text))
            rows.pairs.append(_text(record, pair) if pair else None)
            rows.gold.append(_raw_gold(record, label, self.separator) if label else None)
        return RawTexts(rows, [record.place for record in records])

    def text_finder(self, there: list[str], place: str, *, needs_pair: bool) -> Callable[[Record], Text]:
        """Gives the text of a record that has the columns `there`, or both texts of a pair.

        Raises:
            DataError: If there is no column for them.
        """
        text, pair = self._find_texts(there, place)
        if pair is None:
            if needs_pair:
                raise _not_there("text_pair", self.text_pair, tuple(filter(None, TEXT_COLUMNS.values())), there, place)
            return lambda record: _text(record, text)
        return lambda record: (_text(record, text), _text(record, pair))

    def _find_texts(self, there: list[str], place: str) -> tuple[str, str | None]:
        text = _find(there, self.text, tuple(TEXT_COLUMNS), self.option, place, self.notes)
        if text is None:
            raise _not_there(self.option, self.text, tuple(TEXT_COLUMNS), there, place)
        for what, name in (("text_pair", self.text_pair), ("label", self.label)):
            if name == text:
                raise DataError(f"{place}: texts are in the column {text!r}; --{what}_column must name another")
        if self.text_pair:
            if self.text_pair not in there:
                raise _not_there("text_pair", self.text_pair, (), there, place)
            return text, self.text_pair
        usual = TEXT_COLUMNS.get(text)
        return text, usual if self.text_pair is None and usual in there else None

    def _find_label(self, there: list[str], place: str) -> str | None:
        label = _find(there, self.label, LABEL_COLUMNS, "label", place, self.notes)
        if label is None and self.needs_labels:
            raise _not_there("label", self.label, LABEL_COLUMNS, there, place)
        return label


def _find(
    there: list[str], given: str | None, usual: tuple[str, ...], what: str, place: str, notes: list[str]
) -> str | None:
    found = [column for column in ((given,) if given else usual) if column in there]
    partners = {TEXT_COLUMNS.get(found[0])} if found else set()
    others = [column for column in found[1:] if column not in partners]
    if others:
        notes.append(
            f"{place}: {what} is read from {found[0]}, not {', '.join(others)}; --{what}_column says otherwise"
        )
    return found[0] if found else None


def _not_there(what: str, given: str | None, usual: tuple[str, ...], there: list[str], place: str) -> DataError:
    return DataError(
        f"{place}: {what} must be in a column named {given or ' or '.join(usual)}, got the columns "
        f"{', '.join(map(repr, there))}; say which with --{what}_column"
    )


def _text(record: Record, column: str) -> str:
    value = record.values.get(column)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{record.place}: {column} must be a text, got {value!r:.80}")
    return _checked(value or "", record.place)


def _checked(text: str, place: str) -> str:
    """A string that can be written; JSON's escapes can make halves of characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: text must have whole characters, got half of one, {ascii(text[error.start])}; mend the escape"
        ) from error
    return text


def _raw_gold(record: Record, column: str, separator: str) -> Any:
    value = record.values.get(column)
    if isinstance(value, str):
        value = value.strip()
        if separator:
            return [name.strip() for name in value.split(separator) if name.strip()]
        return value or None
    return value


def find_task(given: TextTask | None, splits: Iterable[RawTexts]) -> TextTask:
    """What is asked of each text: as given, or as gold looks: lists, fractions, or names.

    Raises:
        DataError: At the first gold that is no number, where nearly all others are numbers with fractions.
    """
    if given is not None:
        return given
    every = (row for raw in splits for row in zip(raw.rows.gold, raw.places, strict=True))
    rows = [(value, place) for value, place in every if value is not None]
    if any(isinstance(value, list) for value, _ in rows):
        return "multi_label"
    numbers = [value for value, _ in rows if is_number(value)]
    if not any(map(is_fraction, numbers)):
        return "one_label"
    odd = [(value, place) for value, place in rows if not is_number(value)]
    if len(odd) > _FEW * len(rows):
        return "one_label"
    if odd:
        value, place = odd[0]
        raise DataError(
            f"{place}: the label must be a number, as {len(numbers):,} others are, got {value!r:.80}; mend the row, or "
            "say what the labels are with --task"
        )
    return "regression"


def is_number(value: Any) -> bool:
    """Whether a label is a number, or reads as one."""
    return isinstance(value, int | float) or (isinstance(value, str) and _number(value) is not None)


def is_fraction(value: Any) -> bool:
    """Whether a number is written with a fraction, be it 0."""
    return isinstance(value, float) or (isinstance(value, str) and not value.lstrip("+-").isdigit())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def settle_gold(raw: RawTexts, task: TextTask) -> TextRows:
    """The rows with gold as the task has it: names are strings, numbers are floats.

    Raises:
        DataError: At the first row whose gold does not fit the task.
    """
    settle: Any = {"one_label": _one_label, "multi_label": _labels, "regression": _float}[task]
    gold = [
        None if value is None else settle(value, place) for value, place in zip(raw.rows.gold, raw.places, strict=True)
    ]
    return TextRows(raw.rows.texts, raw.rows.pairs, gold)


def _one_label(value: Any, place: str) -> str:
    if isinstance(value, list):
        raise DataError(f"{place}: a text must have one label, got a list, {value!r:.80}; add --task multi_label")
    return _name(value, place)


def name_of(value: Any) -> str | None:
    """A label's name; JSON's 1 and true are `1` and `true`, as in a CSV file. None where it can be none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return value if isinstance(value, str) and value else None


def _name(value: Any, place: str) -> str:
    name = name_of(value)
    if name is None:
        raise DataError(
            f"{place}: a label must be a name or a whole number, got {value!r:.80}; for numbers --task regression"
        )
    return _checked(name, place)


def _labels(value: Any, place: str) -> list[str]:
    if not isinstance(value, list):
        raise DataError(
            f"{place}: the labels of a text must be a list, got {value!r:.80}; in CSV and TSV, --label_separator says "
            "what divides them"
        )
    names = [_name(name, place) for name in value]
    return sorted(set(names), key=names.index)


def _float(value: Any, place: str) -> float:
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number:
        raise DataError(
            f"{place}: the label of a regression must be a number, got {value!r:.80}; for names --task one_label"
        )
    if abs(number) > _HIGHEST:
        raise DataError(f"{place}: the label of a regression must be a number up to {_HIGHEST:.0e}, got {value!r:.80}")
    return float(number)


def to_dataset(rows: TextRows, task: TextTask) -> datasets.Dataset:
    """The data set with the columns `text`, `text_pair` (where there are pairs), and `label` or `labels`."""
    import datasets

    string = datasets.Value("string")
    kinds = {"one_label": string, "multi_label": datasets.List(string), "regression": datasets.Value("float64")}
    label = gold_column(task)
    columns = {"text": (rows.texts, string), "text_pair": (rows.pairs, string), label: (rows.gold, kinds[task])}
    if not any(pair is not None for pair in rows.pairs):
        del columns["text_pair"]
    features = datasets.Features({name: kind for name, (_, kind) in columns.items()})
    return datasets.Dataset.from_dict({name: values for name, (values, _) in columns.items()}, features=features)


def gold_column(task: TextTask) -> str:
    """The column of a data set that holds gold."""
    return "labels" if task == "multi_label" else "label"


def texts_of(rows: Any) -> list[Text]:
    """The texts of a data set as models take them: strings, or pairs of them."""
    names = getattr(rows, "column_names", None) or list(rows)
    if "text_pair" not in names:
        return list(rows["text"])
    return [(text, pair or "") for text, pair in zip(rows["text"], rows["text_pair"], strict=True)]
