"""Words and sub-word pieces: which piece speaks for a word, and windows over sentences too long for a transformer.

A word is spoken for by its first piece. A sentence with more pieces than the transformer takes is read in overlapping
windows that begin and end between words; a word takes its output from the window where it stands farthest from an
edge. A word without pieces (the tokenizer throws some characters away) has position -1.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tokenizers import Tokenizer

from nlparch.errors import UserError

_KEPT = 1 << 20  # characters and pieces of words: some 20 to 30 MB, where they are of usual length
_WORDS_READ_TOGETHER = 32

# Half a character, which JSON can write and no tokenizer can read.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class AlignedBatch:
    """A batch of sentences as rows of pieces, and where each word stands in them.

    Attributes:
        input_ids: Shape: (rows, pieces)
        attention_mask: 1 on pieces, 0 on padding. Shape: (rows, pieces)
        word_rows: the row that speaks for the word, -1 for padding and for words without pieces. Shape: (batch, words)
        word_positions: the position of the word's first piece in that row, likewise. Shape: (batch, words)
        mask: True on words, False on padding. Shape: (batch, words)
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    word_rows: np.ndarray
    word_positions: np.ndarray
    mask: np.ndarray


class PieceAligner:
    """Turns sentences of words into rows of pieces.

    Args:
        tokenizer: with its special pieces; padding and truncation are turned off. It must not learn new pieces
            later: those of words that were read are kept.
        pad_id: the padding piece.
        max_length: pieces a row may hold, special ones included.
        overlap: pieces that neighbouring windows share at most.

    Raises:
        UserError: If `max_length` leaves no room for words.
    """

    def __init__(self, tokenizer: Tokenizer, *, pad_id: int, max_length: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._pad_id = pad_id
        self._known: dict[str, array[int]] = {}
        self._n_kept = 0
        self._read_whole_texts()
        self._prefix, self._suffix = _special_pieces(tokenizer)
        self._capacity = max_length - len(self._prefix) - len(self._suffix)
        if self._capacity < 1:
            raise UserError(
                f"max_length must leave room for words beside {len(self._prefix) + len(self._suffix)} special "
                f"pieces, got {max_length}"
            )
        if not 0 <= overlap < max(self._capacity, 1):
            raise UserError(f"the overlap of windows must be from 0 to {self._capacity - 1} pieces, got {overlap}")
        self._overlap = overlap

    def __call__(self, sentences: Sequence[Sequence[str]]) -> AlignedBatch:
        """Aligns a batch of sentences, none of them empty."""
        pieces = self._pieces_of(list(chain.from_iterable(sentences)))
        n_words = np.fromiter(map(len, sentences), np.int64, len(sentences))
        assert n_words.all()
        n_pieces = np.fromiter(map(len, pieces), np.int64, len(pieces))
        mask = np.arange(n_words.max()) < n_words[:, None]
        word_rows = np.full(mask.shape, -1, dtype=np.int64)
        word_positions = np.full_like(word_rows, -1)
        begins = np.cumsum(n_words) - n_words
        lengths = np.add.reduceat(n_pieces, begins)
        if lengths.max() <= self._capacity:
            rows = np.repeat(np.arange(len(sentences)), n_words)
            first = np.cumsum(n_pieces) - n_pieces + len(self._prefix)
            word_rows[mask] = np.where(n_pieces, rows, -1)
            word_positions[mask] = np.where(n_pieces, first - (np.cumsum(lengths) - lengths)[rows], -1)
            input_ids, attention_mask = self._fill_rows(pieces, lengths)
        else:
            windows: list[list[int]] = []
            for index, (begin, n) in enumerate(zip(begins.tolist(), n_words.tolist(), strict=True)):
                place = word_rows[index], word_positions[index]
                self._add_sentence(windows, *place, pieces[begin : begin + n], n_pieces[begin : begin + n])
            input_ids, attention_mask = pad_rows(windows, self._pad_id)
        return AlignedBatch(input_ids, attention_mask, word_rows, word_positions, mask)

    def _pieces_of(self, words: Sequence[str]) -> list[array[int]]:
        """The pieces of each word; no tokenizer lets those of a word given by itself depend on the words beside it."""
        known = self._known
        new = list(set(words).difference(known))
        read = dict(zip(new, self._read_words(new), strict=True))
        self._n_kept += _size(read)
        if self._n_kept > _KEPT:
            # A dictionary of its own: another thread may be reading the other.
            known = self._known = {word: known[word] for word in words if word in known}
            self._n_kept = _size(known) + _size(read)
        known.update(read)
        return [known[word] for word in words]

    def _read_words(self, words: Sequence[str]) -> list[array[int]]:
        self._read_whole_texts()  # whoever else holds the tokenizer may have set them since
        some = [readable(words[at : at + _WORDS_READ_TOGETHER]) for at in range(0, len(words), _WORDS_READ_TOGETHER)]
        encoded = self._tokenizer.encode_batch(some, is_pretokenized=True, add_special_tokens=False)
        pieces = [array("i") for _ in words]
        for number, row in enumerate(encoded):
            for piece, word in zip(row.ids, row.word_ids, strict=True):
                if word is not None:
                    pieces[number * _WORDS_READ_TOGETHER + word].append(piece)
        return [own[: self._capacity] for own in pieces]  # of a word longer than a window, the head is read

    def _fill_rows(self, pieces: Sequence[array[int]], lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sentences that each fit one row, as most do, all at once: ten times as fast as one by one."""
        ends = lengths + len(self._prefix)
        places = np.arange(ends.max() + len(self._suffix))
        attention_mask = (places < (ends + len(self._suffix))[:, None]).astype(np.int64)
        input_ids = np.full_like(attention_mask, self._pad_id)
        input_ids[:, : len(self._prefix)] = self._prefix
        own = (places >= len(self._prefix)) & (places < ends[:, None])
        input_ids[own] = np.fromiter(chain.from_iterable(pieces), np.int64, lengths.sum())
        for place, piece in enumerate(self._suffix):
            input_ids[np.arange(len(ends)), ends + place] = piece
        return input_ids, attention_mask

    def own_pieces(self, batch: AlignedBatch) -> np.ndarray:
        """True on pieces of words, False on special pieces and padding. Shape: (rows, pieces)"""
        places = np.arange(batch.input_ids.shape[1])
        ends = batch.attention_mask.sum(1, keepdims=True) - len(self._suffix)
        own: np.ndarray = (places >= len(self._prefix)) & (places < ends)
        return own

    def _read_whole_texts(self) -> None:
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def _add_sentence(
        self,
        rows: list[list[int]],
        word_rows: np.ndarray,
        word_positions: np.ndarray,
        pieces: Sequence[array[int]],
        n_pieces: np.ndarray,
    ) -> None:
        windows = plan_windows(n_pieces, capacity=self._capacity, overlap=self._overlap)
        spoken_by = choose_windows(n_pieces, windows)
        for number, (start, end) in enumerate(windows):
            position = len(self._prefix)
            for word in range(start, end):
                if n_pieces[word] and spoken_by[word] == number:
                    word_rows[word], word_positions[word] = len(rows), position
                position += n_pieces[word]
            rows.append([*self._prefix, *chain.from_iterable(pieces[start:end]), *self._suffix])


def _size(known: Mapping[str, array[int]]) -> int:
    return sum(map(len, known)) + sum(map(len, known.values()))


def readable(words: Sequence[str]) -> list[str]:
    """Words (or texts) with half characters replaced by a mark that every tokenizer can read."""
    if not _LONE_SURROGATE.search("".join(words)):
        return list(words)
    return [_LONE_SURROGATE.sub("\ufffd", word) for word in words]


def _special_pieces(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special pieces before and after the words of a text."""
    for word in ("a", *tokenizer.get_vocab()):  # some tokenizers throw away what they do not know
        probe = tokenizer.encode([word], is_pretokenized=True)
        owners = probe.word_ids
        if 0 in owners:
            first, last = owners.index(0), len(owners) - owners[::-1].index(0)
            return probe.ids[:first], probe.ids[last:]
    raise UserError("a tokenizer must have a piece for some word, this one has none")


def plan_windows(n_pieces: np.ndarray, *, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Ranges of words, each of at most `capacity` pieces, that cover a sentence; neighbours share up to `overlap`.

    Args:
        n_pieces: pieces of each word, none above `capacity`. Shape: (words,)
        capacity: pieces a window may hold.
        overlap: pieces that two neighbours may share.
    """
    ends = np.concatenate([[0], np.cumsum(n_pieces)])
    n_words = len(n_pieces)
    windows: list[tuple[int, int]] = []
    start = 0
    while True:
        end = int(np.searchsorted(ends, ends[start] + capacity, side="right")) - 1
        windows.append((start, end))
        if end == n_words:
            return windows
        # The next window begins as early as the overlap allows, but later than this one.
        start = max(int(np.searchsorted(ends, ends[end] - overlap, side="left")), start + 1)


def choose_windows(n_pieces: np.ndarray, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """For each word the window in which it stands farthest from an edge; a sentence's own ends are no edges.

    Args:
        n_pieces: pieces of each word. Shape: (words,)
        windows: ranges of words that cover the sentence.

    Returns:
        Window numbers; of two windows as good, the first. Shape: (words,)
    """
    chosen = np.zeros(len(n_pieces), dtype=np.int64)
    if len(windows) == 1:
        return chosen
    begins = np.concatenate([[0], np.cumsum(n_pieces)])
    farthest = np.full(len(n_pieces), -1.0)
    for number, (start, end) in enumerate(windows):
        left = begins[start:end] - begins[start] if start else np.full(end - start, np.inf)
        right = begins[end] - begins[start + 1 : end + 1] if end < len(n_pieces) else np.full(end - start, np.inf)
        distance = np.minimum(left, right)
        better = distance > farthest[start:end]
        chosen[start:end][better] = number
        farthest[start:end][better] = distance[better]
    return chosen


def pad_rows(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of equal length, and 1 where they hold what was given. Shapes: (rows, pieces)"""
    longest = max(len(row) for row in rows)
    input_ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
    attention_mask = np.zeros((len(rows), longest), dtype=np.int64)
    for index, row in enumerate(rows):
        input_ids[index, : len(row)] = row
        attention_mask[index, : len(row)] = 1
    return input_ids, attention_mask
