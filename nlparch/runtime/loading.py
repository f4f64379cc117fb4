"""The tagger that an exported folder holds."""

import hashlib
from pathlib import Path

from nlparch.data.features import WordFeatures
from nlparch.errors import UserError
from nlparch.runtime.config import RuntimeConfig, read_config
from nlparch.runtime.forms import FormVectors
from nlparch.runtime.networks import Network, SmallNetwork, TransformerNetwork
from nlparch.runtime.sessions import Graph
from nlparch.runtime.tagger import RuntimeTagger

WORDS_GRAPH, CONTEXT_GRAPH, TRANSFORMER_GRAPH = "words.onnx", "context.onnx", "transformer.onnx"
TOKENIZER = "tokenizer.json"


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
