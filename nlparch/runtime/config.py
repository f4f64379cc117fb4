"""What `config.json` of an exported folder says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from nlparch.data.text_labels import TextTask
from nlparch.errors import UserError

CONFIG = "config.json"
MODEL_TYPE = "nlparch_runtime"
FORMAT_VERSION = 1

Kind = Literal["small_tagger", "transformer_tagger", "small_classifier", "transformer_classifier"]


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """What `config.json` of an exported folder says.

    Attributes:
        kind: which network the folder holds.
        labels: the tag of each label, or the labels of texts.
        splitter: how raw text becomes words.
        precision: number format of the weights, `fp32` or `int8`.
        n_parameters: of the model that was exported.
        word_width: small models: width of a word's vector.
        text_task: classifiers: what is asked of a text.
        has_pairs: classifiers: whether they read pairs of texts, or single texts; None: both.
        temperature: classifiers: divides the logits before they are read as probabilities.
        thresholds: classifiers: of several labels, the probability from which each holds; None: 0.5 for all.
        reads_windows: classifiers that are transformers: whether long texts are read in windows, rather than cut.
        window: transformers: pieces of a window.
        overlap: transformers: pieces that two windows share.
        pad_id: transformers: the padding piece.
        model_type: tells an exported folder from one that torch reads.
        format_version: of this form.
    """

    kind: Kind
    labels: list[str]
    splitter: str
    precision: str
    n_parameters: int
    word_width: int = 0
    text_task: TextTask | None = None
    has_pairs: bool | None = None
    temperature: float = 1.0
    thresholds: list[float] | None = None
    reads_windows: bool = False
    window: int = 0
    overlap: int = 0
    pad_id: int = 0
    model_type: str = MODEL_TYPE
    format_version: int = FORMAT_VERSION


def read_config(folder: Path) -> RuntimeConfig:
    """Reads `config.json`.

    Raises:
        UserError: If it is missing or broken, belongs to a model that is not exported, or to a newer nlparch.
    """
    path = folder / CONFIG
    try:
        tree: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{folder}: an exported model's folder must hold {CONFIG}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    if not isinstance(tree, dict) or tree.get("model_type") != MODEL_TYPE:
        raise UserError(f"{folder}: not an exported model; make one of it with nlp-export {folder} OUT_DIR")
    if tree.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: format_version must be {FORMAT_VERSION}, got {tree.get('format_version')}; "
            "export the model again with the nlparch that is to read it"
        )
    try:
        config = RuntimeConfig(**tree)
    except TypeError as error:
        raise UserError(f"{path}: not the settings of an exported model: {error}") from error
    if not (isinstance(config.labels, list) and all(isinstance(tag, str) for tag in config.labels) and config.labels):
        raise UserError(f"{path}: labels must be a list of tags, got {config.labels!r:.80}")
    if not isinstance(config.splitter, str):
        raise UserError(f"{path}: splitter must be a name or a regular expression, got {config.splitter!r:.80}")
    if config.kind not in get_args(Kind):
        raise UserError(f"{path}: kind must be one of {', '.join(get_args(Kind))}, got {config.kind!r}")
    if config.kind.endswith("classifier") and config.text_task not in get_args(TextTask):
        raise UserError(f"{path}: text_task must be one of {', '.join(get_args(TextTask))}, got {config.text_task!r}")
    return config


def is_exported(folder: Path) -> bool:
    """Whether a folder holds an exported model, whole or broken."""
    try:
        tree = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tree, dict) and tree.get("model_type") == MODEL_TYPE
