"""How often the words of a corpus occur, counted in bounded memory."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice

MAX_COUNTED_FORMS = 1_000_000
"""Different words that are counted at most, some 120 bytes each; the vocabulary is made of the most frequent."""
_COUNTED_TOGETHER = 10_000


def count_forms(sentences: Iterable[Sequence[str]], *, most: int = MAX_COUNTED_FORMS) -> tuple[Counter[str], int]:
    """Counts the words of a corpus, as written, in bounded memory.

    When there are more different words than `most`, the rarest are forgotten: at first those counted once by then, at
    the next time those counted twice, and so on (after the lossy counting of Manku and Motwani, 2002). A word that is
    forgotten and comes again is counted from there on.

    Returns:
        How often each word occurs, and up to which count words were forgotten; 0: none was.
    """
    counts: Counter[str] = Counter()
    floor = 0
    rest = iter(sentences)
    while some := list(islice(rest, _COUNTED_TOGETHER)):
        counts.update(chain.from_iterable(some))
        while len(counts) > most:
            floor += 1
            counts = Counter({word: count for word, count in counts.items() if count > floor})
    return counts, floor


def most_frequent(counts: Mapping[str, int], *, min_count: int, limit: int | None) -> list[str]:
    """The names counted most often, at most `limit` of them."""
    # By frequency, then by spelling: the order of the corpus changes nothing.
    ordered = sorted((item for item in counts.items() if item[1] >= min_count), key=lambda item: (-item[1], item[0]))
    return [name for name, _ in ordered[:limit]]


def cut_notes(counts: Mapping[str, int], kept: Sequence[str], what: str) -> list[str]:
    """A sentence on the names that were not kept, where there are some."""
    n_cut = len(counts) - len(kept)
    if not n_cut:
        return []
    share = 1 - sum(counts[name] for name in kept) / sum(counts.values())
    return [f"vocabulary: {n_cut} of {len(counts)} {what} cut ({share:.1%} of the text); the model does not know them"]
