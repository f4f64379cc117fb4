"""The model that an exported folder holds."""

import hashlib
from pathlib import Path
from typing import Any

from nlparch.data.features import WordFeatures
from nlparch.data.text_labels import TextLabels
from nlparch.data.text_predictions import check_calibration
from nlparch.errors import UserError
from nlparch.runtime.classifier import RuntimeClassifier
from nlparch.runtime.config import RuntimeConfig, read_config
from nlparch.runtime.forms import FormVectors
from nlparch.runtime.model import AnyModel
from nlparch.runtime.networks import (
    Network,
    SmallNetwork,
    SmallTextNetwork,
    TextNetwork,
    TransformerNetwork,
    TransformerTextNetwork,
)
from nlparch.runtime.sessions import Graph
from nlparch.runtime.tagger import RuntimeTagger

WORDS_GRAPH, CONTEXT_GRAPH, TEXT_GRAPH, TRANSFORMER_GRAPH = (
    "words.onnx",
    "context.onnx",
    "text.onnx",
    "transformer.onnx",
)
TOKENIZER = "tokenizer.json"
# A folder that changes under way is read again so often.
_LOOKS = 3


def load_model(folder: str | Path, *, n_threads: int = 1) -> AnyModel:
    """Loads an exported model, a `RuntimeTagger` or a `RuntimeClassifier`.

    Args:
        folder: made by `nlp-export`.
        n_threads: cores that one call may use.

    Raises:
        UserError: If the folder holds no exported model, or a broken one.
    """
    folder = Path(folder)
    for _ in range(_LOOKS):
        model_hash = hash_model(folder)
        model = _load(folder, n_threads, model_hash)
        if hash_model(folder) == model_hash:
            return model
    raise UserError(f"{folder}: the folder changes while it is read; load it when it is whole")


def _load(folder: Path, n_threads: int, model_hash: str) -> AnyModel:
    config = read_config(folder)
    common: Any = {"splitter": config.splitter, "precision": config.precision, "model_hash": model_hash}
    model: AnyModel
    try:
        if config.kind in ("small_tagger", "transformer_tagger"):
            make = _small_network if config.kind == "small_tagger" else _transformer_network
            model = RuntimeTagger(make(folder, config, n_threads), labels=config.labels, **common)
        else:
            make_texts = _small_text_network if config.kind == "small_classifier" else _transformer_text_network
            model = _classifier(make_texts(folder, config, n_threads), config, common)
        first = "A first text tells whether the files belong together."
        if isinstance(model, RuntimeClassifier):
            answers = model.infer([model.split((first, first) if model.has_pairs else first)])
            if (n_outputs := answers[0].shape[-1]) != len(model.labels):
                raise ValueError(f"config.json has {len(model.labels)} labels, the graph {n_outputs} outputs")
        else:
            model.predict([first])
    except UserError:
        raise
    except Exception as error:  # broken files fail wherever they are used
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{folder}: its files are broken, or not of one model: {reason}; export it again") from error
    return model


def _classifier(network: TextNetwork, config: RuntimeConfig, common: Any) -> RuntimeClassifier:
    assert config.text_task is not None
    check_calibration(config.temperature, config.thresholds, len(config.labels))
    return RuntimeClassifier(
        network,
        text_labels=TextLabels(tuple(config.labels), config.text_task),
        has_pairs=config.has_pairs,
        temperature=config.temperature,
        thresholds=config.thresholds,
        **common,
    )


def hash_model(folder: Path) -> str:
    """The SHA-256 of all that decides the answers: settings, graphs, features and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in (".onnx", ".json") and path.name != "metrics.json" and path.is_file():
            digest.update(path.name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _forms(folder: Path, config: RuntimeConfig, n_threads: int) -> tuple[FormVectors, WordFeatures]:
    features = WordFeatures.load(folder)
    words = Graph(folder / WORDS_GRAPH, n_threads=n_threads)
    return FormVectors(features, words, width=config.word_width), features


def _small_network(folder: Path, config: RuntimeConfig, n_threads: int) -> Network:
    forms, _ = _forms(folder, config, n_threads)
    return SmallNetwork(forms, Graph(folder / CONTEXT_GRAPH, n_threads=n_threads))


def _small_text_network(folder: Path, config: RuntimeConfig, n_threads: int) -> TextNetwork:
    forms, features = _forms(folder, config, n_threads)
    return SmallTextNetwork(forms, features, Graph(folder / TEXT_GRAPH, n_threads=n_threads))


def _transformer_network(folder: Path, config: RuntimeConfig, n_threads: int) -> Network:
    from nlparch.data.alignment import PieceAligner  # not needed by small models, which serve without tokenizers

    sizes: Any = {"max_length": config.window, "overlap": config.overlap}
    aligner = PieceAligner(_tokenizer(folder), pad_id=config.pad_id, **sizes)
    return TransformerNetwork(aligner, Graph(folder / TRANSFORMER_GRAPH, n_threads=n_threads))


def _transformer_text_network(folder: Path, config: RuntimeConfig, n_threads: int) -> TextNetwork:
    from nlparch.data.pieces import PieceReader

    sizes: Any = {"max_length": config.window, "windows": config.reads_windows}
    pieces = PieceReader(_tokenizer(folder), pad_id=config.pad_id, **sizes)
    return TransformerTextNetwork(pieces, Graph(folder / TRANSFORMER_GRAPH, n_threads=n_threads))


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # tokenizers raises plain Exception
        raise UserError(f"{folder / TOKENIZER}: the tokenizer cannot be loaded: {error}") from error
