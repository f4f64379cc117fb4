import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nlparch.cli import bench, evaluate, export
from nlparch.procedures.bench import measure, table
from nlparch.procedures.model_options import BenchOptions

QUICK = ["--rounds", "1", "--seconds", "0.01"]


@pytest.fixture
def small(new_tagger: Any, tmp_path: Path) -> str:
    new_tagger().save_pretrained(tmp_path / "small")
    return str(tmp_path / "small")


def test_all_forms_of_models_are_measured(
    small: str, new_transformer: Any, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_transformer().save_pretrained(tmp_path / "large")
    files = ["--output_file", str(tmp_path / "figures.json"), "--plot", str(tmp_path / "plot.png")]
    assert bench([small, str(tmp_path / "large"), "--data", str(data_dir / "test.txt"), *QUICK, *files]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [(row["model"], row["form"]) for row in figures] == [
        *[("small", form) for form in ("torch fp32", "onnx fp32", "onnx int8")],
        *[("large", form) for form in ("torch fp32", "torch bf16", "pipeline", "onnx int8")],
    ]
    for row in figures:
        assert row["words_per_second"] > 0 and row["first_pass"] > 0 and row["start_seconds"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"] and row["n_parameters"] > 0 and row["bytes"] > 0
        assert row["memory_bytes"] is None or row["memory_bytes"] > 1e7
    assert figures[0]["score"] == figures[1]["score"] and figures[3]["score"] == figures[5]["score"]
    assert figures[2]["memory_bytes"] is None or figures[2]["memory_bytes"] < figures[0]["memory_bytes"]
    printed = capsys.readouterr().out
    assert "x pipeline" in printed and printed.count("\n") == 2 + len(figures)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_classifiers_are_measured(
    new_classifier: Any, new_text_transformer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], small: str
) -> None:
    classifier = new_classifier(encoder="bag")
    classifier.config.main_score = "macro_f1"
    classifier.save_pretrained(tmp_path / "bag")
    new_text_transformer().save_pretrained(tmp_path / "large")
    rows = [{"text": text, "label": label} for text, label in (("Ann flew", "pos"), ("Oslo\n!", "neg"), ("", "odd"))]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = ["--data", str(tmp_path / "test.jsonl"), "--output_file", str(tmp_path / "figures.json")]
    assert bench([str(tmp_path / "bag"), str(tmp_path / "large"), *files, *QUICK]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [(row["model"], row["form"]) for row in figures] == [
        *[("bag", form) for form in ("torch fp32", "onnx fp32", "onnx int8")],
        *[("large", form) for form in ("torch fp32", "torch bf16", "pipeline", "onnx int8")],
    ]
    assert all(row["words_per_second"] > 0 and 0 <= row["score"] < 1 for row in figures)
    assert {row["main_score"] for row in figures} == {"macro_f1"}
    assert figures[0]["score"] == figures[1]["score"] and figures[3]["score"] == figures[5]["score"]
    assert bench([str(tmp_path / "bag"), small, *files, *QUICK]) == 2
    assert "must all do the same on one file, got one_label and tagging" in capsys.readouterr().err


def test_an_exported_folder_runs_as_it_is(
    small: str, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export([small, str(tmp_path / "out"), "--quantize", "int8"]) == 0
    assert bench([str(tmp_path / "out"), "--data", str(data_dir / "test.txt"), *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[2].startswith("| out | onnx int8 |")


def test_what_is_wrong_with_the_labels_is_told(small: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "gold.txt").write_text("Ann\tB-PER\n\nOslo\tB-CITY\n")
    with caplog.at_level("INFO"):
        assert bench([small, "--data", str(tmp_path / "gold.txt"), *QUICK]) == 0
    told = [message for message in caplog.messages if "1 words carry tags that the model lacks" in message]
    assert len(told) == 1 and told[0].startswith("small: ") and "B-CITY 1" in told[0]


class Quick:
    """An entry that reads a text of 10 words in a millisecond, and counts what it is asked."""

    name, form, n_parameters, n_bytes, labels = "quick", "fake", 1, 1, None

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def start(self, texts: Path) -> float:
        self.n_sentences = len(json.loads(texts.read_text())["answered"])
        return 0.5

    def ask(self, do: str, n: int = 0) -> Any:
        self.asked.append((do, n))
        answers: dict[str, Any] = {"read": {"seconds": n / 1000, "words": 10 * n}, "alone": [0.001] * n, "memory": None}
        return answers.get(do, [["O"]] * self.n_sentences)

    def stop(self) -> None:
        self.asked.append(("stop", 0))


def asked(tmp_path: Path, **settings: Any) -> list[tuple[str, int]]:
    entry: Any = Quick()
    material: Any = SimpleNamespace(
        texts=["a"] * 5000, short=["a"] * 5000, answered=[["a"]] * 5000, score=lambda *_: ("f1", 1.0)
    )
    options = BenchOptions(model_dirs=("x",), data="x", **settings)
    figures = measure([entry], material, options=options, scratch=tmp_path)
    assert figures[0]["words_per_second"] == pytest.approx(10_000)
    assert entry.asked[-1] == ("stop", 0)
    return [call for call in entry.asked[3:] if call[0] in ("read", "alone")]


def test_rounds_are_read_one_by_one(tmp_path: Path) -> None:
    assert asked(tmp_path, rounds=3, seconds=1) == [("read", 1000), ("alone", 500)] * 3
    assert asked(tmp_path, rounds=1, seconds=1) == [("read", 1000), ("alone", 500)]


def test_a_round_takes_about_so_many_seconds(tmp_path: Path) -> None:
    assert asked(tmp_path, rounds=1, seconds=2) == [("read", 2000), ("alone", 500)]
    assert asked(tmp_path, rounds=1, seconds=0.1) == [("read", 320), ("alone", 100)]
    assert asked(tmp_path, rounds=1, seconds=60) == [("read", 5000), ("alone", 500)]


def test_speeds_are_compared_with_the_pipeline_or_else_the_slowest() -> None:
    row = dict(model="m", n_parameters=1, bytes=1, score=None, main_score="f1", first_pass=1.0, p50_ms=1.0, p99_ms=1.0)
    row |= dict(memory_bytes=None, start_seconds=1.0)
    rows: list[dict[str, Any]] = [
        row | dict(form=form, words_per_second=speed) for form, speed in (("a", 30.0), ("pipeline", 10.0), ("b", 5.0))
    ]
    assert [line.split(" | ")[6] for line in table(rows).splitlines()] == ["x pipeline", "---:", "3.0", "1.0", "0.5"]
    assert [line.split(" | ")[6] for line in table(rows[::2]).splitlines()] == ["x b", "---:", "6.0", "1.0"]
    assert table(rows).splitlines()[0].split(" | ")[4] == "f1"
    rows[1]["main_score"] = "accuracy"
    assert table(rows).splitlines()[0].split(" | ")[4] == "score"


@pytest.mark.parametrize("has_pairs", [False, True])
def test_texts_of_the_other_kind_are_refused(
    new_classifier: Any, has_pairs: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_classifier(has_pairs=has_pairs).save_pretrained(tmp_path / "model")
    row = {"text": "Ann flew", "label": "pos"} | ({} if has_pairs else {"text_pair": "Oslo"})
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    model, file = str(tmp_path / "model"), str(tmp_path / "gold.jsonl")
    said = "reads pairs of texts, .* holds single texts" if has_pairs else "reads single texts, .* holds pairs"
    for command, args in (
        (bench, [model, "--data", file]),
        (evaluate, [model, file]),
        (export, [model, str(tmp_path / "out"), "--dev", file]),
    ):
        assert command(args) == 2
        assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["{tmp}/none", "--data", "{data}"], "none"),
        (["{small}", "--data", "{tmp}/none.txt"], "none.txt"),
        (["{small}", "--data", "{data}", "--plot", "{tmp}/none/a.png"], "--plot .*there is no folder"),
        (["{small}", "--data", "{data}", "--output_file", "{tmp}/none/a.json"], "--output_file .*there is no folder"),
        (["{small}", "--data", "{data}", "--output_file", "{tmp}"], "--output_file must be a file, .* is a folder"),
        (["{small}", "--data", "{data}", "--plot", "{tmp}/a.xyz"], "--plot must be a PNG file"),
        (["{small}", "--data", "{data}", "--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["{small}", "--data", "{data}", "--seconds", "0"], "--seconds must be positive, got 0"),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], said: str, small: str, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = dict(small=small, data=data_dir / "test.txt", tmp=tmp_path)
    assert bench([arg.format(**places) for arg in args]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert re.search(said, error.splitlines()[-1])
