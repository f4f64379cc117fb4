"""GLUE's own files: headers, missing headers, quotes, sets without labels."""

from pathlib import Path
from typing import Any

import pytest

from nlparch.data.glue import GLUE_TASKS
from nlparch.data.text_labels import TextLabels
from nlparch.data.texts import TextCorpus, load_text_corpus
from nlparch.errors import DataError, UserError
from nlparch.text_metrics import score_texts


def write(folder: Path, **files: list[list[str]]) -> Path:
    folder.mkdir(parents=True)
    for name, rows in files.items():
        (folder / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return folder


def read(folder: Path, name: str, **options: Any) -> TextCorpus:
    return load_text_corpus(folder, task_name=name, **options)


def test_cola_has_no_header_and_its_test_set_no_labels(tmp_path: Path) -> None:
    rows = [["gj04", "1", "", "He said so."], ["gj04", "0", "*", '"Said he so']]
    write(tmp_path / "CoLA", train=rows, dev=rows[:1], test=[["index", "sentence"], ["0", "What?"]])
    corpus = read(tmp_path, "CoLA")
    assert corpus.splits["train"][:] == {"text": ["He said so.", '"Said he so'], "label": ["1", "0"]}
    assert corpus.main_score == "matthews_correlation" and list(corpus.splits) == ["train", "dev"]
    assert "test: GLUE's test sets have no labels, they are not read" in corpus.notes
    assert read(tmp_path / "CoLA", "cola").splits["train"][:] == corpus.splits["train"][:]


def test_mnli_has_two_dev_sets(tmp_path: Path) -> None:
    header = ["index", "sentence1", "sentence2", "label1", "gold_label"]
    rows = [["0", "a", "b", "neutral", "entailment"], ["1", "c", "d", "neutral", "neutral"]]
    sets = {"train": [header, *rows], "dev_matched": [header, rows[0]], "dev_mismatched": [header, rows[1]]}
    corpus = read(write(tmp_path / "MNLI", **sets), "mnli")
    assert corpus.labels.names == ("entailment", "neutral")
    assert corpus.splits["dev"]["text"][:] == ["a"] and corpus.splits["test"]["text_pair"][:] == ["d"]
    assert "test: dev_mismatched.tsv, for GLUE's own test sets have no labels" in corpus.notes


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("SST-2", ["sentence", "label"], ["a", "1"]),
        ("MRPC", ["\ufeffQuality", "#1 ID", "#2 ID", "#1 String", "#2 String"], ["1", "7", "8", "a", "b"]),
        ("QQP", ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"], ["0", "1", "2", "a", "b", "1"]),
        ("QNLI", ["index", "question", "sentence", "label"], ["0", "a", "b", "1"]),
        ("RTE", ["index", "sentence1", "sentence2", "label"], ["0", "a", "b", "1"]),
        ("WNLI", ["index", "sentence1", "sentence2", "label"], ["0", "a", "b", "1"]),
    ],
)
def test_the_columns_of_every_task_are_known(tmp_path: Path, name: str, header: list[str], row: list[str]) -> None:
    other = [cell.replace("1", "0") for cell in row]
    corpus = read(write(tmp_path / name, train=[header, row, other], dev=[header, row]), name.lower())
    first = corpus.splits["train"][0]
    assert first["text"] == "a" and first.get("text_pair", "b") == "b" and first["label"] == "1"
    assert corpus.main_score == ("accuracy_and_f1" if name in ("MRPC", "QQP") else "accuracy")


def test_stsb_is_a_regression(tmp_path: Path) -> None:
    header = ["index", "genre", "sentence1", "sentence2", "score"]
    rows = [["0", "x", "a", "b", "5.000"], ["1", "x", "c", "d", "2"]]
    corpus = read(write(tmp_path / "STS-B", train=[header, *rows]), "stsb")
    assert corpus.labels.task == "regression" and corpus.splits["train"]["label"][:] == [5.0, 2.0]


def test_broken_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = [["sentence", "label"], ["a", "1"], ["broken"], ["b", "0"]]
    corpus = read(write(tmp_path / "SST-2", train=rows), "sst-2")
    assert len(corpus.splits["train"]) == 2
    assert f"{tmp_path}/SST-2/train.tsv: 1 rows with too few fields dropped" in corpus.notes


def test_what_is_not_glue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--task_name must be one of GLUE's tasks, got sst3; known: cola, .*mean sst-2"):
        read(tmp_path, "sst3")
    with pytest.raises(DataError, match="SST-2 of GLUE must have train.tsv"):
        read(tmp_path, "sst-2")
    write(tmp_path / "RTE", train=[["text", "label"], ["a", "1"]])
    with pytest.raises(DataError, match="train.tsv:1: a column must be named sentence1, got text, label"):
        read(tmp_path, "rte")


@pytest.mark.parametrize("name", sorted(GLUE_TASKS))
def test_what_chooses_the_best_model_is_a_score_of_the_task(name: str) -> None:
    glue = GLUE_TASKS[name]
    labels = TextLabels.from_names(["0", "1"], glue.task)
    gold: list[Any] = [0.5, 3.0, 4.5] if glue.task == "regression" else ["0", "1", "1"]
    assert score_texts(gold, gold, labels, main_score=glue.main_score)[glue.main_score] == 1.0
