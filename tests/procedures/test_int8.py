"""What the report of a distillation tells of the student in int8."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlparch.cli import export, train
from nlparch.procedures import int8, lesson

SHORT = "--max_steps 3 --batch_size 8 --no_cuda --precision fp32"
SCRATCH = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 120 --patience 0"

KINDS = {"tagging": ("transformer_token", "tagger_kd"), "text": ("transformer_text", "classifier_kd")}


@pytest.fixture(autouse=True)
def with_int8(without_int8: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson, "add_int8", int8.add_int8)


@pytest.fixture(scope="module")
def text_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name, n in {"train": 24, "dev": 10}.items():
        rows = [
            {"text": f"{'Ann flew' if i % 3 else 'It rained'} {name} {i}", "label": "no yes".split()[i % 2]}
            for i in range(n)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def distil(kind: str, data: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """The metrics and the report of a student."""
    teacher, student = KINDS[kind]
    assert train(f"{teacher} --data_dir {data} --output_dir {folder}/teacher {SCRATCH} {SHORT}".split()) == 0
    args = f"{student} --data_dir {data} --output_dir {folder}/run --teacher_model_path {folder}/teacher {SHORT}"
    args += " --teacher_precision fp32"
    assert train([*args.split(), "--cache_dir", str(folder / "cache"), "--size", "nano"]) == 0
    capsys.readouterr()
    return json.loads((folder / "run" / "metrics.json").read_text()), (folder / "run" / "report.md").read_text()


@pytest.mark.parametrize("kind", ["tagging", "text"])
def test_size_speed_and_score_are_those_of_the_exported_student(
    kind: str, data_dir: Path, text_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics, report = distil(kind, data_dir if kind == "tagging" else text_dir, tmp_path, capsys)
    split, score = ("test", "f1") if kind == "tagging" else ("dev", "accuracy")
    file = data_dir / "test.txt" if kind == "tagging" else text_dir / "dev.jsonl"
    args = [f"{tmp_path}/run", f"{tmp_path}/int8", "--quantize", "int8", "--max_f1_loss", "1", "--dev", str(file)]
    assert export(args) == 0
    shipped = json.loads((tmp_path / "int8" / "metrics.json").read_text())
    found = metrics["int8"]
    assert found[split][score] == pytest.approx(shipped["dev"]["attempts"]["int8"])
    assert found["bytes"] == shipped["bytes"] < metrics["n_parameters"] * 2
    assert found["words_per_second"] > 0
    (row,) = (line for line in report.splitlines() if "student in int8" in line)
    assert f"{found['bytes']:,}" in row and f"{found[split][score]:.4f}" in row


def test_distillation_needs_neither_onnx_nor_onnxruntime() -> None:
    code = "import sys; sys.modules |= {'onnx': None, 'onnxruntime': None}; import nlparch.procedures.tagger_kd_pseudo"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_told_what_is_missing(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "onnx" else find(name, *more))
    metrics, report = distil("tagging", data_dir, tmp_path, capsys)
    assert "int8" not in metrics and "int8 not measured without onnx: pip install 'nlparch[export]'" in report
