import json
import re

import numpy as np
import pytest
import torch

from nlparch.cli import evaluate
from nlparch.data.features import build_features
from nlparch.data.labels import LabelSet
from nlparch.data.text_labels import TextLabels
from nlparch.export.folder import export_model
from nlparch.models.tagger import NeuralTagger
from nlparch.procedures import runs
from nlparch.procedures.evaluate_texts import in_order
from nlparch.text_evidence import text_bins
from nlparch.text_readings import ReadTexts, reading_of

SENTENCES = [["Ada", "met", "Bo", "."], ["Bo", "left"]]
SMALL = {"word_width": 4, "char_width": 4, "n_char_filters": 4, "lstm_width": 4}


def save_model(folder, *, always, tags, splitter="words"):
    """A tagger that gives every word the same tag."""
    features, _ = build_features(SENTENCES)
    model = NeuralTagger.build(features, LabelSet.from_tags(tags), splitter=splitter, **SMALL)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.head.bias[model.label_set.ids[always]] = 5.0
    model.save_pretrained(folder)
    return str(folder)


def save_file(path, *sentences):
    rows = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def model(tmp_path):
    return save_model(tmp_path / "model", always="B-PER", tags=["B-PER", "I-PER", "O"])


@pytest.fixture
def gold(tmp_path):
    tagged = zip(SENTENCES, (["B-PER", "O", "B-PER", "O"], ["B-PER", "O"]), strict=True)
    return save_file(tmp_path / "gold.txt", *(zip(*pair, strict=True) for pair in tagged))


def metrics_of(tmp_path, *args):
    folder = tmp_path / "out"
    assert evaluate([*args, "--output_dir", str(folder)]) == 0
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_the_report_is_printed(model, gold, capsys):
    assert evaluate([model, gold]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\| test  \| F1 +\| +0\.6667 \|", out)
    assert "2 sentences, 6 words" in out


def test_report_and_metrics_go_into_a_new_folder(tmp_path, model, gold, capsys):
    metrics = metrics_of(tmp_path, model, gold)
    assert metrics["procedure"] == "eval"
    assert metrics["n_parameters"] == runs.n_parameters(NeuralTagger.from_pretrained(model))
    assert metrics["test"]["precision"] == 0.5
    assert metrics["test"]["recall"] == 1.0
    assert metrics["test"]["n"] == 6
    assert metrics["test"]["raw_text"]["f1"] == pytest.approx(2 / 3)
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert set(printed.splitlines()) <= set(report.splitlines()) and "## Calibration on test" in report
    assert "## Calibration on test" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace(
        "<h2>", "## "
    )
    assert "data_file:" in report


def test_raw_text_is_split_by_the_models_own_splitter(tmp_path, gold):
    model = save_model(tmp_path / "model", always="B-PER", tags=["B-PER", "O"], splitter="spaces")
    raw_text = metrics_of(tmp_path, model, gold)["test"]["raw_text"]
    assert raw_text["precision"] == pytest.approx(2 / 5)  # "Ada met Bo." is three words to it
    assert raw_text["recall"] == pytest.approx(2 / 3)


def test_a_teacher_is_scored_beside_the_model(tmp_path, model, gold, capsys):
    teacher = save_model(tmp_path / "teacher", always="O", tags=["B-PER", "I-PER", "O"])
    metrics = metrics_of(tmp_path, model, gold, "--teacher", teacher)
    assert metrics["teacher"]["test"]["accuracy"] == 0.5
    assert metrics["teacher"]["n_parameters"] == metrics["n_parameters"]
    assert metrics["agreement"] == {"test": 0.0}
    out = capsys.readouterr().out
    assert "share of teacher" in out
    assert "compared by name" not in out


def test_a_model_agrees_with_itself_and_keeps_all_of_its_score(tmp_path, model, gold, capsys):
    metrics = metrics_of(tmp_path, model, gold, "--teacher", model)
    assert metrics["agreement"] == {"test": 1.0}
    assert metrics["teacher"]["test"] == metrics["test"]
    assert "100.0%" in capsys.readouterr().out


def test_a_teacher_with_other_tags_is_compared_by_name(tmp_path, model, gold, capsys):
    teacher = save_model(tmp_path / "teacher", always="B-PER", tags=["B-LOC", "B-PER", "O"])
    assert metrics_of(tmp_path, model, gold, "--teacher", teacher)["agreement"] == {"test": 1.0}
    assert "only the teacher has B-LOC; only the model has I-PER" in capsys.readouterr().out


def test_a_teachers_tags_are_turned_into_the_models_scheme(tmp_path, model, gold, capsys):
    teacher = save_model(tmp_path / "teacher", always="S-PER", tags=["S-PER", "B-PER", "I-PER", "E-PER", "O"])
    metrics = metrics_of(tmp_path, model, gold, "--teacher", teacher)
    assert metrics["agreement"] == {"test": 1.0}
    assert metrics["teacher"]["test"]["f1"] == metrics["test"]["f1"]
    assert "turned from BIOES into IOB2" in capsys.readouterr().out


def test_gold_tags_are_turned_into_the_models_scheme(tmp_path, model, capsys):
    gold = save_file(tmp_path / "gold.txt", [("Ada", "I-PER"), ("met", "O"), ("Bo", "I-PER"), ("Lee", "B-PER")])
    scores = metrics_of(tmp_path, model, gold)["test"]
    assert scores["accuracy"] == 0.75
    assert scores["recall"] == 1.0
    assert "gold tags turned from IOB1 into IOB2" in capsys.readouterr().out


def test_repaired_gold_tags_are_counted(tmp_path, model, capsys):
    gold = save_file(tmp_path / "gold.txt", [("Ada", "I-PER"), ("met", "O"), ("Bo", "B-PER")])
    assert metrics_of(tmp_path, model, gold)["test"]["recall"] == 1.0
    assert "gold tags of 1 words broke the rules of IOB2 and were repaired" in capsys.readouterr().out


@pytest.mark.parametrize("tag", ["B-NEW", "NEW"])
def test_tags_that_the_model_lacks_are_scored_as_errors_and_counted(tmp_path, model, tag, capsys):
    gold = save_file(tmp_path / "gold.txt", [("Ada", "B-PER"), ("Oslo", tag)])
    scores = metrics_of(tmp_path, model, gold)["test"]
    assert scores["accuracy"] == scores["recall"] == scores["raw_text"]["recall"] == 0.5
    assert scores["per_type"]["NEW"]["support"] == 1
    assert f"1 words carry tags that the model lacks, kept, and scored as errors: {tag} 1" in capsys.readouterr().out


def test_gold_without_spans_leaves_scores_undefined(tmp_path, capsys):
    model = save_model(tmp_path / "model", always="O", tags=["B-PER", "O"])
    gold = save_file(tmp_path / "gold.txt", [("Ada", "O"), ("met", "O")])
    scores = metrics_of(tmp_path, model, gold)["test"]
    assert scores["f1"] is None
    assert scores["raw_text"]["f1"] is None
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| test  | F1 "))
    assert row.split()[-2] == "-"


def test_plain_tags_are_scored_by_accuracy(tmp_path):
    model = save_model(tmp_path / "model", always="NOUN", tags=["NOUN", "PUNCT"])
    gold = save_file(tmp_path / "gold.txt", [("Ada", "NOUN"), ("Bo", "NOUN"), (".", "PUNCT")])
    scores = metrics_of(tmp_path, model, gold)["test"]
    assert scores["accuracy"] == scores["raw_text"]["accuracy"] == pytest.approx(2 / 3)
    assert "f1" not in scores


def test_a_teacher_is_as_sure_of_labels_that_the_model_lacks():
    own, teachers = TextLabels(("a", "b"), "one_label"), TextLabels(("a", "b", "z"), "one_label")
    reading = reading_of(np.log([[0.05, 0.05, 0.9]]), ["x"], teachers)
    split = ReadTexts(["x"], ["z"], own, "accuracy", {"teacher": in_order(reading, teachers, own)})
    (confidence,) = [found.confidence for found in text_bins(split, split.readings["teacher"]) if found.n]
    assert confidence == pytest.approx(0.9)


@pytest.mark.parametrize("task", ["one_label", "multi_label"])
def test_a_teacher_may_answer_with_a_label_that_neither_model_nor_gold_has(tmp_path, new_classifier, task):
    new_classifier(task=task).save_pretrained(tmp_path / "model")
    teacher = new_classifier(("neg", "neutral", "odd", "pos"), task)
    with torch.no_grad():
        teacher.head.bias[2] = 50.0
    teacher.save_pretrained(tmp_path / "teacher")
    gold = '{"text": "Ann", "label": "neg"}' if task == "one_label" else '{"text": "Ann", "labels": ["neg"]}'
    (tmp_path / "gold.jsonl").write_text(gold + "\n")
    folder = tmp_path / "scores"
    args = [tmp_path / "model", tmp_path / "gold.jsonl", "--teacher", tmp_path / "teacher", "--output_dir", folder]
    assert evaluate([*map(str, args), "--no_cuda"]) == 0
    assert json.loads((folder / "metrics.json").read_text())["teacher"]["test"]["accuracy"] == 0
    assert "only the teacher has odd" in (folder / "report.md").read_text()


def test_an_exported_model_is_sent_to_nlp_bench(tmp_path, new_classifier, capsys):
    export_model(new_classifier()).write(tmp_path / "out")
    assert evaluate([str(tmp_path / "out"), "gold.csv", "--text_column", "a"]) == 2
    assert "out: an exported model is neither trained nor taught from, and nlp-bench" in capsys.readouterr().err


def test_columns_and_ignored_words_are_chosen_by_options(tmp_path, model, capsys):
    path = tmp_path / "gold.txt"
    path.write_text("1\tB-PER\tAda\n2\tO\t***\n3\tO\tmet\n", encoding="utf-8")
    scores = metrics_of(tmp_path, model, str(path), "--word_col", "2", "--tag_col", "1", "--ignore_token", "***")
    assert scores["test"]["n"] == 2
    assert "1 rows of the ignored token passed over" in capsys.readouterr().out


def test_the_batch_size_changes_no_score(tmp_path, model, gold):
    one = metrics_of(tmp_path / "one", model, gold, "--batch_size", "1")
    assert one == metrics_of(tmp_path / "two", model, gold)


@pytest.mark.parametrize("place", ["folder", "file"])
def test_an_output_folder_that_holds_something_is_refused(tmp_path, model, gold, place, capsys):
    taken = model if place == "folder" else gold
    assert evaluate([model, gold, "--output_dir", taken]) == 2
    assert "--output_dir must be a new or an empty folder" in capsys.readouterr().err


def test_a_users_mistakes_end_in_one_line(tmp_path, model, gold, capsys):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "ragged.txt").write_text("Ada\tB-PER\nmet\n", encoding="utf-8")
    (tmp_path / "nothing").mkdir()
    cases = {
        (model, str(tmp_path / "empty.txt")): "at least one sentence",
        (model, str(tmp_path / "ragged.txt")): "ragged.txt:2: every row",
        (model, str(tmp_path / "missing.txt")): "missing.txt: cannot be read",
        (str(tmp_path / "nothing"), gold): "must hold config.json",
        (model, gold, "--teacher", str(tmp_path / "nothing")): "must hold config.json",
        (model, gold, "--no_cuda", "--precision", "fp16"): "--precision fp16 needs a GPU",
    }
    for args, complaint in cases.items():
        assert evaluate(list(args)) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert complaint in err
        assert err.count("\n") == 1
