"""Each training procedure through its command, on a corpus of a few sentences."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlparch.cli import train

TEXTS = ["Ann Lee flew to New Delhi .", "", "Who is Zoe ?", "Yesterday Bo met Ann in Oslo , of all places !"]
SIZES = dict(word_width=16, char_width=4, n_char_filters=8, lstm_width=12, n_lstm_layers=1, dropout=0.1, n_filters=24)
QUICK = "--epochs 8 --lr 0.02 --batch_size 8 --logging_steps 1 --patience 0 --no_cuda"
PROCEDURES = ("transformer_token", "tagger", "tagger_kd", "tagger_kd_pseudo", "tagger_kd_pseudo without gold")


@dataclass
class Trained:
    folder: Path
    predictions: list[dict[str, Any]]
    """Of the model in memory, before it was saved and loaded."""

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.folder / "metrics.json").read_text())

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was logged up to the last checkpoint."""
        states = sorted(self.folder.glob("checkpoints/*/trainer_state.json"), key=lambda path: path.stat().st_mtime)
        return json.loads(states[-1].read_text())["log_history"]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> dict[str, str]:
    """The command of each procedure, but for its output folder."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    teacher = tmp_path_factory.mktemp("runs") / "transformer_token"
    small = f"{QUICK} --config_file {folder / 'sizes.yaml'}"
    taught = f"{small} --teacher_model_path {teacher} --cache_dir {folder / 'cache'} --teacher_precision fp32"
    scratch = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 150 --precision fp32"
    return {
        "transformer_token": f"transformer_token --data_dir {data_dir} {scratch} {QUICK} --output_dir {teacher}",
        "tagger": f"tagger --data_dir {data_dir} {small}",
        "tagger_kd": f"tagger_kd --data_dir {data_dir} {taught}",
        "tagger_kd_pseudo": f"tagger_kd_pseudo --data_dir {data_dir} --unlabeled_filename {data_dir / 'raw.txt'} "
        f"--unlabeled_ratio 0.5 {taught}",
        "tagger_kd_pseudo without gold": f"tagger_kd_pseudo --unlabeled_filename {data_dir / 'raw.txt'} {taught}",
    }


@pytest.fixture(scope="module")
def trained(line: dict[str, str]) -> Iterator[dict[str, Trained]]:
    """What each procedure made of the corpus."""
    from nlparch.procedures import runs

    done: dict[str, Trained] = {}
    kept: list[Any] = []
    finish = runs.finish
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "finish", lambda options, run, name: (kept.append(run), finish(options, run, name)))
        for name, command in line.items():
            args = command.split()
            if "--output_dir" not in args:
                args += ["--output_dir", str(done["transformer_token"].folder.parent / name.replace(" ", "_"))]
            assert train(args) == 0, name
            predictions = [prediction.to_dict() for prediction in kept[-1].model.predict(TEXTS)]
            done[name] = Trained(Path(args[args.index("--output_dir") + 1]), predictions)
    yield done


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_loss_falls(trained: dict[str, Trained], name: str) -> None:
    losses = [row["loss"] for row in trained[name].history if "loss" in row]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_saved_models_predict_the_same_in_a_fresh_process(trained: dict[str, Trained]) -> None:
    code = """
import json, sys
from nlparch.models.loading import load_word_tagger
folders, texts = json.loads(sys.argv[1])
print(json.dumps([[p.to_dict() for p in load_word_tagger(folder).predict(texts)] for folder in folders]))
"""
    argument = json.dumps([[str(run.folder) for run in trained.values()], TEXTS])
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    for name, found in zip(trained, json.loads(done.stdout), strict=True):
        assert found == trained[name].predictions, name
    assert any(prediction["entities"] for prediction in trained["tagger"].predictions)


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_run_is_a_folder(trained: dict[str, Trained], name: str) -> None:
    folder = trained[name].folder
    own = {"tokenizer.json", "tokenizer_config.json"} if name == "transformer_token" else {"features.json"}
    found = {path.name for path in folder.iterdir()}
    assert found == {
        "README.md", "checkpoints", "config.json", "inputs.json", "metrics.json", "model.safetensors", "options.yaml",
        "report.html", "report.md", "runs", *own,
    }  # fmt: skip


@pytest.mark.parametrize("name", PROCEDURES)
def test_metrics_keep_their_contract(trained: dict[str, Trained], name: str) -> None:
    metrics = trained[name].metrics
    has_gold, has_teacher = "without gold" not in name, "_kd" in name
    wanted = {"procedure", "n_parameters", "best_epoch", "best_step", "seed", "train_seconds", "temperature"}
    wanted |= {"dev", "test"} if has_gold else set()
    wanted |= {"teacher", "agreement", "words_without_teacher"} if has_teacher else set()
    wanted |= {"differences"} if has_teacher and has_gold else set()
    assert metrics.keys() == wanted
    assert metrics["procedure"] == name.split(" ")[0] and metrics["seed"] == 42 and metrics["train_seconds"] > 0
    assert isinstance(metrics["n_parameters"], int)
    for scores in (metrics.get("dev"), metrics.get("test"), *_teacher_scores(metrics)):
        _check_scores(scores) if scores else None
    if has_gold:
        assert metrics["best_step"] == 4 * metrics["best_epoch"] or has_teacher
        assert metrics["dev"]["n"] > 50
    else:
        assert metrics["best_epoch"] is None and metrics["best_step"] is None
    if has_teacher:
        assert metrics["teacher"]["n_parameters"] == trained["transformer_token"].metrics["n_parameters"]
        assert metrics["agreement"].keys() == ({"dev", "test"} if has_gold else set())
        assert all(0 <= share <= 1 for share in metrics["agreement"].values())
        assert metrics["words_without_teacher"] == 0


def _teacher_scores(metrics: dict[str, Any]) -> list[Any]:
    return [scores for split, scores in metrics.get("teacher", {}).items() if split != "n_parameters"]


def _check_scores(scores: dict[str, Any]) -> None:
    assert {"precision", "recall", "f1", "f1_strict", "accuracy", "n", "per_type"} <= scores.keys()
    for name in ("precision", "recall", "f1", "accuracy"):
        assert scores[name] is None or (isinstance(scores[name], float) and 0 <= scores[name] <= 1)
    for row in scores["per_type"].values():
        assert row.keys() == {"precision", "recall", "f1", "f1_interval", "support"} and isinstance(row["support"], int)
    low, high = scores["f1_interval"]
    assert 0 <= low <= scores["f1"] <= high <= 1 and 0 <= scores["calibration_error"] <= 1
    n_entities = sum(row["support"] for row in scores["per_type"].values())
    assert scores["seen"]["support"] + scores["unseen"]["support"] == n_entities


def test_the_teacher_scores_in_a_student_s_run_are_its_own(trained: dict[str, Trained]) -> None:
    own, seen = trained["transformer_token"].metrics, trained["tagger_kd"].metrics["teacher"]
    for split in ("dev", "test"):
        # Its probabilities are read from outputs that were stored in 16 bits.
        for error in ("calibration_error", "calibration_error_before"):
            rough, exact = (scores[split].pop(error) for scores in (seen, own))
            assert rough == pytest.approx(exact, abs=1e-3)
        assert {name: seen[split][name] for name in seen[split]} == {name: own[split][name] for name in seen[split]}


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_loss_term_and_dev_score_has_a_curve(trained: dict[str, Trained], name: str) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = trained[name].folder.glob("runs/events*")
    events = EventAccumulator(str(file)).Reload()
    curves = {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    terms = {"hard", "soft"} if "_kd" in name else {"hard"}
    assert {f"train/{term}_loss{end}" for term in terms for end in ("", "_weighted")} <= curves.keys()
    assert ("eval/f1" in curves) == ("without gold" not in name)
    assert all(math.isfinite(value) for values in curves.values() for value in values)
    total = [sum(values) for values in zip(*(curves[f"train/{term}_loss_weighted"] for term in terms), strict=True)]
    assert total == pytest.approx(curves["train/loss"], abs=1e-3)


@pytest.mark.parametrize("name", ["transformer_token", "tagger_kd_pseudo"])
def test_options_yaml_repeats_the_run(trained: dict[str, Trained], name: str, tmp_path: Path) -> None:
    before = trained[name]
    assert train([name, "--config", str(before.folder / "options.yaml"), "--output_dir", str(tmp_path / "again")]) == 0
    again = Trained(tmp_path / "again", [])
    for file in ("model.safetensors", "config.json"):
        assert (again.folder / file).read_bytes() == (before.folder / file).read_bytes()
    assert again.metrics | {"train_seconds": 0} == before.metrics | {"train_seconds": 0}


def test_options_yaml_may_stand_in_the_folder_that_is_emptied(line: dict[str, str], tmp_path: Path) -> None:
    args = [*line["tagger"].split(), "--output_dir", str(tmp_path / "run"), "--max_steps", "2"]
    assert train(args) == 0
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "model.safetensors").unlink()
    again = ["tagger", "--config", str(tmp_path / "run" / "options.yaml")]
    assert train(again) == 2
    assert train([*again, "--overwrite_output_dir"]) == 0
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights
    options = yaml.safe_load((tmp_path / "run" / "options.yaml").read_text())
    assert not options["overwrite_output_dir"], "a repeated run must not empty a folder unasked"


def complaint(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert train(args) == 2
    (message,) = (text for text in capsys.readouterr().err.splitlines() if text.startswith("error: "))
    return message


def test_a_folder_that_holds_something_is_refused(
    line: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    args = [*line["tagger"].split(), "--output_dir", str(tmp_path)]
    assert "not empty; add --overwrite_output_dir" in complaint(args, capsys)
    assert "must be a folder" in complaint([*args[:-1], str(tmp_path / "notes.txt")], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_mistaken_start_does_not_make_the_folder_taken(line: dict[str, str], tmp_path: Path) -> None:
    args = [*line["tagger"].split(), "--output_dir", str(tmp_path / "run"), "--max_steps", "1"]
    assert train([*args, "--splitter", "wrods"]) == 2
    assert train(args) == 0


def test_resume_refuses_other_options(
    trained: dict[str, Trained], line: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    args = [*line["tagger"].split(), "--output_dir", str(trained["tagger"].folder), "--resume"]
    assert "lr was 0.02, got 0.5" in complaint([*args, "--lr", "0.5"], capsys)
    assert "seed was 42, got 1" in complaint([*args, "--seed", "1"], capsys)


def test_resuming_a_finished_run_trains_no_further(
    trained: dict[str, Trained], line: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained["tagger"]
    files = ("model.safetensors", "config.json", "features.json")
    before, metrics = [(run.folder / file).read_bytes() for file in files], run.metrics
    assert train([*line["tagger"].split(), "--output_dir", str(run.folder), "--resume"]) == 0
    assert "training had ended" in capsys.readouterr().err
    assert [(run.folder / file).read_bytes() for file in files] == before
    assert run.metrics | {"train_seconds": 0} == metrics | {"train_seconds": 0}
    assert not yaml.safe_load((run.folder / "options.yaml").read_text())["resume"]


@pytest.mark.parametrize("there", [(), ("dev",), ("test",)])
def test_dev_and_test_may_be_missing(
    line: dict[str, str], data_dir: Path, tmp_path: Path, there: tuple[str, ...]
) -> None:
    for name in ("train", *there):
        (tmp_path / f"{name}.txt").write_bytes((data_dir / f"{name}.txt").read_bytes())
    command = line["tagger_kd"].replace(f"--data_dir {data_dir}", f"--data_dir {tmp_path}")
    assert train([*command.split(), "--output_dir", str(tmp_path / "run"), "--max_steps", "3"]) == 0
    metrics = Trained(tmp_path / "run", []).metrics
    assert {"dev", "test"} & metrics.keys() == metrics["agreement"].keys() == set(there)
    assert (metrics["best_step"] is None) == ("dev" not in there)
    assert ("last model is kept" in (tmp_path / "run" / "report.md").read_text()) == ("dev" not in there)


def test_a_ratio_to_gold_needs_gold(
    trained: dict[str, Trained],
    line: dict[str, str],
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Dev alone chooses the best model, but gives no gold row that raw ones could be counted for."""
    (tmp_path / "dev.txt").write_bytes((data_dir / "dev.txt").read_bytes())
    command = line["tagger_kd_pseudo"].replace(f"--data_dir {data_dir}", f"--data_dir {tmp_path}")
    args = [*command.split(), "--output_dir", str(tmp_path / "run"), "--max_steps", "2"]
    assert "--unlabeled_ratio is per gold row" in complaint(args, capsys)
    place = args.index("--unlabeled_ratio")
    del args[place : place + 2]
    assert train(args) == 0
    assert Trained(tmp_path / "run", []).metrics["dev"]["n"] > 0


def test_words_that_the_teacher_cannot_see_are_counted_in_every_split(
    trained: dict[str, Trained], line: dict[str, str], data_dir: Path, tmp_path: Path
) -> None:
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.txt").write_text(f"\u200b\tO\n\n{(data_dir / f'{name}.txt').read_text()}")
    command = line["tagger_kd"].replace(f"--data_dir {data_dir}", f"--data_dir {tmp_path}")
    assert train([*command.split(), "--output_dir", str(tmp_path / "run"), "--max_steps", "2"]) == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert Trained(tmp_path / "run", []).metrics["words_without_teacher"] == 1
    for name in ("dev", "test"):
        assert f"1 {name} words have no teacher outputs: it is scored as if it said O" in report


def test_mistakes_are_told_before_any_training(
    trained: dict[str, Trained],
    line: dict[str, str],
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sizes.yaml").write_text("lstm_width: -3\n")
    (tmp_path / "typo.yaml").write_text("lstm_wdith: 3\n")
    (tmp_path / "ragged.txt").write_text("Ann\tB-PER\nLee\n\n")
    out = ["--output_dir", str(tmp_path / "run"), "--overwrite_output_dir"]
    tagger, taught = [*line["tagger"].split(), *out], [*line["tagger_kd"].split(), *out]
    raw = [*line["tagger_kd_pseudo without gold"].split(), *out]
    assert "lstm_width must be at least 1, got -3" in complaint(
        [*tagger, "--config_file", str(tmp_path / "sizes.yaml")], capsys
    )
    assert "typo.yaml:1: lstm_wdith: no such option; did you mean lstm_width?" in complaint(
        [*tagger, "--config_file", str(tmp_path / "typo.yaml")], capsys
    )
    assert "--precision fp16 needs a GPU" in complaint([*tagger, "--precision", "fp16"], capsys)
    assert "--teacher_precision fp16 needs a GPU" in complaint([*taught, "--teacher_precision", "fp16"], capsys)
    assert "none.txt: cannot be read: there is no such file" in complaint(
        [*tagger, "--embedding_file", str(tmp_path / "none.txt")], capsys
    )
    nowhere = [*taught, "--teacher_model_path", str(tmp_path / "nowhere")]
    assert "nowhere: there is no such folder; give a checkpoint" in complaint(nowhere, capsys)
    assert "config.json" in complaint([*taught, "--teacher_model_path", str(data_dir)], capsys)
    missing = [arg.replace("raw.txt", "none.txt") for arg in raw]
    assert "none.txt: there is no such file or folder" in complaint(missing, capsys)
    ragged = ["--data_dir", str(tmp_path), "--train_filename", "ragged.txt"]
    assert "ragged.txt:2: " in complaint([*tagger, *ragged], capsys)
    assert "a splitter must be one of" in complaint([*tagger, "--splitter", "wrods"], capsys)
