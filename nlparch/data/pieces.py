"""Whole texts, or pairs of texts, as rows of sub-word pieces; long ones cut, or read in windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding, Tokenizer

from nlparch.data.alignment import pad_rows, readable
from nlparch.data.text_predictions import Text
from nlparch.data.words import Offsets
from nlparch.errors import UserError


@dataclass(frozen=True, slots=True)
class PieceBatch:
    """A batch of texts as rows of pieces; the rows of a text follow each other.

    Attributes:
        input_ids: Shape: (rows, pieces)
        attention_mask: 1 on pieces, 0 on padding. Shape: (rows, pieces)
        token_type_ids: 0 on the first text of a pair, 1 on the second. Shape: (rows, pieces)
        n_windows: rows of each text. Shape: (texts,)
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    token_type_ids: np.ndarray
    n_windows: np.ndarray


class PieceReader:
    """Turns texts and pairs of texts into rows of pieces.

    Of a pair that is too long, the longer text is cut first. In windows, each text of a pair is read in windows of its
    own, and every window of one beside every window of the other.

    Args:
        tokenizer: with its special pieces; it is copied.
        pad_id: the padding piece.
        max_length: pieces a row may hold, special ones included.
        windows: whether long texts are read in overlapping windows, rather than cut.

    Raises:
        UserError: If `max_length` leaves no room for text.
    """

    def __init__(self, tokenizer: Tokenizer, *, pad_id: int, max_length: int, windows: bool) -> None:
        n_special = tokenizer.num_special_tokens_to_add(is_pair=True)
        # What is left to the shorter text of a pair where both are long.
        least = (max_length - n_special) // 2
        if least < 1:
            raise UserError(
                f"the window (max_seq_len) must hold two texts beside {n_special} special pieces, got {max_length}"
            )
        self._pad_id = pad_id
        self._windows = windows
        # A copy: whoever else holds the tokenizer says how it cuts, and another thread may be reading.
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        stride = min(max_length // 4, least - 1) if windows else 0
        self._tokenizer.enable_truncation(max_length, stride=stride, strategy="longest_first")

    def __call__(self, texts: Sequence[Text]) -> PieceBatch:
        """Reads a batch of texts, at least one."""
        rows = [[one, *one.overflowing] if self._windows else [one] for one in self._encode(texts)]
        every = [row for some in rows for row in some]
        # A tokenizer without special pieces makes nothing of an empty text, and no model reads nothing.
        input_ids, attention_mask = pad_rows([row.ids or [self._pad_id] for row in every], self._pad_id)
        types, _ = pad_rows([row.type_ids or [0] for row in every], 0)
        return PieceBatch(input_ids, attention_mask, types, np.array([len(some) for some in rows], dtype=np.int64))

    def count_cut(self, texts: Sequence[Text], split: Callable[[str], Offsets]) -> tuple[int, int]:
        """How many texts are cut, and how many of their words are not, or not wholly, read.

        Args:
            texts: some texts.
            split: how a text becomes words.
        """
        counts = [_count_cut_words(text, row, split) for text, row in zip(texts, self._encode(texts), strict=True)]
        return (0, 0) if self._windows else (sum(map(bool, counts)), sum(counts))

    def _encode(self, texts: Sequence[Text]) -> list[Encoding]:
        whole = [readable([text])[0] if isinstance(text, str) else tuple(readable(text)) for text in texts]
        return list(self._tokenizer.encode_batch(whole))


def _count_cut_words(text: Text, read: Encoding, split: Callable[[str], Offsets]) -> int:
    if not read.overflowing:
        return 0
    ends = [0, 0]
    for part, (_, end) in zip(read.sequence_ids, read.offsets, strict=True):
        if part is not None:
            ends[part] = max(ends[part], end)
    parts = [text] if isinstance(text, str) else text
    return sum(after > end for part, end in zip(parts, ends, strict=False) for _, after in split(part))
