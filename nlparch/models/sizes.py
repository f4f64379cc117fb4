"""How large a small tagger is: named sizes, and the vocabulary that each leaves room for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from nlparch.data.features import WordFeatures
from nlparch.data.labels import LabelSet
from nlparch.errors import UserError
from nlparch.models.tagger import NeuralTagger


@dataclass(frozen=True, kw_only=True)
class Size:
    """A named size.

    Attributes:
        max_parameters: of the whole model, embeddings counted.
        max_vocab: words of the vocabulary, where the user says nothing.
        settings: of `NeuralTaggerConfig`, likewise.
    """

    max_parameters: int
    max_vocab: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


SIZES = {
    "nano": Size(
        max_parameters=1_000_000,
        settings={
            "embedder": "id-cnn",
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


def room_for_words(max_parameters: int, features: WordFeatures, labels: LabelSet, **settings: Any) -> int:
    """Words of the vocabulary that a model within `max_parameters` can have.

    Args:
        max_parameters: of the whole model.
        features: for the alphabet; its vocabulary does not matter.
        labels: the model's tags.
        settings: of `NeuralTaggerConfig`.

    Raises:
        UserError: If even a model without a single word is larger.
    """
    with torch.device("meta"):  # shapes alone: nothing is allocated, no random number drawn
        model = NeuralTagger.build(replace(features, words=()), labels, **settings)
    room = max_parameters - sum(parameter.numel() for parameter in model.parameters())
    if room < 0:
        raise UserError(
            f"a model of this --size has at most {max_parameters:,} parameters, got {max_parameters - room:,} without "
            "its vocabulary; give smaller sizes in --config_file, or a larger --size"
        )
    return int(room // model.config.word_width)
