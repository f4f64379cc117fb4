"""Exported folders: made of a trained model, turned into int8, written."""

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from nlparch.errors import UserError
from nlparch.export.balance import balance_words
from nlparch.export.graphs import context_graph, text_graph, transformer_graph, transformer_text_graph, word_graph
from nlparch.export.quantize import products, quantize_products, quantize_tables
from nlparch.models.small_model import SmallModel
from nlparch.models.tagger import NeuralTagger
from nlparch.models.text_model import TextModel
from nlparch.runtime.config import CONFIG, Kind, RuntimeConfig
from nlparch.runtime.loading import CONTEXT_GRAPH, TEXT_GRAPH, TOKENIZER, TRANSFORMER_GRAPH, WORDS_GRAPH


@dataclass(frozen=True)
class Export:
    """A model on its way out.

    Attributes:
        model: the one that was trained.
        config: what `config.json` will say.
        graphs: by the names of their files.
    """

    model: Any
    config: RuntimeConfig
    graphs: dict[str, onnx.ModelProto]

    def products(self) -> list[str]:
        """Names of the matrix products and LSTMs that int8 changes, in the order in which they run."""
        return [name for file, graph in self.graphs.items() if file != WORDS_GRAPH for name in products(graph)]

    def to_int8(self, *, leave_out: Collection[str] = ()) -> "Export":
        """The same in int8: tables of vectors row by row, products but those left out.

        The products inside the word graph stay in floating point: its vectors are kept and used in other batches, so
        they must not depend on the batch that they were first met in.
        """
        graphs = dict(self.graphs)
        if isinstance(self.model, SmallModel):
            balanced, divisors = balance_words(self.model)
            graphs = {WORDS_GRAPH: word_graph(self.model, divisors=divisors), **_reading_graph(balanced)}
        for file, graph in graphs.items():
            graphs[file] = quantize_tables(
                graph if file == WORDS_GRAPH else quantize_products(graph, leave_out=leave_out)
            )
        return Export(self.model, dataclasses.replace(self.config, precision="int8"), graphs)

    def write(self, folder: Path) -> None:
        """Writes all that the runtime reads into an empty or a new folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, graph in self.graphs.items():
            onnx.save_model(graph, folder / file)
        if isinstance(self.model, SmallModel):
            self.model.features.save(folder)
        else:
            self.model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
        config = json.dumps(dataclasses.asdict(self.config), indent=1, ensure_ascii=False)
        (folder / CONFIG).write_text(config + "\n", encoding="utf-8")


def export_model(model: Any) -> Export:
    """Any model as graphs, in fp32.

    Raises:
        UserError: If torch cannot write the transformer's computation as a graph.
    """
    model = model.cpu().float().eval()
    about: Any = {
        "splitter": model.splitter,
        "precision": "fp32",
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
        **(_about_texts(model) if isinstance(model, TextModel) else {"labels": list(model.label_set.tags)}),
    }
    reads_texts = isinstance(model, TextModel)
    if isinstance(model, SmallModel):
        kind: Kind = "small_classifier" if reads_texts else "small_tagger"
        config = RuntimeConfig(kind=kind, word_width=model.word_encoder.out_width, **about)
        return Export(model, config, {WORDS_GRAPH: word_graph(model), **_reading_graph(model)})
    window, overlap = model.window
    pad_id = model.tokenizer.pad_token_id or 0
    kind = "transformer_classifier" if reads_texts else "transformer_tagger"
    config = RuntimeConfig(kind=kind, window=window, overlap=overlap, pad_id=pad_id, **about)
    try:
        graph = transformer_text_graph(model) if reads_texts else transformer_graph(model)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"torch.onnx cannot export {type(model).__name__}: {reason}") from error
    return Export(model, config, {TRANSFORMER_GRAPH: graph})


def _about_texts(model: TextModel) -> dict[str, Any]:
    """What the runtime must know of a classifier."""
    return {
        "labels": list(model.text_labels.names),
        "text_task": model.text_labels.task,
        "has_pairs": model.has_pairs,
        "temperature": model.temperature,
        "thresholds": model.thresholds,
        "reads_windows": getattr(model, "long_texts", None) == "windows",
    }


def _reading_graph(model: Any) -> dict[str, onnx.ModelProto]:
    """The graph that reads the vectors of words, under its file's name."""
    if isinstance(model, NeuralTagger):
        return {CONTEXT_GRAPH: context_graph(model)}
    return {TEXT_GRAPH: text_graph(model)}
