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
from nlparch.export.graphs import context_graph, transformer_graph, word_graph
from nlparch.export.quantize import products, quantize_products, quantize_tables
from nlparch.models.tagger import NeuralTagger
from nlparch.runtime.config import CONFIG, RuntimeConfig
from nlparch.runtime.loading import CONTEXT_GRAPH, TOKENIZER, TRANSFORMER_GRAPH, WORDS_GRAPH


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
        if isinstance(self.model, NeuralTagger):
            balanced, divisors = balance_words(self.model)
            graphs = {WORDS_GRAPH: word_graph(self.model, divisors=divisors), CONTEXT_GRAPH: context_graph(balanced)}
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
        if isinstance(self.model, NeuralTagger):
            self.model.features.save(folder)
        else:
            self.model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
        config = json.dumps(dataclasses.asdict(self.config), indent=1, ensure_ascii=False)
        (folder / CONFIG).write_text(config + "\n", encoding="utf-8")


def export_tagger(model: Any) -> Export:
    """Any tagger as graphs, in fp32.

    Raises:
        UserError: If torch cannot write the transformer's computation as a graph.
    """
    model = model.cpu().float().eval()
    common: Any = {
        "labels": list(model.label_set.tags),
        "splitter": model.splitter,
        "precision": "fp32",
        "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    if isinstance(model, NeuralTagger):
        config = RuntimeConfig(kind="small_tagger", word_width=model.embedder.words.out_width, **common)
        return Export(model, config, {WORDS_GRAPH: word_graph(model), CONTEXT_GRAPH: context_graph(model)})
    window, overlap = model.window
    config = RuntimeConfig(
        kind="transformer_tagger",
        window=window,
        overlap=overlap,
        pad_id=model.tokenizer.pad_token_id or 0,
        **common,
    )
    try:
        graph = transformer_graph(model)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"torch.onnx cannot export {type(model).__name__}: {reason}") from error
    return Export(model, config, {TRANSFORMER_GRAPH: graph})
