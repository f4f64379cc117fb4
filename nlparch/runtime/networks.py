"""From words to labels: the two kinds of network that an exported tagger can hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nlparch.runtime.forms import FormVectors
from nlparch.runtime.sessions import Graph

if TYPE_CHECKING:
    from nlparch.data.alignment import PieceAligner


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
