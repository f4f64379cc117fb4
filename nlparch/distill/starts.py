"""Where a student's weights begin: word vectors made from the teacher itself."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from nlparch.devices import Precision

Matrix = npt.NDArray[np.float32]


class WordReader(Protocol):
    """A teacher that can read one word by itself."""

    def word_states(self, words: Sequence[str], *, precision: Precision) -> Matrix:
        """A hidden vector for each word; 0 for words it cannot see. Shape: (words, hidden)"""
        ...


def teacher_word_vectors(
    teacher: WordReader, words: Sequence[str], *, width: int, precision: Precision, seed: int
) -> Matrix:
    """What the teacher makes of each word read alone, reduced to `width` by a principal component analysis.

    The components keep their proportions; all are scaled together to a variance of 1, that of an embedding's random
    start. Components that the teacher is too narrow for, or the words too few, are drawn at random.

    Args:
        teacher: the live model.
        words: the student's vocabulary.
        width: of the student's vectors.
        precision: number format of the teacher's matrix products.
        seed: of what is drawn at random.

    Returns:
        Shape: (words, width)
    """
    states = teacher.word_states(words, precision=precision)
    vectors = np.random.default_rng(seed).standard_normal((len(words), width)).astype(np.float32)
    n_components = min(width, *states.shape)
    if n_components:
        reduced = PCA(n_components, svd_solver="randomized", random_state=seed).fit_transform(states)
        vectors[:, :n_components] = reduced / max(float(reduced.std()), 1e-6)
    return vectors
