"""Loads any model, ours or anyone's, that tags words or classifies texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from transformers import PretrainedConfig

from nlparch.data.text_predictions import check_calibration
from nlparch.errors import UserError
from nlparch.models.tagger import NeuralTagger, NeuralTaggerConfig
from nlparch.models.text_classifier import NeuralTextClassifier, NeuralTextClassifierConfig
from nlparch.models.text_model import TextModel
from nlparch.models.transformer_text import TransformerTextClassifier
from nlparch.models.transformer_token import TransformerTokenClassifier
from nlparch.models.word_tagger import WordTagger
from nlparch.runtime.config import is_exported

Model = TypeVar("Model", bound=WordTagger | TextModel)

_OF_TEXTS, _OF_WORDS = "ForSequenceClassification", "ForTokenClassification"
_SMALL = (NeuralTaggerConfig.model_type, NeuralTextClassifierConfig.model_type)


def load_model(path: str, *, max_length: int | None = None) -> WordTagger | TextModel:
    """Loads any model, as what its own configuration says it is.

    Args:
        path: a folder or a hub id.
        max_length: pieces in a transformer's window; None takes what it can.

    Raises:
        UserError: See `load_word_tagger`.
    """
    return (
        load_text_model(path, max_length=max_length)
        if reads_texts(path)
        else load_word_tagger(path, max_length=max_length)
    )


def reads_texts(path: str) -> bool:
    """Whether a model's configuration, in its folder or on the hub, says that it classifies whole texts.

    Raises:
        UserError: If the model is an exported one, or its configuration cannot be read.
    """
    _refuse_exported(path)
    config = _read_config(Path(path)) if Path(path).is_dir() else _fetch_config(path)
    return config.get("model_type") == NeuralTextClassifierConfig.model_type or _is_made(config, _OF_TEXTS)


def load_word_tagger(path: str, *, max_length: int | None = None) -> WordTagger:
    """Loads a small tagger or a transformer from its folder, or a transformer by its hub id.

    Args:
        path: a folder or a hub id.
        max_length: pieces in a transformer's window; None takes what it can.

    Raises:
        UserError: If there is no model, if it classifies texts, or if `max_length` is given for a small tagger, which
            has no window.
    """
    config = _check(path, max_length)
    if config.get("model_type") == NeuralTextClassifierConfig.model_type or _is_made(config, _OF_TEXTS):
        raise UserError(f"{path}: a model that tags words is needed, this one classifies whole texts")
    if config.get("model_type") == NeuralTaggerConfig.model_type:
        return _load(path, lambda: NeuralTagger.from_pretrained(path))
    return _load(path, lambda: TransformerTokenClassifier.from_pretrained(path, max_length=max_length))


def load_text_model(path: str, *, max_length: int | None = None) -> TextModel:
    """Loads a small text classifier or a transformer from its folder, or a transformer by its hub id.

    Args:
        path: a folder or a hub id.
        max_length: pieces in a transformer's window; None takes what it can.

    Raises:
        UserError: If there is no model, if it tags words, or if `max_length` is given for a small classifier.
    """
    config = _check(path, max_length)
    if config.get("model_type") == NeuralTaggerConfig.model_type or _is_made(config, _OF_WORDS):
        raise UserError(f"{path}: a model that classifies whole texts is needed, this one tags words")
    if config.get("model_type") == NeuralTextClassifierConfig.model_type:
        return _load(path, lambda: NeuralTextClassifier.from_pretrained(path))
    return _load(path, lambda: TransformerTextClassifier.from_pretrained(path, max_length=max_length))


def _check(path: str, max_length: int | None) -> dict[str, Any]:
    _refuse_exported(path)
    config = _read_config(Path(path))
    if config.get("model_type") in _SMALL and max_length is not None:
        raise UserError(f"{path}: a small model reads whole sentences; leave out --teacher_max_seq_len")
    return config


def _refuse_exported(path: str) -> None:
    if is_exported(Path(path)):
        raise UserError(
            f"{path}: an exported model is neither trained nor taught from, and nlp-bench scores it; give what it was "
            "made of"
        )


def _read_config(folder: Path) -> dict[str, Any]:
    """What a folder's `config.json` says; nothing for a hub id."""
    file = folder / "config.json"
    if not folder.is_dir():
        return {}
    if not file.is_file():
        raise UserError(f"{folder}: a model's folder must hold config.json")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON: {error}") from error
    return config if isinstance(config, dict) else {}


def _fetch_config(hub_id: str) -> dict[str, Any]:
    """What a hub id's `config.json` says; nothing where it cannot be had, which whoever loads the model will tell."""
    if hub_id.startswith(("/", ".", "~")):
        return {}
    try:
        return PretrainedConfig.get_config_dict(hub_id)[0]
    except (OSError, ValueError):
        return {}


def _is_made(config: dict[str, Any], ending: str) -> bool:
    """Whether a transformer was made for this: the names of its classes tell."""
    return any(str(name).endswith(ending) for name in config.get("architectures") or ())


def _load(path: str, load: Callable[[], Model]) -> Model:
    try:
        return _checked(load())
    except UserError:
        raise
    except (OSError, RuntimeError, TypeError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{path}: the model cannot be loaded, its files are broken or missing: {reason}") from error


def _checked(model: Model) -> Model:
    """A model whose configuration tells how its logits are read."""
    config: Any = model.config
    if isinstance(model, TextModel):
        model.text_labels  # noqa: B018  (which may be none that any texts have)
    temperature = getattr(config, "calibration_temperature", None)
    thresholds = getattr(config, "thresholds", None)
    check_calibration(1.0 if temperature is None else temperature, thresholds, len(config.id2label))
    return model
