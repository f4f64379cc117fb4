"""What the small models share, whatever they are asked: words as ids, their vectors, the saved folder."""

import abc
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from nlparch.data.features import N_AFFIXES, PADDING, SHAPES, UNKNOWN, WordFeatures
from nlparch.distill.starts import fit_buckets
from nlparch.errors import UserError
from nlparch.models.task_model import TaskModel, make_readable, settings_of
from nlparch.nn.embedders import CNNLSTM, IDCNN
from nlparch.nn.words import NgramEncoder, WordEncoder

_OF_FEATURES = (
    "n_words", "n_characters", "n_affix_buckets", "n_word_buckets", "n_ngram_buckets", "n_pair_buckets",
)  # fmt: skip


class SmallConfig(PretrainedConfig):
    """What the configurations of all small models hold.

    Attributes:
        n_words: word ids, padding and the unknown word included.
        n_characters: character ids, likewise.
        n_affix_buckets: buckets of hashed affixes.
        n_word_buckets: buckets that words are hashed into, two for each; 0: a vocabulary.
        n_ngram_buckets: buckets that n-grams of characters are hashed into; 0: there are none.
        n_pair_buckets: buckets that pairs of words are hashed into; 0: there are none.
        word_dropout: share of the words whose vector is the unknown word's, or that of random buckets, in training.
        splitter: how raw text becomes words.
        calibration_temperature: see `TaskModel.temperature`.
        word_width: width of the word vectors.
        char_width: width of the character vectors.
        n_char_filters: width of the character CNN's output; 0: no characters.
        char_kernel: characters that a filter sees.
        affix_width: width of each affix's vector; 0: no affixes.
        shape_width: width of the shape vectors; 0: no shapes.
        dropout: see the models.
        lstm_width: LSTM: width of each direction.
        n_lstm_layers: LSTM: layers.
        n_filters: convolutions: width of their output.
        conv_kernel: `id-cnn`: words that a filter sees.
        dilations: `id-cnn`: of the layers of the block.
        n_blocks: `id-cnn`: times that the block is applied.
        input_dropout: `id-cnn`.
        middle_dropout: `id-cnn`: between blocks.
        hidden_dropout: `id-cnn`: on the output.
        sentence_context: `id-cnn`: whether convolutions see the whole sentence as well.
    """

    n_words: int = 2
    n_characters: int = 2
    n_affix_buckets: int = 0
    n_word_buckets: int = 0
    n_ngram_buckets: int = 0
    n_pair_buckets: int = 0
    word_dropout: float = 0.0
    splitter: str | None = None
    calibration_temperature: float = 1.0
    word_width: int = 100
    char_width: int = 16
    n_char_filters: int = 128
    char_kernel: int = 3
    affix_width: int = 12
    shape_width: int = 8
    dropout: float = 0.5
    lstm_width: int = 100
    n_lstm_layers: int = 2
    n_filters: int = 128
    conv_kernel: int = 3
    dilations: list[int] | None = None
    n_blocks: int = 1
    input_dropout: float = 0.35
    middle_dropout: float = 0.0
    hidden_dropout: float = 0.15
    sentence_context: bool = False


class SmallModel(TaskModel, PreTrainedModel):
    """A small model that reads words.

    Args:
        config: its sizes.
        features: how words become ids.
    """

    config_class: type[SmallConfig]
    base_model_prefix = ""
    main_input_name = "word_ids"

    def __init__(self, config: Any, features: WordFeatures) -> None:
        super().__init__(config)
        self.features = features

    @property
    @abc.abstractmethod
    def word_encoder(self) -> WordEncoder | NgramEncoder:
        """The layers that encode every word by itself."""

    @staticmethod
    @abc.abstractmethod
    def label_settings(labels: Any) -> dict[str, Any]:
        """What labels say in the configuration."""

    @classmethod
    def build(cls, features: WordFeatures, labels: Any, **settings: Any) -> Self:
        """A new model with random weights.

        Args:
            features: how words become ids.
            labels: its labels.
            settings: of its configuration.
        """
        of_features = {name: getattr(features, name) for name in _OF_FEATURES}
        return cls(cls.config_class(**of_features, **cls.label_settings(labels), **settings), features)

    @classmethod
    def from_pretrained(cls, path: str | PathLike[str], **options: Any) -> Self:  # type: ignore[override]
        """Loads a model from its folder.

        Raises:
            UserError: If the features are missing, or belong to another model.
        """
        features = WordFeatures.load(Path(path))
        config = cls.config_class.from_pretrained(path)
        for name in _OF_FEATURES:
            if getattr(features, name) != getattr(config, name):
                raise UserError(
                    f"{path}: features.json must belong to the model: it has {name} {getattr(features, name)}, "
                    f"config.json {getattr(config, name)}; take both from the same run"
                )
        return super().from_pretrained(path, features=features, **options)

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:  # type: ignore[override]
        """Saves weights, config and features into one folder."""
        super().save_pretrained(save_directory, **options)
        if options.get("is_main_process", True):
            self.features.save(Path(save_directory))
            make_readable(save_directory)

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves every layer as its own constructor made it."""

    @property
    def word_vectors(self) -> Tensor:
        """The table of word vectors, a parameter. Shape: (n_words, word_width)"""
        return self.word_encoder.table.weight

    def set_word_vectors(self, vectors: dict[str, np.ndarray]) -> None:
        """Begins with these vectors for words of the vocabulary, or as near to them as buckets of hashed words come.

        Args:
            vectors: by word; for hashed words the most frequent first. Shape of each: (word_width,)
        """
        if not vectors:
            return
        values = np.stack(list(vectors.values())).astype(np.float32)
        if self.features.n_word_buckets:
            ids = np.array([self.features.bucket_ids(word) for word in vectors])
            rows, values = fit_buckets(ids, values)
        else:
            rows = np.array([self.features.word_id(word) for word in vectors])
        table = self.word_vectors
        with torch.no_grad():
            table[torch.from_numpy(rows)] = torch.from_numpy(values).to(table)

    def reads_as(self) -> dict[str, Any]:
        """The features: with the weights, all that decides the outputs."""
        return {"features": repr(self.features), "config": settings_of(self.config)}

    def encode_features(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """The ids of a batch of sentences that the model's layers look at, and `mask` (see `FeatureBatch`).

        Args:
            sentences: none of them empty.
        """
        batch = self.features.encode(sentences)
        names = ("word_ids", "form_index", "mask", *self.word_encoder.input_names)
        return {name: torch.from_numpy(getattr(batch, name)) for name in names}

    def _drop_words(self, word_ids: Tensor) -> Tensor:
        rate = self.config.word_dropout
        if not (self.training and rate):
            return word_ids
        dropped = torch.rand(word_ids.shape[:2], device=word_ids.device) < rate
        if not self.features.n_word_buckets:
            return word_ids.masked_fill(dropped & (word_ids != PADDING), UNKNOWN)
        # No hashed word is unknown: one that is new stands in buckets that were trained for others.
        others = torch.randint_like(word_ids, UNKNOWN + 1, self.config.n_words)
        return torch.where(dropped.unsqueeze(-1) & (word_ids != PADDING), others, word_ids)


def make_word_encoder(config: SmallConfig) -> WordEncoder:
    """The word encoder that a configuration describes."""
    names = ["n_words", "n_characters", "word_width", "char_width", "n_char_filters", "char_kernel"]
    names += ["n_affix_buckets", "affix_width", "shape_width"]
    sizes: Any = {name: getattr(config, name) for name in names}
    return WordEncoder(n_shapes=len(SHAPES), n_affixes=N_AFFIXES, **sizes)


def make_cnn_lstm(config: SmallConfig) -> CNNLSTM:
    """The words and the LSTM that a configuration describes."""
    sizes: Any = {name: getattr(config, name) for name in ("lstm_width", "n_lstm_layers", "dropout")}
    return CNNLSTM(make_word_encoder(config), **sizes)


def make_id_cnn(config: SmallConfig) -> IDCNN:
    """The words and the dilated convolutions that a configuration describes."""
    names = ("n_filters", "conv_kernel", "n_blocks", "sentence_context")
    dropouts = ("input_dropout", "middle_dropout", "hidden_dropout")
    sizes: Any = {name: getattr(config, name) for name in names + dropouts}
    return IDCNN(make_word_encoder(config), dilations=tuple(config.dilations or (1, 2, 1)), **sizes)
