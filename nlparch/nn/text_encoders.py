"""Text encoders: from the features of a batch of texts to one vector a text.

All take the same arguments, so that a classifier can hold any. In eval mode the vector of a text does not depend on the
texts beside it; a text without words has a vector too.
"""

import abc
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nlparch.nn.embedders import ContextEncoder, Dropout
from nlparch.nn.pooling import MaxPooling, MeanPooling
from nlparch.nn.words import Convolution, NgramEncoder, WordEncoder, make_embedding


class TextEncoder(nn.Module, abc.ABC):
    """Texts as vectors."""

    words: WordEncoder | NgramEncoder
    """Encodes every word by itself."""
    out_width: int

    def forward(self, mask: Tensor, pair_ids: Tensor | None = None, **word_inputs: Tensor) -> Tensor:
        """Encodes a batch.

        Args:
            mask: True on words. Shape: (batch, words)
            pair_ids: each word's with the word before it, for encoders that look at them. Shape: (batch, words)
            word_inputs: of `words`.

        Returns:
            Shape: (batch, out_width)
        """
        return self.read(self.words(**word_inputs), mask, pair_ids)

    @abc.abstractmethod
    def read(self, words: Tensor, mask: Tensor, pair_ids: Tensor | None = None) -> Tensor:
        """Encodes texts whose words are encoded.

        Args:
            words: Shape: (batch, words, words.out_width)
            mask: see `forward`.
            pair_ids: see `forward`.

        Returns:
            Shape: (batch, out_width)
        """


class PooledContext(TextEncoder):
    """Words read in their context, and pooled.

    Args:
        context: for example a `CNNLSTM`.
        pooling: for example a `MaxPooling`.
    """

    def __init__(self, context: ContextEncoder, pooling: nn.Module) -> None:
        super().__init__()
        self.out_width = context.out_width
        self.context = context
        self.pooling = pooling

    @property
    def words(self) -> WordEncoder:  # type: ignore[override]
        """Encodes every word by itself."""
        return self.context.words

    def read(self, words: Tensor, mask: Tensor, pair_ids: Tensor | None = None) -> Tensor:
        """See `TextEncoder`."""
        pooled: Tensor = self.pooling(self.context.read(words, mask), mask)
        return pooled


class KimCNN(TextEncoder):
    """Convolutions of several widths side by side, each filter's highest value over the text (Kim, 2014).

    Args:
        words: encodes every word by itself.
        kernels: words that a filter sees, for each width.
        n_filters: filters of each width.
        dropout: on the result, as in the paper.
    """

    def __init__(
        self, words: WordEncoder, *, kernels: Sequence[int] = (3, 4, 5), n_filters: int = 100, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.out_width = len(kernels) * n_filters
        self.words = words
        self.convolutions = nn.ModuleList(
            Convolution(in_width=words.out_width, n_filters=n_filters, kernel=kernel) for kernel in kernels
        )
        self.pooling = MaxPooling()
        self.dropout = Dropout(dropout)

    def read(self, words: Tensor, mask: Tensor, pair_ids: Tensor | None = None) -> Tensor:
        """See `TextEncoder`."""
        # Every convolution must see zeros beyond a text's end, as it does where the batch ends.
        words = words * mask.unsqueeze(-1)
        features = torch.cat([convolution(words) for convolution in self.convolutions], -1).relu()
        encoded: Tensor = self.dropout(self.pooling(features, mask))
        return encoded


class BagOfNgrams(TextEncoder):
    """The mean of vectors of words, of their n-grams of characters and of pairs of words (after Joulin et al., 2017).

    Args:
        words: encodes every word by itself.
        n_pair_buckets: buckets of hashed pairs of words, padding not counted.
        dropout: on the result.
    """

    def __init__(self, words: NgramEncoder, *, n_pair_buckets: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.out_width = words.out_width
        self.words = words
        self.pairs = make_embedding(n_pair_buckets + 1, words.out_width)
        self.pooling = MeanPooling()
        self.dropout = Dropout(dropout)

    def read(self, words: Tensor, mask: Tensor, pair_ids: Tensor | None = None) -> Tensor:
        """See `TextEncoder`."""
        encoded: Tensor = self.dropout(self.pooling(words + self.pairs(pair_ids), mask))
        return encoded
