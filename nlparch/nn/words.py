"""Every word by itself: from the ids of its features to one vector a word.

A batch names its distinct surface forms once: the character CNN reads each *form*, and every word takes its form's
vector. Id 0 is padding in every kind of id.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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

    input_names = ("shape_ids", "char_ids", "affix_ids")
    """What `forward` takes beside `word_ids` and `form_index`."""

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
        self.table = make_embedding(n_words, word_width)
        self.characters = (
            CharacterCNN(n_characters=n_characters, char_width=char_width, n_filters=n_char_filters, kernel=char_kernel)
            if n_char_filters
            else None
        )
        self.affixes = make_embedding(n_affix_buckets + 1, affix_width) if affix_width else None
        self.shapes = make_embedding(n_shapes, shape_width) if shape_width else None

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


class NgramEncoder(nn.Module):
    """Every word by itself: its own vector, and the mean of those of its n-grams of characters, added up.

    Args:
        n_words: see `WordEncoder`.
        n_ngram_buckets: buckets of hashed n-grams, padding not counted.
        word_width: width of all vectors.
    """

    input_names = ("ngram_ids",)

    def __init__(self, *, n_words: int, n_ngram_buckets: int, word_width: int) -> None:
        super().__init__()
        self.out_width = word_width
        self.table = make_embedding(n_words, word_width)
        self.ngrams = make_embedding(n_ngram_buckets + 1, word_width)

    def forward(self, word_ids: Tensor, form_index: Tensor, ngram_ids: Tensor) -> Tensor:
        """Encodes the words of a batch.

        Args:
            word_ids: see `WordEncoder`. Shape: (batch, words, ids)
            form_index: row of `ngram_ids` for each word. Shape: (batch, words)
            ngram_ids: 0 on padding. Shape: (forms, n-grams)

        Returns:
            Shape: (batch, words, out_width)
        """
        n_ngrams = (ngram_ids > 0).sum(1, keepdim=True).clamp(min=1)
        of_forms = self.ngrams(ngram_ids).sum(1) / n_ngrams
        vectors: Tensor = self.table(word_ids).sum(2) + of_forms[form_index]
        return vectors


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
        self.embedding = make_embedding(n_characters, char_width)
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


def make_embedding(n_ids: int, width: int) -> nn.Embedding:
    """A table whose row 0 is padding.

    It begins with a tenth of torch's spread: at a spread of 1, vectors that training never moved (unknown words have
    many) drown what the other features say, and dev scores peak after an epoch or two and then fall.
    """
    table = nn.Embedding(n_ids, width, padding_idx=0)
    with torch.no_grad():
        table.weight.mul_(0.1)
    return table
