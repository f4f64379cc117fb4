"""Vectors of surface forms: what the word-level layers say of a word, computed the first time the word is met."""

import threading
from collections.abc import Sequence
from dataclasses import fields
from itertools import chain

import numpy as np

from nlparch.data.features import FormBatch, WordFeatures
from nlparch.runtime.sessions import Graph

MAX_FORMS = 32_768
# Longer ones hardly come twice, and a client could fill the memory with them.
LONGEST_KEPT = 64
_FORMS_ENCODED_TOGETHER = 256
_IDS = tuple(field.name for field in fields(FormBatch))


class FormVectors:
    """A bounded cache of word vectors, shared by the threads that read it.

    Args:
        features: how words become ids.
        graph: from the ids of forms to their vectors.
        width: of a vector.
        max_forms: forms that are kept; when there is no room for the next one, all are forgotten. None is longer than
            `LONGEST_KEPT` characters.
    """

    def __init__(self, features: WordFeatures, graph: Graph, *, width: int, max_forms: int = MAX_FORMS) -> None:
        self._features = features
        self._graph = graph
        self._max_forms = max_forms
        self._lock = threading.Lock()
        # Row 0 stands for padding. Memory is taken page by page, as rows are written.
        self._table = np.zeros((max_forms + 1, width), dtype=np.float32)
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def learn(self, sentences: Sequence[Sequence[str]]) -> None:
        """Computes the vectors of words that are new, all together, if there is room for them."""
        with self._lock:
            # In the order of the text: a set's order differs between processes, and with it the last digit of a sum.
            words = dict.fromkeys(chain.from_iterable(sentences))
            new = [word for word in words if word not in self._rows and len(word) <= LONGEST_KEPT]
            if new and len(self._rows) + len(new) <= self._max_forms:
                self._add(new)

    def gather(self, sentences: Sequence[Sequence[str]], lengths: np.ndarray) -> np.ndarray:
        """The vectors of a batch of words.

        Args:
            sentences: their words.
            lengths: their numbers of words. Shape: (batch,)

        Returns:
            0 on padding; one word at least is padded to. Shape: (batch, words, width)
        """
        words = list(chain.from_iterable(sentences))
        index = np.zeros((len(sentences), max(1, int(lengths.max()))), dtype=np.int64)
        with self._lock:
            table, rows = self._look_up(words)
            index[np.arange(index.shape[1]) < lengths[:, None]] = rows
            return table.take(index, axis=0, mode="clip")

    def _look_up(self, words: list[str]) -> tuple[np.ndarray, list[int]]:
        """A table of vectors, and each word's row in it."""
        rows = list(map(self._rows.get, words))
        if None not in rows:
            return self._table, rows  # type: ignore[return-value]
        new = list(dict.fromkeys(word for word, row in zip(words, rows, strict=True) if row is None))
        if len(self._rows) + len(new) > self._max_forms:
            self._rows.clear()
            new = list(dict.fromkeys(words))
        if len(new) > self._max_forms or max(map(len, new)) > LONGEST_KEPT:
            forms = list(dict.fromkeys(words))
            own_rows = {word: row for row, word in enumerate(forms, start=1)}
            padding = np.zeros((1, self._table.shape[1]), dtype=np.float32)
            return np.concatenate([padding, self._encode(forms)]), [own_rows[word] for word in words]
        self._add(new)
        return self._table, [self._rows[word] for word in words]

    def _add(self, forms: list[str]) -> None:
        first = len(self._rows) + 1
        self._table[first : first + len(forms)] = self._encode(forms)
        self._rows.update(zip(forms, range(first, first + len(forms)), strict=True))

    def _encode(self, forms: list[str]) -> np.ndarray:
        """Shape: (forms, width)"""
        vectors = np.empty((len(forms), self._table.shape[1]), dtype=np.float32)
        # Forms of like length stand together: a long one would make the others wait for its characters.
        by_length = sorted(range(len(forms)), key=lambda place: len(forms[place]))
        for begin in range(0, len(forms), _FORMS_ENCODED_TOGETHER):
            places = by_length[begin : begin + _FORMS_ENCODED_TOGETHER]
            batch = self._features.encode_forms([forms[place] for place in places])
            vectors[places] = self._graph.run({field.name: getattr(batch, field.name) for field in fields(FormBatch)})[
                0
            ]
        return vectors
