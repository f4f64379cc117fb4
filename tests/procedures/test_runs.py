import json
import math
import os

import pytest
import torch

from nlparch.data.features import build_features
from nlparch.data.labels import LabelSet
from nlparch.models.tagger import NeuralTagger
from nlparch.procedures import runs
from nlparch.procedures.options import TaggerOptions
from nlparch.procedures.tasks import score_tagging

ROWS = {"words": [["Ada", "met", "Bo", "."]], "tags": [["S-PER", "O", "S-PER", "O"]]}


def new_model(tags):
    features, _ = build_features(ROWS["words"])
    sizes = {"word_width": 4, "char_width": 4, "n_char_filters": 4, "lstm_width": 4}
    return NeuralTagger.build(features, LabelSet.from_tags(tags), splitter="words", **sizes).eval()


def test_a_finished_run_has_metrics_a_report_and_a_card(tmp_path, capsys):
    model = new_model(["B-PER", "O"])
    run = runs.Run(tmp_path, model=model)
    run.note("3 comment lines passed over")
    run.metrics["test"], _ = score_tagging(model, ROWS, precision="fp32")
    runs.finish(TaggerOptions(data_dir="corpus", output_dir=str(tmp_path)), run, "tagger")
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["procedure"] == "tagger"
    assert set(metrics["test"]["raw_text"]) == {"precision", "recall", "f1"}
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "- 3 comment lines passed over" in report
    assert "data_dir: corpus" in report
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "`B-PER`, `O`" in card
    assert f'NeuralTagger.from_pretrained("{tmp_path.name}")' in card
    out = capsys.readouterr().out
    assert "F1 from raw text (character spans)" in out
    assert "recall" not in out


def test_tags_are_scored_in_the_scheme_of_gold():
    model = new_model(["B-PER", "O"])
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([5.0, 0.0]))
    scores, reading = score_tagging(model, ROWS, precision="fp32", scheme="BIOES")
    assert reading.tags == [["S-PER"] * 4]
    assert reading.probabilities[0] == pytest.approx([1 / (1 + math.exp(-5))] * 4)
    assert scores["accuracy"] == 0.5
    assert scores["recall"] == scores["f1_strict"] / scores["f1"] == 1.0


def test_a_loaded_model_is_ready_to_read(tmp_path):
    new_model(["B-PER", "O"]).save_pretrained(tmp_path)
    model = runs.load_model(str(tmp_path), torch.device("cpu"))
    assert not model.training
    assert model.device.type == "cpu"


@pytest.mark.parametrize("name", ["ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"])
@pytest.mark.parametrize(("given", "kept"), [(None, "32"), ("7", "7")])
def test_kernels_are_few_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str | None, kept: str
) -> None:
    monkeypatch.setenv(name, given or "")
    if given is None:
        monkeypatch.delenv(name)
    runs.keep_few_kernels()
    assert os.environ[name] == kept
