from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from nlparch.data.features import build_features
from nlparch.export.balance import balance_words
from nlparch.export.choice import load_form
from nlparch.export.folder import export_model
from nlparch.export.graphs import word_graph
from nlparch.export.quantize import products, quantize_products, quantize_tables


def table_graph(table: np.ndarray, n_lookups: int = 1) -> onnx.ModelProto:
    names = [f"vectors{number}" for number in range(n_lookups)]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], [name]) for name in names],
        "lookup",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", table.shape[1]]) for name in names],
        [numpy_helper.from_array(table, "table")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(graph: onnx.ModelProto, **inputs: np.ndarray) -> list[Any]:
    return list(onnxruntime.InferenceSession(graph.SerializeToString()).run(None, inputs))


@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1e-3, 1.0, 100.0]))
def test_a_row_of_a_table_is_off_by_half_a_step_of_its_own_at_most(seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    table = (random.standard_normal((256, 16)) * spread * random.random((256, 1))).astype(np.float32)
    table[0] = 0
    found = run(quantize_tables(table_graph(table)), ids=np.arange(256))[0]
    assert (found[0] == 0).all()
    steps = np.abs(table).max(1, keepdims=True) / 127
    assert (np.abs(found - table) <= 0.5001 * steps + 1e-12).all()


def test_a_table_that_is_looked_up_twice_is_stored_once() -> None:
    table = np.random.default_rng(0).standard_normal((512, 16)).astype(np.float32)
    quantized = quantize_tables(table_graph(table, n_lookups=2))
    assert sorted(weight.name for weight in quantized.graph.initializer) == ["table/int8", "table/scales"]
    first, second = run(quantized, ids=np.array([3, 5]))
    assert (first == second).all()


def test_small_tables_are_left_alone() -> None:
    graph = table_graph(np.ones((8, 4), dtype=np.float32))
    assert quantize_tables(graph) == graph


def test_products_that_are_left_out_keep_their_format(new_tagger: Any) -> None:
    graph = export_model(new_tagger()).graphs["context.onnx"]
    names = products(graph)
    assert [name.rpartition("/")[2] for name in names] == ["LSTM", "LSTM_1", "MatMul"]
    kinds = [node.op_type for node in quantize_products(graph, leave_out=names[:1]).graph.node]
    assert (kinds.count("LSTM"), kinds.count("DynamicQuantizeLSTM")) == (1, 1)
    kinds = [node.op_type for node in quantize_products(graph).graph.node]
    assert (kinds.count("LSTM"), kinds.count("DynamicQuantizeLSTM"), kinds.count("MatMul")) == (0, 2, 0)


@pytest.mark.parametrize("embedder", ["cnn-lstm", "id-cnn"])
def test_a_balanced_model_computes_the_same(new_tagger: Any, decided: Any, rows: Any, embedder: str) -> None:
    model = decided(new_tagger(embedder=embedder))
    balanced, divisors = balance_words(model)
    assert divisors.min() < divisors.max()
    vectors = torch.randn(2, 7, model.embedder.words.out_width)
    mask = torch.ones(2, 7, dtype=torch.bool)
    with torch.inference_mode():
        torch.testing.assert_close(
            balanced.embedder.read(vectors / divisors, mask), model.embedder.read(vectors, mask), atol=1e-5, rtol=1e-4
        )


def test_divided_word_vectors_come_from_the_word_graph(new_tagger: Any) -> None:
    model = new_tagger()
    divisors = torch.linspace(0.5, 2, model.embedder.words.out_width)
    forms = model.features.encode_forms(["Oslo", "flew"])
    ids = {name: getattr(forms, name) for name in ("word_ids", "shape_ids", "char_ids", "affix_ids")}
    plain, divided = run(word_graph(model), **ids)[0], run(word_graph(model, divisors=divisors), **ids)[0]
    np.testing.assert_allclose(divided * divisors.numpy(), plain, rtol=1e-5)


def test_int8_is_a_quarter_and_answers_nearly_alike(new_tagger: Any, decided: Any, rows: Any) -> None:
    words = [words for words, _ in rows] + [[f"word{number}" for number in range(400)]]
    model = new_tagger(word_width=64, lstm_width=64)
    model.features, _ = build_features(words)
    export = export_model(type(model).build(model.features, model.label_set, word_width=64, lstm_width=64))
    sizes = [sum(graph.ByteSize() for graph in form.graphs.values()) for form in (export, export.to_int8())]
    assert sizes[1] < 0.4 * sizes[0]
    model = decided(new_tagger())
    export = export_model(model)
    texts = [words for words, _ in rows]
    ours, own = load_form(export.to_int8()).predict(texts), load_form(export).predict(texts)
    pairs = [pair for one, other in zip(ours, own, strict=True) for pair in zip(one.tags, other.tags, strict=True)]
    assert load_form(export.to_int8()).precision == "int8"
    assert sum(one == other for one, other in pairs) > 0.9 * len(pairs)
