"""Parts of the training sentences, for studies of little gold: always the same part, whoever asks for it."""

import random

from nlparch.data.tables import Rows
from nlparch.errors import UserError


def keep_part(splits: dict[str, Rows], *, fraction: float, n_examples: int, seed: int, notes: list[str]) -> None:
    """Keeps a random part of the training sentences, in their order.

    The part is decided by how many sentences there are, how many are kept, and the seed: a teacher and its student
    that read the same file keep the same one. Of the same file, a smaller part lies within a larger one.

    Args:
        splits: the corpus; its `train` is replaced.
        fraction: share of the sentences to keep; 1 keeps all.
        n_examples: how many of them to keep; 0 leaves that to `fraction`.
        seed: of the draw.
        notes: gains a sentence that tells what was kept.

    Raises:
        UserError: If more sentences are asked for than there are, or a part of none.
    """
    if not n_examples and fraction == 1:
        return
    if "train" not in splits:
        raise UserError("--train_examples and --train_fraction keep a part of train, and there is none; leave them out")
    train = splits["train"]
    n = len(train.words)
    if n_examples > n:
        raise UserError(f"--train_examples must be at most the {n} sentences of train, got {n_examples}")
    n_kept = n_examples or max(1, round(fraction * n))
    order = list(range(n))
    random.Random(seed).shuffle(order)
    notes.append(f"train: {n_kept} of {n} sentences kept, drawn at random with seed {seed}; the others dropped")
    splits["train"] = train.take(sorted(order[:n_kept]))
