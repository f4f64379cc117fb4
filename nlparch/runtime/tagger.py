"""The tagger that runs an exported model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nlparch.data.predictions import TagPrediction, build_prediction
from nlparch.data.words import SplitText
from nlparch.runtime.model import RuntimeModel, plan_batches
from nlparch.runtime.networks import Network
from nlparch.runtime.splits import CachedSplitter


class Tagged(NamedTuple):
    """What the network says of a text: each word's tag, and the tag's probability."""

    tags: list[str]
    scores: list[float]


class RuntimeTagger(RuntimeModel[SplitText, Tagged, TagPrediction]):
    """A tagger without torch.

    Args:
        network: labels words.
        labels: the tag of each label.
        splitter: see `RuntimeModel`.
        precision: see `RuntimeModel`.
        model_hash: see `RuntimeModel`.
    """

    task = "tagging"

    def __init__(
        self, network: Network, *, labels: Sequence[str], splitter: str, precision: str, model_hash: str
    ) -> None:
        super().__init__(labels=labels, splitter=splitter, precision=precision, model_hash=model_hash)
        self._network = network
        self._split = CachedSplitter(splitter)
        self._tags = np.array(self.labels, dtype=object)

    def split(self, item: str | Sequence[str]) -> SplitText:
        """Makes raw text into words; words that are given stay, joined by single spaces."""
        return self._split(item)

    def infer(self, texts: Sequence[SplitText], *, batch_size: int = 32) -> list[Tagged]:
        """Runs the network on texts of any lengths, empty ones included."""
        tagged = [Tagged([], [])] * len(texts)
        self._network.meet([text.words for text in texts])
        for places in plan_batches([len(text.words) for text in texts], batch_size):
            labels, scores = self._network.label([texts[place].words for place in places])
            rows = zip(places, self._tags.take(labels).tolist(), scores.tolist(), strict=True)
            for place, row_tags, row_scores in rows:
                n_words = len(texts[place].words)
                tagged[place] = Tagged(row_tags[:n_words], row_scores[:n_words])
        return tagged

    def build(self, texts: Sequence[SplitText], answers: Sequence[Tagged]) -> list[TagPrediction]:
        """Reads the entities, and puts the predictions together."""
        return [
            build_prediction(text.text, text.offsets, tags, scores)
            for text, (tags, scores) in zip(texts, answers, strict=True)
        ]
