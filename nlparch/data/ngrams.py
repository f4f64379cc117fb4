"""Hashed n-grams: of the characters of a word, and of two words that follow each other. Bucket 0 is padding."""

import zlib

import numpy as np
import numpy.typing as npt

NGRAM_LENGTHS = (3, 4, 5)
"""Characters of an n-gram, the marks of a word's two ends counted."""

# Odd constants whose products spread their factors' bits (the 64-bit finaliser of MurmurHash3).
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


def checksum(text: str) -> int:
    """A number from 0 to 2^32 - 1 for a text."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def ngram_ids(word: str, *, n_buckets: int) -> list[int]:
    """The buckets, from 1 to `n_buckets`, of the n-grams of a word between marks (Bojanowski et al., 2017)."""
    marked = f"<{word}>"
    return [
        checksum(marked[start : start + length]) % n_buckets + 1
        for length in NGRAM_LENGTHS
        for start in range(len(marked) - length + 1)
    ]


def pair_ids(checksums: npt.NDArray[np.uint64], *, n_buckets: int) -> npt.NDArray[np.int64]:
    """The buckets, from 1 to `n_buckets`, of each word with the word before it; the first one's is the text's begin.

    Args:
        checksums: of the words. Shape: (texts, words)
        n_buckets: buckets.

    Returns:
        Shape: (texts, words)
    """
    before = np.zeros_like(checksums)
    before[:, 1:] = checksums[:, :-1]
    mixed = (before + np.uint64(1)) * _FIRST + checksums  # wraps around
    mixed = (mixed ^ (mixed >> _SHIFT)) * _SECOND
    mixed ^= mixed >> _SHIFT
    ids: npt.NDArray[np.int64] = (mixed % np.uint64(n_buckets)).astype(np.int64) + 1
    return ids
