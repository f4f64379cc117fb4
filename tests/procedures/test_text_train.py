"""Each procedure of texts through its command, for every task, on a corpus of a few texts."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from nlparch.cli import evaluate, inference, train

_spec = importlib.util.spec_from_file_location("text_corpora", Path(__file__).parent / "text_corpora.py")
assert _spec is not None and _spec.loader is not None
text_corpora = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(text_corpora)

SIZES = dict(word_width=16, char_width=4, n_char_filters=8, lstm_width=12, n_lstm_layers=1, dropout=0.1, n_filters=24)
QUICK = "--epochs 6 --lr 0.02 --batch_size 8 --logging_steps 1 --patience 0 --no_cuda --precision fp32"
SCRATCH = "--from_scratch --hidden_size 64 --n_layers 1 --n_heads 2 --vocab_size 150"
TASKS = ("one_label", "multi_label", "regression")
PROCEDURES = ("transformer_text", "classifier", "classifier_kd", "classifier_kd_pseudo")
RUNS = [
    *((name, task) for task in TASKS for name in PROCEDURES),
    ("classifier_kd_pseudo without gold", "one_label"),
]
TEXTS = ["a horse and a soup", "", "Lima ?", "who knows"]


@dataclass
class Trained:
    folder: Path
    predictions: list[dict[str, Any]]
    """Of the model in memory, before it was saved and loaded."""

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(self.read("metrics.json"))

    @property
    def history(self) -> list[dict[str, Any]]:
        states = sorted(self.folder.glob("checkpoints/*/trainer_state.json"), key=lambda path: path.stat().st_mtime)
        return list(json.loads(states[-1].read_text())["log_history"])


def texts_for(task: str) -> list[Any]:
    return [(text, text[::-1]) for text in TEXTS] if task == "regression" else TEXTS


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for task in TASKS:
        text_corpora.write_corpus(folder / task, task)
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    return folder


def command(name: str, task: str, home: Path) -> list[str]:
    procedure = name.split(" ")[0]
    output = home / "runs" / task / name.replace(" ", "_")
    words = f"{procedure} --output_dir {output} {QUICK}"
    if "without gold" not in name:
        words += f" --data_dir {home / task}"
    if procedure == "transformer_text":
        return [*words.replace("--epochs 6 --lr 0.02", "--epochs 30 --lr 0.003").split(), *SCRATCH.split()]
    words += f" --config_file {home}/sizes.yaml"
    if "_kd" in procedure:
        words += f" --teacher_model_path {home}/runs/{task}/transformer_text --cache_dir {home}/cache"
        words += " --teacher_precision fp32"
    if "pseudo" in procedure:
        words += f" --unlabeled_filename {home / task}/raw.txt"
    return words.split()


@pytest.fixture(scope="module")
def trained(home: Path) -> Iterator[dict[tuple[str, str], Trained]]:
    """What each procedure made of each corpus."""
    from nlparch.procedures import runs

    done: dict[tuple[str, str], Trained] = {}
    kept: list[Any] = []
    finish = runs.finish
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "finish", lambda options, run, name: (kept.append(run), finish(options, run, name)))
        for name, task in RUNS:
            args = command(name, task, home)
            assert train(args) == 0, (name, task)
            predictions = [prediction.to_dict() for prediction in kept[-1].model.predict(texts_for(task))]
            done[name, task] = Trained(Path(args[args.index("--output_dir") + 1]), predictions)
    yield done


@pytest.mark.parametrize(("name", "task"), RUNS)
def test_the_loss_falls(trained: dict[tuple[str, str], Trained], name: str, task: str) -> None:
    losses = [row["loss"] for row in trained[name, task].history if "loss" in row]
    assert sum(losses[-3:]) < (0.95 if name == "transformer_text" else 0.8) * sum(losses[:3])


def test_saved_models_predict_the_same_in_a_fresh_process(trained: dict[tuple[str, str], Trained]) -> None:
    code = """
import json, sys
from nlparch.models.loading import load_text_model
every = json.loads(sys.argv[1])
print(json.dumps([[p.to_dict() for p in load_text_model(folder).predict(texts)] for folder, texts in every]))
"""
    argument = json.dumps([[str(run.folder), texts_for(task)] for (_, task), run in trained.items()])
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    for key, found in zip(trained, json.loads(done.stdout), strict=True):
        assert found == trained[key].predictions, key


@pytest.mark.parametrize(("name", "task"), RUNS)
def test_metrics_keep_their_contract(trained: dict[tuple[str, str], Trained], name: str, task: str) -> None:
    metrics = trained[name, task].metrics
    has_gold, has_teacher = "without gold" not in name, "_kd" in name
    wanted = {"procedure", "n_parameters", "best_epoch", "best_step", "seed", "train_seconds"}
    wanted |= {"temperature"} if task != "regression" else set()
    wanted |= {"dev", "test"} if has_gold else set()
    wanted |= {"teacher", "agreement", "texts_without_teacher"} if has_teacher else set()
    wanted |= {"differences"} if has_teacher and has_gold else set()
    assert metrics.keys() == wanted
    names = {
        "one_label": {"accuracy", "macro_f1", "micro_f1", "matthews_correlation", "per_label", "accuracy_interval"},
        "multi_label": {"accuracy", "macro_f1", "micro_f1", "average_precision", "per_label", "macro_f1_interval"},
        "regression": {"pearson", "spearman", "pearson_spearman", "mse", "pearson_spearman_interval"},
    }[task]
    every = [metrics, *([metrics["teacher"]] if has_teacher else [])]
    for scores in (some[split] for some in every for split in ("dev", "test") if has_gold):
        assert names <= scores.keys() and scores["n"] == 16
        low, high = scores[f"{scores['main_score']}_interval"]
        assert low <= scores[scores["main_score"]] <= high
    if has_teacher and has_gold:
        assert metrics["teacher"]["n_parameters"] == trained["transformer_text", task].metrics["n_parameters"]
        assert metrics["agreement"].keys() == (set() if task == "regression" else {"dev", "test"})
        assert metrics["texts_without_teacher"] == 0


@pytest.mark.parametrize("task", TASKS)
def test_the_teacher_scores_in_a_student_s_run_are_its_own(trained: dict[Any, Trained], task: str) -> None:
    own, seen = trained["transformer_text", task].metrics, trained["classifier_kd", task].metrics["teacher"]
    for split in ("dev", "test"):
        for name in ("accuracy", "macro_f1", "mse"):
            assert seen[split].get(name) == pytest.approx(own[split].get(name), abs=1e-3), name


@pytest.mark.parametrize(("name", "task"), RUNS)
def test_reports_and_cards_tell_of_texts(trained: dict[tuple[str, str], Trained], name: str, task: str) -> None:
    folder = trained[name, task].folder
    report, page, card = ((folder / file).read_text() for file in ("report.md", "report.html", "README.md"))
    kind = "TransformerTextClassifier" if name == "transformer_text" else "NeuralTextClassifier"
    assert "pipeline_tag: text-classification" in card and f"from nlparch import {kind}" in card
    assert ("`animal`, `city`, `food`" in card) == (task != "regression")
    assert "</html>" in page
    if "without gold" in name:
        return
    assert ("test, label by label" in report) == (task != "regression")
    assert "words per second" in report and "texts" in report
    assert ("## Calibration on test" in report) == (task != "regression")
    if "_kd" in name:
        assert "student - teacher" in report
    assert trained["classifier", "multi_label"].read("config.json")["thresholds"] is not None


@pytest.mark.parametrize("name", ["transformer_text", "classifier_kd_pseudo"])
def test_options_yaml_repeats_the_run(trained: dict[Any, Trained], name: str, tmp_path: Path) -> None:
    before = trained[name, "multi_label"]
    assert train([name, "--config", str(before.folder / "options.yaml"), "--output_dir", str(tmp_path / "again")]) == 0
    again = Trained(tmp_path / "again", [])
    for file in ("model.safetensors", "config.json"):
        assert (again.folder / file).read_bytes() == (before.folder / file).read_bytes()
    assert again.metrics | {"train_seconds": 0} == before.metrics | {"train_seconds": 0}


@pytest.mark.parametrize("task", TASKS)
def test_a_baseline_is_what_plain_training_makes_of_the_same_options(
    trained: dict[Any, Trained], home: Path, task: str
) -> None:
    folder = home / "runs" / task / "with_baseline"
    args = [*command("classifier_kd", task, home), "--baseline"]
    args[args.index("--output_dir") + 1] = str(folder)
    assert train(args) == 0
    plain = trained["classifier", task]
    for file in ("model.safetensors", "config.json", "features.json"):
        assert (folder / "baseline" / file).read_bytes() == (plain.folder / file).read_bytes(), file
    metrics = Trained(folder, []).metrics
    assert metrics["baseline"]["test"] == plain.metrics["test"]
    assert {"teacher", "baseline"} == metrics["differences"]["test"].keys()
    assert "undistilled" in (folder / "report.md").read_text()


def test_augmented_texts_are_learnt_from(trained: dict[Any, Trained], home: Path) -> None:
    args = [*command("classifier_kd", "regression", home), "--augment", "2", "--augment_kinds", "swap", "--max_steps"]
    folder = home / "runs" / "augmented"
    args[args.index("--output_dir") + 1] = str(folder)
    assert train([*args, "3"]) == 0
    assert "new texts (swap)" in (folder / "report.md").read_text()


def predict(args: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert inference(args.split()) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", ["transformer_text", "classifier"])
def test_lines_are_classified(
    trained: dict[Any, Trained], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    for task in ("one_label", "multi_label"):
        run = trained[name, task]
        assert predict(f"{name} --model_dir {run.folder} --data_file {tmp_path}/texts.txt", capsys) == run.predictions
    pairs = "".join(f"{text}\t{text[::-1]}\n" for text in TEXTS if text)
    (tmp_path / "pairs.txt").write_text(pairs)
    run = trained[name, "regression"]
    found = predict(f"{name} --model_dir {run.folder} --data_file {tmp_path}/pairs.txt --pairs", capsys)
    assert [row["score"] for row in found] == pytest.approx(
        [row["score"] for row in run.predictions if row["text"]], abs=1e-3
    )


@pytest.mark.parametrize("name", ["transformer_text", "classifier"])
def test_tables_are_classified(
    trained: dict[Any, Trained], name: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained[name, "regression"]
    table = home / "regression" / "test.jsonl"
    output = tmp_path / "out.jsonl"
    assert predict(f"{name} --model_dir {run.folder} --data_file {table} --output_file {output}", capsys) == []
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    gold = [json.loads(line) for line in table.read_text().splitlines()]
    assert [(row["text"], row["text_pair"]) for row in rows] == [(row["text"], row["text_pair"]) for row in gold]
    errors = np.array([row["score"] - given["label"] for row, given in zip(rows, gold, strict=True)])
    assert (errors**2).mean() == pytest.approx(run.metrics["test"]["mse"], abs=1e-3)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            "classifier --model_dir RUNS/one_label/transformer_text --data_file RAW",
            "run nlp-inference transformer_text",
        ),
        ("transformer_text --model_dir RUNS/one_label/classifier --data_file RAW", "run nlp-inference classifier"),
        ("classifier --model_dir RUNS/regression/classifier --data_file RAW", "reads pairs of texts; add --pairs"),
        (
            "classifier --model_dir RUNS/one_label/classifier --data_file PAIRS --pairs",
            "reads single texts, got a pair",
        ),
        ("classifier --model_dir RUNS/one_label/classifier --data_file RAW --pairs", "raw.txt:1: a line must hold two"),
        ("classifier --model_dir RUNS/one_label/classifier --data_file RAW --text_column x", "are of tables"),
        ("transformer_text --model_dir RUNS/regression/transformer_text --data_file RAW", "reads pairs of texts; add"),
        (
            "transformer_text --model_dir RUNS/one_label/transformer_text --data_file PAIRS --pairs",
            "reads single texts",
        ),
        ("classifier --model_dir RUNS/one_label/classifier --data_file nowhere", "there is no such file"),
        ("tagger --model_dir RUNS/one_label/classifier --data_file RAW", "this one classifies whole texts"),
        ("classifier --model_dir RUNS/one_label/classifier --data_file TABLE --text_column x", "column named x"),
    ],
)
def test_what_does_not_go_together_is_refused(
    trained: dict[Any, Trained], home: Path, given: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "RUNS": "runs",
        "RAW": "one_label/raw.txt",
        "PAIRS": "regression/raw.txt",
        "TABLE": "one_label/test.jsonl",
    }
    for name, place in places.items():
        given = given.replace(name, str(home / place))
    assert inference(given.split()) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_model_is_scored_on_a_table(
    trained: dict[Any, Trained], home: Path, tmp_path: Path, task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model, teacher = trained["classifier_kd", task], trained["transformer_text", task]
    table = home / task / "test.jsonl"
    args = f"{model.folder} {table} --teacher {teacher.folder} --output_dir {tmp_path}/scores --no_cuda"
    assert evaluate(args.split()) == 0
    found = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    main = found["test"]["main_score"]
    assert found["test"][main] == pytest.approx(model.metrics["test"][main], abs=1e-4)
    assert found["teacher"]["test"][main] == pytest.approx(teacher.metrics["test"][main], abs=1e-4)
    assert "16 texts with gold" in (tmp_path / "scores" / "report.md").read_text()
    assert evaluate(f"{model.folder} {table} --word_col 1".split()) == 2
    assert "--word_col is of column files" in capsys.readouterr().err
