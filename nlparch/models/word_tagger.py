"""What every model that tags words can do: the loss, word-level logits, tags with probabilities, entities."""

import abc
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from nlparch.data.augmentation import DEFAULT_MASK
from nlparch.data.labels import IGNORED_LABEL, LabelSet, scheme_of_set
from nlparch.data.predictions import TagPrediction, build_prediction
from nlparch.data.words import make_splitter, split_text
from nlparch.devices import Precision, autocast
from nlparch.distill.teachers import fetch_outputs
from nlparch.models.task_model import BATCHES_SORTED_TOGETHER, TaskModel, chunks, reading
from nlparch.nn.crf import best_legal_path


class WordTagger(TaskModel):
    """A model that gives every word a tag.

    The host class is a `transformers.PreTrainedModel`; it supplies `encode_words` and `forward`.
    """

    @abc.abstractmethod
    def encode_words(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """The model's inputs for a batch of sentences, none of them empty.

        Returns:
            Arguments of `forward`; among them `mask`, True on words. Shape: (batch, words)
        """

    def encode_inputs(self, sentences: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """`encode_words`, as what reads a corpus with any model calls it."""
        return self.encode_words(sentences)

    def n_unseen_words(self, sentences: Iterable[Sequence[str]]) -> int:
        """How many words the model cannot see at all, for example because its tokenizer throws them away."""
        return 0

    @cached_property
    def label_set(self) -> LabelSet:
        """The model's tags in the order of its labels."""
        tags = tuple(self.config.id2label[label] for label in range(len(self.config.id2label)))
        return LabelSet(tags=tags, scheme=scheme_of_set(tags))

    @property
    def outside_label(self) -> int | None:  # type: ignore[override]
        """The label of `O`; None where tags are plain."""
        return None if self.label_set.scheme == "plain" else self.label_set.outside

    @property
    def mask_word(self) -> str:
        """A word that tells the model nothing."""
        return DEFAULT_MASK

    def best_pseudo_labels(self, teacher_logits: Tensor, seen: Tensor) -> Tensor:
        """The teacher's best path that the tag scheme allows. Shape: (rows, words)"""
        if self.label_set.scheme == "plain":
            return super().best_pseudo_labels(teacher_logits, seen)
        log_probs = teacher_logits.log_softmax(-1).nan_to_num(0.0)  # a word the teacher never saw may be anything
        last_seen = seen * torch.arange(1, seen.shape[1] + 1, device=seen.device)
        mask = torch.arange(seen.shape[1], device=seen.device) < last_seen.amax(1, keepdim=True)
        return best_legal_path(log_probs, mask, self.label_set.legal())

    def best_labels(self, logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The label of each word and its probability.

        Args:
            logits: Shape: (batch, words, labels)
            mask: True on words. Shape: (batch, words)

        Returns:
            Labels and probabilities; padding holds anything. Shapes: (batch, words)
        """
        scores, labels = logits.float().softmax(-1).max(-1)
        return labels, scores if self.temperature == 1 else (logits.float() / self.temperature).softmax(-1).amax(-1)

    def log_scores(self, logits: Tensor, mask: Tensor) -> Tensor:
        """What this model teaches with: its logits; log marginals where it has a CRF. Shape: (batch, words, labels)"""
        return logits.float()

    def word_logits(self, sentences: Sequence[Sequence[str]], *, precision: Precision = "fp32") -> list[np.ndarray]:
        """Teacher outputs of one batch of sentences, none of them empty.

        Returns:
            For each sentence an array of shape (words, labels); rows of NaN for words the model cannot see.
        """
        values = fetch_outputs(self.encoded_logits(self.encode_words(sentences), precision=precision), precision)
        return [values[row, : len(words)] for row, words in enumerate(sentences)]

    def read_log_scores(
        self, sentences: Sequence[Sequence[str]], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> list[np.ndarray]:
        """Teacher outputs of any number of sentences, read in batches of like length.

        Returns:
            For each sentence an array of shape (words, labels); rows of NaN for words the model cannot see.
        """
        scores = [np.empty((0, len(self.label_set)), dtype=np.float32)] * len(sentences)
        order = sorted((row for row, words in enumerate(sentences) if words), key=lambda row: len(sentences[row]))
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            for row, values in zip(
                rows, self.word_logits([sentences[row] for row in rows], precision=precision), strict=True
            ):
                scores[row] = values
        return scores

    def encoded_logits(self, batch: dict[str, Tensor], *, precision: Precision = "fp32") -> Tensor:
        """Teacher outputs of what `encode_words` made of a batch, on the device, where they may still be in the making.

        Returns:
            NaN for padding and words the model cannot see, infinite where it fails. Shape: (batch, words, labels)
        """
        with reading(self), autocast(self.device, precision):
            batch = self._to_device(batch)
            scores = self.log_scores(self.forward(**batch).logits, batch["mask"])
            scores = scores.nan_to_num(torch.inf, torch.inf, -torch.inf)
            return scores.masked_fill(~self.seen_words(batch).unsqueeze(-1), torch.nan)

    def seen_words(self, batch: dict[str, Tensor]) -> Tensor:
        """True on the words of `batch` that the model can see. Shape: (batch, words)"""
        return batch["mask"]

    def tag_words(
        self, sentences: Sequence[Sequence[str]], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> list[tuple[list[str], list[float]]]:
        """Tags and their probabilities for sentences of words; empty sentences get empty lists."""
        tagged: list[tuple[list[str], list[float]]] = [([], []) for _ in sentences]
        order = sorted((row for row, words in enumerate(sentences) if words), key=lambda row: len(sentences[row]))
        tags = np.array(self.label_set.tags, dtype=object)
        with reading(self), autocast(self.device, precision):
            for begin in range(0, len(order), batch_size):
                rows = order[begin : begin + batch_size]
                batch = self._to_device(self.encode_words([sentences[row] for row in rows]))
                labels, scores = self.best_labels(self.forward(**batch).logits, batch["mask"])
                for row, row_labels, row_scores in zip(rows, labels.cpu().numpy(), scores.cpu().numpy(), strict=True):
                    n_words = len(sentences[row])
                    tagged[row] = (tags[row_labels[:n_words]].tolist(), row_scores[:n_words].tolist())
        return tagged

    def predict(
        self, inputs: Sequence[str] | Sequence[Sequence[str]], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> list[TagPrediction]:
        """Tags raw texts or sentences of words.

        Args:
            inputs: texts, or sentences as sequences of words.
            batch_size: sentences read together.
            precision: number format of the matrix products.

        Returns:
            One prediction an input. Offsets of a sentence of words are into the words joined by single spaces.

        Raises:
            ValueError: If `inputs` is a single string.
        """
        return list(self.predict_stream(inputs, batch_size=batch_size, precision=precision))

    def predict_stream(
        self, inputs: Iterable[str | Sequence[str]], *, batch_size: int = 32, precision: Precision = "fp32"
    ) -> Iterator[TagPrediction]:
        """`predict` over an endless stream, in order, in constant memory."""
        if isinstance(inputs, str):
            raise ValueError(f"predict takes a list of texts, got one string; write predict([{inputs[:20]!r}])")
        split = make_splitter(self.splitter)
        for chunk in chunks(inputs, batch_size * BATCHES_SORTED_TOGETHER):
            texts = [split_text(item, split) for item in chunk]
            tagged = self.tag_words([text.words for text in texts], batch_size=batch_size, precision=precision)
            for text, (tags, scores) in zip(texts, tagged, strict=True):
                yield build_prediction(text.text, text.offsets, tags, scores)


def pad_labels(rows: Sequence[Sequence[int] | None], n_words: int) -> Tensor:
    """Labels of a batch, -100 on padding and on whole rows that have none. Shape: (batch, words)"""
    labels = np.full((len(rows), n_words), IGNORED_LABEL, dtype=np.int64)
    for index, row in enumerate(rows):
        if row is not None:
            labels[index, : len(row)] = row
    return torch.from_numpy(labels)
