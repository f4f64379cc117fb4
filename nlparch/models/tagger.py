"""The small tagger: word, character and shape features, a context encoder, softmax or a CRF."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nlparch.data.features import WordFeatures
from nlparch.data.labels import IGNORED_LABEL, LabelSet
from nlparch.models.small_model import SmallConfig, SmallModel, make_cnn_lstm, make_id_cnn
from nlparch.models.task_model import TaskOutput
from nlparch.models.word_tagger import WordTagger
from nlparch.nn.crf import LinearChainCRF
from nlparch.nn.embedders import ContextEncoder
from nlparch.nn.words import WordEncoder

Embedder = Literal["cnn-lstm", "id-cnn"]


class NeuralTaggerConfig(SmallConfig):
    """Sizes and settings of a `NeuralTagger`; the word-level ones are those of `SmallConfig`.

    Attributes:
        embedder: `cnn-lstm` or `id-cnn`.
        use_crf: a linear-chain CRF on top.
        drop_penalty: weight of the dropout-consistency penalty; 0 turns it off.
        dropout: `cnn-lstm`: on the input, between the layers and on the output.
    """

    model_type = "nlparch_tagger"

    embedder: str = "cnn-lstm"
    use_crf: bool = False
    drop_penalty: float = 0.0


class NeuralTagger(WordTagger, SmallModel):
    """A small tagger of words.

    Args:
        config: its sizes.
        features: how words become ids.
    """

    config_class = NeuralTaggerConfig

    def __init__(self, config: NeuralTaggerConfig, features: WordFeatures) -> None:
        super().__init__(config, features)
        self.embedder = _build_embedder(config)
        self.head = nn.Linear(self.embedder.out_width, len(self.label_set))
        self.crf = (
            LinearChainCRF(n_labels=len(self.label_set), legal=self.label_set.legal()) if config.use_crf else None
        )
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def word_encoder(self) -> WordEncoder:
        """The layers that encode every word by itself."""
        return self.embedder.words

    @staticmethod
    def label_settings(labels: LabelSet) -> dict[str, Any]:
        """What tags say in the configuration."""
        return {"id2label": dict(enumerate(labels.tags)), "label2id": dict(labels.ids)}

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """The ids of a batch of sentences (see `FeatureBatch`)."""
        return self.encode_features(sentences)

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

    def _logits_without_dropout(self, word_ids: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        self.train(False)
        steady: Tensor = self.head(self.embedder(word_ids=word_ids, **inputs))
        self.train()
        return steady


def _build_embedder(config: NeuralTaggerConfig) -> ContextEncoder:
    makers = {"cnn-lstm": make_cnn_lstm, "id-cnn": make_id_cnn}
    if config.embedder not in makers:
        raise ValueError(f"embedder must be one of {', '.join(makers)}, got {config.embedder!r}")
    return makers[config.embedder](config)


def _half_sum_of_squares(difference: Tensor, mask: Tensor) -> Tensor:
    return 0.5 * torch.where(mask, difference.square().sum(-1), 0.0).sum()
