"""The tagger that runs an exported model."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from nlparch.data.predictions import TagPrediction, build_prediction
from nlparch.data.words import SplitText
from nlparch.runtime.networks import Network
from nlparch.runtime.splits import CachedSplitter

_BATCHES_SORTED_TOGETHER = 32
# Words of a batch, padding counted: long sentences must not multiply by the batch size.
_MAX_BATCH_WORDS = 16_384


class Tagged(NamedTuple):
    """What the network says of a text: each word's tag, and the tag's probability."""

    tags: list[str]
    scores: list[float]


class RuntimeTagger:
    """A tagger without torch. `predict` does all; its three stages are there for who times or batches them apart.

    Several threads may use one tagger.

    Args:
        network: labels words.
        labels: the tag of each label.
        splitter: name or regular expression of what makes raw text into words.
        precision: number format of the weights, `fp32` or `int8`.
        model_hash: says which model this is.
    """

    task = "tagging"

    def __init__(
        self, network: Network, *, labels: Sequence[str], splitter: str, precision: str, model_hash: str
    ) -> None:
        self.labels = tuple(labels)
        self.splitter = splitter
        self.precision = precision
        self.model_hash = model_hash
        self._network = network
        self._split = CachedSplitter(splitter)
        self._tags = np.array(self.labels, dtype=object)

    def predict(self, inputs: Sequence[str | Sequence[str]], *, batch_size: int = 32) -> list[TagPrediction]:
        """Tags raw texts or sentences of words.

        Args:
            inputs: texts, or sentences as sequences of words.
            batch_size: sentences read together at most.

        Returns:
            One prediction an input. Offsets of a sentence of words are into the words joined by single spaces.

        Raises:
            ValueError: If `inputs` is a single string.
        """
        return list(self.predict_stream(inputs, batch_size=batch_size))

    def predict_stream(self, inputs: Iterable[str | Sequence[str]], *, batch_size: int = 32) -> Iterator[TagPrediction]:
        """`predict` over an endless stream, in order, in constant memory."""
        if isinstance(inputs, str):
            raise ValueError(f"predict takes a list of texts, got one string; write predict([{inputs[:20]!r}])")
        remaining = iter(inputs)
        while chunk := list(islice(remaining, batch_size * _BATCHES_SORTED_TOGETHER)):
            texts = list(map(self.split, chunk))
            yield from self.build(texts, self.infer(texts, batch_size=batch_size))

    def split(self, item: str | Sequence[str]) -> SplitText:
        """Makes raw text into words; words that are given stay, joined by single spaces."""
        return self._split(item)

    def infer(self, texts: Sequence[SplitText], *, batch_size: int = 32) -> list[Tagged]:
        """Runs the network on texts of any lengths, empty ones included."""
        tagged = [Tagged([], [])] * len(texts)
        self._network.meet([text.words for text in texts])
        for places in _plan_batches([len(text.words) for text in texts], batch_size):
            labels, scores = self._network.label([texts[place].words for place in places])
            rows = zip(places, self._tags.take(labels).tolist(), scores.tolist(), strict=True)
            for place, row_tags, row_scores in rows:
                n_words = len(texts[place].words)
                tagged[place] = Tagged(row_tags[:n_words], row_scores[:n_words])
        return tagged

    def build(self, texts: Sequence[SplitText], tagged: Sequence[Tagged]) -> list[TagPrediction]:
        """Reads the entities, and puts the predictions together."""
        return [
            build_prediction(text.text, text.offsets, tags, scores)
            for text, (tags, scores) in zip(texts, tagged, strict=True)
        ]


def _plan_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Places of texts that are read together, of like length, so that little is padding; empty texts are left out."""
    batch: list[int] = []
    for place in sorted((place for place, length in enumerate(lengths) if length), key=lengths.__getitem__):
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[place] > _MAX_BATCH_WORDS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
