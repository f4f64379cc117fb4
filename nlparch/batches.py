"""From rows of words, or of texts, to the batches that models are trained on."""

import abc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from nlparch.data.labels import IGNORED_LABEL, LabelMatch, LabelSet
from nlparch.data.text_labels import TextTask
from nlparch.data.text_predictions import Text, text_length
from nlparch.data.text_tables import gold_column, texts_of
from nlparch.distill.cache import JoinedOutputs, TeacherOutputs
from nlparch.models.text_model import TextModel
from nlparch.models.word_tagger import WordTagger, pad_labels

_BATCHES_SORTED_TOGETHER = 50

Example = dict[str, Any]


class _Examples(Dataset[Example], abc.ABC):
    """Rows of a corpus with their gold and, where there is a teacher, its stored outputs.

    Args:
        rows: a `datasets.Dataset`, or what stands in for one.
        outputs: teacher outputs, one item a row.
    """

    def __init__(self, rows: Any, outputs: TeacherOutputs | JoinedOutputs | None) -> None:
        _check_outputs(rows, outputs)
        self._rows = rows
        self._outputs = outputs

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        return self.__getitems__([index])[0]

    @abc.abstractmethod
    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        """Several rows at once, as the data loader asks for them."""

    def _taught(self, index: int) -> Any:
        return None if self._outputs is None else self._outputs[index]


class TaggingExamples(_Examples):
    """Rows of a corpus with label ids and, where there is a teacher, its stored outputs.

    Args:
        rows: a `datasets.Dataset` with the column `words`, and `tags` (None on rows without gold).
        labels: the student's labels.
        outputs: teacher outputs, one item a row.
    """

    def __init__(self, rows: Any, labels: LabelSet, outputs: TeacherOutputs | JoinedOutputs | None = None) -> None:
        super().__init__(rows, outputs)
        self._labels = labels

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        rows = self._rows[list(indices)]
        every_tags = rows.get("tags") or [None] * len(indices)
        return [
            {
                "words": words,
                "labels": None if tags is None else self._labels.encode(tags),
                "teacher_logits": self._taught(index),
            }
            for index, words, tags in zip(indices, rows["words"], every_tags, strict=True)
        ]


class TaggingCollator:
    """Examples -> the arguments of a word tagger's `forward`.

    A word that the student cannot see (its tokenizer throws it away) takes part in no loss: it has neither label nor
    teacher outputs.

    Args:
        model: whose `encode_words` makes the inputs.
        match: how the teacher's labels become the student's; None without a teacher.
    """

    def __init__(self, model: WordTagger, match: LabelMatch | None = None) -> None:
        self._model = model
        self._match = match

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        batch = self._model.encode_words([example["words"] for example in examples])
        unseen = ~self._model.seen_words(batch)
        labels = pad_labels([example["labels"] for example in examples], unseen.shape[1])
        batch["labels"] = labels.masked_fill(unseen, IGNORED_LABEL)
        if self._match is not None:
            logits = self._match.apply(pad_logits([example["teacher_logits"] for example in examples], unseen.shape[1]))
            batch["teacher_logits"] = torch.from_numpy(logits).masked_fill(unseen.unsqueeze(-1), torch.nan)
            batch["has_gold"] = torch.tensor([example["labels"] is not None for example in examples])
        return batch


class TextExamples(_Examples):
    """Rows of texts with their gold and, where there is a teacher, its stored outputs.

    Args:
        rows: a `datasets.Dataset` with the column `text`, `text_pair` for pairs, and `label` or `labels` (None on rows
            without gold).
        task: what is asked of a text.
        outputs: teacher outputs, one item a row.
    """

    def __init__(self, rows: Any, task: TextTask, outputs: TeacherOutputs | JoinedOutputs | None = None) -> None:
        super().__init__(rows, outputs)
        self._gold = gold_column(task)

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        rows = self._rows[list(indices)]
        gold = rows.get(self._gold) or [None] * len(indices)
        return [
            {"text": text, "gold": value, "teacher_logits": self._taught(index)}
            for index, text, value in zip(indices, texts_of(rows), gold, strict=True)
        ]


class TextCollator:
    """Examples -> the arguments of a text model's `forward`.

    Args:
        model: whose `encode_inputs` makes the inputs.
        match: how the teacher's labels become the student's; None without a teacher.
    """

    def __init__(self, model: TextModel, match: LabelMatch | None = None) -> None:
        self._model = model
        self._match = match

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        batch = self._model.encode_inputs([example["text"] for example in examples])
        gold = [example["gold"] for example in examples]
        batch["labels"] = torch.from_numpy(self._model.text_labels.encode(gold))
        if self._match is not None:
            logits = np.concatenate([example["teacher_logits"] for example in examples]).astype(np.float32)
            batch["teacher_logits"] = torch.from_numpy(self._match.apply(logits))
            batch["has_gold"] = torch.tensor([value is not None for value in gold])
        return batch


def text_lengths(texts: Sequence[Text]) -> np.ndarray:
    """Length of each text, for batches of like length. Shape: (texts,)"""
    return np.fromiter(map(text_length, texts), dtype=np.int32, count=len(texts))


class MixedLengthSampler(Sampler[int]):
    """Rows of like length together, and so many rows without gold for each row with it.

    Each epoch is drawn anew from `seed` and the epoch's number alone, so that a resumed run sees the same batches.

    Args:
        lengths: words of each row, or any other measure of length. Shape: (rows,)
        has_gold: Shape: (rows,)
        batch_size: rows of a batch.
        unlabeled_ratio: rows without gold per row with gold in an epoch; None takes all.
        seed: of the order.

    Attributes:
        n_unlabeled: rows without gold.
        n_drawn: of them, those that an epoch reads.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        has_gold: np.ndarray,
        *,
        batch_size: int,
        unlabeled_ratio: float | None = None,
        seed: int = 42,
    ) -> None:
        self._lengths = lengths
        self._gold, self._other = np.flatnonzero(has_gold), np.flatnonzero(~has_gold)
        wanted = len(self._other) if unlabeled_ratio is None else round(unlabeled_ratio * len(self._gold))
        self.n_unlabeled = len(self._other)
        self.n_drawn = min(wanted, len(self._other))
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._gold) + self.n_drawn

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch to draw next."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        rows = np.concatenate([self._gold, random.permutation(self._other)[: self.n_drawn]])
        random.shuffle(rows)
        yield from _by_length(rows, self._lengths, batch_size=self._batch_size, random=random)


class StagedSampler(Sampler[int]):
    """Rows without gold first, rows with gold last, each over and over until their part of the training is done.

    Epochs are as long as there are rows, so that a staged training is as long as any. Each is drawn anew from `seed`
    and the epoch's number alone. The stages change between two batches.

    Args:
        lengths: words of each row, or any other measure of length. Shape: (rows,)
        has_gold: some are True and some False. Shape: (rows,)
        batch_size: rows of a batch.
        n_total: rows that are read in the whole training.
        gold_share: share of them that is left to the rows with gold.
        seed: of the order.

    Attributes:
        n_total: see above.
        n_before_gold: rows that are read before the first with gold.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        has_gold: np.ndarray,
        *,
        batch_size: int,
        n_total: int,
        gold_share: float,
        seed: int = 42,
    ) -> None:
        self._lengths = lengths
        self._gold, self._other = np.flatnonzero(has_gold), np.flatnonzero(~has_gold)
        self.n_total = n_total
        self.n_before_gold = round((1 - gold_share) * n_total)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch to draw next."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        n_other = min(max(self.n_before_gold - self._epoch * len(self), 0), len(self))
        if n_other < len(self):
            n_other -= n_other % self._batch_size  # whole batches: the data loader cuts them by number
        for rows, n in ((self._other, n_other), (self._gold, len(self) - n_other)):
            passes = [random.permutation(rows) for _ in range(-(-n // len(rows)))]
            drawn = np.concatenate([*passes, rows[:0]])[:n]
            yield from _by_length(drawn, self._lengths, batch_size=self._batch_size, random=random)


def _check_outputs(rows: Any, outputs: TeacherOutputs | JoinedOutputs | None) -> None:
    if outputs is not None and len(outputs) != len(rows):
        raise ValueError(f"there must be teacher outputs for every row, got {len(outputs)} for {len(rows)} rows")


def _by_length(rows: np.ndarray, lengths: np.ndarray, *, batch_size: int, random: np.random.Generator) -> Iterator[int]:
    """Rows in batches of like length; the order of the batches is drawn, but the one that may be short stays last.

    `rows` is put in order, in place.
    """
    span = batch_size * _BATCHES_SORTED_TOGETHER
    for begin in range(0, len(rows), span):
        group = rows[begin : begin + span]
        group[:] = group[np.argsort(lengths[group], kind="stable")]
    n_batches = -(-len(rows) // batch_size)
    order = [*random.permutation(n_batches - 1).tolist(), n_batches - 1] if n_batches else []
    for number in order:
        yield from rows[number * batch_size : (number + 1) * batch_size].tolist()


def pad_logits(rows: Sequence[np.ndarray], n_words: int) -> np.ndarray:
    """Stored outputs of sentences, NaN on padding. Shape: (sentences, n_words, labels)"""
    padded = np.full((len(rows), n_words, rows[0].shape[-1]), np.nan, dtype=np.float32)
    for index, values in enumerate(rows):
        padded[index, : len(values)] = values
    return padded
