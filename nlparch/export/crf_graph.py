"""The decoding of a linear-chain CRF as a graph, in the text form of ONNX: Viterbi's best path, and the marginals of
its labels by the forward-backward algorithm with scaling (Rabiner, 1989). Both are scans over the words.

A step of a scan costs its nodes and hardly their arithmetic, so whatever can be done for all words at once stands
outside. The sums over paths are probabilities, in double precision: a step is one matrix product, and the backward pass
is a forward pass over the sentences turned round, so that one scan does both. What all labels share is taken away at
each word, or it would grow with the sentence and eat up the digits. Padding stands behind the words either way round,
and is read to no effect.

Labels are exact. Their scores are too, as long as no word's emission for its label lies more than 300 below its best;
those of trained models differ by tens.
"""

import numpy as np
import onnx
from onnx import compose, numpy_helper, parser

from nlparch.nn.crf import FORBIDDEN, LOWEST_LOG_MARGINAL, LinearChainCRF

# The least logarithms that take part in sums over paths: of emissions, beside the best of their word; of moves that the
# tag scheme forbids, beside what they would be. A forbidden path must stay far below an unlikely one; and where there
# are none but forbidden ones, the product of both must not be 0: exp(-700) is near the least that a double can hold.
_LEAST_EMISSION = -300.0
_FORBIDDEN_MOVE = -400.0

# The first scan: the best score of a path to each label of each word, and where the path to each of the next word came
# from; the summed scores of all paths to each, from either end. The second follows the best path back.
_DECODER = """
<ir_version: 8, opset_import: ["" : 18]>
crf (float[batch, words, n] emissions, bool[batch, words] mask)
    => (int64[batch, words] labels, float[batch, words] scores)
{
    is_word = Unsqueeze (mask, axis2)
    clean = Where (is_word, emissions, zero)
    are_words = Cast <to = 7> (mask)
    n_words = ReduceSum <keepdims = 0> (are_words, axis1)
    sizes = Max (n_words, one)
    padded = Pad (clean, word_more)
    first = Gather <axis = 1> (padded, first_place)
    others = Slice (padded, one, last, axis1)

    turned = ReverseSequence <batch_axis = 0, time_axis = 1> (padded, sizes)
    padded_way = Unsqueeze (padded, axis0)
    turned_way = Unsqueeze (turned, axis0)
    both_ways = Concat <axis = 0> (padded_way, turned_way)
    highest = ReduceMax <keepdims = 1> (both_ways, axis3)
    below = Sub (both_ways, highest)
    logs = Max (below, floor)
    wide_logs = Cast <to = 11> (logs)
    factors = Exp (wide_logs)
    first_factors = Gather <axis = 2> (factors, first_place)
    other_factors = Slice (factors, one, last, axis2)

    first_best = Add (first, start)
    first_sums = Mul (first_factors, end_factors)
    best_after, sums_after, best, origins, sums = Scan <num_scan_inputs = 2, scan_input_axes = [1, 2],
        scan_output_axes = [1, 1, 2],
        body = ahead (float[b, n] best_in, double[d, b, n] sums_in, float[b, n] emission, double[d, b, n] factor)
            => (float[b, n] best_next, double[d, b, n] sums_next,
                float[b, n] best_here, int64[b, n] origin, double[d, b, n] sums_here)
        {
            best_here = Identity (best_in)
            sums_here = Identity (sums_in)
            best_from = Unsqueeze (best_in, axis1)
            moved = Add (best_from, moves_turned)
            origin = ArgMax <axis = 2, keepdims = 0> (moved)
            best_move = ReduceMax <keepdims = 0> (moved, axis2)
            best_grown = Add (best_move, emission)
            best_shared = ReduceMax <keepdims = 1> (best_grown, axis1)
            best_next = Sub (best_grown, best_shared)
            sums_moved = MatMul (sums_in, move_factors)
            sums_grown = Mul (sums_moved, factor)
            sums_shared = ReduceSum <keepdims = 1> (sums_grown, axis2)
            sums_next = Div (sums_grown, sums_shared)
        }> (first_best, first_sums, others, other_factors)

    last_place = Sub (sizes, one)
    last_places = Unsqueeze (last_place, axis1)
    last_best = GatherND <batch_dims = 1> (best, last_places)
    ended = Add (last_best, end)
    last_label = ArgMax <axis = 1, keepdims = 1> (ended)
    padded_words = Pad (are_words, place_more)
    words_after = Slice (padded_words, one, last, axis1)
    followed = Cast <to = 9> (words_after)
    is_followed = Unsqueeze (followed, axis2)
    came_from = Where (is_followed, origins, same)
    label_before, chosen = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
        scan_input_directions = [1], scan_output_directions = [1],
        body = back (int64[b, k] label_after, int64[b, n] origin) => (int64[b, k] label, int64[b, k] label_here)
        {
            label = GatherElements <axis = 1> (origin, label_after)
            label_here = Identity (label)
        }> (last_label, came_from)
    labels = Squeeze (chosen, axis2)

    some_sums = Max (sums, least)
    wide_log_sums = Log (some_sums)
    log_sums = Cast <to = 1> (wide_log_sums)
    onward = Gather <axis = 0> (log_sums, first_place)
    backward = Gather <axis = 0> (log_sums, second_place)
    back_again = ReverseSequence <batch_axis = 0, time_axis = 1> (backward, sizes)
    padded_logs = Gather <axis = 0> (logs, first_place)
    own = Slice (padded_logs, nought, minus_one, axis1)
    twice_own = Add (onward, back_again)
    through = Sub (twice_own, own)
    all_marginals = LogSoftmax <axis = -1> (through)
    raw_marginals = Max (all_marginals, lowest)
    divided = Div (raw_marginals, temperature)
    log_marginals = LogSoftmax <axis = -1> (divided)
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
    floats = {
        "moves_turned": transitions.T,
        "start": start,
        "end": end,
        "zero": 0.0,
        "floor": _LEAST_EMISSION,
        "lowest": LOWEST_LOG_MARGINAL,
        "temperature": temperature,
    }
    moves, ends = np.stack([transitions, transitions.T]), np.stack([start, end])[:, None]
    doubles = {
        "move_factors": _factors(moves),
        "end_factors": _factors(ends),
        "least": np.finfo(np.float64).tiny,
    }
    integers = {
        **{f"axis{number}": [number] for number in range(4)},
        "one": [1],
        "nought": [0],
        "minus_one": [-1],
        "last": [np.iinfo(np.int64).max],
        "first_place": 0,
        "second_place": 1,
        "word_more": [0, 0, 0, 0, 1, 0],
        "place_more": [0, 0, 0, 1],
        "same": np.arange(len(end)),
    }
    constants = {name: np.asarray(value, dtype=np.float32) for name, value in floats.items()}
    constants |= {name: np.asarray(value, dtype=np.float64) for name, value in doubles.items()}
    return constants | {name: np.asarray(value, dtype=np.int64) for name, value in integers.items()}


def _factors(scores: np.ndarray) -> np.ndarray:
    """What a path's probability is multiplied by, for scores of moves, starts or ends; float64, in their shape."""
    forbidden = scores < FORBIDDEN / 2
    return np.exp(np.where(forbidden, scores - FORBIDDEN + _FORBIDDEN_MOVE, scores), dtype=np.float64)
