"""The small tagger: word, character and shape features, a context encoder, softmax or a CRF."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from nlparch.data.features import N_AFFIXES, PADDING, SHAPES, UNKNOWN, WordFeatures
from nlparch.data.labels import IGNORED_LABEL, LabelSet
from nlparch.distill.starts import fit_buckets
from nlparch.errors import UserError
from nlparch.models.task_model import TaskOutput, settings_of
from nlparch.models.word_tagger import WordTagger
from nlparch.nn.crf import LinearChainCRF
from nlparch.nn.embedders import CNNLSTM, IDCNN, WordEncoder

Embedder = Literal["cnn-lstm", "id-cnn"]


class NeuralTaggerConfig(PretrainedConfig):
    """Sizes and settings of a `NeuralTagger`.

    Attributes:
        embedder: `cnn-lstm` or `id-cnn`.
        n_words: word ids, padding and the unknown word included.
        n_characters: character ids, likewise.
        n_affix_buckets: buckets of hashed affixes.
        n_word_buckets: buckets that words are hashed into, two for each; 0: a vocabulary.
        use_crf: a linear-chain CRF on top.
        word_dropout: share of the words whose vector is the unknown word's, or that of random buckets, in training.
        drop_penalty: weight of the dropout-consistency penalty; 0 turns it off.
        splitter: how raw text becomes words.
        calibration_temperature: see `WordTagger.temperature`.
        word_width: width of the word vectors.
        char_width: width of the character vectors.
        n_char_filters: width of the character CNN's output; 0: no characters.
        char_kernel: characters that a filter sees.
        affix_width: width of each affix's vector; 0: no affixes.
        shape_width: width of the shape vectors; 0: no shapes.
        dropout: `cnn-lstm`: on the input, between the layers and on the output.
        lstm_width: `cnn-lstm`: width of each direction.
        n_lstm_layers: `cnn-lstm`: layers.
        n_filters: `id-cnn`: width of the convolutions.
        conv_kernel: `id-cnn`: words that a filter sees.
        dilations: `id-cnn`: of the layers of the block.
        n_blocks: `id-cnn`: times that the block is applied.
        input_dropout: `id-cnn`.
        middle_dropout: `id-cnn`: between blocks.
        hidden_dropout: `id-cnn`: on the output.
    """

    model_type = "nlparch_tagger"

    embedder: str = "cnn-lstm"
    n_words: int = 2
    n_characters: int = 2
    use_crf: bool = False
    word_dropout: float = 0.0
    drop_penalty: float = 0.0
    splitter: str | None = None
    calibration_temperature: float = 1.0
    word_width: int = 100
    char_width: int = 16
    n_char_filters: int = 128
    char_kernel: int = 3
    n_affix_buckets: int = 0
    n_word_buckets: int = 0
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


class NeuralTagger(WordTagger, PreTrainedModel):
    """A small tagger of words.

    Args:
        config: its sizes.
        features: how words become ids.
    """

    config_class = NeuralTaggerConfig
    base_model_prefix = ""
    main_input_name = "word_ids"

    def __init__(self, config: NeuralTaggerConfig, features: WordFeatures) -> None:
        super().__init__(config)
        self.features = features
        self.embedder = _build_embedder(config)
        self.head = nn.Linear(self.embedder.out_width, len(self.label_set))
        self.crf = (
            LinearChainCRF(n_labels=len(self.label_set), legal=self.label_set.legal()) if config.use_crf else None
        )
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def build(cls, features: WordFeatures, labels: LabelSet, **settings: Any) -> Self:
        """A new tagger with random weights.

        Args:
            features: how words become ids.
            labels: its tags.
            settings: of `NeuralTaggerConfig`.
        """
        config = NeuralTaggerConfig(
            n_words=features.n_words,
            n_characters=features.n_characters,
            n_affix_buckets=features.n_affix_buckets,
            n_word_buckets=features.n_word_buckets,
            id2label=dict(enumerate(labels.tags)),
            label2id=dict(labels.ids),
            **settings,
        )
        return cls(config, features)

    @classmethod
    def from_pretrained(cls, path: str | PathLike[str], **options: Any) -> Self:  # type: ignore[override]
        """Loads a tagger from its folder.

        Raises:
            UserError: If the features are missing, or belong to another model.
        """
        features = WordFeatures.load(Path(path))
        config = NeuralTaggerConfig.from_pretrained(path)
        for name in ("n_words", "n_characters", "n_affix_buckets", "n_word_buckets"):
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

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves every layer as its own constructor made it."""

    @property
    def word_vectors(self) -> Tensor:
        """The table of word vectors, a parameter. Shape: (n_words, word_width)"""
        return self.embedder.words.table.weight

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

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """The ids of a batch of sentences (see `FeatureBatch`)."""
        batch = self.features.encode(sentences)
        names = ("word_ids", "shape_ids", "form_index", "char_ids", "affix_ids", "mask")
        return {name: torch.from_numpy(getattr(batch, name)) for name in names}

    def reads_as(self) -> dict[str, Any]:
        """The features: with the weights, all that decides the outputs."""
        return {"features": repr(self.features), "config": settings_of(self.config)}

    def forward(
        self,
        word_ids: Tensor,
        shape_ids: Tensor,
        form_index: Tensor,
        char_ids: Tensor,
        affix_ids: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        hard_weights: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        n_words: Tensor | float | None = None,
    ) -> TaskOutput:
        """Word logits (with a CRF, its emissions) and loss.

        Args:
            word_ids: Shape: (batch, words); where words are hashed, (batch, words, hashes)
            shape_ids: Shape: (batch, words)
            form_index: each word's place among the forms. Shape: (batch, words)
            char_ids: Shape: (forms, characters)
            affix_ids: Shape: (forms, affixes)
            mask: True on words. Shape: (batch, words)
            labels: -100 where there is none. Shape: (batch, words)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, words, labels)
            has_gold: Shape: (batch,)
            hard_weights: see `taught_loss`. Shape: (batch, words)
            n_hard: see `taught_loss`.
            n_soft: see `taught_loss`.
            n_words: words of the whole accumulated, distributed batch, for the penalty; None counts this batch.
        """
        inputs = {
            "form_index": form_index,
            "char_ids": char_ids,
            "affix_ids": affix_ids,
            "shape_ids": shape_ids,
            "mask": mask,
        }
        logits = self.head(self.embedder(word_ids=self._drop_words(word_ids), **inputs))
        teaching = {"teacher_logits": teacher_logits, "has_gold": has_gold, "hard_weights": hard_weights}
        output = self.taught_output(logits, labels=labels, mask=mask, n_hard=n_hard, n_soft=n_soft, **teaching)
        if output.loss is not None and self.training and self.config.drop_penalty:
            steady = self._logits_without_dropout(word_ids, inputs)
            n_words = mask.sum() if n_words is None else n_words
            output.loss = output.loss + self.config.drop_penalty * _half_sum_of_squares(logits - steady, mask) / n_words
        return output

    def count_words(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Hard and soft words, and all words where there is a penalty over them."""
        counts = super().count_words(batch)
        return counts | {"n_words": batch["mask"].sum()} if self.config.drop_penalty else counts

    def sum_hard_loss(
        self, logits: Tensor, labels: Tensor, mask: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        """Cross-entropy, or the CRF's negative log-likelihood with unlabelled words marginalised out. Scalar.

        The CRF's is that of a sentence, which counts as much as its hard words do on average.
        """
        if self.crf is None:
            return super().sum_hard_loss(logits, labels, mask, weights)
        assert mask is not None
        losses = self.crf.negative_log_likelihood(logits, labels, mask)
        if weights is not None:
            losses = losses * weights.sum(1) / (labels != IGNORED_LABEL).sum(1).clamp(min=1)
        return losses.sum()

    def best_labels(self, logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The label of each word and its probability; with a CRF, the best path's labels and marginals.

        Shapes: (batch, words)
        """
        if self.crf is None:
            return super().best_labels(logits, mask)
        labels = self.crf.decode(logits.float(), mask)
        log_marginals = self.crf.marginals(logits.float(), mask)
        if self.temperature != 1:
            log_marginals = (log_marginals / self.temperature).log_softmax(-1)
        return labels, log_marginals.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1).exp()

    def log_scores(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits, or log marginals where there is a CRF. Shape: (batch, words, labels)"""
        return logits.float() if self.crf is None else self.crf.marginals(logits.float(), mask)

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

    def _logits_without_dropout(self, word_ids: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        self.train(False)
        steady: Tensor = self.head(self.embedder(word_ids=word_ids, **inputs))
        self.train()
        return steady


_WORD_SIZES = ("n_words", "n_characters", "word_width", "char_width", "n_char_filters", "char_kernel")
_FORM_SIZES = ("n_affix_buckets", "affix_width", "shape_width")
_LSTM_SIZES = ("lstm_width", "n_lstm_layers", "dropout")
_CNN_SIZES = ("n_filters", "conv_kernel", "n_blocks", "input_dropout", "middle_dropout", "hidden_dropout")


def _build_embedder(config: NeuralTaggerConfig) -> CNNLSTM | IDCNN:
    def chosen(*names: str) -> dict[str, Any]:
        return {name: getattr(config, name) for name in names}

    words = WordEncoder(n_shapes=len(SHAPES), n_affixes=N_AFFIXES, **chosen(*_WORD_SIZES, *_FORM_SIZES))
    if config.embedder == "cnn-lstm":
        return CNNLSTM(words, **chosen(*_LSTM_SIZES))
    if config.embedder == "id-cnn":
        return IDCNN(words, dilations=tuple(config.dilations or (1, 2, 1)), **chosen(*_CNN_SIZES))
    raise ValueError(f"embedder must be one of cnn-lstm, id-cnn, got {config.embedder!r}")


def _half_sum_of_squares(difference: Tensor, mask: Tensor) -> Tensor:
    return 0.5 * torch.where(mask, difference.square().sum(-1), 0.0).sum()
