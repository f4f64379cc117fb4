"""The decoding of a linear-chain CRF as a graph: two scans over the words, in the text form of ONNX.

Only differences between labels count: what they share is taken away at each word, or it would grow with the sentence
and eat up the digits. Both scans hold finished sentences still, so that padding changes nothing. Before the first word
stands a label of its own, `begin`, from which the start scores lead on; so one step serves all words, and sentences of
one word too.
"""

import numpy as np
import onnx
from onnx import compose, numpy_helper, parser

from nlparch.nn.crf import LOWEST_LOG_MARGINAL, LinearChainCRF

_IMPOSSIBLE = -1e30

# Ahead: the best score of a path, and the log of the summed scores of all paths, to each label of each word.
# Back: the best path, followed to where it came from; the log of the summed scores of all paths onward.
_DECODER = """
<ir_version: 8, opset_import: ["" : 18]>
crf (float[batch, words, n] emissions, bool[batch, words] mask)
    => (int64[batch, words] labels, float[batch, words] scores)
{
    three_axes = Unsqueeze (mask, axis2)
    clean = Where (three_axes, emissions, zero)
    sizes = Shape (clean)
    n_rows = Gather (sizes, index0)
    row_size = Concat <axis = 0> (n_rows, minus_one)
    begun_size = Concat <axis = 0> (n_rows, one)
    row_and_n = Concat <axis = 0> (n_rows, n_labels)
    at_labels = Expand (impossible, row_and_n)
    at_begin = Expand (zero, begun_size)
    begun = Concat <axis = 1> (at_labels, at_begin)
    best_last, sum_last, origins, sums = Scan <num_scan_inputs = 2, scan_input_axes = [1, 1], scan_output_axes = [1, 1],
        body = ahead (float[b, m] best, float[b, m] sum, float[b, n] emission, bool[b] going_on)
            => (float[b, m] best_next, float[b, m] sum_next, int64[b, n] origin, float[b, n] sum_here)
        {
            going = Unsqueeze (going_on, axis1)
            no_begin = Expand (impossible, begun_size)
            best_from = Unsqueeze (best, axis2)
            best_moves = Add (best_from, moves)
            best_to = ReduceMax <keepdims = 0> (best_moves, axis1)
            origin = ArgMax <axis = 1, keepdims = 0> (best_moves)
            best_shared = ReduceMax <keepdims = 1> (best_to, axis1)
            best_grown = Add (best_to, emission)
            best_here = Sub (best_grown, best_shared)
            best_all = Concat <axis = 1> (best_here, no_begin)
            best_next = Where (going, best_all, best)
            sum_from = Unsqueeze (sum, axis2)
            sum_moves = Add (sum_from, moves)
            sum_to = ReduceLogSumExp <keepdims = 0> (sum_moves, axis1)
            sum_shared = ReduceMax <keepdims = 1> (sum_to, axis1)
            sum_grown = Add (sum_to, emission)
            sum_here = Sub (sum_grown, sum_shared)
            sum_all = Concat <axis = 1> (sum_here, no_begin)
            sum_next = Where (going, sum_all, sum)
        }> (begun, begun, clean, mask)
    best_ends = Add (best_last, ends)
    last_label = ArgMax <axis = 1, keepdims = 1> (best_ends)
    end_scores = Expand (end, row_and_n)
    first_label, sum_all_paths, labels, onward = Scan <num_scan_inputs = 3, scan_input_axes = [1, 1, 1],
        scan_output_axes = [1, 1], scan_input_directions = [1, 1, 1], scan_output_directions = [1, 1],
        body = back (int64[b, k] label, float[b, n] sum_after,
            int64[b, n] origin, float[b, n] emission, bool[b] going_on)
            => (int64[b, k] label_before, float[b, n] sum_before, int64[b] label_out, float[b, n] sum_out)
        {
            here = Unsqueeze (going_on, axis1)
            label_out = Squeeze (label, axis1)
            came_from = GatherElements <axis = 1> (origin, label)
            label_before = Where (here, came_from, label)
            sum_out = Identity (sum_after)
            reached = Add (emission, sum_after)
            reached_by = Unsqueeze (reached, axis1)
            steps = Add (reached_by, transitions)
            summed_steps = ReduceLogSumExp <keepdims = 0> (steps, axis2)
            summed_shared = ReduceMax <keepdims = 1> (summed_steps, axis1)
            summed = Sub (summed_steps, summed_shared)
            end_here = Expand (end, row_and_n)
            sum_before = Where (here, summed, end_here)
        }> (last_label, end_scores, origins, clean, mask)
    through = Add (sums, onward)
    all_marginals = LogSoftmax <axis = -1> (through)
    raw_marginals = Max (all_marginals, lowest)
    divided = Div (raw_marginals, temperature)
    log_marginals = LogSoftmax <axis = -1> (divided)
    chosen = Unsqueeze (labels, axis2)
    log_scores = GatherElements <axis = 2> (log_marginals, chosen)
    flat_scores = Squeeze (log_scores, axis2)
    scores = Exp (flat_scores)
}
"""


def append_crf(graph: onnx.ModelProto, crf: LinearChainCRF, *, temperature: float = 1.0) -> onnx.ModelProto:
    """Puts the CRF's decoding behind a graph whose outputs are `emissions` and `mask`.

    The best path that the tag scheme allows becomes `labels`, the marginal probabilities of its labels `scores`, at a
    temperature.
    """
    decoder = parser.parse_model(_DECODER)
    decoder.ir_version = graph.ir_version
    decoder.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in _constants(crf, temperature).items()
    )
    merged = compose.merge_models(graph, decoder, [("emissions", "emissions"), ("mask", "mask")])
    # Both name the same operator set, which must stand there once.
    del merged.opset_import[1:]
    onnx.checker.check_model(merged)
    return merged


def _constants(crf: LinearChainCRF, temperature: float) -> dict[str, np.ndarray]:
    start, transitions, end = (scores.detach().float().numpy() for scores in crf.legal_scores())
    ends = np.append(end, _IMPOSSIBLE)
    floats = {
        "moves": np.vstack([transitions, start]),
        "transitions": transitions,
        "end": end,
        "ends": ends,
        "zero": 0.0,
        "impossible": _IMPOSSIBLE,
        "lowest": LOWEST_LOG_MARGINAL,
        "temperature": temperature,
    }
    integers = {"axis1": [1], "axis2": [2], "index0": [0], "one": [1], "minus_one": [-1], "n_labels": [len(end)]}
    constants = {name: np.asarray(value, dtype=np.float32) for name, value in floats.items()}
    return constants | {name: np.asarray(value, dtype=np.int64) for name, value in integers.items()}
