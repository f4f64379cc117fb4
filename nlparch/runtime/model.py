"""What every exported model does: read raw text, in batches of like length, in order."""

import abc
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

_BATCHES_SORTED_TOGETHER = 32
# Words of a batch, padding counted: long sentences must not multiply by the batch size.
_MAX_BATCH_WORDS = 16_384

Read = TypeVar("Read")
Answer = TypeVar("Answer")
Prediction = TypeVar("Prediction")


class RuntimeModel(abc.ABC, Generic[Read, Answer, Prediction]):
    """A model without torch. `predict` does all; its three stages are there for who times or batches them apart.

    Several threads may use one model.

    Args:
        labels: the labels, in the order of the model's outputs.
        splitter: name or regular expression of what makes raw text into words.
        precision: number format of the weights, `fp32` or `int8`.
        model_hash: says which model this is.
    """

    task: ClassVar[Literal["tagging", "classification"]]

    def __init__(self, *, labels: Sequence[str], splitter: str, precision: str, model_hash: str) -> None:
        self.labels = tuple(labels)
        self.splitter = splitter
        self.precision = precision
        self.model_hash = model_hash

    @abc.abstractmethod
    def split(self, item: Any) -> Read:
        """Makes one input into words."""

    @abc.abstractmethod
    def infer(self, texts: Sequence[Read], *, batch_size: int = 32) -> Sequence[Answer]:
        """Runs the network on texts of any lengths, empty ones included."""

    @abc.abstractmethod
    def build(self, texts: Sequence[Read], answers: Sequence[Answer]) -> list[Prediction]:
        """Puts the predictions together."""

    def predict(self, inputs: Sequence[Any], *, batch_size: int = 32) -> list[Prediction]:
        """Reads raw texts.

        Args:
            inputs: texts; for taggers also sentences as sequences of words, for classifiers also pairs of texts.
            batch_size: texts read together at most.

        Returns:
            One prediction an input. Offsets of a sentence of words are into the words joined by single spaces.

        Raises:
            ValueError: If `inputs` is a single string.
        """
        return list(self.predict_stream(inputs, batch_size=batch_size))

    def predict_stream(self, inputs: Iterable[Any], *, batch_size: int = 32) -> Iterator[Prediction]:
        """`predict` over an endless stream, in order, in constant memory."""
        if isinstance(inputs, str):
            raise ValueError(f"predict takes a list of texts, got one string; write predict([{inputs[:20]!r}])")
        remaining = iter(inputs)
        while chunk := list(islice(remaining, batch_size * _BATCHES_SORTED_TOGETHER)):
            texts = list(map(self.split, chunk))
            yield from self.build(texts, self.infer(texts, batch_size=batch_size))


AnyModel: TypeAlias = RuntimeModel[Any, Any, Any]
"""A `RuntimeTagger` or a `RuntimeClassifier`."""


def plan_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Places of texts that are read together, of like length, so that little is padding; those of length 0 are left
    out."""
    batch: list[int] = []
    for place in sorted((place for place, length in enumerate(lengths) if length), key=lengths.__getitem__):
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[place] > _MAX_BATCH_WORDS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
