"""Transformer checkpoints: their own classes mixed with ours, their tokenizers, new heads, windows."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from tokenizers import decoders
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from nlparch.errors import UserError
from nlparch.models.task_model import make_readable

LONGEST_WINDOW = 512
_OF_BYTES = "Ġ"
_WORD_BEGINNINGS = (_OF_BYTES, "▁")
_WORD_END = "</w>"
_TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip


class CheckpointModel(abc.ABC):
    """Methods that a checkpoint's own class gains.

    `from_pretrained` returns an instance of a subclass of the checkpoint's own class (`BertForTokenClassification`,
    say) mixed with ours, under the own class's name: parameter names and the saved `architectures` stay, and any tool
    that loads such checkpoints loads ours.
    """

    auto_class: ClassVar[Any]
    """The class of transformers that knows the own class of each architecture."""
    auto_kind: ClassVar[str]
    """What such a class is called."""
    reads_single_words: ClassVar[bool]
    """Whether the tokenizer is given words, each as if it stood after a space, rather than texts."""
    tokenizer: Any
    config: Any

    @classmethod
    @abc.abstractmethod
    def set_labels(cls, config: Any, labels: Any) -> bool:
        """Writes labels into a checkpoint's configuration; False where its head has them already, in its own order."""

    @abc.abstractmethod
    def prepare_reading(self, max_length: int) -> None:
        """Makes what turns words or texts into rows of at most `max_length` pieces; the tokenizer is set."""

    @classmethod
    def from_pretrained(
        cls,
        path: str | PathLike[str],
        *,
        labels: Any = None,
        splitter: str | None = None,
        max_length: int | None = None,
        settings: dict[str, Any] | None = None,
        head_bias: Sequence[float] | None = None,
        **options: Any,
    ) -> Self:
        """Loads a checkpoint and its tokenizer.

        Args:
            path: a folder or a hub id.
            labels: the labels of a new head; None keeps the checkpoint's, as do labels that it has already.
            splitter: the splitter to remember; None keeps the checkpoint's.
            max_length: pieces in a window; None takes what the model was saved with, else what it can, at most 512.
            settings: of the configuration, to remember.
            head_bias: where the outputs of a new head begin; None: at 0. Shape: (labels,)
            options: handed on to the checkpoint's own `from_pretrained`.

        Raises:
            UserError: If there is no such checkpoint, no class of this kind for its architecture, or no head in it
                and no labels to make one.
        """
        if issubclass(cls, PreTrainedModel):
            return super().from_pretrained(path, **options)
        if str(path).startswith(("/", ".", "~")) and not Path(path).exists():
            raise UserError(f"{path}: there is no such folder; give a checkpoint's folder, or a hub id")
        try:
            config = AutoConfig.from_pretrained(path)
            tokenizer = _load_tokenizer(path, reads_single_words=cls.reads_single_words)
        except (OSError, ValueError) as error:
            raise _explain(path, error) from error
        needs_head = labels is not None and cls.set_labels(config, labels)
        if needs_head:
            options["ignore_mismatched_sizes"] = True
        config.splitter = splitter or getattr(config, "splitter", None)
        for name, value in (settings or {}).items():
            setattr(config, name, value)
        try:
            model, loading = cls.own_class(config).from_pretrained(
                path, config=config, output_loading_info=True, **options
            )
        except OSError as error:
            raise _explain(path, error) from error
        lacking = sorted(key for key in loading["missing_keys"] if not key.startswith(f"{model.base_model_prefix}."))
        if needs_head or (lacking and labels is not None):
            _renew_head(model, head_bias)
        elif lacking:
            raise UserError(
                f"{path}: no {cls.auto_kind} yet, its weights lack the head ({', '.join(lacking)}); fine-tune it "
                "first, with nlp-train transformer_token or transformer_text"
            )
        return model.read_with(tokenizer, max_length=max_length)  # type: ignore[no-any-return]

    @classmethod
    def from_config(
        cls,
        config: Any,
        tokenizer: Any,
        *,
        max_length: int | None = None,
        head_bias: Sequence[float] | None = None,
    ) -> Self:
        """A model of `config`'s architecture with random weights."""
        model = cls.own_class(config)(config)
        _begin_bias(_find_head(model), head_bias)
        return model.read_with(tokenizer, max_length=max_length)  # type: ignore[no-any-return]

    @classmethod
    def own_class(cls, config: Any) -> Any:
        """The class of a checkpoint's architecture, mixed with ours and named as before."""
        try:
            own: Any = cls.auto_class._model_mapping[type(config)]
        except KeyError:
            raise UserError(f"model type {config.model_type!r} has no {cls.auto_kind} in transformers") from None
        return type(own.__name__, (cls, own), {"__module__": own.__module__})

    def read_with(self, tokenizer: Any, *, max_length: int | None = None) -> Self:
        """Reads with `tokenizer` in windows of at most `max_length` pieces; returns the model."""
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
        self.prepare_reading(max_length)
        self.window = (max_length, max_length // 4)
        return self

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:
        """Saves weights, config and tokenizer into one folder."""
        super().save_pretrained(save_directory, **options)  # type: ignore[misc]
        if options.get("is_main_process", True):
            self.tokenizer.save_pretrained(save_directory)
            make_readable(save_directory)

    def whole_words(self) -> list[str]:
        """Words of letters alone that the tokenizer has a piece for, in the order of its vocabulary: frequent ones
        first, with most."""
        ids = self.tokenizer.get_vocab()
        pieces = sorted(ids, key=ids.__getitem__)
        # Some tokenizers mark the pieces that begin a word or that end one, others (WordPiece) those that do neither.
        if any(piece.endswith(_WORD_END) for piece in pieces):
            words = [piece.removesuffix(_WORD_END) for piece in pieces if piece.endswith(_WORD_END)]
        else:
            mark = next((piece[0] for piece in pieces if piece[0] in _WORD_BEGINNINGS and piece[1:].isalpha()), "")
            words = [piece.removeprefix(mark) for piece in pieces if piece.startswith(mark)]
            if mark == _OF_BYTES:  # each character stands for a byte: "dÃŃa" is "día"
                words = [decoders.ByteLevel().decode([word]) for word in words]
        return [word for word in dict.fromkeys(words) if len(word) > 1 and word.isalpha()]

    def tokenizer_text(self) -> str:
        """The tokenizer as text, without what the last call left behind; the next one says anew how to pad and cut."""
        tokenizer = self.tokenizer.backend_tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer.to_str()  # type: ignore[no-any-return]


def _renew_head(model: Any, bias: Sequence[float] | None) -> None:
    """Random weights for the layer that gives the logits: it may have been made for other labels, as many as these."""
    head = _find_head(model)
    nn.init.normal_(head.weight, std=getattr(model.config, "initializer_range", 0.02))
    _begin_bias(head, bias)


def _find_head(model: Any) -> nn.Linear:
    heads = [part for part in model.modules() if isinstance(part, nn.Linear) and part.out_features == model.num_labels]
    return heads[-1]


def _begin_bias(head: nn.Linear, bias: Sequence[float] | None) -> None:
    if head.bias is not None:
        with torch.no_grad():
            head.bias.copy_(torch.tensor(0.0 if bias is None else bias))


def _load_tokenizer(path: str | PathLike[str], *, reads_single_words: bool) -> Any:
    if Path(path).is_dir() and not any((Path(path) / name).is_file() for name in _TOKENIZER_FILES):
        # transformers would make up an empty one, to which every word is unknown.
        raise ValueError(f"there is no tokenizer in the folder (one of {', '.join(_TOKENIZER_FILES)})")
    tokenizer = AutoTokenizer.from_pretrained(path)
    if reads_single_words and getattr(tokenizer, "add_prefix_space", None) is False:
        # Byte-level BPE reads a word at the start of a text otherwise than after a space; our words stand alone.
        tokenizer = AutoTokenizer.from_pretrained(path, add_prefix_space=True)
    return tokenizer


def _explain(path: str | PathLike[str], error: Exception) -> UserError:
    if Path(path).is_file():
        return UserError(f"{path}: a model must be a folder or a hub id, got a file; give its folder")
    is_here = Path(path).is_dir()
    what = "no transformer checkpoint" if is_here else "neither a folder here nor a checkpoint that the hub gives"
    return UserError(f"{path}: {what}: {str(error).strip().splitlines()[0]}")
