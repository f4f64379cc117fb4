"""The classifier that runs an exported model."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nlparch.data.text_labels import TextLabels
from nlparch.data.text_predictions import Text, TextPrediction, as_text, build_text_predictions
from nlparch.data.words import SplitText
from nlparch.runtime.model import RuntimeModel, plan_batches
from nlparch.runtime.networks import TextNetwork
from nlparch.runtime.splits import CachedSplitter

Logits = npt.NDArray[np.float32]


class ReadText(NamedTuple):
    """A text, or a pair of texts, split.

    Attributes:
        text: as it was given.
        parts: the text, or both.
    """

    text: Text
    parts: tuple[SplitText, ...]

    @property
    def words(self) -> Sequence[str]:
        """All words."""
        return (
            self.parts[0].words if len(self.parts) == 1 else [*chain.from_iterable(part.words for part in self.parts)]
        )


class RuntimeClassifier(RuntimeModel[ReadText, Logits, TextPrediction]):
    """A classifier of texts, or of pairs of texts, without torch.

    Args:
        network: gives logits.
        text_labels: what they are of.
        has_pairs: whether it reads pairs of texts, or single texts; None: both.
        temperature: divides the logits before they are read as probabilities.
        thresholds: of several labels, the probability from which each holds; None: 0.5 for all.
        splitter: see `RuntimeModel`.
        precision: see `RuntimeModel`.
        model_hash: see `RuntimeModel`.
    """

    task = "classification"

    def __init__(
        self,
        network: TextNetwork,
        *,
        text_labels: TextLabels,
        has_pairs: bool | None,
        temperature: float,
        thresholds: Sequence[float] | None,
        splitter: str,
        precision: str,
        model_hash: str,
    ) -> None:
        super().__init__(labels=text_labels.names, splitter=splitter, precision=precision, model_hash=model_hash)
        self.text_labels = text_labels
        self.has_pairs = has_pairs
        self._network = network
        self._temperature = temperature
        self._thresholds = thresholds
        self._split = CachedSplitter(splitter)

    def split(self, item: Text) -> ReadText:
        """Makes a text, or both of a pair, into words.

        Raises:
            ValueError: If it is neither, or not what the model reads.
        """
        text = as_text(item)
        if self.has_pairs is not None and isinstance(text, str) == self.has_pairs:
            wanted, got = ("pairs of texts", "a single text") if self.has_pairs else ("single texts", "a pair")
            raise ValueError(f"this model reads {wanted}, got {got}")
        parts = (text,) if isinstance(text, str) else text
        return ReadText(text, tuple(map(self._split, parts)))

    def infer(self, texts: Sequence[ReadText], *, batch_size: int = 32) -> list[Logits]:
        """The logits of texts of any lengths, empty ones included. Shape of each: (labels,)"""
        logits = [np.zeros(0, dtype=np.float32)] * len(texts)
        self._network.meet(texts)
        for places in plan_batches([max(1, len(text.words)) for text in texts], batch_size):
            for place, row in zip(places, self._network.logits([texts[place] for place in places]), strict=True):
                logits[place] = row
        return logits

    def build(self, texts: Sequence[ReadText], answers: Sequence[Logits]) -> list[TextPrediction]:
        """Reads the logits as labels with probabilities."""
        if not texts:
            return []
        return build_text_predictions(
            [text.text for text in texts],
            np.stack(answers),
            self.text_labels,
            temperature=self._temperature,
            thresholds=self._thresholds,
        )
