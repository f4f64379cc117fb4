"""How large a small model is: named sizes, and the vocabulary that each leaves room for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from nlparch.data.features import WordFeatures
from nlparch.data.labels import LabelSet
from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.models.small_model import SmallModel
from nlparch.models.tagger import NeuralTagger


@dataclass(frozen=True, kw_only=True)
class Size:
    """A named size.

    Attributes:
        max_parameters: of the whole model, embeddings counted.
        max_vocab: words of the vocabulary, where the user says nothing.
        settings: of the model's configuration, likewise; those of any small model.
    """

    max_parameters: int
    max_vocab: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


SIZES: dict[str, Size] = {
    "nano": Size(
        max_parameters=1_000_000,
        settings={
            "n_word_buckets": 10_000,
            "word_width": 64,
            "n_char_filters": 64,
            "affix_width": 8,
            "lstm_width": 64,
        },
    ),
    "small": Size(max_parameters=3_000_000, max_vocab=20_000),
    "base": Size(
        max_parameters=10_000_000,
        max_vocab=30_000,
        settings={
            "word_width": 200,
            "n_char_filters": 256,
            "affix_width": 16,
            "lstm_width": 256,
            "n_filters": 256,
        },
    ),
}


# What reads words in their context unless the user says otherwise, and what it gets in every size.
_DEFAULT_CONTEXT = "id-cnn"
_OF_CONTEXTS: dict[str, dict[str, Any]] = {"id-cnn": {"sentence_context": True}}
# Where a tagger has room for them: nano has none, base has more.
_ID_CNN_OF_TAGGERS = {"small": {"n_filters": 192}}


def tagger_size(name: str, embedder: str | None = None) -> Size:
    """A named size of a tagger.

    Args:
        name: one of `SIZES`.
        embedder: of `NeuralTaggerConfig`; None takes that of all sizes.
    """
    size, embedder = SIZES[name], embedder or _DEFAULT_CONTEXT
    of_context = {**_OF_CONTEXTS["id-cnn"], **_ID_CNN_OF_TAGGERS.get(name, {})} if embedder == "id-cnn" else {}
    return replace(size, settings={**size.settings, "embedder": embedder, **of_context})


# A bag of n-grams is nothing but tables of hashed vectors.
_BAGS: dict[str, dict[str, Any]] = {
    "nano": {"word_width": 32, "n_word_buckets": 9_000, "n_ngram_buckets": 8_000, "n_pair_buckets": 12_000},
    "small": {"word_width": 64, "n_word_buckets": 16_000, "n_ngram_buckets": 10_000, "n_pair_buckets": 20_000},
    "base": {"word_width": 100, "n_word_buckets": 30_000, "n_ngram_buckets": 18_000, "n_pair_buckets": 50_000},
}
_TEXT_ENCODERS = {"nano": "bag", "small": _DEFAULT_CONTEXT, "base": _DEFAULT_CONTEXT}


def text_size(name: str, encoder: str | None = None) -> Size:
    """A named size of a text classifier.

    Args:
        name: one of `SIZES`.
        encoder: of `NeuralTextClassifierConfig`; None takes that of the size.
    """
    size, encoder = SIZES[name], encoder or _TEXT_ENCODERS[name]
    if encoder == "bag":
        return replace(size, max_vocab=None, settings={"encoder": encoder, "dropout": 0.2, **_BAGS[name]})
    settings = dict(size.settings)
    if name == "nano":  # room for the weights of pairs, and of many labels
        settings |= {"n_word_buckets": 8_500, **({"n_filters": 64} if encoder == "cnn" else {})}
    return replace(size, settings={**settings, "encoder": encoder, **_OF_CONTEXTS.get(encoder, {})})


_OF_WORDS = {"char_width", "n_char_filters", "char_kernel", "affix_width", "shape_width"}
_OF_LSTM = {"lstm_width", "n_lstm_layers", "dropout"}
_OF_ID_CNN = {
    "n_filters", "conv_kernel", "dilations", "n_blocks", "sentence_context", "input_dropout", "middle_dropout",
    "hidden_dropout",
}  # fmt: skip
# Settings that not all small models have a part for, by what reads their words.
_PARTS = {
    "cnn-lstm": _OF_WORDS | _OF_LSTM,
    "bilstm": _OF_WORDS | _OF_LSTM,
    "id-cnn": _OF_WORDS | _OF_ID_CNN,
    "cnn": _OF_WORDS | {"n_filters", "conv_kernels", "dropout"},
    "bag": {"dropout"},
}


def without_part(reader: str, given: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """Those of the given settings that a model has no part for, so that they change nothing, sorted.

    Args:
        reader: what reads its words: the `embedder` of a tagger, the `encoder` of a classifier.
        given: names of settings of its configuration.
        settings: its whole configuration, as far as it differs from the defaults.
    """
    idle = set().union(*_PARTS.values()) - _PARTS[reader]
    if settings.get("n_blocks", 1) == 1:
        idle.add("middle_dropout")  # it stands between blocks
    if settings.get("n_char_filters") == 0:
        idle |= {"char_width", "char_kernel"}
    return sorted(idle & set(given))


def room_for_words(
    max_parameters: int,
    features: WordFeatures,
    labels: LabelSet | TextLabels,
    *,
    model_class: type[SmallModel] = NeuralTagger,
    **settings: Any,
) -> int:
    """Words of the vocabulary that a model within `max_parameters` can have.

    Args:
        max_parameters: of the whole model.
        features: for the alphabet; its vocabulary does not matter.
        labels: the model's.
        model_class: a small model's.
        settings: of its configuration.

    Raises:
        UserError: If even a model without a single word is larger.
    """
    with torch.device("meta"):  # shapes alone: nothing is allocated, no random number drawn
        model = model_class.build(replace(features, words=()), labels, **settings)
    room = max_parameters - sum(parameter.numel() for parameter in model.parameters())
    if room < 0:
        raise UserError(
            f"a model of this --size has at most {max_parameters:,} parameters, got {max_parameters - room:,} without "
            "its vocabulary; give smaller sizes in --config_file, or a larger --size"
        )
    return int(room // model.config.word_width)
