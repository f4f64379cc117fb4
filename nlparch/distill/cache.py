"""Teacher outputs on disk: written once as they come, memory-mapped when read.

A store is a folder named by its key. It holds `plan.npy` and `ends.npy` (the order in which sentences are read, and
where its batches end), `logits.npy` (words x labels, or texts x labels, float16; a sentence's rows stand where the plan
has the sentence, so that a batch is one write; NaN for words the teacher could not see) and `done` (a byte for each
batch, 1 once it is safely written). A pass that was cut off goes on with the batches that are not, and several
processes share them; they are always whole batches of the same plan, for outputs in bf16 depend on what else is in a
batch.
"""

import hashlib
import json
import os
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from nlparch.errors import UserError

VERSION = 3
"""Part of every key: raise it whenever the same teacher and words would be stored otherwise."""

SENTENCES_SORTED_TOGETHER = 1 << 17
"""Sentences that are put in order of length together: enough for full batches, and near each other on the disk."""

_LOGITS, _DONE = "logits.npy", "done"

# So that what divides words and sentences in a digest stands in no word.
_ESCAPES = str.maketrans({"\x1b": "\x1b0", "\x1e": "\x1b1", "\x1f": "\x1b2"})


def default_cache_dir() -> Path:
    """`nlparch` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nlparch"


def words_digest(sentences: Iterable[Sequence[str]]) -> str:
    """A digest of the words of a corpus, sentence by sentence."""
    digest = hashlib.sha256()
    for words in sentences:
        text = "\x1f".join(words)
        if "\x1b" in text or "\x1e" in text or text.count("\x1f") >= max(len(words), 1):
            text = "\x1f".join(word.translate(_ESCAPES) for word in words)
        digest.update(text.encode("utf-8", "surrogatepass") + b"\x1e")
    return digest.hexdigest()


def store_key(**parts: Any) -> str:
    """The name of a store: a digest of everything that its content depends on."""
    text = json.dumps({"version": VERSION, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def plan_batches(lengths: np.ndarray, *, words_per_batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Sentences in order of length, cut into batches of about `words_per_batch` words, padding counted.

    Args:
        lengths: words of each sentence. Shape: (sentences,)
        words_per_batch: longest sentence of a batch times its sentences stays at or below this, where it can.

    Returns:
        Sentence numbers in reading order, of each `SENTENCES_SORTED_TOGETHER` the longest first (so that memory runs
        out soon or never), and the end of each batch in that order. Empty sentences are left out. Shapes: (non-empty
        sentences,), (batches,)
    """
    order = np.empty(np.count_nonzero(lengths), dtype=np.int32)
    ends: list[int] = []
    begin = 0
    for first in range(0, len(lengths), SENTENCES_SORTED_TOGETHER):
        some = lengths[first : first + SENTENCES_SORTED_TOGETHER]
        by_length = np.argsort(-some, kind="stable")[: np.count_nonzero(some)]
        stop = begin + len(by_length)
        order[begin:stop] = by_length + first
        while begin < stop:
            begin = min(begin + max(words_per_batch // int(lengths[order[begin]]), 1), stop)
            ends.append(begin)
    return order, np.array(ends, dtype=np.int64)


@dataclass(frozen=True)
class TeacherOutputs:
    """Stored outputs for the sentences, or texts, of one corpus.

    Attributes:
        logits: memory-mapped where they are stored; a row for each word, or text, sentence by sentence in any order.
            Shape: (all words, labels), float16
        begins: first row of each sentence. Shape: (sentences,)
        n_rows: rows of each sentence. Shape: (sentences,)
    """

    logits: np.ndarray
    begins: np.ndarray
    n_rows: np.ndarray

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, sentence: int) -> np.ndarray:
        """Outputs of one sentence, or text. Shape: (words, labels), or (1, labels); float16"""
        begin = int(self.begins[sentence])
        return self._rows(begin, begin + int(self.n_rows[sentence]))

    def n_words_without(self) -> int:
        """Words for which the teacher has no outputs."""
        step = 1 << 16
        slices = (self._rows(at, min(at + step, len(self.logits))) for at in range(0, len(self.logits), step))
        return sum(int(np.isnan(logits[:, 0]).sum()) for logits in slices)

    def _rows(self, begin: int, end: int) -> np.ndarray:
        if not isinstance(self.logits, np.memmap):
            return self.logits[begin:end]
        # Of the file and not of its map: what was read of a map counts as the process's memory while it lasts.
        n_bytes = self.logits.strides[0]
        data = os.pread(self._descriptor, (end - begin) * n_bytes, self.logits.offset + begin * n_bytes)
        return np.frombuffer(data, dtype=self.logits.dtype).reshape(end - begin, *self.logits.shape[1:])

    @cached_property
    def _descriptor(self) -> int:
        descriptor = os.open(self.logits.filename, os.O_RDONLY)  # type: ignore[attr-defined]
        weakref.finalize(self, os.close, descriptor)
        return descriptor


class JoinedOutputs:
    """The outputs of several corpora, one after the other: each is stored, and reused, by itself."""

    def __init__(self, *parts: TeacherOutputs) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, sentence: int) -> np.ndarray:
        """Outputs of one sentence. Shape: (words, labels), float16"""
        number = bisect_right(self._ends, sentence)
        return self._parts[number][sentence - (self._ends[number - 1] if number else 0)]

    def n_words_without(self) -> int:
        """Words for which the teacher has no outputs."""
        return sum(part.n_words_without() for part in self._parts)


StoredOutputs: TypeAlias = TeacherOutputs | JoinedOutputs


class OutputStore:
    """A folder of teacher outputs that is being filled, by one process or several.

    Args:
        folder: the store's folder; made where it is missing.
        lengths: words of each sentence, or text. Shape: (sentences,)
        n_rows: rows of outputs of each sentence; None: as many as it has words. Shape: (sentences,)
        n_labels: the teacher's labels.
        words_per_batch: see `plan_batches`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lengths: np.ndarray,
        n_rows: np.ndarray | None = None,
        n_labels: int,
        words_per_batch: int,
    ) -> None:
        self.folder = folder
        self._n_rows = lengths if n_rows is None else n_rows
        if not self.exists(folder):
            self._create(lengths, n_labels, words_per_batch)
        self._order = np.load(folder / "plan.npy", mmap_mode="r")
        self._ends = np.load(folder / "ends.npy")
        self._begins = self._find_rows()

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a store was made there, filled or not."""
        return (folder / _DONE).exists()

    @property
    def n_batches(self) -> int:
        """Batches of the whole pass."""
        return len(self._ends)

    def missing(self) -> np.ndarray:
        """Numbers of the batches that no process has written yet. Shape: (batches,)"""
        return np.flatnonzero(np.fromfile(self.folder / _DONE, dtype=np.bool_) == 0)

    @property
    def complete(self) -> bool:
        """Whether every batch is written."""
        return not len(self.missing())

    def batch(self, number: int) -> np.ndarray:
        """The sentences of a batch. Shape: (sentences of the batch,)"""
        sentences: np.ndarray = self._order[self._ends[number - 1] if number else 0 : self._ends[number]]
        return sentences

    def place(self, number: int) -> tuple[int, np.ndarray]:
        """The first row of a batch, and the rows of each of its sentences. Shape of these: (sentences of the batch,)"""
        sentences = self.batch(number)
        return int(self._begins[sentences[0]]), self._n_rows[sentences]

    def read(self) -> TeacherOutputs:
        """The finished outputs, memory-mapped."""
        assert self.complete
        return TeacherOutputs(np.load(self.folder / _LOGITS, mmap_mode="r"), self._begins, self._n_rows)

    def _find_rows(self) -> np.ndarray:
        """The first row of each sentence: they follow each other as they are read. Shape: (sentences,)"""
        begins = np.zeros(len(self._n_rows), dtype=np.int64)
        end = 0
        for at in range(0, len(self._order), SENTENCES_SORTED_TOGETHER):  # part by part, to save memory
            sentences = self._order[at : at + SENTENCES_SORTED_TOGETHER]
            ends = end + np.cumsum(self._n_rows[sentences], dtype=np.int64)
            begins[sentences] = ends - self._n_rows[sentences]
            end = int(ends[-1])
        return begins

    def _create(self, lengths: np.ndarray, n_labels: int, words_per_batch: int) -> None:
        order, ends = plan_batches(lengths, words_per_batch=words_per_batch)
        shape = (int(self._n_rows.sum(dtype=np.int64)), n_labels)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(self.folder / "plan.npy", order)
            np.save(self.folder / "ends.npy", ends)
            np.lib.format.open_memmap(self.folder / _LOGITS, mode="w+", dtype=np.float16, shape=shape).flush()
            # Written last: a store without it is made anew.
            write_atomically(self.folder / _DONE, "\0" * len(ends))
        except OSError as error:
            raise _explain(self.folder, error.strerror) from error


class StoreWriter:
    """Writes batches into a store; `commit` makes them count.

    Outputs are written to the file, not to a map of it: of a map, all that was written would count as the process's
    memory, and a full disk would end the process without a word.
    """

    def __init__(self, store: OutputStore) -> None:
        self._store = store
        self._written: list[int] = []
        logits = np.load(store.folder / _LOGITS, mmap_mode="r")
        self._begin, self._row_bytes = logits.offset, logits.strides[0]

    def __enter__(self) -> Self:
        self._logits = os.open(self._store.folder / _LOGITS, os.O_WRONLY)
        self._done = os.open(self._store.folder / _DONE, os.O_WRONLY)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._logits)
        os.close(self._done)

    def write(self, number: int, outputs: np.ndarray) -> None:
        """Writes the outputs of one batch.

        Args:
            number: of the batch.
            outputs: those beyond a sentence's rows are padding. Shape: (sentences, rows or more, labels)

        Raises:
            UserError: If there is no room for them, or they are too large for float16.
        """
        first, n_rows = self._store.place(number)
        own = np.arange(outputs.shape[1]) < n_rows[:, None]
        with np.errstate(over="ignore"):
            stored = outputs[own].astype(np.float16)
        assert len(stored) == n_rows.sum()
        if np.isinf(stored).any():
            raise UserError("a teacher's outputs must be below 65,504, which is as much as is stored of them")
        data = stored.tobytes()
        try:
            n_bytes = os.pwrite(self._logits, data, self._begin + first * self._row_bytes)
        except OSError as error:
            raise _explain(self._store.folder, error.strerror) from error
        if n_bytes < len(data):
            raise _explain(self._store.folder, "No space left on device")
        self._written.append(number)

    def commit(self) -> None:
        """From now on all that was written is safe, whatever kills the process."""
        os.fsync(self._logits)
        for number in self._written:
            os.pwrite(self._done, b"\1", number)
        os.fsync(self._done)
        self._written.clear()


def _explain(folder: Path, reason: str | None) -> UserError:
    return UserError(f"{folder}: teacher outputs cannot be written ({reason}); make room, or name another --cache_dir")


def write_atomically(path: Path, text: str) -> None:
    """Writes a small file whole or not at all, whatever kills the process."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
