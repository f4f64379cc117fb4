"""Sets of sentences that hold 8 bytes for each: enough to tell millions of them apart."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Digests: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

Item = TypeVar("Item")

_SIFTED_TOGETHER = 1 << 15
_N_SHELVES = 64
# The first digest of each shelf but the first.
_BOUNDS = np.arange(1, _N_SHELVES, dtype=np.uint64) * np.uint64(2**64 // _N_SHELVES)


def digest_sentences(sentences: Iterable[Sequence[str]]) -> Digests:
    """A number for the words of each sentence. Shape: (sentences,)"""
    return _digest("\n".join(words) for words in sentences)


def digest_letters(sentences: Iterable[Sequence[str]]) -> Digests:
    """A number for the characters of each sentence, wherever its words end and however they are capitalised.

    The same sentence is split otherwise in a corpus than by a splitter of raw text. Shape: (sentences,)
    """
    return _digest("".join("".join(words).split()).casefold() for words in sentences)


def _digest(texts: Iterable[str]) -> Digests:
    raw = (text.encode("utf-8", "surrogatepass") for text in texts)
    return np.frombuffer(b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in raw), dtype=np.uint64)


class DigestSet:
    """A set of digests, asked and added to in chunks; 8 bytes each, and no more than that while it grows.

    Of n different sentences, two have the same digest with a chance of about n^2 / 2^65: one in 400,000 for 10 million.

    The digests lie in order on shelves by their first bits, so that only a shelf is copied to put something in.

    Args:
        digests: what it begins with. Shape: (digests,)
    """

    def __init__(self, digests: Digests | None = None) -> None:
        self._shelves = [np.empty(0, dtype=np.uint64) for _ in range(_N_SHELVES)]
        if digests is not None:
            self.add(digests)

    def __len__(self) -> int:
        return sum(map(len, self._shelves))

    @property
    def nbytes(self) -> int:
        """Memory that the digests take."""
        return sum(shelf.nbytes for shelf in self._shelves)

    def contains(self, digests: Digests) -> Flags:
        """True on those that are in the set. Shape: (digests,)"""
        order = np.argsort(digests)
        found = np.empty(len(digests), dtype=np.bool_)
        found[order] = np.concatenate([_are_in(shelf, some)[0] for shelf, some in self._by_shelf(digests[order])])
        return found

    def add(self, digests: Digests) -> Flags:
        """Puts digests in; True on those that were neither there nor earlier in the chunk. Shape: (digests,)"""
        values, first = np.unique(digests, return_index=True)
        is_new = np.zeros(len(digests), dtype=np.bool_)
        known = []
        for number, (shelf, some) in enumerate(self._by_shelf(values)):
            there, places = _are_in(shelf, some)
            self._shelves[number] = np.insert(shelf, places[~there], some[~there])
            known.append(there)
        is_new[first] = ~np.concatenate(known)
        return is_new

    def _by_shelf(self, in_order: Digests) -> Iterable[tuple[Digests, Digests]]:
        return zip(self._shelves, np.split(in_order, np.searchsorted(in_order, _BOUNDS)), strict=True)


def _are_in(shelf: Digests, digests: Digests) -> tuple[Flags, npt.NDArray[np.intp]]:
    """Which digests stand on a shelf, and where each stands or would."""
    places = np.searchsorted(shelf, digests)
    there = np.zeros(len(digests), dtype=np.bool_)
    inside = places < len(shelf)
    there[inside] = shelf[places[inside]] == digests[inside]
    return there, places


def sift(
    items: Iterable[Item],
    *,
    words_of: Callable[[Item], Sequence[str]],
    known: Mapping[str, DigestSet],
    seen: DigestSet,
    counts: Counter[str],
) -> Iterator[Item]:
    """Lets items through that are new.

    Args:
        items: of any kind.
        words_of: the words by which an item is known; an item without any is `empty`.
        known: sets that an item must not be in, by `digest_letters`, each under the name by which it is counted.
        seen: items that came before, by `digest_sentences`, which are `repeated`; gains these.
        counts: gains the items, by what became of them; those let through are `kept`.
    """
    rest = iter(items)
    while chunk := list(islice(rest, _SIFTED_TOGETHER)):
        with_words = [item for item in chunk if words_of(item)]
        counts["empty"] += len(chunk) - len(with_words)
        words = [words_of(item) for item in with_words]
        letters = digest_letters(words)
        reasons = [others.contains(letters) for others in known.values()]
        fates = np.select([*reasons, ~seen.add(digest_sentences(words))], [*known, "repeated"], "kept").tolist()
        counts.update(fates)
        yield from (item for item, fate in zip(with_words, fates, strict=True) if fate == "kept")
