"""Loads any model that tags words, ours or anyone's."""

import json
from pathlib import Path

from safetensors import SafetensorError

from nlparch.errors import UserError
from nlparch.models.tagger import NeuralTagger, NeuralTaggerConfig
from nlparch.models.transformer_token import TransformerTokenClassifier
from nlparch.models.word_tagger import WordTagger
from nlparch.runtime.config import is_exported


def load_word_tagger(path: str, *, max_length: int | None = None) -> WordTagger:
    """Loads a small tagger or a transformer from its folder, or a transformer by its hub id.

    Args:
        path: a folder or a hub id.
        max_length: pieces in a transformer's window; None takes what it can.

    Raises:
        UserError: If there is no model, or `max_length` is given for a small tagger, which has no window.
    """
    if is_exported(Path(path)):
        raise UserError(f"{path}: an exported model cannot be trained, taught from or scored; give what it was made of")
    is_small = _is_small_tagger(Path(path))
    if is_small and max_length is not None:
        raise UserError(f"{path}: a small tagger reads whole sentences; leave out --teacher_max_seq_len")
    try:
        if is_small:
            return NeuralTagger.from_pretrained(path)
        return TransformerTokenClassifier.from_pretrained(path, max_length=max_length)
    except UserError:
        raise
    except (OSError, RuntimeError, TypeError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{path}: the model cannot be loaded, its files are broken or missing: {reason}") from error


def _is_small_tagger(folder: Path) -> bool:
    file = folder / "config.json"
    if not folder.is_dir():
        return False
    if not file.is_file():
        raise UserError(f"{folder}: a model's folder must hold config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON: {error}") from error
    return isinstance(config, dict) and config.get("model_type") == NeuralTaggerConfig.model_type
