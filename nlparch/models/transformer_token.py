"""Token classification with a transformer: any checkpoint's own class, read and trained word by word."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification

from nlparch.data.alignment import PieceAligner
from nlparch.data.labels import LabelSet
from nlparch.devices import Precision
from nlparch.distill.teachers import Track
from nlparch.models.checkpoints import CheckpointModel
from nlparch.models.task_model import settings_of
from nlparch.models.word_states import read_single_words
from nlparch.models.word_tagger import WordTagger


class TransformerTokenClassifier(CheckpointModel, WordTagger):
    """Methods that a checkpoint's own class gains, so that it speaks in words (see `CheckpointModel`)."""

    auto_class = AutoModelForTokenClassification
    auto_kind = "token classifier"
    reads_single_words = True
    aligner: PieceAligner
    base_model: Any

    @classmethod
    def set_labels(cls, config: Any, labels: LabelSet) -> bool:
        """Writes tags into a checkpoint's configuration; False where its head has them already, in its own order."""
        if set(labels.tags) == set(config.id2label.values()):
            return False
        config.id2label = dict(enumerate(labels.tags))
        config.label2id = {tag: label for label, tag in enumerate(labels.tags)}
        return True

    def prepare_reading(self, max_length: int) -> None:
        """Makes what aligns words with pieces."""
        pad_id = self.tokenizer.pad_token_id or 0
        pieces = self.tokenizer.backend_tokenizer
        self.aligner = PieceAligner(pieces, pad_id=pad_id, max_length=max_length, overlap=max_length // 4)

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """Pieces of a batch of sentences and where each word stands in them (see `AlignedBatch`)."""
        aligned = self.aligner(sentences)
        names = ("input_ids", "attention_mask", "word_rows", "word_positions", "mask")
        return {name: torch.from_numpy(getattr(aligned, name)) for name in names}

    def seen_words(self, batch: dict[str, Tensor]) -> Tensor:
        """True on words that have a piece. Shape: (batch, words)"""
        return batch["word_rows"] >= 0

    def reads_as(self) -> dict[str, Any]:
        """Tokenizer, window and configuration: with the weights, all that decides the outputs."""
        return {"tokenizer": self.tokenizer_text(), "window": self.window, "config": settings_of(self.config)}

    def n_unseen_words(self, sentences: Iterable[Sequence[str]]) -> int:
        """How many words have no pieces."""
        return sum(int((self.aligner([words]).word_rows < 0).sum()) for words in sentences if words)

    def word_states(self, words: Sequence[str], *, precision: Precision = "fp32", track: Track = iter) -> np.ndarray:
        """The last hidden state of each word read by itself, averaged over its pieces (see `read_single_words`).

        Returns:
            0 for a word without pieces. Shape: (words, hidden)
        """

        def encode(some: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            aligned = self.aligner([[word] for word in some])
            return aligned.input_ids, aligned.attention_mask, self.aligner.own_pieces(aligned)

        return read_single_words(self, words, encode, precision=precision, track=track)

    def forward(
        self,
        word_rows: Tensor | None = None,
        word_positions: Tensor | None = None,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        hard_weights: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        **inputs: Any,
    ) -> Any:
        """Word-level logits and loss; without `word_rows`, the checkpoint's own forward.

        Args:
            word_rows: the row of pieces that speaks for each word, -1 for none. Shape: (batch, words)
            word_positions: the place of its first piece in that row. Shape: (batch, words)
            mask: True on words. Shape: (batch, words)
            labels: -100 where there is none. Shape: (batch, words)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, words, labels)
            has_gold: Shape: (batch,)
            hard_weights: see `taught_loss`. Shape: (batch, words)
            n_hard: see `taught_loss`.
            n_soft: see `taught_loss`.
            inputs: the checkpoint's own: `input_ids` and `attention_mask` of shape (rows, pieces), ...
        """
        if word_rows is None or word_positions is None:
            return super().forward(labels=labels, **inputs)
        piece_logits = super().forward(**inputs).logits
        seen = word_rows >= 0
        logits = piece_logits[word_rows.clamp(min=0), word_positions.clamp(min=0)]
        # Of a word without pieces nothing is known: all labels are alike, but for a hair that makes it O. (None is -1
        # here, which no label is; and a number set into a tensor would have the CPU wait for the GPU.)
        outside = -1 if self.label_set.outside is None else self.label_set.outside
        is_outside = torch.arange(logits.shape[-1], device=logits.device) == outside
        logits = torch.where(seen.unsqueeze(-1), logits, 1e-3 * is_outside.to(logits.dtype))
        teaching = {"teacher_logits": teacher_logits, "has_gold": has_gold, "hard_weights": hard_weights}
        return self.taught_output(logits, labels=labels, n_hard=n_hard, n_soft=n_soft, **teaching)
