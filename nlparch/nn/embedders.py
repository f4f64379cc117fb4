"""Context encoders: from the features of a batch of words to one hidden vector a word.

Both take the same arguments, so that a tagger can hold either. A batch names its distinct surface forms once: the
character CNN reads each *form*, and every word takes its form's vector. Id 0 is padding in every kind of id, and masks
are right padding. In eval mode the hidden vectors of a sentence do not depend on the sentences beside it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class WordEncoder(nn.Module):
    """Every word by itself: its own vector, and what its characters, affixes and shape say (Ma and Hovy, 2016).

    Args:
        n_words: size of the word vocabulary, padding counted.
        word_width: width of the word embeddings.
        n_characters: size of the character vocabulary, padding counted.
        char_width: width of the character embeddings.
        n_char_filters: width of what the character CNN says of a form; 0: there is none.
        char_kernel: characters that a filter sees.
        n_affix_buckets: buckets of hashed affixes, padding not counted.
        n_affixes: affixes of a form.
        affix_width: width of each affix's embedding; 0: there are none.
        n_shapes: number of word shapes, padding counted.
        shape_width: width of the shape embeddings; 0: there are none.
    """

    def __init__(
        self,
        *,
        n_words: int,
        word_width: int = 100,
        n_characters: int,
        char_width: int = 16,
        n_char_filters: int = 128,
        char_kernel: int = 3,
        n_affix_buckets: int = 0,
        n_affixes: int = 0,
        affix_width: int = 0,
        n_shapes: int = 0,
        shape_width: int = 0,
    ) -> None:
        super().__init__()
        self.out_width = word_width + n_char_filters + n_affixes * affix_width + shape_width
        self.table = _embedding(n_words, word_width)
        self.characters = (
            CharacterCNN(n_characters=n_characters, char_width=char_width, n_filters=n_char_filters, kernel=char_kernel)
            if n_char_filters
            else None
        )
        self.affixes = _embedding(n_affix_buckets + 1, affix_width) if affix_width else None
        self.shapes = _embedding(n_shapes, shape_width) if shape_width else None

    def forward(
        self, word_ids: Tensor, form_index: Tensor, char_ids: Tensor, affix_ids: Tensor, shape_ids: Tensor
    ) -> Tensor:
        """Encodes the words of a batch.

        Args:
            word_ids: Shape: (batch, words); of words that have several ids, whose vectors add up, (batch, words, ids)
            form_index: row of `char_ids` and `affix_ids` for each word. Shape: (batch, words)
            char_ids: Shape: (forms, characters)
            affix_ids: Shape: (forms, affixes)
            shape_ids: Shape: (batch, words)

        Returns:
            Shape: (batch, words, out_width)
        """
        vectors = self.table(word_ids)
        parts = [vectors.sum(2) if word_ids.ndim == 3 else vectors]
        of_forms = [self.characters(char_ids)] if self.characters is not None else []
        of_forms += [self.affixes(affix_ids).flatten(1)] if self.affixes is not None else []
        parts += [torch.cat(of_forms, -1)[form_index]] if of_forms else []
        parts += [self.shapes(shape_ids)] if self.shapes is not None else []
        return torch.cat(parts, -1)


class CNNLSTM(nn.Module):
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
        super().__init__()
        self.out_width = 2 * lstm_width
        self.words = words
        self.context = BidirectionalLSTM(
            in_width=words.out_width, width=lstm_width, n_layers=n_lstm_layers, dropout=dropout
        )
        self.dropout = Dropout(dropout)

    def forward(self, mask: Tensor, **word_inputs: Tensor) -> Tensor:
        """Encodes a batch.

        Args:
            mask: True on words. Shape: (batch, words)
            word_inputs: see `WordEncoder`.

        Returns:
            Hidden vectors, 0 on padding. Shape: (batch, words, out_width)
        """
        return self.read(self.words(**word_inputs), mask)

    def read(self, words: Tensor, mask: Tensor) -> Tensor:
        """Encodes words in their context.

        Args:
            words: Shape: (batch, words, words.out_width)
            mask: True on words. Shape: (batch, words)

        Returns:
            Hidden vectors, 0 on padding. Shape: (batch, words, out_width)
        """
        encoded: Tensor = self.dropout(self.context(self.dropout(words), mask))
        return encoded


class IDCNN(nn.Module):
    """Words, read by dilated convolutions (Strubell et al., 2017).

    A block is one convolution a dilation; it is applied `n_blocks` times with the same weights.

    Args:
        words: encodes every word by itself.
        conv_kernel: words that a filter sees.
        n_filters: width of every convolution's output.
        dilations: distance between the words that a filter sees, for each convolution of a block.
        n_blocks: how often the block is applied.
        input_dropout: on the features.
        middle_dropout: between blocks.
        hidden_dropout: on the output.
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
    ) -> None:
        super().__init__()
        self.out_width = n_filters
        self.n_blocks = n_blocks
        self.words = words
        self.first = Convolution(in_width=words.out_width, n_filters=n_filters, kernel=conv_kernel)
        self.block = nn.ModuleList(
            Convolution(in_width=n_filters, n_filters=n_filters, kernel=conv_kernel, dilation=dilation)
            for dilation in dilations
        )
        self.input_dropout = Dropout(input_dropout)
        self.middle_dropout = Dropout(middle_dropout)
        self.hidden_dropout = Dropout(hidden_dropout)

    def forward(self, mask: Tensor, **word_inputs: Tensor) -> Tensor:
        """Encodes a batch.

        Args:
            mask: True on words. Shape: (batch, words)
            word_inputs: see `WordEncoder`.

        Returns:
            Hidden vectors, 0 on padding. Shape: (batch, words, out_width)
        """
        return self.read(self.words(**word_inputs), mask)

    def read(self, words: Tensor, mask: Tensor) -> Tensor:
        """Encodes words in their context.

        Args:
            words: Shape: (batch, words, words.out_width)
            mask: True on words. Shape: (batch, words)

        Returns:
            Hidden vectors. Shape: (batch, words, out_width)
        """
        # Every convolution must see zeros beyond a sentence's end, as it does where the batch ends.
        present = mask.unsqueeze(-1).to(words.dtype)
        hidden = self.first(self.input_dropout(words) * present).relu() * present
        for block in range(self.n_blocks):
            hidden = self.middle_dropout(hidden) if block else hidden
            for convolution in self.block:
                hidden = convolution(hidden).relu() * present
        encoded: Tensor = self.hidden_dropout(hidden)
        return encoded


class CharacterCNN(nn.Module):
    """One vector a surface form: for each filter, its highest value over the form's characters, 0 at least.

    Args:
        n_characters: size of the character vocabulary, padding counted.
        char_width: width of the character embeddings.
        n_filters: width of the result.
        kernel: characters that a filter sees.
    """

    def __init__(self, *, n_characters: int, char_width: int = 16, n_filters: int = 128, kernel: int = 3) -> None:
        super().__init__()
        self.embedding = _embedding(n_characters, char_width)
        self.convolution = Convolution(in_width=char_width, n_filters=n_filters, kernel=kernel)

    def forward(self, char_ids: Tensor) -> Tensor:
        """Encodes forms.

        Args:
            char_ids: 0 on padding. Shape: (forms, characters)

        Returns:
            Vectors, 0 for a form without characters. Shape: (forms, n_filters)
        """
        present = (char_ids > 0).unsqueeze(-1)
        # Padding stands at 0 and can only win where relu would give 0 anyway.
        values: Tensor = self.convolution(self.embedding(char_ids)) * present
        return values.amax(1).relu()


class Convolution(nn.Module):
    """A convolution along a sequence that keeps its length, as one matrix product over each place's neighbours.

    On a CPU that takes 0.6 to 0.95 of the time of Conv1d at these widths, least on small batches, and dynamic int8
    quantisation knows it.

    Args:
        in_width: width of the input.
        n_filters: width of the output.
        kernel: places that a filter sees.
        dilation: distance between them.
    """

    def __init__(self, *, in_width: int, n_filters: int, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        self.linear = nn.Linear(kernel * in_width, n_filters)
        self.kernel = kernel
        self.dilation = dilation

    def forward(self, inputs: Tensor) -> Tensor:
        """Convolves; beyond both ends the input is 0.

        Args:
            inputs: Shape: (batch, places, in_width)

        Returns:
            Shape: (batch, places, n_filters)
        """
        reach = (self.kernel - 1) * self.dilation
        padded = F.pad(inputs, (0, 0, reach // 2, reach - reach // 2))
        n_places = inputs.shape[1]
        shifts = range(0, reach + 1, self.dilation)
        outputs: Tensor = self.linear(torch.cat([padded[:, shift : shift + n_places] for shift in shifts], -1))
        return outputs


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


def _embedding(n_ids: int, width: int) -> nn.Embedding:
    """A table whose row 0 is padding.

    It begins with a tenth of torch's spread: at a spread of 1, vectors that training never moved (unknown words have
    many) drown what the other features say, and dev scores peak after an epoch or two and then fall.
    """
    table = nn.Embedding(n_ids, width, padding_idx=0)
    with torch.no_grad():
        table.weight.mul_(0.1)
    return table


def _reversal(mask: Tensor) -> Tensor:
    """Where each word's mirror image stands in the flattened batch; padding stays. Shape: (batch * words,)"""
    batch, n_words = mask.shape
    places = torch.arange(n_words, device=mask.device)
    mirrored = mask.sum(1, keepdim=True) - 1 - places
    first_places = n_words * torch.arange(batch, device=mask.device).unsqueeze(1)
    return (torch.where(mask, mirrored, places) + first_places).flatten()


def _reorder(inputs: Tensor, order: Tensor) -> Tensor:
    return inputs.flatten(0, 1)[order].view_as(inputs)
