"""Context encoders: from the features of a batch of words to one hidden vector a word.

All take the same arguments, so that a tagger can hold any. Masks are right padding. In eval mode the hidden vectors of
a sentence do not depend on the sentences beside it.
"""

import abc
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nlparch.nn.words import Convolution, WordEncoder


class ContextEncoder(nn.Module, abc.ABC):
    """Words in their context.

    Args:
        words: encodes every word by itself.
    """

    out_width: int

    def __init__(self, words: WordEncoder) -> None:
        super().__init__()
        self.words = words

    def forward(self, mask: Tensor, **word_inputs: Tensor) -> Tensor:
        """Encodes a batch.

        Args:
            mask: True on words. Shape: (batch, words)
            word_inputs: see `WordEncoder`.

        Returns:
            Hidden vectors, 0 on padding. Shape: (batch, words, out_width)
        """
        return self.read(self.words(**word_inputs), mask)

    @abc.abstractmethod
    def read(self, words: Tensor, mask: Tensor) -> Tensor:
        """Encodes words in their context.

        Args:
            words: Shape: (batch, words, words.out_width)
            mask: True on words. Shape: (batch, words)

        Returns:
            Hidden vectors, 0 on padding. Shape: (batch, words, out_width)
        """


class CNNLSTM(ContextEncoder):
    """Words, read by a bidirectional LSTM (Ma and Hovy, 2016).

    Args:
        words: encodes every word by itself.
        lstm_width: width of each direction.
        n_lstm_layers: bidirectional layers.
        dropout: on the input, between the layers and on the output.
    """

    def __init__(
        self, words: WordEncoder, *, lstm_width: int = 100, n_lstm_layers: int = 2, dropout: float = 0.5
    ) -> None:
        super().__init__(words)
        self.out_width = 2 * lstm_width
        self.context = BidirectionalLSTM(
            in_width=words.out_width, width=lstm_width, n_layers=n_lstm_layers, dropout=dropout
        )
        self.dropout = Dropout(dropout)

    def read(self, words: Tensor, mask: Tensor) -> Tensor:
        """See `ContextEncoder`."""
        encoded: Tensor = self.dropout(self.context(self.dropout(words), mask))
        return encoded


class IDCNN(ContextEncoder):
    """Words, read by dilated convolutions (Strubell et al., 2017).

    A block is one convolution a dilation; it is applied `n_blocks` times with the same weights. With
    `sentence_context`, each convolution of the block also sees the highest value of every feature over the whole
    sentence, and its output is added to its input: a filter alone knows the few words around, not what the sentence is
    about.

    Args:
        words: encodes every word by itself.
        conv_kernel: words that a filter sees.
        n_filters: width of every convolution's output.
        dilations: distance between the words that a filter sees, for each convolution of a block.
        n_blocks: how often the block is applied.
        input_dropout: on the features.
        middle_dropout: between blocks.
        hidden_dropout: on the output.
        sentence_context: whether convolutions see the whole sentence as well.
    """

    def __init__(
        self,
        words: WordEncoder,
        *,
        conv_kernel: int = 3,
        n_filters: int = 128,
        dilations: Sequence[int] = (1, 2, 1),
        n_blocks: int = 1,
        input_dropout: float = 0.35,
        middle_dropout: float = 0.0,
        hidden_dropout: float = 0.15,
        sentence_context: bool = False,
    ) -> None:
        super().__init__(words)
        self.out_width = n_filters
        self.n_blocks = n_blocks
        self.first = Convolution(in_width=words.out_width, n_filters=n_filters, kernel=conv_kernel)
        self.block = nn.ModuleList(
            Convolution(in_width=n_filters, n_filters=n_filters, kernel=conv_kernel, dilation=dilation)
            for dilation in dilations
        )
        self.sentence = nn.Linear(n_filters, n_filters, bias=False) if sentence_context else None
        self.input_dropout = Dropout(input_dropout)
        self.middle_dropout = Dropout(middle_dropout)
        self.hidden_dropout = Dropout(hidden_dropout)

    def read(self, words: Tensor, mask: Tensor) -> Tensor:
        """See `ContextEncoder`."""
        # Every convolution must see zeros beyond a sentence's end, as it does where the batch ends.
        present = mask.unsqueeze(-1).to(words.dtype)
        hidden = self.first(self.input_dropout(words) * present).relu() * present
        for block in range(self.n_blocks):
            hidden = self.middle_dropout(hidden) if block else hidden
            for convolution in self.block:
                hidden = self._convolve(convolution, hidden) * present
        encoded: Tensor = self.hidden_dropout(hidden)
        return encoded

    def _convolve(self, convolution: nn.Module, hidden: Tensor) -> Tensor:
        """One layer of the block; padding comes in as 0, which no maximum of what relu gave can be below.

        Shapes: (batch, words, n_filters)
        """
        near: Tensor = convolution(hidden)
        if self.sentence is None:
            return near.relu()
        far: Tensor = self.sentence(hidden.amax(1, keepdim=True))
        return hidden + (near + far).relu()


class BidirectionalLSTM(nn.Module):
    """Layers of two LSTMs, of which the second reads each sentence from its own end.

    Sentences are packed, so that no LSTM starts on padding. Not so in training on a CPU: torch's backward pass through
    a packed batch is quadratic in its length. There sentences are turned round in place, with the same result, and
    dense kernels take four fifths of a training step's time on up to 16 words, less than half on up to 64.

    Args:
        in_width: width of the input.
        width: width of each direction.
        n_layers: layers, each of both directions.
        dropout: between the layers.
    """

    def __init__(self, *, in_width: int, width: int, n_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        between = dropout if n_layers > 1 else 0.0
        self.lstm = nn.LSTM(in_width, width, n_layers, bidirectional=True, batch_first=True, dropout=between)
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Reads sentences both ways.

        Args:
            inputs: Shape: (batch, words, in_width)
            mask: True on words. Shape: (batch, words)

        Returns:
            0 on padding. Shape: (batch, words, 2 * width)
        """
        read = self._read_dense if self.training and inputs.device.type == "cpu" else self._read_packed
        return read(inputs, mask) * mask.unsqueeze(-1)

    def _read_packed(self, inputs: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1).clamp(min=1).cpu()
        # An exported LSTM takes lengths in any order; sorting would only add nodes to the graph.
        is_sorted = torch.onnx.is_in_onnx_export()
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=is_sorted)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=mask.shape[1])[0]

    def _read_dense(self, inputs: Tensor, mask: Tensor) -> Tensor:
        reversal = _reversal(mask)
        weights = self.lstm.all_weights
        for layer, (ahead, back) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
            inputs = self.dropout(inputs) if layer else inputs
            from_end = _reorder(self._read_ahead(_reorder(inputs, reversal), back), reversal)
            inputs = torch.cat([self._read_ahead(inputs, ahead), from_end], -1)
        return inputs

    def _read_ahead(self, inputs: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """One direction of one layer. Shape: (batch, words, width)"""
        zeros = inputs.new_zeros(1, len(inputs), self.lstm.hidden_size)
        return torch.lstm(
            inputs,
            (zeros, zeros),
            list(weights),
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=True,
            bidirectional=False,
            batch_first=True,
        )[0]


class Dropout(nn.Dropout):
    """`nn.Dropout` in a third of its time on a CPU, where `bernoulli_` draws one number after another."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Drops out. Shapes: (...), (...)"""
        if not self.training or inputs.device.type != "cpu" or not 0 < self.p < 1:
            return super().forward(inputs)
        kept = torch.rand(inputs.shape) >= self.p
        return inputs * (kept / (1 - self.p)).to(inputs.dtype)


def _reversal(mask: Tensor) -> Tensor:
    """Where each word's mirror image stands in the flattened batch; padding stays. Shape: (batch * words,)"""
    batch, n_words = mask.shape
    places = torch.arange(n_words, device=mask.device)
    mirrored = mask.sum(1, keepdim=True) - 1 - places
    first_places = n_words * torch.arange(batch, device=mask.device).unsqueeze(1)
    return (torch.where(mask, mirrored, places) + first_places).flatten()


def _reorder(inputs: Tensor, order: Tensor) -> Tensor:
    return inputs.flatten(0, 1)[order].view_as(inputs)
