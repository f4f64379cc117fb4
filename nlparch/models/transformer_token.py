"""Token classification with a transformer: any checkpoint's own class, read and trained word by word."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel

from nlparch.data.alignment import PieceAligner
from nlparch.data.labels import LabelSet
from nlparch.devices import Precision, autocast
from nlparch.errors import UserError
from nlparch.models.word_tagger import WordTagger, reading, settings_of

LONGEST_WINDOW = 512
_WORDS_READ_TOGETHER = 256
_TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip


class TransformerTokenClassifier(WordTagger):
    """Methods that a checkpoint's own class gains, so that it speaks in words.

    `from_pretrained` returns an instance of a subclass of the checkpoint's own class (`BertForTokenClassification`,
    say) mixed with this one, under the own class's name: parameter names and the saved `architectures` stay, and any
    tool that loads such checkpoints loads ours.
    """

    tokenizer: Any
    aligner: PieceAligner
    base_model: Any

    @classmethod
    def from_pretrained(
        cls,
        path: str | PathLike[str],
        *,
        labels: LabelSet | None = None,
        splitter: str | None = None,
        max_length: int | None = None,
        **options: Any,
    ) -> Self:
        """Loads a checkpoint and its tokenizer.

        Args:
            path: a folder or a hub id.
            labels: the labels of a new head; None keeps the checkpoint's, as do labels of the same tags.
            splitter: the splitter to remember; None keeps the checkpoint's.
            max_length: pieces in a window; None takes what the model was saved with, else what it can, at most 512.
            options: handed on to the checkpoint's own `from_pretrained`.

        Raises:
            UserError: If there is no such checkpoint, or no token classifier for its architecture.
        """
        if issubclass(cls, PreTrainedModel):
            return super().from_pretrained(path, **options)
        if str(path).startswith(("/", ".", "~")) and not Path(path).exists():
            raise UserError(f"{path}: there is no such folder; give a checkpoint's folder, or a hub id")
        try:
            config = AutoConfig.from_pretrained(path)
            tokenizer = _load_tokenizer(path)
        except (OSError, ValueError) as error:
            raise _explain(path, error) from error
        # A head that has these tags already keeps them in its own order, and what it knows of them.
        needs_head = labels is not None and set(labels.tags) != set(config.id2label.values())
        if labels is not None and needs_head:
            config.id2label = dict(enumerate(labels.tags))
            config.label2id = {tag: label for label, tag in enumerate(labels.tags)}
            options["ignore_mismatched_sizes"] = True
        config.splitter = splitter or getattr(config, "splitter", None)
        own_class = taggers_own_class(config)
        try:
            model = own_class.from_pretrained(path, config=config, **options)
        except OSError as error:
            raise _explain(path, error) from error
        if needs_head:
            _renew_head(model)
        return model.read_with(tokenizer, max_length=max_length)  # type: ignore[no-any-return]

    @classmethod
    def from_config(cls, config: Any, tokenizer: Any, *, max_length: int | None = None) -> Self:
        """A model of `config`'s architecture with random weights."""
        return taggers_own_class(config)(config).read_with(tokenizer, max_length=max_length)  # type: ignore[no-any-return]

    def read_with(self, tokenizer: Any, *, max_length: int | None = None) -> Self:
        """Reads words with `tokenizer` in windows of at most `max_length` pieces; returns the model."""
        positions = getattr(self.config, "max_position_embeddings", None) or LONGEST_WINDOW
        # RoBERTa and its kin keep the positions up to the padding id for themselves.
        positions -= (self.config.pad_token_id or 0) + 1 if "roberta" in self.config.model_type else 0
        longest = min(positions, tokenizer.model_max_length)
        if max_length is not None and max_length > longest:
            raise UserError(f"the window (max_seq_len) must be at most {longest} for this checkpoint, got {max_length}")
        if max_length is None:
            max_length = min(longest, getattr(self.config, "window", None) or LONGEST_WINDOW)
        self.config.window = max_length
        self.tokenizer = tokenizer
        if not getattr(tokenizer, "is_fast", False):
            raise UserError(f"a tokenizer must have a fast version to align words, {type(tokenizer).__name__} has none")
        pad_id = tokenizer.pad_token_id or 0
        pieces = tokenizer.backend_tokenizer
        self.aligner = PieceAligner(pieces, pad_id=pad_id, max_length=max_length, overlap=max_length // 4)
        self.window = (max_length, max_length // 4)
        return self

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:
        """Saves weights, config and tokenizer into one folder."""
        super().save_pretrained(save_directory, **options)  # type: ignore[misc]
        if options.get("is_main_process", True):
            self.tokenizer.save_pretrained(save_directory)

    @property
    def mask_word(self) -> str:
        """The tokenizer's mask; of one that has none, its unknown piece."""
        return self.tokenizer.mask_token or self.tokenizer.unk_token or super().mask_word

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
        tokenizer = self.tokenizer.backend_tokenizer
        # What the last call left behind; the next one says anew how to pad and cut.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return {"tokenizer": tokenizer.to_str(), "window": self.window, "config": settings_of(self.config)}

    def n_unseen_words(self, sentences: Iterable[Sequence[str]]) -> int:
        """How many words have no pieces."""
        return sum(int((self.aligner([words]).word_rows < 0).sum()) for words in sentences if words)

    def word_states(self, words: Sequence[str], *, precision: Precision = "fp32") -> np.ndarray:
        """The last hidden state of each word read by itself, averaged over its pieces.

        Returns:
            0 for a word without pieces. Shape: (words, hidden)
        """
        states = np.zeros((len(words), self.config.hidden_size), dtype=np.float32)
        by_length = sorted(range(len(words)), key=lambda place: len(words[place]))
        with reading(self), autocast(self.device, precision):
            for begin in range(0, len(by_length), _WORDS_READ_TOGETHER):
                places = by_length[begin : begin + _WORDS_READ_TOGETHER]
                aligned = self.aligner([[words[place]] for place in places])
                input_ids, attention_mask = (
                    torch.from_numpy(ids).to(self.device) for ids in (aligned.input_ids, aligned.attention_mask)
                )
                hidden = self.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
                own = torch.from_numpy(self.aligner.own_pieces(aligned)).to(self.device).unsqueeze(-1)
                states[places] = ((hidden * own).sum(1) / own.sum(1).clamp(min=1)).cpu().numpy()
        return states

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
        # Of a word without pieces nothing is known: all labels are alike, but for a hair that makes it O.
        indifferent = torch.zeros_like(logits[0, 0])
        if self.label_set.outside is not None:
            indifferent[self.label_set.outside] = 1e-3
        logits = torch.where(seen.unsqueeze(-1), logits, indifferent)
        teaching = {"teacher_logits": teacher_logits, "has_gold": has_gold, "hard_weights": hard_weights}
        return self.taught_output(logits, labels=labels, n_hard=n_hard, n_soft=n_soft, **teaching)


def taggers_own_class(config: Any) -> Any:
    """The token-classification class of a checkpoint's architecture, mixed with ours and named as before."""
    try:
        own: Any = AutoModelForTokenClassification._model_mapping[type(config)]
    except KeyError:
        raise UserError(f"model type {config.model_type!r} has no token classifier in transformers") from None
    return type(own.__name__, (TransformerTokenClassifier, own), {"__module__": own.__module__})


def _renew_head(model: Any) -> None:
    """Random weights for the layer that gives the logits: it may have been made for other tags, as many as these."""
    heads = [part for part in model.modules() if isinstance(part, nn.Linear) and part.out_features == model.num_labels]
    nn.init.normal_(heads[-1].weight, std=getattr(model.config, "initializer_range", 0.02))
    if heads[-1].bias is not None:
        nn.init.zeros_(heads[-1].bias)


def _load_tokenizer(path: str | PathLike[str]) -> Any:
    if Path(path).is_dir() and not any((Path(path) / name).is_file() for name in _TOKENIZER_FILES):
        # transformers would make up an empty one, to which every word is unknown.
        raise ValueError(f"there is no tokenizer in the folder (one of {', '.join(_TOKENIZER_FILES)})")
    tokenizer = AutoTokenizer.from_pretrained(path)
    if getattr(tokenizer, "add_prefix_space", None) is False:
        # Byte-level BPE reads a word at the start of a text otherwise than after a space; our words stand alone.
        tokenizer = AutoTokenizer.from_pretrained(path, add_prefix_space=True)
    return tokenizer


def _explain(path: str | PathLike[str], error: Exception) -> UserError:
    is_here = Path(path).is_dir()
    what = "no transformer checkpoint" if is_here else "neither a folder here nor a checkpoint that the hub gives"
    return UserError(f"{path}: {what}: {str(error).strip().splitlines()[0]}")
