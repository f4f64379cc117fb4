"""`--baseline`: the undistilled student beside the distilled one."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlparch.cli import train
from nlparch.procedures.options import TaggerKdPseudoOptions

SIZES = dict(word_width=12, char_width=4, n_char_filters=8, lstm_width=12, n_lstm_layers=1, dropout=0.1, n_filters=24)
QUICK = "--epochs 3 --lr 0.02 --batch_size 8 --logging_steps 2 --no_cuda --precision fp32"
SCRATCH = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 120"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A folder with sizes and a teacher, and what `tagger`, `tagger_kd` and `tagger_kd_pseudo` make of them."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    assert (
        train(f"transformer_token --data_dir {data_dir} --output_dir {folder}/teacher {SCRATCH} {QUICK}".split()) == 0
    )
    small = f"--data_dir {data_dir} --config_file {folder}/sizes.yaml {QUICK} --train_examples 20"
    taught = f"{small} --teacher_model_path {folder}/teacher --cache_dir {folder}/cache --teacher_precision fp32"
    assert train(f"tagger {small} --output_dir {folder}/tagger".split()) == 0
    assert train(f"tagger_kd {taught} --baseline --output_dir {folder}/taught".split()) == 0
    raw = f"--unlabeled_filename {data_dir}/raw.txt"
    assert train(f"tagger_kd_pseudo {taught} --baseline {raw} --output_dir {folder}/raw".split()) == 0
    return folder


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", ["taught", "raw"])
def test_the_undistilled_student_is_what_plain_training_makes_of_the_same_options(folder: Path, name: str) -> None:
    for file in ("model.safetensors", "config.json", "features.json"):
        assert (folder / name / "baseline" / file).read_bytes() == (folder / "tagger" / file).read_bytes(), file
    own, other = metrics(folder / name / "baseline"), metrics(folder / "tagger")
    assert own | {"train_seconds": 0} == other | {"train_seconds": 0}
    assert (folder / name / "model.safetensors").read_bytes() != (folder / "tagger/model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["taught", "raw"])
def test_its_scores_stand_beside_those_of_student_and_teacher(folder: Path, name: str) -> None:
    found, alone = metrics(folder / name)["baseline"], metrics(folder / "tagger")
    for key in ("n_parameters", "best_epoch", "best_step", "dev", "test"):
        assert found[key] == alone[key]
    differences = metrics(folder / name)["differences"]
    assert {split: row.keys() for split, row in differences.items()} == dict.fromkeys(
        ("dev", "test"), {"teacher", "baseline"}
    )
    report = (folder / name / "report.md").read_text()
    assert "undistilled" in report and "gap closed" in report and "student - undistilled" in report
    assert "undistilled on dev" in report and "s-baseline" in (folder / name / "report.html").read_text()


def test_its_options_repeat_it(folder: Path, tmp_path: Path) -> None:
    options = [
        "--config",
        str(folder / "taught" / "baseline" / "options.yaml"),
        "--output_dir",
        str(tmp_path / "again"),
    ]
    assert train(["tagger", *options]) == 0
    weights = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert weights == (folder / "taught" / "baseline" / "model.safetensors").read_bytes()


def test_without_gold_it_is_refused_before_any_training(
    folder: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="--baseline trains a student on gold alone: it needs a --data_dir"):
        TaggerKdPseudoOptions(output_dir="x", teacher_model_path="x", unlabeled_filename=("x",), baseline=True)
    (tmp_path / "dev.txt").write_bytes((data_dir / "dev.txt").read_bytes())
    args = (
        f"tagger_kd_pseudo --data_dir {tmp_path} --unlabeled_filename {data_dir}/raw.txt --baseline {QUICK} --no_cuda"
    )
    args += f" --teacher_model_path {folder}/teacher --cache_dir {folder}/cache --output_dir {tmp_path}/run"
    assert train(args.split()) == 2
    assert "--baseline trains a student on gold tags, and there are none to train on" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
