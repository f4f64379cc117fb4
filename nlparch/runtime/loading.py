"""Exported folders: what `config.json` says, and the tagger that the folder holds."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nlparch.data.features import WordFeatures
from nlparch.errors import UserError
from nlparch.runtime.forms import FormVectors
from nlparch.runtime.networks import Network, SmallNetwork, TransformerNetwork
from nlparch.runtime.sessions import Graph
from nlparch.runtime.tagger import RuntimeTagger

CONFIG = "config.json"
WORDS_GRAPH, CONTEXT_GRAPH, TRANSFORMER_GRAPH = "words.onnx", "context.onnx", "transformer.onnx"
TOKENIZER = "tokenizer.json"
MODEL_TYPE = "nlparch_runtime"
FORMAT_VERSION = 1

Kind = Literal["small_tagger", "transformer_tagger"]


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """What `config.json` of an exported folder says.

    Attributes:
        kind: which network the folder holds.
        labels: the tag of each label.
        splitter: how raw text becomes words.
        precision: number format of the weights, `fp32` or `int8`.
        n_parameters: of the model that was exported.
        word_width: small taggers: width of a word's vector.
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
    window: int = 0
    overlap: int = 0
    pad_id: int = 0
    model_type: str = MODEL_TYPE
    format_version: int = FORMAT_VERSION


def load_model(folder: str | Path, *, n_threads: int = 1) -> RuntimeTagger:
    """Loads an exported model.

    Args:
        folder: made by `nlp-export`.
        n_threads: cores that one call may use.

    Raises:
        UserError: If the folder holds no exported model, or a broken one.
    """
    folder = Path(folder)
    config = read_config(folder)
    make = _small_network if config.kind == "small_tagger" else _transformer_network
    return RuntimeTagger(
        make(folder, config, n_threads),
        labels=config.labels,
        splitter=config.splitter,
        precision=config.precision,
        model_hash=hash_model(folder),
    )


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
    except ValueError as error:
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
    if config.kind not in ("small_tagger", "transformer_tagger"):
        raise UserError(f"{path}: kind must be small_tagger or transformer_tagger, got {config.kind!r}")
    return config


def hash_model(folder: Path) -> str:
    """The SHA-256 of all that decides the answers: settings, graphs, features and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".onnx", ".json") and path.name != "metrics.json":
            digest.update(path.name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _small_network(folder: Path, config: RuntimeConfig, n_threads: int) -> Network:
    words = Graph(folder / WORDS_GRAPH, n_threads=n_threads)
    forms = FormVectors(WordFeatures.load(folder), words, width=config.word_width)
    return SmallNetwork(forms, Graph(folder / CONTEXT_GRAPH, n_threads=n_threads))


def _transformer_network(folder: Path, config: RuntimeConfig, n_threads: int) -> Network:
    from tokenizers import Tokenizer  # not needed by small taggers, which serve without it

    from nlparch.data.alignment import PieceAligner

    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # tokenizers raises plain Exception
        raise UserError(f"{folder / TOKENIZER}: the tokenizer cannot be loaded: {error}") from error
    aligner = PieceAligner(tokenizer, pad_id=config.pad_id, max_length=config.window, overlap=config.overlap)
    return TransformerNetwork(aligner, Graph(folder / TRANSFORMER_GRAPH, n_threads=n_threads))
