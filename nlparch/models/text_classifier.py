"""The small text classifiers: word features, a text encoder, one linear layer."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nlparch.data.features import WordFeatures
from nlparch.data.text_labels import PROBLEM_TYPES, TextLabels
from nlparch.data.text_predictions import Text, texts_in_order
from nlparch.data.words import Splitter, make_splitter
from nlparch.models.small_model import SmallConfig, SmallModel, make_cnn_lstm, make_id_cnn, make_word_encoder
from nlparch.models.task_model import TaskOutput
from nlparch.models.text_model import TextModel
from nlparch.names import suggest
from nlparch.nn.pooling import make_pooling
from nlparch.nn.text_encoders import BagOfNgrams, KimCNN, PooledContext, TextEncoder
from nlparch.nn.words import NgramEncoder, WordEncoder

EncoderName = Literal["id-cnn", "bilstm", "cnn", "bag"]


class NeuralTextClassifierConfig(SmallConfig):
    """Sizes and settings of a `NeuralTextClassifier`; the word-level ones are those of `SmallConfig`.

    Attributes:
        encoder: `id-cnn`, `bilstm`, `cnn` or `bag`.
        pooling: `id-cnn`, `bilstm`: `max`, `mean` or `attention`.
        dropout: `bilstm`: on the input, between the layers and on the output; `cnn`, `bag`: on the text's vector.
        conv_kernels: `cnn`: words that a filter sees, for each of the convolutions side by side; None: 3, 4 and 5.
        has_pairs: whether it reads pairs of texts.
        thresholds: of several labels, the probability from which each holds; None: 0.5 for all.
    """

    model_type = "nlparch_text_classifier"

    encoder: str = "bilstm"
    pooling: str = "max"
    conv_kernels: list[int] | None = None
    has_pairs: bool = False
    thresholds: list[float] | None = None


class NeuralTextClassifier(TextModel, SmallModel):
    """A small classifier of texts, or of pairs of texts.

    Of a pair, both texts are encoded alike, as u and v; the linear layer sees u, v, |u - v| and u * v (Conneau et al.,
    2017).

    Args:
        config: its sizes.
        features: how words become ids.
    """

    config_class = NeuralTextClassifierConfig

    def __init__(self, config: NeuralTextClassifierConfig, features: WordFeatures) -> None:
        super().__init__(config, features)
        self.encoder = _build_encoder(config)
        n_parts = 4 if config.has_pairs else 1
        self.head = nn.Linear(n_parts * self.encoder.out_width, len(self.text_labels))
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def word_encoder(self) -> WordEncoder | NgramEncoder:
        """The layers that encode every word by itself."""
        return self.encoder.words

    @staticmethod
    def label_settings(labels: TextLabels) -> dict[str, Any]:
        """What labels say in the configuration."""
        return {
            "id2label": dict(enumerate(labels.names)),
            "label2id": dict(labels.ids),
            "problem_type": PROBLEM_TYPES[labels.task],
        }

    @cached_property
    def _split(self) -> Splitter:
        return make_splitter(self.splitter)

    def encode_inputs(self, texts: Sequence[Text]) -> dict[str, Tensor]:
        """The ids of a batch of texts (see `FeatureBatch`); of pairs, all first texts and then all second ones.

        Raises:
            ValueError: If the model reads pairs and gets a single text, or the other way round.
        """
        sentences = [self._words(text) for text in texts_in_order(texts, has_pairs=self.config.has_pairs)]
        # A text without words is a place that the mask leaves out.
        batch = self.encode_features([words or [""] for words in sentences])
        batch["mask"] &= torch.tensor([bool(words) for words in sentences]).unsqueeze(1)
        if self.features.n_pair_buckets:
            batch["pair_ids"] = torch.from_numpy(self.features.pair_ids(sentences))
        return batch

    def begin_as_likely_as(self, log_odds: Sequence[float] | None) -> None:
        """Begins the outputs of several labels at their log odds; None leaves them. Shape: (labels,)"""
        if log_odds is not None:
            with torch.no_grad():
                self.head.bias.copy_(torch.tensor(log_odds))

    def _words(self, text: str) -> list[str]:
        return [text[start:end] for start, end in self._split(text)]

    def forward(
        self,
        word_ids: Tensor,
        form_index: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        hard_weights: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        **features: Tensor,
    ) -> TaskOutput:
        """Logits of texts and loss. Of n pairs, `batch` is 2 n.

        Args:
            word_ids: Shape: (batch, words); where words are hashed, (batch, words, hashes)
            form_index: each word's place among the forms. Shape: (batch, words)
            mask: True on words. Shape: (batch, words)
            labels: see `TextLabels.encode`. Shape: (texts,), or (texts, labels)
            teacher_logits: Shape: (texts, labels)
            has_gold: Shape: (texts,)
            hard_weights: see `taught_loss`. Shape: that of `labels`
            n_hard: see `taught_loss`.
            n_soft: see `taught_loss`.
            features: what else the encoder takes.
        """
        vectors = self.encoder(mask=mask, word_ids=self._drop_words(word_ids), form_index=form_index, **features)
        teaching = {"teacher_logits": teacher_logits, "has_gold": has_gold, "hard_weights": hard_weights}
        return self.taught_output(self.decide(vectors), labels=labels, n_hard=n_hard, n_soft=n_soft, **teaching)

    def decide(self, vectors: Tensor) -> Tensor:
        """Logits of encoded texts. Shapes: (batch, width), (texts, labels)"""
        if self.config.has_pairs:
            first, second = vectors.view(2, -1, vectors.shape[-1]).unbind(0)
            vectors = torch.cat([first, second, (first - second).abs(), first * second], -1)
        logits: Tensor = self.head(vectors)
        return logits


def _build_encoder(config: NeuralTextClassifierConfig) -> TextEncoder:
    makers = {"id-cnn": _id_cnn, "bilstm": _bilstm, "cnn": _cnn, "bag": _bag}
    if config.encoder not in makers:
        raise ValueError(f"no text encoder {config.encoder!r}; {suggest(config.encoder, makers)}")
    return makers[config.encoder](config)


def _id_cnn(config: NeuralTextClassifierConfig) -> TextEncoder:
    context = make_id_cnn(config)
    return PooledContext(context, make_pooling(config.pooling, width=context.out_width))


def _bilstm(config: NeuralTextClassifierConfig) -> TextEncoder:
    context = make_cnn_lstm(config)
    return PooledContext(context, make_pooling(config.pooling, width=context.out_width))


def _cnn(config: NeuralTextClassifierConfig) -> TextEncoder:
    kernels = tuple(config.conv_kernels or (3, 4, 5))
    return KimCNN(make_word_encoder(config), kernels=kernels, n_filters=config.n_filters, dropout=config.dropout)


def _bag(config: NeuralTextClassifierConfig) -> TextEncoder:
    if not (config.n_word_buckets and config.n_ngram_buckets and config.n_pair_buckets):
        raise ValueError("a bag of n-grams needs features with buckets for words, n-grams and pairs")
    words = NgramEncoder(n_words=config.n_words, n_ngram_buckets=config.n_ngram_buckets, word_width=config.word_width)
    return BagOfNgrams(words, n_pair_buckets=config.n_pair_buckets, dropout=config.dropout)
