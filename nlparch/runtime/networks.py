"""From words to labels, or from texts to logits: the kinds of network that an exported model can hold."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nlparch.data.features import WordFeatures
from nlparch.runtime.forms import FormVectors
from nlparch.runtime.sessions import Graph

if TYPE_CHECKING:
    from nlparch.data.alignment import PieceAligner
    from nlparch.data.pieces import PieceReader
    from nlparch.runtime.classifier import ReadText


class Network(Protocol):
    """Labels words in their sentences; may be called from several threads."""

    def meet(self, sentences: Sequence[Sequence[str]]) -> None:
        """Is told of sentences that `label` will get next, in batches, to do what is better done for all at once."""
        ...

    def label(self, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """The label of each word and its probability; padding holds anything.

        Args:
            sentences: a batch, none of them empty.

        Returns:
            Labels and probabilities. Shapes: (batch, words)
        """
        ...


class SmallNetwork:
    """A small tagger: vectors of words, then a graph that reads them in context.

    Args:
        forms: the vectors.
        context: from vectors and lengths to labels and probabilities.
    """

    def __init__(self, forms: FormVectors, context: Graph) -> None:
        self.forms = forms
        self._context = context

    def meet(self, sentences: Sequence[Sequence[str]]) -> None:
        """See `Network`."""
        self.forms.learn(sentences)

    def label(self, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """See `Network`."""
        lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        labels, scores = self._context.run({"vectors": self.forms.gather(sentences, lengths), "lengths": lengths})
        return labels, scores


class TransformerNetwork:
    """A transformer that reads pieces; a word's label is that of its first piece.

    Args:
        aligner: words to pieces, in windows where a sentence is too long.
        graph: from pieces to the label and probability of each word.
    """

    def __init__(self, aligner: "PieceAligner", graph: Graph) -> None:
        self._aligner = aligner
        self._graph = graph

    def meet(self, sentences: Sequence[Sequence[str]]) -> None:
        """See `Network`; a transformer gains nothing."""

    def label(self, sentences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """See `Network`."""
        batch = self._aligner(sentences)
        names = ("input_ids", "attention_mask", "word_rows", "word_positions")
        labels, scores = self._graph.run({name: getattr(batch, name) for name in names})
        return labels, scores


class TextNetwork(Protocol):
    """Gives the logits of texts; may be called from several threads."""

    def meet(self, texts: Sequence["ReadText"]) -> None:
        """See `Network`."""
        ...

    def logits(self, texts: Sequence["ReadText"]) -> np.ndarray:
        """The logits of a batch of texts, empty ones included. Shape: (texts, labels)"""
        ...


class SmallTextNetwork:
    """A small classifier: vectors of words, then a graph that reads texts; of pairs, both texts alike.

    Args:
        forms: the vectors.
        features: how pairs of words become ids.
        texts: from vectors and lengths to logits.
    """

    def __init__(self, forms: FormVectors, features: WordFeatures, texts: Graph) -> None:
        self._forms = forms
        self._features = features
        self._texts = texts

    def meet(self, texts: Sequence["ReadText"]) -> None:
        """See `Network`."""
        self._forms.learn([part.words for text in texts for part in text.parts])

    def logits(self, texts: Sequence["ReadText"]) -> np.ndarray:
        """See `TextNetwork`."""
        # All first texts, and then all second ones.
        parts = chain.from_iterable(zip(*(text.parts for text in texts), strict=True))
        sentences = [part.words for part in parts]
        lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        inputs = {"vectors": self._forms.gather(sentences, lengths), "lengths": lengths}
        if "pair_ids" in self._texts.input_names:
            inputs["pair_ids"] = self._features.pair_ids(sentences)
        logits: np.ndarray = self._texts.run(inputs)[0]
        return logits


class TransformerTextNetwork:
    """A transformer that reads texts; those read in several windows take the mean of their logits.

    Args:
        pieces: texts to pieces.
        graph: from pieces to logits.
    """

    def __init__(self, pieces: "PieceReader", graph: Graph) -> None:
        self._pieces = pieces
        self._graph = graph

    def meet(self, texts: Sequence["ReadText"]) -> None:
        """See `Network`; a transformer gains nothing."""

    def logits(self, texts: Sequence["ReadText"]) -> np.ndarray:
        """See `TextNetwork`."""
        batch: Any = self._pieces([text.text for text in texts])
        names = ("input_ids", "attention_mask", "token_type_ids")
        rows: np.ndarray = self._graph.run({name: getattr(batch, name) for name in names})[0]
        begins = np.cumsum(batch.n_windows) - batch.n_windows
        means: np.ndarray = np.add.reduceat(rows, begins) / batch.n_windows[:, None]
        return means.astype(np.float32)
