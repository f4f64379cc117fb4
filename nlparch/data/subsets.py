"""Parts of the training rows: a dev set, or little gold to study; always the same part, whoever asks for it."""

import random
from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

from nlparch.errors import UserError


class SplitRows(Protocol):
    """Labelled rows of a split: sentences, or texts."""

    def __len__(self) -> int: ...

    def take(self, indices: Iterable[int]) -> Self:
        """Picks rows by number."""
        ...

    def labelled(self) -> list[int]:
        """The numbers of the rows that have gold."""
        ...


RowsT = TypeVar("RowsT", bound=SplitRows)


def split_dev(
    splits: dict[str, RowsT], *, fraction: float, seed: int, notes: list[str], unit: str = "sentences"
) -> None:
    """Sets a random part of train's labelled rows aside as dev, where there is none.

    Args:
        splits: the corpus; its `train` is replaced, its `dev` added.
        fraction: share of these rows to set aside; 0: none.
        seed: of the draw.
        notes: gains a sentence that tells what was done.
        unit: what a row is.

    Raises:
        UserError: If there is none with gold, or nothing would be left to train on.
    """
    if not fraction or "train" not in splits:
        return
    if "dev" in splits:
        notes.append(f"dev: there already; --dev_fraction {fraction} not used")
        return
    train = splits["train"]
    labelled = train.labelled()
    n = len(labelled)
    n_dev = max(1, round(fraction * n))
    if n_dev >= n:
        raise UserError(f"--dev_fraction must leave labelled {unit} to train on, got {fraction} of {n} {unit}")
    chosen = {labelled[place] for place in random.Random(seed).sample(range(n), n_dev)}
    splits["train"] = train.take(index for index in range(len(train)) if index not in chosen)
    splits["dev"] = train.take(sorted(chosen))
    if "test" in splits:
        splits["test"] = splits.pop("test")
    what = unit if n == len(train) else f"labelled {unit}"
    notes.append(f"dev: {n_dev} of train's {n} {what}, drawn at random with seed {seed}")


def keep_part(
    splits: dict[str, RowsT],
    *,
    fraction: float,
    n_examples: int,
    seed: int,
    notes: list[str],
    unit: str = "sentences",
) -> None:
    """Keeps a random part of the training rows, in their order.

    The part is decided by how many rows there are, how many are kept, and the seed: a teacher and its student that read
    the same file keep the same one. Of the same file, a smaller part lies within a larger one.

    Args:
        splits: the corpus; its `train` is replaced.
        fraction: share of the rows to keep; 1 keeps all.
        n_examples: how many of them to keep; 0 leaves that to `fraction`.
        seed: of the draw.
        notes: gains a sentence that tells what was kept.
        unit: what a row is.

    Raises:
        UserError: If more rows are asked for than there are, or a part of none.
    """
    if not n_examples and fraction == 1:
        return
    if "train" not in splits:
        raise UserError("--train_examples and --train_fraction keep a part of train, and there is none; leave them out")
    train = splits["train"]
    n = len(train)
    if n_examples > n:
        raise UserError(f"--train_examples must be at most the {n} {unit} of train, got {n_examples}")
    n_kept = n_examples or max(1, round(fraction * n))
    order = list(range(n))
    random.Random(seed).shuffle(order)
    notes.append(f"train: {n_kept} of {n} {unit} kept, drawn at random with seed {seed}; the others dropped")
    splits["train"] = train.take(sorted(order[:n_kept]))
