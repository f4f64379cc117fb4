import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlparch.cli import evaluate, export, inference
from nlparch.models.tagger import NeuralTagger
from nlparch.procedures.form_scores import TagScores
from nlparch.runtime import load_model


@pytest.fixture
def model(new_tagger: Any, decided: Any, tmp_path: Path) -> str:
    folder = tmp_path / "model"
    decided(new_tagger(word_width=64), by=3.0).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def gold(model: str, data_dir: Path, tmp_path: Path) -> str:
    """A file whose gold is what the model says, so that its F1 is 1."""
    words = [prediction.split() for prediction in (data_dir / "raw.txt").read_text("utf-8").splitlines()]
    tagged = NeuralTagger.from_pretrained(model).tag_words(words)
    rows = (
        "".join(f"{w}\t{t}\n" for w, t in zip(ws, ts, strict=True)) for ws, (ts, _) in zip(words, tagged, strict=True)
    )
    (tmp_path / "gold.txt").write_text("\n".join(rows), "utf-8")
    return str(tmp_path / "gold.txt")


def metrics(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text("utf-8"))


def test_a_model_is_exported_as_it_is(model: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export([model, str(out)]) == 0
    names = {"README.md", "config.json", "context.onnx", "features.json", "metrics.json", "words.onnx"}
    assert {file.name for file in out.iterdir()} == names
    assert load_model(out).precision == "fp32"
    assert list(load_model(out).predict(["Ann flew to Oslo ."])[0].tags) == list(
        NeuralTagger.from_pretrained(model).predict(["Ann flew to Oslo ."])[0].tags
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_int8_is_scored_and_shipped(model: str, gold: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert export([model, str(out), "--quantize", "int8", "--dev", gold, "--max_f1_loss", "1"]) == 0
    found = metrics(out)
    assert (found["form"], found["precision"], load_model(out).precision) == ("int8", "int8", "int8")
    dev = found["dev"]
    assert dev["torch_fp32"] == dev["onnx_fp32"] == 1.0
    assert dev["attempts"] == {"int8": dev["batch_32"]}
    assert 0.8 < dev["agreement_of_batches"] <= 1 and 0.8 < dev["agreement_with_torch"] <= 1
    assert f"| ONNX, int8 | {dev['batch_32']:.4f} |" in (out / "README.md").read_text("utf-8")


def test_int8_that_loses_too_much_is_given_up(
    model: str, gold: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = TagScores.answers

    def answers(self: TagScores, form: Any, *, batch_size: int = 32) -> list[list[str]]:
        """As if int8 understood nothing."""
        found: list[list[str]] = right(self, form)
        return found if form.precision == "fp32" else [["O"] * len(tags) for tags in found]

    monkeypatch.setattr(TagScores, "answers", answers)
    assert export([model, str(tmp_path / "out"), "--quantize", "int8", "--dev", gold]) == 0
    found = metrics(tmp_path / "out")
    assert found["form"] == "fp32" and list(found["dev"]["attempts"].values()) == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert load_model(tmp_path / "out").precision == "fp32"
    assert "int8 refused: it loses 1.0000 of f1, 0.002 may be lost" in caplog.text


def test_a_transformer_is_exported(new_transformer: Any, decided: Any, data_dir: Path, tmp_path: Path) -> None:
    model = decided(new_transformer(), by=3.0)
    model.save_pretrained(tmp_path / "model")
    dev = str(data_dir / "dev.txt")
    assert export([str(tmp_path / "model"), str(tmp_path / "out"), "--dev", dev]) == 0
    found = metrics(tmp_path / "out")
    assert found["dev"]["torch_fp32"] == found["dev"]["onnx_fp32"] and found["dev"]["agreement_with_torch"] == 1


def test_an_export_is_replaced_only_when_asked(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert export([model, str(out)]) == 0
    assert export([model, str(out)]) == 2
    assert "is not empty; add --overwrite_output_dir to replace an exported model" in capsys.readouterr().err
    assert export([model, str(out), "--quantize", "int8", "--overwrite_output_dir"]) == 0
    assert load_model(out).precision == "int8"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["{model}", "{model}"], "must not hold what is read"),
        (["{model}", "{other}", "--dev", "{other}/file", "--overwrite_output_dir"], "must not hold what is read"),
        (["{model}", "{other}", "--overwrite_output_dir"], "holds no exported model"),
        (["{tmp}/none", "{tmp}/out"], "none"),
        (["{model}", "{tmp}/out", "--dev", "{tmp}/none.txt"], "none.txt"),
        (["{model}", "{tmp}/out", "--max_f1_loss", "2"], "--max_f1_loss must be from 0 to 1, got 2"),
        (["{model}", "{tmp}/out", "--max_f1_loss", "nan"], "--max_f1_loss must be from 0 to 1, got nan"),
        (["{model}", "{tmp}/out", "--max_f1_loss", "0.1", "--quantize", "int8"], "add --quantize int8 and --dev FILE"),
        (["{model}", "{tmp}/out", "--max_f1_loss", "0.1", "--dev", "gold.txt"], "add --quantize int8 and --dev FILE"),
        (["{model}", "{other}/file/out"], "OUTPUT_DIR must be a folder that can be written"),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], said: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("mine")
    assert export([arg.format(model=model, other=other, tmp=tmp_path) for arg in args]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert (other / "file").read_text() == "mine" and Path(model, "config.json").exists()


def test_an_exported_folder_tags_without_torch(model: str, data_dir: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert export([model, out]) == 0
    args = ["tagger", "--model_dir", out, "--data_file", str(data_dir / "raw.txt"), "--output_file", out + ".jsonl"]
    code = (
        "import sys; from nlparch.cli import inference; code = inference(sys.argv[1:]);"
        "print(code, {'torch', 'transformers', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    assert done.stdout == "0 set()\n"
    assert len(Path(out + ".jsonl").read_text("utf-8").splitlines()) == 30


def test_an_exported_folder_tags_from_the_command_line(
    model: str, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, texts = str(tmp_path / "out"), str(data_dir / "raw.txt")
    assert export([model, out]) == 0
    files = [tmp_path / "torch.jsonl", tmp_path / "exported.jsonl"]
    for folder, file in zip((model, out), files, strict=True):
        arguments = ["--model_dir", folder, "--data_file", texts, "--output_file", str(file)]
        assert inference(["tagger", *arguments]) == 0
    lines = [[json.loads(line) for line in file.read_text("utf-8").splitlines()] for file in files]
    assert [[word["tag"] for word in line["words"]] for line in lines[0]] == [
        [word["tag"] for word in line["words"]] for line in lines[1]
    ]
    capsys.readouterr()
    for command, args, said in (
        (inference, ["transformer_token", "--model_dir", out, "--data_file", texts], "run nlp-inference tagger"),
        (inference, ["tagger", "--model_dir", out, "--precision", "bf16"], "--precision is of models in torch"),
        (evaluate, [out, str(data_dir / "dev.txt")], "an exported model is neither trained nor taught from"),
    ):
        assert command(args) == 2
        assert said in capsys.readouterr().err


def test_a_classifier_is_exported_scored_and_described(new_classifier: Any, decided: Any, tmp_path: Path) -> None:
    model = decided(new_classifier(encoder="cnn", word_width=64), by=2.0)
    model.save_pretrained(tmp_path / "model")
    texts = ["Ann flew to Oslo .", "Who is Bo ?", "Nothing\nhappened .", "In Lima , it rained ."]
    rows = [
        {"sentence": text, "class": found.labels[0]} for text, found in zip(texts, model.predict(texts), strict=True)
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)))
    columns = ["--text_column", "sentence", "--label_column", "class"]
    given = [str(tmp_path / "model"), str(tmp_path / "out"), "--dev", str(tmp_path / "gold.jsonl"), *columns]
    assert export([*given, "--quantize", "int8", "--max_f1_loss", "1"]) == 0
    found = metrics(tmp_path / "out")
    assert found["form"] == "int8" and found["dev"]["score"] == "accuracy" and found["dev"]["n"] == 4
    assert found["dev"]["torch_fp32"] == found["dev"]["onnx_fp32"] == 1.0
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "pipeline_tag: text-classification" in card and "texts change their labels between the two" in card
    exported = load_model(tmp_path / "out")
    assert exported.task == "classification" and exported.labels == ("neg", "neutral", "pos")


@pytest.mark.parametrize("has_pairs", [False, True])
def test_an_exported_classifier_answers_from_the_command_line(
    new_classifier: Any, decided: Any, has_pairs: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decided(new_classifier(has_pairs=has_pairs)).save_pretrained(tmp_path / "model")
    assert export([str(tmp_path / "model"), str(tmp_path / "out")]) == 0
    (tmp_path / "in.txt").write_text("Ann flew\tBo flew\nOslo\t\n" if has_pairs else "Ann flew\n\nOslo\n")
    pairs = ["--pairs"] if has_pairs else []
    answers = []
    for folder in ("model", "out"):
        given = ["--model_dir", str(tmp_path / folder), "--data_file", str(tmp_path / "in.txt")]
        assert inference(["classifier", *given, "--output_file", str(tmp_path / "o.jsonl"), *pairs]) == 0
        answers.append([json.loads(line) for line in (tmp_path / "o.jsonl").read_text("utf-8").splitlines()])
    assert len(answers[0]) == 2 + (not has_pairs)
    for mine, other in zip(*answers, strict=True):
        assert mine["label"] == other["label"]
        assert mine["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)
    exported = ["--model_dir", str(tmp_path / "out"), "--data_file", str(tmp_path / "in.txt")]
    assert inference(["tagger", *exported]) == 2
    assert "holds another kind of model; run nlp-inference classifier" in capsys.readouterr().err
    assert inference(["classifier", *exported, "--precision", "bf16"]) == 2
    assert "--precision is of models in torch" in capsys.readouterr().err
    assert inference(["classifier", *exported, *([] if has_pairs else ["--pairs"])]) == 2


def test_a_regression_is_exported_and_its_batches_are_not_said_to_agree(new_classifier: Any, tmp_path: Path) -> None:
    new_classifier(task="regression", has_pairs=True).save_pretrained(tmp_path / "model")
    table = "text\ttext_pair\tscore\nAnn flew\tBo flew\t1.5\nOslo\tLima\t0.5\nx\ty\t0.25\n"
    (tmp_path / "gold.tsv").write_text(table)
    assert export([str(tmp_path / "model"), str(tmp_path / "out"), "--dev", str(tmp_path / "gold.tsv")]) == 0
    found = metrics(tmp_path / "out")["dev"]
    assert found["agreement_of_batches"] is None and found["score"] == "pearson_spearman"
    assert 'predict([("Some text.", "Another.")])' in (tmp_path / "out" / "README.md").read_text("utf-8")
