"""Where teacher outputs come from: one pass of a live model over a corpus, kept on disk for everyone after it."""

import contextlib
import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor, uint8

from nlparch.data.sentences import Sentences, sentence_lengths
from nlparch.data.text_predictions import text_length
from nlparch.devices import Precision, autocast, fetch_later, local_rank, return_freed_memory
from nlparch.distill.cache import (
    OutputStore,
    StoreWriter,
    TeacherOutputs,
    default_cache_dir,
    store_key,
    words_digest,
)
from nlparch.errors import UserError

logger = logging.getLogger(__name__)

_WORDS_PER_BATCH = 2048
_WORDS_PER_GPU_BATCH = 16384
CHARACTERS_PER_WORD = 6
_SECONDS_BETWEEN_COMMITS = 5.0
_SECONDS_BETWEEN_LOOKS = 0.2
_BATCHES_AHEAD = 2


class Items(Protocol):
    """Sentences of words or texts, in memory or not."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Teacher(Protocol):
    """A model that has something to say of every word of a sentence, or of a text as a whole."""

    device: Any
    config: Any

    def encode_inputs(self, items: Sequence[Any], /) -> dict[str, Tensor]:
        """Its inputs for a batch of sentences, none of them empty, or of texts; called in another thread."""
        ...

    def encoded_logits(self, batch: dict[str, Tensor], *, precision: Precision) -> Tensor:
        """Its outputs for these inputs, which may still be in the making; NaN for padding and words it cannot see.

        Shape: (sentences, words or more, labels), or of texts (texts, labels)
        """
        ...

    def reads_as(self) -> dict[str, Any]:
        """All that decides the outputs beside the weights: tokenizer or features, window."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """The weights."""
        ...


Track = Callable[[Iterable[int]], Iterable[int]]


class WordReader(Teacher, Protocol):
    """A teacher that can read one word by itself."""

    def word_states(
        self, words: Sequence[str], *, precision: Precision, track: Track = iter
    ) -> npt.NDArray[np.float32]:
        """A hidden vector for each word; 0 for words it cannot see. Shape: (words, hidden)"""
        ...


def words_per_batch_on(device: torch.device) -> int:
    """Words that a teacher best reads together, padding counted: with few of them, a GPU waits for Python."""
    return _WORDS_PER_GPU_BATCH if device.type == "cuda" else _WORDS_PER_BATCH


def teacher_outputs(
    teacher: Teacher,
    sentences: Sentences,
    *,
    precision: Precision,
    cache_dir: str | Path | None = None,
    words_per_batch: int | None = None,
    track: Track = iter,
) -> TeacherOutputs:
    """The teacher's outputs for a corpus: read from the cache, or computed now and kept there.

    A pass that was cut off goes on where it stopped. Two runs that want the same outputs take turns; the processes that
    torchrun started on a machine share the pass, and each returns when all of it is there. (Of two such runs at once
    only the first processes take turns: the others' share is computed twice, to the same end.)

    Args:
        teacher: the live model.
        sentences: the words of the corpus, sentence by sentence.
        precision: number format of the teacher's matrix products.
        cache_dir: folder of stored outputs; None takes the user's cache folder.
        words_per_batch: see `plan_batches`; None: as many as suit the teacher's device.
        track: wraps the numbers of the batches to come, to show progress.
    """
    size = words_per_batch or words_per_batch_on(teacher.device)
    folder = _folder(teacher, cache_dir, words=words_digest(sentences), precision=precision, batch=size)
    lengths = sentence_lengths(sentences)
    return _stored_outputs(folder, teacher, sentences, lengths, lengths, precision, size, track)


def teacher_text_outputs(
    teacher: Teacher,
    texts: Items,
    *,
    precision: Precision,
    cache_dir: str | Path | None = None,
    words_per_batch: int | None = None,
    track: Track = iter,
) -> TeacherOutputs:
    """The teacher's outputs for whole texts, or pairs of texts: one row each, kept and shared like those for words.

    Args:
        teacher: the live model.
        texts: texts, or pairs of texts; they may be empty, and hold line feeds.
        precision: see `teacher_outputs`.
        cache_dir: see `teacher_outputs`.
        words_per_batch: see `teacher_outputs`; a word is six characters here: nothing need be split to plan the pass.
        track: see `teacher_outputs`.
    """
    digest = words_digest([text] if isinstance(text, str) else text for text in texts)
    size = words_per_batch or words_per_batch_on(teacher.device)
    folder = _folder(teacher, cache_dir, texts=digest, precision=precision, batch=size)
    n_characters = np.fromiter(map(text_length, texts), dtype=np.int32, count=len(texts))
    lengths, n_rows = 1 + n_characters // CHARACTERS_PER_WORD, np.broadcast_to(np.int32(1), len(texts))
    return _stored_outputs(folder, teacher, texts, lengths, n_rows, precision, size, track)


def _stored_outputs(
    folder: Path,
    teacher: Teacher,
    items: Items,
    lengths: np.ndarray,
    n_rows: np.ndarray,
    precision: Precision,
    words_per_batch: int,
    track: Track,
) -> TeacherOutputs:
    rank, n_processes = local_rank()
    with FileLock(folder / "lock") if rank == 0 else _made_by_the_first(folder):
        n_labels = len(teacher.config.id2label)
        store = OutputStore(folder, lengths=lengths, n_rows=n_rows, n_labels=n_labels, words_per_batch=words_per_batch)
        missing = store.missing()
        if len(missing):
            logger.info("teacher outputs: %d of %d batches to compute (%s)", len(missing), store.n_batches, folder)
            own = [number for number in missing.tolist() if number % n_processes == rank]
            _fill(store, teacher, items, precision, own, track)
            _wait_until(lambda: store.complete)
        else:
            logger.info("teacher outputs: all %d rows reused, no teacher pass (%s)", len(items), folder)
    return store.read()


@contextlib.contextmanager
def _made_by_the_first(folder: Path) -> Iterator[None]:
    """Lets a process that helps the first one begin when that has made the store."""
    _wait_until(lambda: OutputStore.exists(folder))
    yield


def _wait_until(is_so: Callable[[], bool]) -> None:
    # Where one process dies, whatever started them all ends the others; where that died too, none would.
    starter = os.getppid()
    while not is_so():
        if os.getppid() != starter:
            raise UserError("the process that started this one is gone; start them all again, to go on from here")
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def teacher_word_states(
    teacher: WordReader,
    words: Sequence[str],
    *,
    precision: Precision,
    cache_dir: str | Path | None = None,
    track: Track = iter,
) -> npt.NDArray[np.float16]:
    """What the teacher makes of each word read by itself: read from the cache, or computed now and kept there.

    Args:
        teacher: reads the words.
        words: some words.
        precision: number format of the matrix products.
        cache_dir: see `teacher_outputs`.
        track: see `teacher_outputs`.

    Returns:
        0 for words it cannot see. Shape: (words, hidden)
    """
    folder = _folder(teacher, cache_dir, single_words=words_digest([words]), precision=precision)
    file = folder / "states.npy"
    with FileLock(folder / "lock"):
        if not file.exists():
            states = teacher.word_states(words, precision=precision, track=track).astype(np.float16)
            with (folder / "states.tmp").open("wb") as unfinished:
                np.save(unfinished, states)
            (folder / "states.tmp").replace(file)
        else:
            logger.info("teacher's word states: %d words reused, no teacher pass (%s)", len(words), folder)
    return np.load(file)  # type: ignore[no-any-return]


def _folder(teacher: Any, cache_dir: str | Path | None, *, precision: Precision, **content: Any) -> Path:
    """The folder of what this teacher says of this content; made where it is missing."""
    root = Path(cache_dir) if cache_dir is not None else default_cache_dir()
    key = store_key(
        **teacher_parts(teacher),
        precision=f"{precision} on {teacher.device.type}",
        **content,
    )
    folder = root / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--cache_dir must be a folder that can be written, got {root}: {error.strerror}") from error
    return folder


def teacher_parts(teacher: Any) -> dict[str, Any]:
    """All that a teacher's outputs depend on, but for the text and the number format."""
    parts = {"weights": weights_digest(teacher.state_dict()), "tags": teacher.config.id2label}
    return parts | {"reading": teacher.reads_as()}


def weights_digest(weights: dict[str, Tensor]) -> str:
    """A digest of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(dtype=uint8).numpy().tobytes())
    return digest.hexdigest()


def _fill(
    store: OutputStore,
    teacher: Teacher,
    items: Items,
    precision: Precision,
    numbers: Sequence[int],
    track: Track,
) -> None:
    """Computes the batches of these numbers, and writes each while the teacher reads the next."""
    committed = time.monotonic()
    encoded = _encode_ahead(store, teacher, items, numbers)
    read: list[tuple[int, Callable[[], Tensor]]] = []
    # One for all batches: what it makes of the weights is kept as long as it lasts.
    with StoreWriter(store) as writer, autocast(teacher.device, precision):
        for number, (some, batch) in zip(track(numbers), encoded, strict=False):
            read.append((number, fetch_later(_read(teacher, some, batch, precision))))
            if len(read) > 1:
                _write(writer, *read.pop(0), precision)
            if time.monotonic() - committed > _SECONDS_BETWEEN_COMMITS:
                writer.commit()
                return_freed_memory()
                committed = time.monotonic()
        for last in read:
            _write(writer, *last, precision)
        writer.commit()


def _read(teacher: Teacher, items: Sequence[Any], batch: dict[str, Tensor], precision: Precision) -> Tensor:
    """The teacher's outputs for a batch of items; where a GPU has no room for all of it, those of its halves."""
    try:
        return teacher.encoded_logits(batch, precision=precision)
    except torch.OutOfMemoryError as error:
        if len(items) == 1:
            raise UserError("the GPU has no room for the teacher and one sentence or text; try --no_cuda") from error
    torch.cuda.empty_cache()
    halves = items[: len(items) // 2], items[len(items) // 2 :]
    outputs = [_read(teacher, half, teacher.encode_inputs(half), precision) for half in halves]
    n_rows = max(values.shape[1] for values in outputs)
    return torch.cat([F.pad(values, (0, 0, 0, n_rows - values.shape[1]), value=torch.nan) for values in outputs])


def _write(writer: StoreWriter, number: int, fetch: Callable[[], Tensor], precision: Precision) -> None:
    values = fetch_outputs(fetch(), precision)
    writer.write(number, values if values.ndim == 3 else values[:, None])  # a text has one row


def fetch_outputs(outputs: Tensor, precision: Precision) -> np.ndarray:
    """A model's outputs as soon as they are made. Shape: that of `outputs`

    Raises:
        UserError: If some are infinite.
    """
    values: np.ndarray = outputs.cpu().numpy()
    if np.isinf(values).any():
        raise UserError(
            f"a model's outputs must be finite; {precision} is too narrow for them, read it in fp32 (--precision or "
            "--teacher_precision)"
        )
    return values


def _encode_ahead(
    store: OutputStore, teacher: Teacher, items: Items, numbers: Iterable[int]
) -> Iterator[tuple[list[Any], dict[str, Tensor]]]:
    """The items of each batch, and the teacher's inputs for them, made while it reads the batches before."""

    def encode(number: int) -> tuple[list[Any], dict[str, Tensor]]:
        some = [items[index] for index in store.batch(number).tolist()]
        return some, teacher.encode_inputs(some)

    encoded: deque[Future[tuple[list[Any], dict[str, Tensor]]]] = deque()
    with ThreadPoolExecutor(max_workers=1) as thread:
        for number in numbers:
            encoded.append(thread.submit(encode, number))
            if len(encoded) > _BATCHES_AHEAD:
                yield encoded.popleft().result()
        while encoded:
            yield encoded.popleft().result()
