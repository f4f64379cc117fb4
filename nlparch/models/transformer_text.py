"""Text classification with a transformer: any checkpoint's own class, for single texts and pairs, short and long."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from nlparch.data.pieces import PieceReader
from nlparch.data.text_labels import PROBLEM_TYPES, TextLabels
from nlparch.data.text_predictions import Text
from nlparch.data.words import make_splitter
from nlparch.devices import Precision
from nlparch.distill.teachers import Track
from nlparch.models.checkpoints import CheckpointModel
from nlparch.models.task_model import settings_of
from nlparch.models.text_model import TextModel, labels_of
from nlparch.models.word_states import read_single_words

LongTexts = Literal["truncate", "windows"]


class TransformerTextClassifier(CheckpointModel, TextModel):
    """Methods that a checkpoint's own class gains, so that it reads whole texts (see `CheckpointModel`).

    Texts longer than the window are cut, or (`config.long_texts`) read in overlapping windows whose logits are
    averaged.
    """

    auto_class = AutoModelForSequenceClassification
    auto_kind = "text classifier"
    reads_single_words = False
    pieces: PieceReader

    @classmethod
    def from_pretrained(cls, path: str | PathLike[str], *, long_texts: LongTexts | None = None, **options: Any) -> Self:
        """Loads a checkpoint and its tokenizer.

        Args:
            path: a folder or a hub id.
            long_texts: what becomes of texts longer than a window; None keeps what the checkpoint does.
            options: see `CheckpointModel.from_pretrained`.
        """
        if long_texts is not None:
            options["settings"] = {**options.get("settings", {}), "long_texts": long_texts}
        return super().from_pretrained(path, **options)

    @classmethod
    def set_labels(cls, config: Any, labels: TextLabels) -> bool:
        """Writes labels into a checkpoint's configuration; False where its head has them already, in its own order."""
        known = labels_of(config)
        if known.task == labels.task and (labels.task == "regression" or set(known.names) == set(labels.names)):
            config.problem_type = PROBLEM_TYPES[labels.task]
            return False
        config.id2label = dict(enumerate(labels.names))
        config.label2id = dict(labels.ids)
        config.problem_type = PROBLEM_TYPES[labels.task]
        config.calibration_temperature, config.thresholds = 1.0, None  # those of the old head
        return True

    def prepare_reading(self, max_length: int) -> None:
        """Makes what turns texts into pieces."""
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        if self.config.pad_token_id is None:  # decoders find a text's last piece by it
            self.config.pad_token_id = self.tokenizer.pad_token_id
        self.pieces = PieceReader(
            self.tokenizer.backend_tokenizer,
            pad_id=self.tokenizer.pad_token_id or 0,
            max_length=max_length,
            windows=self.long_texts == "windows",
        )

    @property
    def long_texts(self) -> LongTexts:
        """What becomes of texts longer than a window."""
        return getattr(self.config, "long_texts", None) or "truncate"

    def count_cut(self, texts: Sequence[Text]) -> tuple[int, int]:
        """How many texts are too long to be read whole, and how many of their words are not read."""
        return self.pieces.count_cut(texts, make_splitter(self.splitter))

    def encode_inputs(self, texts: Sequence[Text]) -> dict[str, Tensor]:
        """Pieces of a batch of texts, and how many windows each has (see `PieceBatch`)."""
        batch = self.pieces(texts)
        names = ["input_ids", "attention_mask", "n_windows"]
        names += ["token_type_ids"] if "token_type_ids" in self.tokenizer.model_input_names else []
        return {name: torch.from_numpy(getattr(batch, name)) for name in names}

    def reads_as(self) -> dict[str, Any]:
        """Tokenizer, window and configuration: with the weights, all that decides the outputs."""
        about = {"tokenizer": self.tokenizer_text(), "window": self.window, "long_texts": self.long_texts}
        return {**about, "config": settings_of(self.config)}

    def word_states(self, words: Sequence[str], *, precision: Precision = "fp32", track: Track = iter) -> np.ndarray:
        """The last hidden state of each word read by itself, averaged over its pieces (see `read_single_words`).

        Returns:
            0 for a word without pieces, or of unknown ones. Shape: (words, hidden)
        """

        def encode(some: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            batch = self.pieces(some)
            rows = np.cumsum(batch.n_windows) - batch.n_windows  # of a word beyond the window, its beginning
            ids, mask = batch.input_ids[rows], batch.attention_mask[rows]
            return ids, mask, (mask == 1) & ~np.isin(ids, self.tokenizer.all_special_ids)

        return read_single_words(self, words, encode, precision=precision, track=track)

    def forward(
        self,
        n_windows: Tensor | None = None,
        labels: Tensor | None = None,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        hard_weights: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        **inputs: Any,
    ) -> Any:
        """Logits of texts and loss; without `n_windows`, the checkpoint's own forward.

        Args:
            n_windows: rows of each text, which follow each other; their logits are averaged. Shape: (batch,)
            labels: see `TextLabels.encode`. Shape: (batch,), or (batch, labels)
            teacher_logits: Shape: (batch, labels)
            has_gold: Shape: (batch,)
            hard_weights: see `taught_loss`. Shape: that of `labels`
            n_hard: see `taught_loss`.
            n_soft: see `taught_loss`.
            inputs: the checkpoint's own: `input_ids` and `attention_mask` of shape (rows, pieces), ...
        """
        if n_windows is None:
            return super().forward(labels=labels, **inputs)
        logits = _average(super().forward(**inputs).logits, n_windows)
        teaching = {"teacher_logits": teacher_logits, "has_gold": has_gold, "hard_weights": hard_weights}
        return self.taught_output(logits, labels=labels, n_hard=n_hard, n_soft=n_soft, **teaching)


def _average(logits: Tensor, n_windows: Tensor) -> Tensor:
    """The mean over the windows of each text. Shapes: (rows, labels), (texts,), (texts, labels)"""
    n_texts = len(n_windows)
    if len(logits) == n_texts:
        return logits
    owners = torch.arange(n_texts, device=logits.device).repeat_interleave(n_windows, output_size=len(logits))
    sums = logits.new_zeros(n_texts, logits.shape[-1]).index_add(0, owners, logits)
    return sums / n_windows.unsqueeze(-1)
