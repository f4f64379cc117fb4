"""Models as ONNX graphs, with everything inside that prediction needs: masks, decoding, probabilities.

A small model is two graphs: `words` turns forms into vectors, `context` (or `text`) reads the vectors of a sentence (or
a text). Words repeat, so the runtime asks the first one only about words it has not met.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from nlparch.data.features import N_AFFIXES, N_WORD_HASHES
from nlparch.export.crf_graph import append_crf
from nlparch.models.small_model import SmallModel
from nlparch.models.tagger import NeuralTagger
from nlparch.models.text_classifier import NeuralTextClassifier
from nlparch.models.transformer_text import TransformerTextClassifier
from nlparch.models.transformer_token import TransformerTokenClassifier

OPSET = 18


def word_graph(model: SmallModel, *, divisors: Tensor | None = None) -> onnx.ModelProto:
    """From the ids of forms (see `FormBatch`) to `vectors`, of shape (forms, width).

    Args:
        model: a small model.
        divisors: what the vectors are divided by (see `balance_words`). Shape: (width,)
    """
    n_forms, n_characters = 3, 5
    every = {
        "word_ids": torch.ones(n_forms, *([N_WORD_HASHES] if model.features.n_word_buckets else []), dtype=torch.long),
        "shape_ids": torch.ones(n_forms, dtype=torch.long),
        "char_ids": torch.ones(n_forms, n_characters, dtype=torch.long),
        "affix_ids": torch.ones(n_forms, N_AFFIXES, dtype=torch.long),
        "ngram_ids": torch.ones(n_forms, n_characters, dtype=torch.long),
    }
    ids = {name: every[name] for name in ("word_ids", *model.word_encoder.input_names)}
    axes = {name: {0: "forms"} for name in (*ids, "vectors")}
    axes |= {name: {0: "forms", 1: f"{name} of a form"} for name in ("char_ids", "ngram_ids") if name in ids}
    return _export(_Words(model, list(ids), divisors), ids, outputs=["vectors"], axes=axes)


def context_graph(model: NeuralTagger) -> onnx.ModelProto:
    """From `vectors`, of shape (batch, words, width), and `lengths` to `labels` and `scores`.

    Shapes of the outputs: (batch, words)
    """
    # The tracer believes what it sees: sentences of falling lengths, of which none is 1.
    inputs = {"vectors": torch.zeros(3, 5, model.embedder.words.out_width), "lengths": torch.tensor([5, 4, 2])}
    axes = {"vectors": {0: "batch", 1: "words"}, "lengths": {0: "batch"}}
    if model.crf is None:
        axes |= {name: {0: "batch", 1: "words"} for name in ("labels", "scores")}
        return _export(_Context(model), inputs, outputs=["labels", "scores"], axes=axes)
    axes |= {name: {0: "batch", 1: "words"} for name in ("emissions", "mask")}
    graph = _export(_Emissions(model), inputs, outputs=["emissions", "mask"], axes=axes)
    return append_crf(graph, model.crf, temperature=model.temperature)


def text_graph(model: NeuralTextClassifier) -> onnx.ModelProto:
    """From `vectors`, of shape (batch, words, width), and `lengths` to `logits`, of shape (texts, labels).

    A bag of n-grams takes `pair_ids` too, of shape (batch, words). Of n pairs of texts, `batch` is 2 n.
    """
    inputs = {"vectors": torch.zeros(4, 5, model.word_encoder.out_width), "lengths": torch.tensor([5, 4, 3, 2])}
    axes = {"vectors": {0: "batch", 1: "words"}, "lengths": {0: "batch"}, "logits": {0: "texts"}}
    if model.features.n_pair_buckets:
        inputs["pair_ids"] = torch.ones(4, 5, dtype=torch.long)
        axes["pair_ids"] = {0: "batch", 1: "words"}
    return _export(_Text(model), inputs, outputs=["logits"], axes=axes)


def transformer_text_graph(model: TransformerTextClassifier) -> onnx.ModelProto:
    """From a `PieceBatch` to `logits`, of shape (rows, labels): a row of logits for each window."""
    batch = model.encode_inputs(["a b a", "b a"])
    names = [name for name in batch if name != "n_windows"]
    axes = {name: {0: "rows", 1: "pieces"} for name in names} | {"logits": {0: "rows"}}
    module = _TransformerText(model, names)
    return _export(module, {name: batch[name] for name in names}, outputs=["logits"], axes=axes)


def transformer_graph(model: TransformerTokenClassifier) -> onnx.ModelProto:
    """From an `AlignedBatch` to `labels` and `scores`, of shape (batch, words)."""
    batch = model.encode_words([["a", "b", "a"], ["b", "a"]])
    names = ("input_ids", "attention_mask", "word_rows", "word_positions")
    axes = {name: {0: "rows", 1: "pieces"} for name in names[:2]}
    axes |= {name: {0: "batch", 1: "words"} for name in (*names[2:], "labels", "scores")}
    return _export(_Transformer(model), {name: batch[name] for name in names}, outputs=["labels", "scores"], axes=axes)


class _Words(nn.Module):
    def __init__(self, model: SmallModel, names: Sequence[str], divisors: Tensor | None) -> None:
        super().__init__()
        self.words = model.word_encoder
        self.names = names
        self.factors = None if divisors is None else 1 / divisors

    def forward(self, word_ids: Tensor, *of_forms: Tensor) -> Tensor:
        # As one sentence of all the forms: several ids of a word stand in a third axis.
        ids = dict(zip(self.names[1:], of_forms, strict=True))
        if "shape_ids" in ids:
            ids["shape_ids"] = ids["shape_ids"].unsqueeze(0)
        places = torch.arange(word_ids.shape[0]).unsqueeze(0)
        vectors: Tensor = self.words(word_ids.unsqueeze(0), places, **ids)[0]
        return vectors if self.factors is None else vectors * self.factors


class _Text(nn.Module):
    def __init__(self, model: NeuralTextClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, vectors: Tensor, lengths: Tensor, pair_ids: Tensor | None = None) -> Tensor:
        mask = torch.arange(vectors.shape[1]) < lengths.unsqueeze(1)
        return self.model.decide(self.model.encoder.read(vectors, mask, pair_ids))


class _TransformerText(nn.Module):
    def __init__(self, model: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *pieces: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, pieces, strict=True))).logits
        return logits


class _Emissions(nn.Module):
    def __init__(self, model: NeuralTagger) -> None:
        super().__init__()
        self.embedder, self.head, self.temperature = model.embedder, model.head, model.temperature

    def forward(self, vectors: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.arange(vectors.shape[1]) < lengths.unsqueeze(1)
        return self.head(self.embedder.read(vectors, mask)), mask


class _Context(_Emissions):
    def forward(self, vectors: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return _best(super().forward(vectors, lengths)[0], self.temperature)


class _Transformer(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, word_rows: Tensor, word_positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        pieces = {"input_ids": input_ids, "attention_mask": attention_mask}
        logits = self.model(**pieces, word_rows=word_rows, word_positions=word_positions).logits
        return _best(logits, self.model.temperature)


def _best(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    scores, labels = logits.softmax(-1).max(-1)
    return labels, scores if temperature == 1 else (logits / temperature).softmax(-1).amax(-1)


def _export(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    *,
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> onnx.ModelProto:
    with TemporaryDirectory() as folder, _quiet(), torch.inference_mode():
        path = Path(folder) / "graph.onnx"
        # The newer exporter (dynamo) refuses packed sequences.
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(sizes) for name, sizes in axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
        graph = onnx.load(path)
    onnx.checker.check_model(graph)
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter, which warns of what the tests of the graphs check: lengths and sizes it did not see.

    Some of it is written by its C++ part, to the file descriptor itself.
    """
    logger = logging.getLogger("torch.onnx")
    level, standard_error = logger.level, os.dup(2)
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as nothing:
            warnings.simplefilter("ignore")
            os.dup2(nothing.fileno(), 2)
            yield
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        logger.setLevel(level)
