"""Every option that only texts have changes what it says; those shared with tagging are tested there."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlparch.cli import evaluate, inference, train
from nlparch.procedures import option_groups, text_options
from nlparch.procedures.model_options import TextInferenceOptions
from nlparch.procedures.text_inference import read_inputs

_spec = importlib.util.spec_from_file_location("text_corpora", Path(__file__).parent / "text_corpora.py")
assert _spec is not None and _spec.loader is not None
text_corpora = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(text_corpora)

SIZES = dict(word_width=8, char_width=4, n_char_filters=4, lstm_width=6, n_lstm_layers=1, n_filters=6)
SHORT = "--max_steps 2 --batch_size 8 --logging_steps 1 --no_cuda --precision fp32"
SCRATCH = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 150"


class Result:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getattr__(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    @property
    def report(self) -> str:
        return (self.folder / "report.md").read_text()


Check = Callable[[Result, Result], bool]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text-options")
    text_corpora.write_corpus(folder / "corpus", "one_label")
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    rows = [json.loads(line) for line in (folder / "corpus" / "train.jsonl").read_text().splitlines()]
    # One table whose columns say different things of the same texts.
    (folder / "wide").mkdir()
    lines = ["a\tb\tkind\tmany\tnumber"]
    for place, row in enumerate(rows):
        many = f"{row['label']};x" if place % 2 else row["label"]
        lines.append(f"{row['text']}\tother {place % 3}\t{row['label']}\t{many}\t{place % 4}")
    (folder / "wide" / "train.tsv").write_text("\n".join(lines) + "\n")
    (folder / "SST-2").mkdir()
    glue = ["sentence\tlabel", *(f"{row['text']}\t{row['label'] == 'food':d}" for row in rows)]
    for name in ("train", "dev"):
        (folder / "SST-2" / f"{name}.tsv").write_text("\n".join(glue) + "\n")
    assert train(command("transformer_text", folder, "teacher", "--max_steps 20 --lr 0.01")) == 0
    return folder


def command(procedure: str, home: Path, output: str, given: str = "") -> list[str]:
    own = f"--config_file {home}/sizes.yaml"
    if procedure == "transformer_text":
        own = SCRATCH
    if "_kd" in procedure:
        own += f" --teacher_model_path {home}/teacher --cache_dir {home}/cache --teacher_precision fp32"
    if "pseudo" in procedure:
        own += f" --unlabeled_filename {home}/corpus/raw.txt"
    values: dict[str, list[str]] = {}
    for word in f"--data_dir {home}/corpus --output_dir {home}/{output} {SHORT} {own} {given}".split():
        if word.startswith("--"):
            flag = word
            values[flag] = []
        else:
            values[flag].append(word.replace("HOME", str(home)).replace("NOTHING", ""))
    return [procedure, *(word for flag, rest in values.items() for word in [flag, *rest])]


WIDE = "--data_dir HOME/wide --text_column a --label_column kind"
CASES: dict[str, tuple[str, str, Check]] = {
    "train_filename": (
        "classifier",
        "--train_filename dev.jsonl",
        lambda new, old: len(new.features["words"]) < len(old.features["words"]),
    ),
    "dev_filename": ("classifier", "--dev_filename train.jsonl", lambda new, old: new.metrics["dev"]["n"] == 48),
    "test_filename": ("classifier", "--test_filename train.jsonl", lambda new, old: new.metrics["test"]["n"] == 48),
    "text_column": (
        "classifier",
        f"{WIDE} --text_column b",
        lambda new, old: set(new.features["words"]) == {"other", "0"},  # digits are one
    ),
    "text_pair_column": ("classifier", f"{WIDE} --text_pair_column b", lambda new, old: new.config["has_pairs"]),
    "label_column": (
        "classifier",
        f"{WIDE} --label_column number",
        lambda new, old: list(new.config["id2label"].values()) == ["0", "1", "2", "3"],
    ),
    "label_separator": (
        "classifier",
        f"{WIDE} --label_column many --label_separator ;",
        lambda new, old: list(new.config["id2label"].values()) == ["animal", "city", "food", "x"],
    ),
    "task": (
        "classifier",
        f"{WIDE} --label_column number --task regression",
        lambda new, old: new.config["problem_type"] == "regression",
    ),
    "task_name": (
        "classifier",
        "--data_dir HOME --task_name sst-2",
        lambda new, old: list(new.config["id2label"].values()) == ["0", "1"] and "GLUE's test sets" in new.report,
    ),
    "drop_seen": (
        "classifier",
        "--dev_filename train.jsonl --train_filename dev.jsonl --drop_seen",
        lambda new, old: "also stand in dev, dropped" in new.report,
    ),
    "long_texts": (
        "transformer_text",
        "--max_seq_len 7 --long_texts windows",
        lambda new, old: new.config["long_texts"] == "windows" and "are not read" not in new.report,
    ),
    "max_seq_len": (
        "transformer_text",
        "--max_seq_len 7",
        lambda new, old: "--long_texts windows reads all" in new.report,
    ),
    "model_type": ("classifier", "--model_type cnn", lambda new, old: new.config["encoder"] == "cnn"),
    "pooling": ("classifier", "--pooling attention", lambda new, old: new.config["pooling"] == "attention"),
    "splitter": (
        "classifier",
        "--splitter spaces --train_filename test.jsonl",
        lambda new, old: new.config["splitter"] == "spaces" != old.config["splitter"],
    ),
    "size": (
        "classifier",
        "--size nano --config_file HOME/empty.yaml",
        lambda new, old: new.config["encoder"] == "bag",
    ),
    "teacher_words": (
        "classifier_kd",
        "--no_teacher_words",
        lambda new, old: "words more that the teacher" in old.report and "words more that" not in new.report,
    ),
    "kd_loss_fn": (
        "classifier_kd",
        "--kd_loss_fn mse",
        lambda new, old: "soft term: kl at a temperature of 2" in old.report and "soft term: mse" in new.report,
    ),
    "augment_kinds": (
        "classifier_kd",
        "--augment 1 --augment_kinds ngram",
        lambda new, old: "new texts (ngram)" in new.report,
    ),
    "unlabeled_column": (
        "classifier_kd_pseudo",
        "--unlabeled_filename HOME/wide/train.tsv --unlabeled_column b --data_dir HOME/corpus",
        lambda new, old: "3 texts of tables; 45 repeated texts dropped" in new.report,
    ),
    "pseudo_threshold": (
        "classifier_kd_pseudo",
        "--pseudo_threshold 0.99",
        lambda new, old: "0.0% of" in new.report and "pseudo-labels of" in new.report,
    ),
    "calibrate_teacher": (
        "classifier_kd_pseudo",
        "--calibrate_teacher --weight_by_confidence",
        lambda new, old: "teacher calibrated on dev: temperature" in new.report,
    ),
    "label_map": (
        "classifier_kd",
        "--label_map HOME/map.yaml --data_dir HOME/merged",
        lambda new, old: list(new.config["id2label"].values()) == ["city", "thing"],
    ),
    "init_embeddings": (
        "classifier_kd",
        "--init_embeddings random",
        lambda new, old: "word vectors begin" in old.report and "word vectors begin" not in new.report,
    ),
}
# test_text_train.py
ELSEWHERE = {"baseline", "augment", "unlabeled_filename", "data_dir"}


@pytest.fixture(scope="module")
def plain(home: Path) -> dict[str, Result]:
    (home / "empty.yaml").write_text("{}\n")
    (home / "map.yaml").write_text("animal: thing\nfood: thing\n")
    (home / "merged").mkdir()
    for file in (home / "corpus").glob("*.jsonl"):
        text = file.read_text().replace('"animal"', '"thing"').replace('"food"', '"thing"')
        (home / "merged" / file.name).write_text(text)
    done = {}
    for procedure in ("transformer_text", "classifier", "classifier_kd", "classifier_kd_pseudo"):
        assert train(command(procedure, home, f"plain-{procedure}")) == 0
        done[procedure] = Result(home / f"plain-{procedure}")
    return done


@pytest.mark.parametrize("name", CASES)
def test_an_option_does_what_it_says(home: Path, plain: dict[str, Result], name: str) -> None:
    procedure, given, holds = CASES[name]
    assert train(command(procedure, home, f"with-{name}", given)) == 0
    assert holds(Result(home / f"with-{name}"), plain[procedure])


def test_no_option_of_texts_is_without_a_test() -> None:
    def own_fields(module: Any) -> set[str]:
        classes = [cls for cls in vars(module).values() if dataclasses.is_dataclass(cls)]
        return {name for cls in classes if cls.__module__ == module.__name__ for name in vars(cls)["__annotations__"]}

    shared = own_fields(option_groups)
    only = own_fields(text_options) - shared - {"__pydantic_config__"}
    assert only <= {name.split(" ")[0] for name in CASES} | ELSEWHERE


@pytest.mark.parametrize(
    ("procedure", "given", "complaint"),
    [
        (
            "classifier",
            "--pooling mean --model_type cnn --data_dir HOME/nowhere",
            "--pooling mean is of --model_type id-cnn and bilstm, not of cnn",
        ),
        ("classifier", "--size nano --config_file HOME/empty.yaml --max_vocab 9", "--max_vocab has no part"),
        ("classifier", "--splitter wrods --data_dir HOME/nowhere", "wrods"),
        ("classifier_kd", "--size nano --max_vocab 9 --data_dir HOME/nowhere", "--max_vocab has no part"),
        ("classifier_kd_pseudo", "--model_type bag --max_vocab 9 --data_dir HOME/nowhere", "--max_vocab has no part"),
        ("classifier_kd", "--label_map HOME/none.yaml --teacher_model_path HOME/nowhere", "none.yaml"),
        ("classifier", "--task_name sst-2 --task regression", "--task is settled by --task_name sst-2; keep one"),
        ("classifier", "--task multi_label", "the labels of a text must be a list"),
        ("classifier_kd", "--task regression", "--task must be that of the model, one_label, got regression"),
        ("classifier_kd", "--data_dir HOME/numbers", "the teacher must know every gold label, but lacks"),
        (
            "classifier_kd",
            "--teacher_model_path HOME/plain-classifier --data_dir HOME/pairs",
            "the teacher reads single",
        ),
        ("classifier_kd_pseudo", "--unlabeled_column text", "--unlabeled_column is of tables and hub data sets"),
        ("transformer_text", "--model_name_or_path x", "give either --model_name_or_path CHECKPOINT or --from_scratch"),
        ("transformer_text", "--data_dir HOME/nowhere", "must be a folder or the id of a data set on the hub"),
    ],
)
def test_what_does_not_go_together_is_refused(
    home: Path,
    plain: dict[str, Result],
    procedure: str,
    given: str,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / "numbers").mkdir(exist_ok=True)
    (home / "numbers" / "train.csv").write_text("text,label\na,1\nb,2\n")
    (home / "pairs").mkdir(exist_ok=True)
    (home / "pairs" / "train.csv").write_text("text,text_pair,label\na,b,food\nb,c,city\nd,e,animal\n")
    assert train(command(procedure, home, "refused", given)) == 2
    error = capsys.readouterr().err
    assert complaint in error and "Traceback" not in error
    assert not (home / "refused").exists()


def test_what_a_transformer_does_not_read_of_long_texts_is_told(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(command("transformer_text", home, "narrow", "--max_seq_len 7")) == 0
    (tmp_path / "texts.csv").write_text("text,label\nI saw cat today . I saw cat today .,food\ncat,animal\n")
    caplog.set_level("INFO")
    assert inference(f"transformer_text --model_dir {home}/narrow --data_file {tmp_path}/texts.csv".split()) == 0
    assert "1 texts are longer than the window: 5 of their words are not read" in caplog.text
    out = tmp_path / "scores"
    assert evaluate(f"{home}/narrow {tmp_path}/texts.csv --output_dir {out}".split()) == 0
    assert "the model: 1 texts are longer than the window of 7 pieces, 5 words" in (out / "report.md").read_text()
    assert train(command("classifier_kd", home, "cut", f"--teacher_model_path {home}/narrow")) == 0
    assert "teacher, training rows: " in (home / "cut" / "report.md").read_text()


@pytest.mark.parametrize("first", ['{"text": "a"}', "a {text}"])
def test_json_that_is_read_as_texts_is_warned_of(tmp_path: Path, first: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in.txt").write_text(f"{first}\nb\n")
    options = TextInferenceOptions(model_dir="x", data_file=str(tmp_path / "in.txt"))
    assert list(read_inputs(options, [])) == [first, "b"]
    assert ("looks like JSON" in caplog.text) == first.startswith("{")
