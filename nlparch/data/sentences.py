"""Sentences by the million: words that stay on disk, and the training rows made of them."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

_READ_TOGETHER = 4096

Lengths = npt.NDArray[np.int32]


class Sentences(Protocol):
    """Sentences of words, in memory or not."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sequence[str]: ...

    def __iter__(self) -> Iterator[Sequence[str]]: ...


class SentenceFile:
    """Sentences on disk, read as they are asked for: each costs 12 bytes of memory, whatever is in it.

    They are read from the file and not mapped into memory, for what was once read of a map counts as the process's own.
    The file has no name: it is gone with the last process that holds it, however that ends.

    Attributes:
        lengths: words of each sentence. Shape: (sentences,)
    """

    def __init__(self, descriptor: int, lengths: Lengths, ends: npt.NDArray[np.int64]) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._ends = ends
        self.lengths = lengths

    @classmethod
    def write(cls, sentences: Iterable[Sequence[str]], *, folder: str | Path | None = None) -> SentenceFile:
        """Writes sentences as they come.

        Args:
            sentences: none of them empty, and no word with a line feed in it.
            folder: where there is room for them; None takes the system's folder for such files.
        """
        lengths, ends = array("i"), array("q")
        end = 0
        with tempfile.TemporaryFile(dir=folder) as file:
            for words in sentences:
                end += file.write("\n".join(words).encode("utf-8", "surrogatepass"))
                lengths.append(len(words))
                ends.append(end)
            file.flush()
            descriptor = os.dup(file.fileno())
        return cls(descriptor, np.frombuffer(lengths, dtype=np.int32), np.frombuffer(ends, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int, /) -> list[str]:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} sentences, got number {index}")
        return next(self._read(index, index + 1))

    def __iter__(self) -> Iterator[list[str]]:
        for begin in range(0, len(self), _READ_TOGETHER):
            yield from self._read(begin, min(begin + _READ_TOGETHER, len(self)))

    def _read(self, begin: int, end: int) -> Iterator[list[str]]:
        start = first = int(self._ends[begin - 1]) if begin else 0
        text = os.pread(self._descriptor, int(self._ends[end - 1]) - first, first)
        for stop in self._ends[begin:end].tolist():
            yield text[start - first : stop - first].decode("utf-8", "surrogatepass").split("\n")
            start = stop


def sentence_lengths(sentences: Sentences) -> Lengths:
    """Words of each sentence. Shape: (sentences,)"""
    known: Lengths | None = getattr(sentences, "lengths", None)
    if known is not None:
        return known
    return np.fromiter((len(words) for words in sentences), dtype=np.int32, count=len(sentences))


class JoinedSentences:
    """Sentences in memory, followed by sentences on disk."""

    def __init__(self, first: Sequence[Sequence[str]], *rest: SentenceFile) -> None:
        self._parts: list[Sentences] = [first, *rest]
        self.lengths: Lengths = np.concatenate([sentence_lengths(part) for part in self._parts])
        self._ends = list(accumulate(map(len, self._parts)))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int, /) -> Sequence[str]:
        number = min(bisect_right(self._ends, index), len(self._parts) - 1)
        return self._parts[number][index - (self._ends[number - 1] if number else 0)]

    def __iter__(self) -> Iterator[Sequence[str]]:
        return chain.from_iterable(self._parts)


class TrainingRows:
    """Gold rows followed by sentences without gold: what training asks of a `datasets.Dataset`, the latter on disk.

    Args:
        gold: with the columns `words` and `tags`; None where there is none.
        others: their tags are None.
    """

    def __init__(self, gold: Any, *others: SentenceFile) -> None:
        self._gold = gold
        self._others = others
        self._tags = [] if gold is None else list(gold["tags"])
        self._words = JoinedSentences([] if gold is None else list(gold["words"]), *others)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, key: str | Sequence[int]) -> Any:
        """A column by its name, to be iterated; or rows by their numbers, as columns of lists."""
        if key == "words":
            return self._words
        if key == "tags":
            return chain(self._tags, repeat(None, len(self) - len(self._tags)))
        n_gold = len(self._tags)
        return {
            "words": [self._words[int(index)] for index in key],
            "tags": [self._tags[int(index)] if int(index) < n_gold else None for index in key],
        }

    def followed_by(self, more: SentenceFile) -> TrainingRows:
        """These rows, and sentences without gold behind them."""
        return TrainingRows(self._gold, *self._others, more)
