import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification

from nlparch.calibration import calibrate_bins, calibration_error
from nlparch.cli import train
from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelSet
from nlparch.data.texts import TextCorpus
from nlparch.models.loading import load_text_model, load_word_tagger
from nlparch.procedures import runs
from nlparch.procedures.calibrate import fit_words, tag_probabilities
from nlparch.procedures.tagger_kd import read_outputs
from nlparch.procedures.tasks import Tagging, TextClassification, score_tagging
from nlparch.readings import Reading

LABELS = LabelSet(("A", "B"), "plain")


def corpus_of(rows, gold):
    split = {"words": [words for words, _ in rows], "tags": gold}
    return Corpus({"dev": split}, LABELS, [], {})


@pytest.fixture(params=["softmax", "crf", "transformer"])
def overconfident(request, new_tagger, new_transformer, rows):
    """A model, sentences, and gold that is as its probabilities say at temperature 4."""
    model = new_transformer() if request.param == "transformer" else new_tagger(use_crf=request.param == "crf")
    with torch.no_grad():
        head = model.classifier if request.param == "transformer" else model.head
        head.weight.mul_(40)
    gold, random = [], np.random.default_rng(0)
    for logits in model.read_log_scores([words for words, _ in rows]):
        labels = (logits / 4 + random.gumbel(size=logits.shape)).argmax(-1)
        gold.append([model.label_set.tags[label] for label in labels])
    return model, rows, gold


def read(model, rows):
    tagged = model.tag_words([words for words, _ in rows])
    return Reading([tags for tags, _ in tagged], [scores for _, scores in tagged])


def test_probabilities_come_nearer_to_how_often_tags_are_right_and_no_tag_changes(overconfident, tmp_path):
    model, rows, gold = overconfident
    before, outputs = read(model, rows), model.read_log_scores([words for words, _ in rows])
    run = runs.Run(tmp_path)
    Tagging(corpus_of(rows, gold)).calibrate(run, model, precision="fp32")
    after = read(model, rows)
    assert after.tags == before.tags and run.metrics["temperature"] == model.temperature > 2
    errors = [calibration_error(calibrate_bins(gold, reading)) for reading in (before, after)]
    assert errors[1] < 0.6 * errors[0]
    assert "calibrated on dev: temperature" in run.notes[0]
    again = model.read_log_scores([words for words, _ in rows])
    assert all(np.array_equal(one, other) for one, other in zip(outputs, again, strict=True)), "teacher outputs stay"
    reads_as = model.reads_as()
    model.config.calibration_temperature = 1.0
    assert model.reads_as() == reads_as, "nor is the teacher another one for the cache"


def test_the_temperature_is_saved_and_other_tools_still_load_the_model(overconfident, tmp_path):
    model, rows, gold = overconfident
    Tagging(corpus_of(rows, gold)).calibrate(runs.Run(tmp_path), model, precision="fp32")
    model.save_pretrained(tmp_path)
    loaded = load_word_tagger(tmp_path)
    assert loaded.temperature == model.temperature
    assert loaded.predict(["Ann flew to Oslo ."]) == model.predict(["Ann flew to Oslo ."])
    if hasattr(model, "tokenizer"):
        AutoModelForTokenClassification.from_pretrained(tmp_path)


def test_models_of_before_say_what_they_said(overconfident, tmp_path):
    model, rows, _ = overconfident
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config.pop("calibration_temperature", None)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_word_tagger(tmp_path).temperature == 1.0
    assert read(load_word_tagger(tmp_path), rows) == read(model, rows)


def test_the_reading_before_is_kept_beside_the_calibrated_one(overconfident):
    model, rows, gold = overconfident
    split, before = {"words": [words for words, _ in rows], "tags": gold}, read(model, rows)
    assert score_tagging(model, split, precision="fp32")[1].raw_probabilities is None
    model.config.calibration_temperature = 3.0
    _, reading = score_tagging(model, split, precision="fp32")
    assert np.concatenate(reading.raw_probabilities) == pytest.approx(np.concatenate(before.probabilities), abs=1e-5)
    assert np.mean(np.concatenate(reading.probabilities)) < np.mean(np.concatenate(before.probabilities))


def test_without_dev_the_temperature_of_a_checkpoint_is_forgotten(new_tagger, tmp_path):
    model, run = new_tagger(), runs.Run(tmp_path)
    model.config.calibration_temperature = 3.0
    Tagging(Corpus({}, LABELS, [], {})).calibrate(run, model, precision="fp32")
    assert model.temperature == 1.0 and "not calibrated" in run.notes[0]


def test_without_dev_the_thresholds_of_a_checkpoint_are_forgotten(new_classifier, tmp_path):
    model, run = new_classifier(task="multi_label", encoder="cnn"), runs.Run(tmp_path)
    model.thresholds = [0.9] * len(model.text_labels)
    TextClassification(TextCorpus({}, model.text_labels, [], {})).calibrate(run, model, precision="fp32")
    assert model.thresholds is None


def test_the_score_that_chose_a_text_model_is_kept_with_it(new_classifier, tmp_path):
    model = new_classifier(encoder="cnn")
    assert model.main_score == "accuracy"
    corpus = TextCorpus({}, model.text_labels, [], {}, main_score="matthews_correlation")
    TextClassification(corpus).calibrate(runs.Run(tmp_path), model, precision="fp32")
    model.save_pretrained(tmp_path / "model")
    assert load_text_model(str(tmp_path / "model")).main_score == "matthews_correlation"


def test_words_without_logits_or_with_tags_that_are_no_labels_take_no_part():
    logits = [np.array([[2.0, 0.0], [np.nan, np.nan]]), np.empty((0, 2)), np.array([[0.0, 4.0], [9.0, 0.0]])]
    fit = fit_words(logits, [["A", "A"], [], ["B", "C"]], LABELS)
    assert fit.before == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.exp(-4))) / 2)
    assert fit.temperature > 1, "two words show little"
    nothing = fit_words([np.empty((0, 2))], [[]], LABELS)
    assert nothing[:3] == (1.0, 0.0, 0.0)


def test_the_probability_of_a_tag_is_that_of_its_logits():
    logits = [np.array([[1.0, 0.0], [np.nan, np.nan]]), np.empty((0, 2))]
    (first, second) = tag_probabilities(logits, [["B", "A"], []], LABELS)
    assert first == pytest.approx([1 / (1 + math.e), 0.5]) and second == []


def test_a_teacher_is_read_as_calibrated_as_it_was_saved():
    from nlparch.data.labels import match_labels

    logits = [np.array([[4.0, 0.0]])]
    match = match_labels(("A", "B"), ("A", "B"))
    assert read_outputs(logits, match).raw_probabilities is None
    reading = read_outputs(logits, match, temperature=4.0)
    assert reading.probabilities == [[pytest.approx(1 / (1 + math.exp(-1)))]]
    assert reading.raw_probabilities == [[pytest.approx(1 / (1 + math.exp(-4)))]]


def test_a_run_tells_its_calibration(data_dir: Path, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes.yaml"
    sizes.write_text("{word_width: 8, char_width: 4, n_char_filters: 4, lstm_width: 6, n_lstm_layers: 1}")
    args = f"tagger --data_dir {data_dir} --output_dir {tmp_path}/run --config_file {sizes} --max_steps 30 --lr 0.02"
    assert train([*args.split(), "--no_cuda", "--precision", "fp32"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["calibration_temperature"] == metrics["temperature"] != 1.0
    for split in ("dev", "test"):
        assert metrics[split]["calibration_error"] != metrics[split]["calibration_error_before"]
    report, page = ((tmp_path / "run" / name).read_text() for name in ("report.md", "report.html"))
    assert "probabilities calibrated on dev: temperature" in report
    assert "expected calibration error, uncalibrated" in report and "model, uncalibrated " in report
    assert 's-uncalibrated"' in page
