"""Sentences and texts by the million, that stay on disk, and the training rows made of them."""

from __future__ import annotations

import abc
import errno
import json
import os
import tempfile
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from nlparch.data.text_labels import TextTask
from nlparch.data.text_predictions import Text, as_text, text_length
from nlparch.data.text_tables import gold_column, texts_of
from nlparch.errors import UserError

_READ_TOGETHER = 4096
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Item = TypeVar("Item")

Lengths = npt.NDArray[np.int32]


class Sentences(Protocol):
    """Sentences of words, in memory or not."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sequence[str]: ...

    def __iter__(self) -> Iterator[Sequence[str]]: ...


class ItemFile(abc.ABC, Generic[Item]):
    """Items on disk, read as they are asked for: each costs 12 bytes of memory, whatever is in it.

    They are read from the file and not mapped into memory, for what was once read of a map counts as the process's own.
    The file has no name: it is gone with the last process that holds it, however that ends.

    Attributes:
        lengths: of the items. Shape: (items,)
    """

    def __init__(self, descriptor: int, lengths: Lengths, ends: npt.NDArray[np.int64]) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._ends = ends
        self.lengths = lengths

    @staticmethod
    @abc.abstractmethod
    def encode(item: Item) -> str:
        """An item as it is written."""

    @staticmethod
    @abc.abstractmethod
    def decode(written: str) -> Item:
        """The item that was written so."""

    @staticmethod
    @abc.abstractmethod
    def length(item: Item) -> int:
        """How long an item is."""

    @classmethod
    def write(cls, items: Iterable[Item], *, folder: str | Path | None = None) -> Self:
        """Writes items as they come.

        Args:
            items: as `encode` takes them.
            folder: where there is room for them; None takes the system's folder for such files.

        Raises:
            UserError: If there is no room for them.
        """
        lengths, ends = array("i"), array("q")
        end = 0
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                for item in items:
                    end += file.write(cls.encode(item).encode("utf-8", "surrogatepass"))
                    lengths.append(cls.length(item))
                    ends.append(end)
                file.flush()
                descriptor = os.dup(file.fileno())
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            where = folder or tempfile.gettempdir()
            raise UserError(f"{where}: no room for text ({error.strerror}); make some, or set TMPDIR") from error
        return cls(descriptor, np.frombuffer(lengths, dtype=np.int32), np.frombuffer(ends, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int, /) -> Item:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} items, got number {index}")
        return next(self._read(index, index + 1))

    def __iter__(self) -> Iterator[Item]:
        for begin in range(0, len(self), _READ_TOGETHER):
            yield from self._read(begin, min(begin + _READ_TOGETHER, len(self)))

    def _read(self, begin: int, end: int) -> Iterator[Item]:
        start = first = int(self._ends[begin - 1]) if begin else 0
        text = os.pread(self._descriptor, int(self._ends[end - 1]) - first, first)
        for stop in self._ends[begin:end].tolist():
            yield self.decode(text[start - first : stop - first].decode("utf-8", "surrogatepass"))
            start = stop


class SentenceFile(ItemFile[Sequence[str]]):
    """Sentences of words, none of them empty, and no word with a line feed in it; as long as they have words."""

    @staticmethod
    def encode(item: Sequence[str]) -> str:
        """A word a line."""
        return "\n".join(item)

    @staticmethod
    def decode(written: str) -> list[str]:
        """The words."""
        return written.split("\n")

    @staticmethod
    def length(item: Sequence[str]) -> int:
        """Words."""
        return len(item)


class TextFile(ItemFile[Text]):
    """Texts, or pairs of texts, line feeds and all; as long as they have characters."""

    @staticmethod
    def encode(item: Text) -> str:
        """As JSON."""
        return json.dumps(item, ensure_ascii=False)

    @staticmethod
    def decode(written: str) -> Text:
        """The text or pair."""
        return as_text(json.loads(written))

    @staticmethod
    def length(item: Text) -> int:
        """Characters."""
        return text_length(item)


def sentence_lengths(sentences: Sentences) -> Lengths:
    """Words of each sentence. Shape: (sentences,)"""
    known: Lengths | None = getattr(sentences, "lengths", None)
    if known is not None:
        return known
    return np.fromiter((len(words) for words in sentences), dtype=np.int32, count=len(sentences))


class JoinedItems(Generic[Item]):
    """Items in memory, followed by items on disk."""

    def __init__(self, first: Sequence[Item], *rest: ItemFile[Item], length: Callable[[Item], int]) -> None:
        self._parts: list[Sequence[Item] | ItemFile[Item]] = [first, *rest]
        lengths = np.fromiter(map(length, first), dtype=np.int32, count=len(first))
        self.lengths: Lengths = np.concatenate([lengths, *(part.lengths for part in rest)])
        self._ends = list(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int, /) -> Item:
        number = min(bisect_right(self._ends, index), len(self._parts) - 1)
        return self._parts[number][index - (self._ends[number - 1] if number else 0)]

    def __iter__(self) -> Iterator[Item]:
        return chain.from_iterable(self._parts)


class _GoldThenOthers(Generic[Item]):
    """Gold of some items, followed by items without."""

    def __init__(
        self, items: Sequence[Item], gold: Sequence[Any], *others: ItemFile[Item], length: Callable[[Item], int]
    ) -> None:
        self._gold = gold
        self._items = JoinedItems(items, *others, length=length)

    def __len__(self) -> int:
        return len(self._items)

    def _every_gold(self) -> Iterator[Any]:
        return chain(self._gold, repeat(None, len(self) - len(self._gold)))

    def _some_gold(self, numbers: Iterable[int]) -> list[Any]:
        return [self._gold[number] if number < len(self._gold) else None for number in numbers]


class TrainingRows(_GoldThenOthers[Sequence[str]]):
    """Gold rows followed by sentences without gold: what training asks of a `datasets.Dataset`, the latter on disk.

    Args:
        gold: with the columns `words` and `tags`; None where there is none.
        others: their tags are None.
    """

    def __init__(self, gold: Any, *others: SentenceFile) -> None:
        self._rows, self._others = gold, others
        words, tags = ([], []) if gold is None else (list(gold["words"]), list(gold["tags"]))
        super().__init__(words, tags, *others, length=len)

    def __getitem__(self, key: str | Sequence[int]) -> Any:
        """A column by its name, to be iterated; or rows by their numbers, as columns of lists."""
        if isinstance(key, str):
            return {"words": self._items, "tags": self._every_gold()}[key]
        numbers = [int(number) for number in key]
        return {"words": [self._items[number] for number in numbers], "tags": self._some_gold(numbers)}

    def followed_by(self, more: SentenceFile) -> TrainingRows:
        """These rows, and sentences without gold behind them."""
        return TrainingRows(self._rows, *self._others, more)


class TextTrainingRows(_GoldThenOthers[Text]):
    """Gold rows followed by texts without gold, pairs of texts as gold has pairs.

    Args:
        gold: with the columns of a corpus of texts; None where there is none.
        others: their gold is None.
        task: what is asked of a text.

    Attributes:
        texts: every text, on disk but for gold's.
    """

    def __init__(self, gold: Any, *others: TextFile, task: TextTask) -> None:
        self._rows, self._others, self._task = gold, others, task
        self._column = gold_column(task)
        texts, labels = ([], []) if gold is None else (texts_of(gold), list(gold[self._column]))
        super().__init__(texts, labels, *others, length=text_length)
        self._has_pairs = bool(len(self)) and not isinstance(self._items[0], str)

    @property
    def texts(self) -> JoinedItems[Text]:
        """Every text."""
        return self._items

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return ["text", *(["text_pair"] if self._has_pairs else []), self._column]

    def __getitem__(self, key: str | Sequence[int]) -> Any:
        """A column by its name, to be iterated; or rows by their numbers, as columns of lists."""
        if isinstance(key, str):
            return self._every_gold() if key == self._column else self._parts(key, self._items)
        numbers = [int(number) for number in key]
        texts = [self._items[number] for number in numbers]
        columns = {name: list(self._parts(name, texts)) for name in self.column_names[:-1]}
        return {**columns, self._column: self._some_gold(numbers)}

    def followed_by(self, more: TextFile) -> TextTrainingRows:
        """These rows, and texts without gold behind them."""
        return TextTrainingRows(self._rows, *self._others, more, task=self._task)

    def _parts(self, name: str, texts: Iterable[Text]) -> Iterator[str]:
        place = {"text": 0, "text_pair": 1}[name]
        return (text if isinstance(text, str) else text[place] for text in texts)
