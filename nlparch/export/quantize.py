"""int8: matrix products of a graph quantised as they run, and tables of vectors stored row by row."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

QUANTIZED_OPERATORS = ("LSTM", "MatMul", "Gemm")
_LARGEST = 127
# Smaller tables are left alone: the nodes around an int8 table would cost more than it saves.
_SMALLEST_TABLE = 4096


def quantize_products(graph: onnx.ModelProto, *, leave_out: Collection[str] = ()) -> onnx.ModelProto:
    """Weights of matrix products and LSTMs to int8; activations are quantised anew in each call, for its whole batch.

    Args:
        graph: stays as it is.
        leave_out: names of nodes that keep their number format.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    with TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "quantized.onnx"
        quantize_dynamic(
            copy,
            path,
            op_types_to_quantize=list(QUANTIZED_OPERATORS),
            nodes_to_exclude=list(leave_out),
            weight_type=QuantType.QInt8,
        )
        return onnx.load(path)


def products(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes that `quantize_products` changes, in the order in which they run."""
    weights = {weight.name for weight in graph.graph.initializer}
    return [
        node.name
        for node in graph.graph.node
        if node.op_type in QUANTIZED_OPERATORS and any(name in weights for name in node.input[1:])
    ]


def quantize_tables(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Tables of vectors to int8, each row with a scale of its own; a row is multiplied out where it is looked up.

    What is computed from the rows stays in floating point, so the answers do not depend on the rest of the batch.
    """
    quantized = onnx.ModelProto()
    quantized.CopyFrom(graph)
    body = quantized.graph
    weights = {weight.name: weight for weight in body.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in body.node:
        table = weights.get(node.input[0]) if node.op_type == "Gather" else None
        is_table = table is not None and len(table.dims) == 2 and np.prod(table.dims) >= _SMALLEST_TABLE
        nodes += _look_up(body, node, weights[node.input[0]]) if is_table else [node]
    del body.node[:]
    body.node.extend(nodes)
    onnx.checker.check_model(quantized)
    return quantized


def _look_up(body: onnx.GraphProto, node: onnx.NodeProto, table: onnx.TensorProto) -> Iterator[onnx.NodeProto]:
    """The nodes that stand for looking `node`'s ids up in its table; the table is replaced where it still is there."""
    name, ids, vectors = table.name, node.input[1], node.output[0]
    if table in body.initializer:
        values = numpy_helper.to_array(table)
        scales = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12) / _LARGEST
        rows = np.round(values / scales).astype(np.int8)
        body.initializer.remove(table)
        body.initializer.append(numpy_helper.from_array(rows, f"{name}/int8"))
        body.initializer.append(numpy_helper.from_array(scales.astype(np.float32), f"{name}/scales"))
    yield helper.make_node("Gather", [f"{name}/int8", ids], [f"{vectors}/int8"])
    yield helper.make_node("Cast", [f"{vectors}/int8"], [f"{vectors}/float"], to=onnx.TensorProto.FLOAT)
    yield helper.make_node("Gather", [f"{name}/scales", ids], [f"{vectors}/scales"])
    yield helper.make_node("Mul", [f"{vectors}/float", f"{vectors}/scales"], [vectors])


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime advises a preparation that is for static quantisation, through the root logger."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
