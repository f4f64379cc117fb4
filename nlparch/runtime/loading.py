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
# A folder that changes under way is read again so often.
_LOOKS = 3


def load_model(folder: str | Path, *, n_threads: int = 1) -> RuntimeTagger:
    """Loads an exported model.

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


def _load(folder: Path, n_threads: int, model_hash: str) -> RuntimeTagger:
    config = read_config(folder)
    make = _small_network if config.kind == "small_tagger" else _transformer_network
    try:
        model = RuntimeTagger(
            make(folder, config, n_threads),
            labels=config.labels,
            splitter=config.splitter,
            precision=config.precision,
            model_hash=model_hash,
        )
        model.predict(["A first text tells whether the files belong together."])
    except UserError:
        raise
    except Exception as error:  # broken files fail wherever they are used
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{folder}: its files are broken, or not of one model: {reason}; export it again") from error
    return model


def hash_model(folder: Path) -> str:
    """The SHA-256 of all that decides the answers: settings, graphs, features and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in (".onnx", ".json") and path.name != "metrics.json" and path.is_file():
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
