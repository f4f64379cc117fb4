"""Words that a teacher takes for much the same: what a word of a training text may be exchanged for."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

N_NEIGHBOURS = 15
"""Of each word."""
_WORDS_TOGETHER = 128
_SMALLEST = 1e-6

States = Callable[[Sequence[str]], npt.NDArray[np.floating]]


def find_neighbours(words: Sequence[str], others: Sequence[str], states_of: States) -> dict[str, list[str]]:
    """The nearest words of each word among all of them, by the cosine of the teacher's hidden states.

    The states' mean is taken away first: what all words share says nothing of what sets them apart. Spellings that
    differ in case alone are one word, written as the first of them. A neighbour begins with a capital where the word
    does.

    Args:
        words: each once, the most frequent first.
        others: more words that may be neighbours.
        states_of: gives the teacher's states of words, 0 for those it cannot see. Shape: (words, hidden)

    Returns:
        Neighbours of the words that the teacher can see and that have some.
    """
    spellings: dict[str, str] = {}
    for word in (*words, *others):
        spellings.setdefault(word.lower(), word)
    every = list(spellings.values())
    read = {word: row for row, word in enumerate(dict.fromkeys((*every, *words)))}
    states = states_of(list(read)).astype(np.float32)
    seen: npt.NDArray[np.bool_] = np.asarray(states.any(axis=1))
    states -= states[seen].mean(0) if seen.any() else 0.0
    states /= np.linalg.norm(states, axis=1, keepdims=True).clip(min=_SMALLEST)
    rows = np.array([read[word] for word in words], dtype=np.int64)
    of_every, known = states[: len(every)], seen[: len(every)]
    n = min(N_NEIGHBOURS + 1, int(known.sum()))  # one of them may be the word itself
    found = {}
    for begin in range(0, len(words) if n else 0, _WORDS_TOGETHER):
        some = slice(begin, begin + _WORDS_TOGETHER)
        likeness = np.where(known, states[rows[some]] @ of_every.T, -2.0)
        nearest = np.argpartition(-likeness, n - 1, axis=1)[:, :n]
        by_likeness = np.argsort(-np.take_along_axis(likeness, nearest, axis=1), axis=1)
        nearest = np.take_along_axis(nearest, by_likeness, axis=1)
        for word, is_seen, places in zip(words[some], seen[rows[some]], nearest, strict=True):
            names = [every[place] for place in places if every[place].lower() != word.lower()]
            if names and is_seen:
                found[word] = [_begin_alike(name, word) for name in names[:N_NEIGHBOURS]]
    return found


def _begin_alike(name: str, word: str) -> str:
    return name[:1].upper() + name[1:] if word[:1].isupper() else name
