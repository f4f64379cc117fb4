"""Pretrained word vectors from the text files of word2vec, GloVe and fastText."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlparch.data.conll import read_lines
from nlparch.errors import DataError

Vectors = dict[str, npt.NDArray[np.float32]]


def read_vectors(path: str | Path, *, width: int, wanted: Callable[[str], str | None]) -> Vectors:
    """The vectors of the words that are wanted; the rest of the file is passed over, line by line.

    Args:
        path: one word a line, then its numbers, divided by spaces; a first line of two integers is a header.
        width: numbers of each vector.
        wanted: gives the name under which a word of the file is kept, or None. Of several words with one name the
            first is kept, for such files begin with the most frequent ones.

    Raises:
        DataError: If the file cannot be read, or holds vectors of another width.
    """
    vectors: Vectors = {}
    for number, line in enumerate(read_lines(path), start=1):
        # From the right: words of some files hold spaces.
        parts = line.rstrip().rsplit(" ", width)
        if parts == [""] or (number == 1 and _is_header(parts)):
            continue
        if len(parts) != width + 1 or " " in parts[0] and _is_number(parts[0].rsplit(" ", 1)[1]):
            found = len(line.split()) - 1
            raise DataError(
                f"{path}:{number}: vectors must have {width} numbers, got {found}; set word_width in --config_file"
            )
        name = wanted(parts[0])
        if name is not None and name not in vectors:
            vectors[name] = _numbers(parts[1:], path, number)
    return vectors


def _numbers(parts: list[str], path: str | Path, number: int) -> npt.NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            vector = np.array(parts, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{path}:{number}: not a vector: {error}") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{path}:{number}: numbers of a vector must be finite")
    return vector


def _is_header(parts: list[str]) -> bool:
    return len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
