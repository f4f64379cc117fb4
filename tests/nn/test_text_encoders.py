"""Text encoders and poolings: against slow versions, and whatever padding holds."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nlparch.nn.embedders import CNNLSTM, IDCNN
from nlparch.nn.pooling import make_pooling
from nlparch.nn.text_encoders import BagOfNgrams, KimCNN, PooledContext
from nlparch.nn.words import NgramEncoder, WordEncoder

LENGTHS = [5, 3, 1, 0]
MASK = torch.arange(5) < torch.tensor(LENGTHS).unsqueeze(1)


def slow(name: str, pooling: Any, words: Tensor) -> Tensor:
    if not len(words):
        return torch.zeros(words.shape[-1])
    if name == "max":
        return torch.stack([max(column) for column in words.T])
    weights = torch.ones(len(words))
    if name == "attention":
        weights = torch.stack([pooling.context(pooling.hidden(word).tanh())[0].exp() for word in words])
    return sum(w * word for w, word in zip(weights, words, strict=True)) / weights.sum()


@pytest.mark.parametrize("name", ["max", "mean", "attention"])
def test_pooling_is_what_a_loop_over_words_says(name: str) -> None:
    pooling, hidden = make_pooling(name, width=4), torch.randn(4, 5, 4, requires_grad=True)
    pooled = pooling(torch.where(MASK.unsqueeze(-1), hidden, torch.nan) if name != "attention" else hidden, MASK)
    wanted = torch.stack([slow(name, pooling, row[:n]) for row, n in zip(hidden, LENGTHS, strict=True)])
    assert torch.allclose(pooled, wanted, atol=1e-6)
    pooled.sum().backward()
    assert hidden.grad is not None and hidden.grad[~MASK].eq(0).all() and hidden.grad.isfinite().all()


def test_an_unknown_pooling_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no pooling 'mx'; known: attention, max, mean; did you mean max"):
        make_pooling("mx", width=3)


def word_encoder() -> WordEncoder:
    return WordEncoder(n_words=9, word_width=6, n_characters=5, n_char_filters=4)


ENCODERS = {
    "id-cnn": lambda: PooledContext(
        IDCNN(word_encoder(), n_filters=8, sentence_context=True), make_pooling("max", width=8)
    ),
    "bilstm": lambda: PooledContext(CNNLSTM(word_encoder(), lstm_width=4), make_pooling("max", width=8)),
    "attention": lambda: PooledContext(CNNLSTM(word_encoder(), lstm_width=4), make_pooling("attention", width=8)),
    "cnn": lambda: KimCNN(word_encoder(), kernels=(2, 3), n_filters=5),
    "bag": lambda: BagOfNgrams(NgramEncoder(n_words=9, n_ngram_buckets=7, word_width=6), n_pair_buckets=8),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("training", [True, False])
def test_the_vector_of_a_text_does_not_depend_on_padding(name: str, training: bool) -> None:
    encoder = ENCODERS[name]().train(training)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    words = torch.randn(4, 5, encoder.words.out_width)
    pair_ids = torch.randint(1, 9, (4, 5)) * MASK
    together = encoder.read(words, MASK, pair_ids)
    assert together.shape == (4, encoder.out_width) and together.isfinite().all()
    for row, n in enumerate(LENGTHS):
        n = max(n, 1)
        alone = encoder.read(words[row : row + 1, :n], MASK[row : row + 1, :n], pair_ids[row : row + 1, :n])
        assert torch.allclose(alone[0], together[row], atol=1e-6)


def test_kim_s_cnn_is_a_maximum_over_places_of_each_filter() -> None:
    encoder = KimCNN(word_encoder(), kernels=(3,), n_filters=5).eval()
    words = torch.randn(1, 4, encoder.words.out_width)
    (layer,) = encoder.convolutions
    padded = torch.cat([torch.zeros(1, 10), words[0], torch.zeros(1, 10)])
    places = [layer.linear(padded[place : place + 3].flatten()).relu() for place in range(4)]
    wanted = torch.stack(places).amax(0)
    assert torch.allclose(encoder.read(words, torch.ones(1, 4, dtype=torch.bool))[0], wanted, atol=1e-6)


def test_a_bag_is_the_mean_over_words_of_word_n_grams_and_pair() -> None:
    words = NgramEncoder(n_words=9, n_ngram_buckets=7, word_width=6)
    encoder = BagOfNgrams(words, n_pair_buckets=8).eval()
    word_ids, form_index = torch.tensor([[[2, 3], [4, 2]]]), torch.tensor([[1, 0]])
    ngram_ids, pair_ids = torch.tensor([[1, 2, 0], [3, 0, 0]]), torch.tensor([[5, 8]])
    found = encoder(
        mask=torch.ones(1, 2, dtype=torch.bool),
        pair_ids=pair_ids,
        word_ids=word_ids,
        form_index=form_index,
        ngram_ids=ngram_ids,
    )
    table, ngrams, pairs = words.table.weight, words.ngrams.weight, encoder.pairs.weight
    first = table[2] + table[3] + ngrams[3] + pairs[5]
    second = table[4] + table[2] + (ngrams[1] + ngrams[2]) / 2 + pairs[8]
    assert torch.allclose(found[0], (first + second) / 2, atol=1e-6)
