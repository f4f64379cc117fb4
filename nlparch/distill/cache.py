"""Teacher outputs on disk: written once as they come, memory-mapped when read.

A store is a folder named by its key. It holds `logits.npy` (words x labels, float16; rows of NaN for words the teacher
could not see), `plan.npy` and `ends.npy` (the order in which sentences are read, and where its batches end) and
`progress.json` (batches that are safely written). A pass that was cut off goes on at the first batch that is not, with
whole batches of the same plan: outputs in bf16 depend on what else is in a batch.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 1
"""Part of every key: raise it whenever the same teacher and words would be stored otherwise."""

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
        Sentence numbers in reading order, longest first (so that memory runs out at once or never), and the end of
        each batch in that order. Empty sentences are left out. Shapes: (non-empty sentences,), (batches,)
    """
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    ends: list[int] = []
    begin = 0
    while begin < len(order):
        begin = min(begin + max(words_per_batch // int(lengths[order[begin]]), 1), len(order))
        ends.append(begin)
    return order, np.array(ends, dtype=np.int64)


@dataclass(frozen=True)
class TeacherOutputs:
    """Stored outputs for the sentences of one corpus, in its order.

    Attributes:
        logits: memory-mapped. Shape: (all words, labels), float16
        starts: first row of each sentence, and the end of the last. Shape: (sentences + 1,)
    """

    logits: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, sentence: int) -> np.ndarray:
        """Outputs of one sentence. Shape: (words, labels), float16"""
        return self.logits[self.starts[sentence] : self.starts[sentence + 1]]

    def n_words_without(self) -> int:
        """Words for which the teacher has no outputs."""
        step = 1 << 20  # a slice at a time, so that a large store stays on disk
        return sum(int(np.isnan(self.logits[at : at + step, 0]).sum()) for at in range(0, len(self.logits), step))


class OutputStore:
    """A folder of teacher outputs that is being filled.

    Args:
        folder: the store's folder; made where it is missing.
        lengths: words of each sentence. Shape: (sentences,)
        n_labels: the teacher's labels.
        words_per_batch: see `plan_batches`.
    """

    def __init__(self, folder: Path, *, lengths: np.ndarray, n_labels: int, words_per_batch: int) -> None:
        self.folder = folder
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        if not self._progress_file.exists():
            self._create(lengths, n_labels, words_per_batch)
        self._order = np.load(folder / "plan.npy")
        self._ends = np.load(folder / "ends.npy")
        self.n_done: int = json.loads(self._progress_file.read_text())["batches"]

    @property
    def n_batches(self) -> int:
        """Batches of the whole pass."""
        return len(self._ends)

    @property
    def complete(self) -> bool:
        """Whether every batch is written."""
        return self.n_done == self.n_batches

    def batch(self, number: int) -> np.ndarray:
        """The sentences of a batch. Shape: (sentences of the batch,)"""
        sentences: np.ndarray = self._order[self._ends[number - 1] if number else 0 : self._ends[number]]
        return sentences

    def write(self, logits: np.ndarray, number: int, outputs: Sequence[np.ndarray]) -> None:
        """Writes one batch into the open array; `commit` makes it count."""
        for sentence, values in zip(self.batch(number), outputs, strict=True):
            logits[self._starts[sentence] : self._starts[sentence + 1]] = values

    def open(self) -> np.memmap:
        """The array of outputs, writable. Shape: (all words, labels), float16"""
        return np.load(self.folder / "logits.npy", mmap_mode="r+")  # type: ignore[no-any-return]

    def commit(self, logits: np.memmap, n_done: int) -> None:
        """From now on the first `n_done` batches are safe, whatever kills the process."""
        logits.flush()
        write_atomically(self._progress_file, json.dumps({"batches": n_done, "of": self.n_batches}))
        self.n_done = n_done

    def read(self) -> TeacherOutputs:
        """The finished outputs, memory-mapped."""
        assert self.complete
        return TeacherOutputs(np.load(self.folder / "logits.npy", mmap_mode="r"), self._starts)

    @property
    def _progress_file(self) -> Path:
        return self.folder / "progress.json"

    def _create(self, lengths: np.ndarray, n_labels: int, words_per_batch: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        order, ends = plan_batches(lengths, words_per_batch=words_per_batch)
        np.save(self.folder / "plan.npy", order)
        np.save(self.folder / "ends.npy", ends)
        shape = (int(self._starts[-1]), n_labels)
        np.lib.format.open_memmap(self.folder / "logits.npy", mode="w+", dtype=np.float16, shape=shape).flush()
        # Written last: a store without it is made anew.
        write_atomically(self._progress_file, json.dumps({"batches": 0, "of": len(ends)}))


def write_atomically(path: Path, text: str) -> None:
    """Writes a small file whole or not at all, whatever kills the process."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
