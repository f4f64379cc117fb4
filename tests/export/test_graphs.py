import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlparch.data.labels import LabelSet
from nlparch.export.choice import load_form
from nlparch.export.crf_graph import append_crf
from nlparch.export.folder import export_model
from nlparch.export.graphs import context_graph, word_graph
from nlparch.nn.crf import LinearChainCRF

KINDS = {
    "lstm": dict(),
    "lstm crf": dict(use_crf=True),
    "one layer": dict(n_lstm_layers=1, use_crf=True),
    "idcnn": dict(embedder="id-cnn", n_blocks=2),
    "idcnn sentence": dict(embedder="id-cnn", sentence_context=True),
    "idcnn crf": dict(embedder="id-cnn", use_crf=True),
    "words alone": dict(n_char_filters=0, affix_width=0, shape_width=0),
    "hashed words": dict(n_word_buckets=50),
}
TEXTS = [
    "Ann Lee flew to New Delhi.",
    "",
    "   ",
    "Who is Zoé-Ann?",
    "🙂 Nothing  happened\tin Oslo, said Bo",
    "x",
    "\x00",
]
TEXTS += ["आज मौसम अच्छा है", "東京に行きました。", "\ud800 lone", "a" * 300]


def check_same(mine: list[Any], torchs: list[Any]) -> None:
    for own, other in zip(mine, torchs, strict=True):
        assert (own.text, list(own.offsets), list(own.tags)) == (other.text, list(other.offsets), list(other.tags))
        assert own.scores == pytest.approx(other.scores, abs=1e-4)
        assert [(entity.start, entity.end, entity.label) for entity in own.entities] == [
            (entity.start, entity.end, entity.label) for entity in other.entities
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_tagger_answers_as_torch_does(new_tagger: Any, decided: Any, rows: Any, kind: str) -> None:
    model = decided(new_tagger(**KINDS[kind]))
    exported = load_form(export_model(model))
    inputs = TEXTS + [words for words, _ in rows] + [["Oslo"] * 40, [""], ["Ann"]]
    expected = model.predict(inputs)
    assert len({tag for prediction in expected for tag in prediction.tags}) > 1
    for batch_size in (1, 3, 32):
        check_same(exported.predict(inputs, batch_size=batch_size), expected)


@pytest.mark.parametrize("kind", ["lstm", "lstm crf"])
@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_an_exported_tagger_is_as_calibrated(
    new_tagger: Any, decided: Any, rows: Any, kind: str, temperature: float
) -> None:
    model, inputs = decided(new_tagger(**KINDS[kind])), [words for words, _ in rows]
    before = model.predict(inputs)
    model.config.calibration_temperature = temperature
    calibrated = model.predict(inputs)
    check_same(load_form(export_model(model)).predict(inputs), calibrated)
    as_int8 = load_form(export_model(model).to_int8()).predict(inputs)
    means = [np.mean([score for one in some for score in one.scores]) for some in (before, calibrated, as_int8)]
    assert (means[0] < means[1]) == (temperature < 1) and means[2] == pytest.approx(means[1], abs=0.05)


def test_an_exported_transformer_is_as_calibrated(new_transformer: Any, decided: Any, rows: Any) -> None:
    model, inputs = decided(new_transformer()), [words for words, _ in rows]
    model.config.calibration_temperature = 3.0
    check_same(load_form(export_model(model)).predict(inputs), model.predict(inputs))


@pytest.mark.parametrize("kind", ["lstm crf", "idcnn"])
def test_twenty_thousand_words_are_one_sentence(new_tagger: Any, decided: Any, rows: Any, kind: str) -> None:
    model = decided(new_tagger(**KINDS[kind]))
    words = [word for words, _ in rows for word in words]
    long = [(words * 20_000)[:20_000], words]
    check_same(load_form(export_model(model)).predict(long), model.predict(long))


def test_an_exported_transformer_answers_as_torch_does(new_transformer: Any, decided: Any, rows: Any) -> None:
    model = decided(new_transformer(max_length=12))
    exported = load_form(export_model(model))
    inputs = TEXTS + [words for words, _ in rows] + [["Oslo"] * 40, ["\x00", "Ann"], ["\u200b"]]
    check_same(exported.predict(inputs), model.predict(inputs))
    check_same(exported.predict(inputs, batch_size=1), model.predict(inputs))


@pytest.mark.parametrize("make", [lambda export: export, lambda export: export.to_int8()], ids=["fp32", "int8"])
def test_every_lstm_knows_the_lengths(new_tagger: Any, make: Any) -> None:
    graph = make(export_model(new_tagger())).graphs["context.onnx"]
    lstms = [node for node in graph.graph.node if node.op_type in ("LSTM", "DynamicQuantizeLSTM")]
    assert len(lstms) == 2
    assert all(node.input[4] for node in lstms), "sequence_lens"


def test_sizes_of_batches_are_left_open(new_tagger: Any) -> None:
    model = new_tagger(use_crf=True)
    for graph in (word_graph(model), context_graph(model)):
        for value in (*graph.graph.input, *graph.graph.output):
            assert value.type.tensor_type.shape.dim[0].dim_param, value.name


def test_nothing_is_said_while_a_graph_is_made(new_tagger: Any, capfd: pytest.CaptureFixture[str]) -> None:
    context_graph(new_tagger())
    assert capfd.readouterr() == ("", "")


def crf_session(crf: LinearChainCRF) -> onnxruntime.InferenceSession:
    """The decoder alone, behind a graph that hands its inputs on."""
    text = """
    <ir_version: 8, opset_import: ["" : 18]>
    pass (float[batch, words, n] given, bool[batch, words] known)
        => (float[batch, words, n] emissions, bool[batch, words] mask)
    { emissions = Identity (given)
      mask = Identity (known) }
    """
    graph = append_crf(onnx.parser.parse_model(text), crf)
    return onnxruntime.InferenceSession(graph.SerializeToString())


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4).filter(any),
    n_labels=st.integers(1, 5),
    scale=st.sampled_from([0.1, 3.0, 60.0]),
    seed=st.integers(0, 10**6),
)
def test_the_decoder_finds_the_best_path_and_its_marginals(
    lengths: list[int], n_labels: int, scale: float, seed: int
) -> None:
    torch.manual_seed(seed)
    check_decoder(LinearChainCRF(n_labels=n_labels), scale * torch.randn(len(lengths), max(lengths), n_labels), lengths)


@pytest.mark.parametrize("scale", [1.0, 60.0])
@pytest.mark.parametrize("lengths", [[1], [2000, 1, 700]])
def test_the_decoder_keeps_to_the_tag_scheme_however_long_a_sentence_is(lengths: list[int], scale: float) -> None:
    torch.manual_seed(0)
    labels = LabelSet(("B-X", "B-Y", "I-X", "I-Y", "O"), "IOB2")
    crf = LinearChainCRF(n_labels=5, legal=labels.legal())
    check_decoder(crf, scale * torch.randn(len(lengths), max(lengths), 5), lengths)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_where_the_tag_scheme_leaves_no_path_scores_are_those_of_the_best_that_breaks_it(
    length: int, scale: float
) -> None:
    """Without O and single words, one word has no legal tag."""
    torch.manual_seed(0)
    labels = LabelSet(("B-X", "B-Y", "E-X", "E-Y"), "BIOES")
    check_decoder(LinearChainCRF(n_labels=4, legal=labels.legal()), scale * torch.randn(8, length, 4), [length] * 8)


def test_marginals_hold_where_the_best_path_goes_through_what_each_word_makes_least_likely() -> None:
    torch.manual_seed(0)
    crf = LinearChainCRF(n_labels=3, legal=LabelSet(("B-X", "I-X", "O"), "IOB2").legal())
    emissions = torch.tensor([[[-1.0, -2.0, 0.0], [-1.0, 0.0, -1.0], [-1.0, 0.0, -1.0]]])
    check_decoder(crf, 250 * emissions + torch.randn(1, 3, 3), [3])


def check_decoder(crf: LinearChainCRF, emissions: Tensor, lengths: list[int]) -> None:
    for scores in crf.parameters():
        nn.init.normal_(scores, std=2.0)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    noisy = emissions.masked_fill(~mask.unsqueeze(-1), torch.nan)
    labels, scores = crf_session(crf).run(None, {"given": noisy.numpy(), "known": mask.numpy()})
    expected = crf.decode(emissions, mask)
    marginals = crf.marginals(emissions, mask).exp().gather(-1, expected.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    known = mask.numpy()
    assert (labels == expected.numpy())[known].all()
    np.testing.assert_allclose(scores[known], marginals.detach().numpy()[known], atol=1e-5)


CORPORA = Path(__file__).parents[2].parent / "shared" / "data" / "tagging"


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the real corpora are not there")
@pytest.mark.parametrize("corpus", ["bc5cdr", "btc", "conll2000", "ewt_pos", "snips", "uner_ewt", "wnut17"])
@pytest.mark.parametrize("kind", ["lstm", "idcnn crf"])
def test_tags_are_the_same_on_real_text(new_tagger: Any, decided: Any, corpus: str, kind: str) -> None:
    model = decided(new_tagger(**KINDS[kind]))
    lines = (CORPORA / corpus / "dev.txt").read_text("utf-8").split("\n\n")[:300]
    sentences = [[re.split(r"[\t ]", row)[0] for row in block.splitlines() if row] for block in lines]
    check_same(load_form(export_model(model)).predict(sentences), model.predict(sentences))
