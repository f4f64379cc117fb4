"""Parts of the training sentences, for studies of little gold: always the same part, whoever asks for it."""

import random

from nlparch.data.tables import Rows
from nlparch.errors import UserError


def take_part(train: Rows, *, fraction: float, n_examples: int, seed: int, notes: list[str]) -> Rows:
    """A random part of the training sentences, in their order.

    The part is decided by how many sentences there are, how many are taken, and the seed: a teacher and its student
    that read the same file take the same one. Of the same file, a smaller part lies within a larger one.

    Args:
        train: the sentences.
        fraction: share of them to take; 1 takes all.
        n_examples: how many of them to take; 0 leaves that to `fraction`.
        seed: of the draw.
        notes: gains a sentence that tells what was taken.

    Raises:
        UserError: If more sentences are asked for than there are.
    """
    n = len(train.words)
    if not n_examples and fraction == 1:
        return train
    if n_examples > n:
        raise UserError(f"--train_examples must be at most the {n} sentences of train, got {n_examples}")
    n_taken = n_examples or max(1, round(fraction * n))
    order = list(range(n))
    random.Random(seed).shuffle(order)
    notes.append(f"train: {n_taken} of {n} sentences taken, drawn at random with seed {seed}; the others dropped")
    return train.take(sorted(order[:n_taken]))
