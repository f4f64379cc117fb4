"""Every option changes what it says: each is given to its command, and what comes of it is looked at."""

import dataclasses
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from nlparch.cli import evaluate, inference, parse, train
from nlparch.models import sizes
from nlparch.models.tagger import NeuralTagger
from nlparch.procedures import model_options, runs
from nlparch.procedures import options as training_options

SIZES = dict(word_width=8, char_width=4, n_char_filters=4, lstm_width=6, n_lstm_layers=1, n_filters=8)
OTHER_SIZES = SIZES | {"lstm_width": 3, "n_filters": 10}
SCRATCH = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 150"
NO_SCRATCH = "--from_scratch DROP --hidden_size DROP --n_layers DROP --n_heads DROP --vocab_size DROP"
WIDE = "--data_dir HOME/wide"
TABLE = "embedder.words.table.weight"
SHORT = "--max_steps 2 --batch_size 8 --logging_steps 1 --no_cuda --precision fp32"


class Result:
    """What a run left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states = [json.loads(file.read_text()) for file in folder.glob("checkpoints/*/trainer_state.json")]

    def __getattr__(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    @property
    def weights(self) -> dict[str, np.ndarray]:
        return load_file(self.folder / "model.safetensors")

    @property
    def report(self) -> str:
        return (self.folder / "report.md").read_text()

    @property
    def end(self) -> dict[str, Any]:
        """The state of the Trainer at the last step."""
        return max(self.states, key=lambda state: state["global_step"])

    def logged(self, name: str) -> list[float]:
        return [row[name] for row in self.end["log_history"] if name in row]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """A folder with all that commands need: a corpus, a teacher, a tagger, sizes, vectors, a label map."""
    folder = tmp_path_factory.mktemp("home")
    for file in data_dir.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    (folder / "small.yaml").write_text(yaml.safe_dump(OTHER_SIZES))
    (folder / "vectors.txt").write_text("oslo " + " ".join(["7"] * 8) + "\n")
    (folder / "map.yaml").write_text("B-PER: B-HUMAN\nI-PER: I-HUMAN\nB-LOC: O\nI-LOC: null\n")
    rows = [line.split("\t") for line in (folder / "train.txt").read_text().split("\n")]
    wide = [[row[0], f"W{row[0]}", row[1], "O" if row[1] == "O" else "B-X"] if len(row) > 1 else row for row in rows]
    (folder / "wide.txt").write_text("\n".join("\t".join(row) for row in wide))
    (folder / "wide").mkdir()
    (folder / "wide" / "train.txt").write_bytes((folder / "wide.txt").read_bytes())
    tags = {"PER": "HUMAN", "B-LOC": "O", "I-LOC": "O"}
    text = (folder / "train.txt").read_text()
    (folder / "human.txt").write_text(re.sub("|".join(tags), lambda match: tags[match[0]], text))
    (folder / "empty").mkdir()
    (folder / "empty" / "train.txt").write_bytes((folder / "train.txt").read_bytes())
    lines = command("transformer_token", folder, "teacher", "--epochs 6 --max_steps 0 --lr 0.01 --patience 0")
    assert train(lines) == 0 and train(command("tagger", folder, "student", "--max_steps 20 --lr 0.02")) == 0
    return folder


def command(procedure: str, home: Path, output: str, given: str = "") -> list[str]:
    taught = f"--teacher_model_path {home}/teacher --cache_dir {home}/cache --teacher_precision fp32"
    own = {
        "transformer_token": SCRATCH,
        "tagger": f"--config_file {home}/sizes.yaml",
        "tagger_kd": f"--config_file {home}/sizes.yaml {taught}",
        "tagger_kd_pseudo": f"--config_file {home}/sizes.yaml {taught} --unlabeled_filename {home}/raw.txt",
    }[procedure]
    # The later of two flags would win, but a flag of many values may stand once only.
    words = f"--data_dir {home} --output_dir {home}/{output} {SHORT} {own}".split()
    return [procedure, *_merge(words, given.replace("HOME", str(home)).split())]


def _merge(words: list[str], given: list[str]) -> list[str]:
    """Flags with what follows them; later ones replace earlier ones, and DROP leaves a flag out."""
    values: dict[str, list[str]] = {}
    for word in [*words, *given]:
        if word.startswith("--"):
            flag = word
            values[flag] = []
        else:
            values[flag].append(word)
    return [word for flag, rest in values.items() if rest != ["DROP"] for word in [flag, *rest]]


def same(one: Result, other: Result) -> bool:
    return all(np.array_equal(value, other.weights[name]) for name, value in one.weights.items())


def moved(result: Result, by: Result) -> float:
    return max(float(np.abs(value - by.weights[name]).max()) for name, value in result.weights.items())


def differs(result: Result, other: Result, term: str = "soft_loss") -> bool:
    """Whether a term of the loss begins with another value."""
    return abs(result.logged(term)[0] - other.logged(term)[0]) > 1e-3


def shares(result: Result, term: str) -> list[float]:
    """The weight of a term at each step."""
    pairs = zip(result.logged(f"{term}_loss_weighted"), result.logged(f"{term}_loss"), strict=True)
    return [weighted / loss for weighted, loss in pairs]


def stores(home: Path) -> int:
    return len(list((home / "cache").iterdir()))


def size(result: Result) -> float:
    return float(np.abs(result.weights[TABLE]).mean())


def vector(result: Result, word: str) -> list[float]:
    return [round(x, 3) for x in result.weights[TABLE][2 + result.features["words"].index(word)].tolist()]


def pieces(result: Result) -> set[str]:
    return set(result.tokenizer["model"]["vocab"])


def n_made(result: Result) -> int:
    return int(result.report.split("augmented: ")[1].split()[0])


def features(result: Result) -> set[str]:
    return set(result.features["words"])


Check = Callable[[Result, Result], bool]

# The procedure, the option as given, and what is true of that run; the second is one without the option.
CASES: dict[str, tuple[str, str, Check]] = {
    "output_dir": ("tagger", "", lambda new, old: (new.folder / "model.safetensors").exists()),
    "word_col": ("tagger", f"{WIDE} --word_col 1 --tag_col 2", lambda new, old: "woslo" in new.features["words"]),
    "tag_col": ("tagger", f"{WIDE} --tag_col -1", lambda new, old: new.config["id2label"] == {"0": "B-X", "1": "O"}),
    "ignore_token": (
        "tagger",
        "--ignore_token Oslo",
        lambda new, old: "oslo" in old.features["words"] and "oslo" not in new.features["words"],
    ),
    "train_filename": (
        "tagger",
        "--train_filename dev.txt",
        lambda new, old: len(new.features["words"]) < len(old.features["words"]),
    ),
    "dev_filename": (
        "tagger",
        "--dev_filename train.txt",
        lambda new, old: new.metrics["dev"]["n"] > 2 * old.metrics["dev"]["n"],
    ),
    "test_filename": (
        "tagger",
        "--test_filename train.txt",
        lambda new, old: new.metrics["test"]["n"] > 2 * old.metrics["test"]["n"],
    ),
    "data_dir": ("tagger", "--data_dir HOME/empty", lambda new, old: "dev" not in new.metrics and "dev" in old.metrics),
    "dev_fraction": (
        "tagger",
        "--data_dir HOME/empty --dev_fraction 0.25",
        lambda new, old: "dev: 8 of train's 32" in new.report and "dev" in new.metrics,
    ),
    "train_fraction": (
        "tagger",
        "--train_fraction 0.25",
        lambda new, old: "8 of 32 sentences kept" in new.report and len(features(new)) < len(features(old)),
    ),
    "train_examples": (
        "tagger_kd_pseudo",
        "--train_examples 8 --unlabeled_filename HOME/train.txt --max_steps 0 --epochs 1",
        lambda new, old: "8 of 32" in new.report and "that stand in gold dropped" in new.report,
    ),
    "subset_seed": (
        "transformer_token",
        "--train_examples 4 --subset_seed 3",
        lambda new, old: pieces(new) != pieces(Result(old.folder.parent / "four")),
    ),
    "scheme": ("tagger", "--scheme BIOES", lambda new, old: "E-PER" in new.config["id2label"].values()),
    "splitter": (
        "tagger",
        "--splitter spaces",
        lambda new, old: new.config["splitter"] == "spaces" != old.config["splitter"],
    ),
    "epochs": ("tagger", "--max_steps 0 --epochs 3", lambda new, old: new.end["global_step"] == 12),
    "max_steps": ("tagger", "--max_steps 5", lambda new, old: new.end["global_step"] == 5),
    "batch_size": ("tagger", "--max_steps 0 --epochs 1 --batch_size 2", lambda new, old: new.end["global_step"] == 16),
    "gradient_accumulation": (
        "tagger",
        "--max_steps 0 --epochs 1 --gradient_accumulation 2",
        lambda new, old: new.end["global_step"] == 2,
    ),
    "lr": ("tagger", "--lr 0.5 --warmup 0", lambda new, old: new.logged("learning_rate")[0] == 0.5),
    "lr_schedule": (
        "tagger",
        "--lr 0.5 --warmup 0 --lr_schedule constant",
        lambda new, old: new.logged("learning_rate") == [0.5, 0.5],
    ),
    "warmup": (
        "tagger",
        "--lr 0.4 --warmup 2",
        lambda new, old: new.logged("learning_rate") == pytest.approx([0.0, 0.2]),
    ),
    "weight_decay": ("tagger", "--weight_decay 900 --warmup 0", lambda new, old: size(new) < 0.6 * size(old)),
    "max_grad_norm": (
        "tagger",
        "--max_grad_norm 1e-12 --lr 0.1 --warmup 0",
        lambda new, old: moved(new, old) < 0.01 < moved(Result(old.folder.parent / "unclipped"), old),
    ),
    "patience": (
        "tagger",
        "--max_steps 0 --epochs 9 --patience 2 --lr 1e-9",
        lambda new, old: new.end["global_step"] == 12,
    ),
    "save_steps": (
        "tagger",
        "--max_steps 5 --save_steps 2",
        lambda new, old: [row["step"] for row in new.end["log_history"] if "eval_f1" in row][:2] == [2, 4],
    ),
    "logging_steps": ("tagger", "--max_steps 4 --logging_steps 2", lambda new, old: len(new.logged("loss")) == 2),
    "seed": ("tagger", "--seed 7", lambda new, old: not same(new, old) and new.metrics["seed"] == 7),
    "precision": ("tagger", "--precision bf16", lambda new, old: not same(new, old)),
    "model_name_or_path": (
        "transformer_token",
        f"--model_name_or_path HOME/teacher {NO_SCRATCH} --lr 1e-9",
        lambda new, old: moved(new, Result(new.folder.parent / "teacher")) < 1e-6,
    ),
    "max_seq_len": (
        "transformer_token",
        "--max_seq_len 12",
        lambda new, old: new.config["max_position_embeddings"] == 12,
    ),
    "from_scratch": (
        "transformer_token",
        "",
        lambda new, old: new.config["architectures"] == ["BertForTokenClassification"],
    ),
    "hidden_size": ("transformer_token", "--hidden_size 8", lambda new, old: new.config["hidden_size"] == 8),
    "n_layers": ("transformer_token", "--n_layers 2", lambda new, old: new.config["num_hidden_layers"] == 2),
    "n_heads": ("transformer_token", "--n_heads 4", lambda new, old: new.config["num_attention_heads"] == 4),
    "lowercase (of the tokenizer)": (
        "transformer_token",
        "--lowercase",
        lambda new, old: "A" in pieces(old) and "A" not in pieces(new),
    ),
    "max_seq_len (of a checkpoint)": (
        "transformer_token",
        f"--model_name_or_path HOME/teacher {NO_SCRATCH} --max_seq_len 12",
        lambda new, old: new.config["window"] == 12,
    ),
    "vocab_size": ("transformer_token", "--vocab_size 110", lambda new, old: new.config["vocab_size"] == 110),
    "lowercase": (
        "tagger",
        "--no_lowercase",
        lambda new, old: (
            {"Oslo"} <= set(new.features["words"]) and not any(word != word.lower() for word in old.features["words"])
        ),
    ),
    "size": (
        "tagger",
        "--size nano --config_file DROP",
        lambda new, old: (
            new.features["words"] == [] and "hashed" in new.report and 5e5 < new.metrics["n_parameters"] <= 1_000_000
        ),
    ),
    "size (base)": (
        "tagger",
        "--size base --config_file DROP",
        lambda new, old: new.config["n_filters"] == 256 and new.config["sentence_context"],
    ),
    "size (says only what nobody else does)": (
        "tagger",
        "--size nano --model_type cnn-lstm --config_file HOME/small.yaml",
        lambda new, old: (
            {**new.config, **OTHER_SIZES} == new.config
            and (new.config["embedder"], new.config["affix_width"]) == ("cnn-lstm", 8)
        ),
    ),
    "model_type": (
        "tagger",
        "--model_type cnn-lstm --config_file DROP",
        lambda new, old: (
            "embedder.context.lstm.weight_hh_l0" in new.weights and "embedder.sentence.weight" in old.weights
        ),
    ),
    "config_file": (
        "tagger",
        "--config_file HOME/small.yaml",
        lambda new, old: (
            len(new.weights["head.weight"][0]) == 10
            and "lstm_width, n_lstm_layers changes nothing: this id-cnn" in new.report
        ),
    ),
    "use_crf": (
        "tagger",
        "--no_use_crf",
        lambda new, old: "crf.transitions" in old.weights and "crf.transitions" not in new.weights,
    ),
    "embedding_file": (
        "tagger",
        "--embedding_file HOME/vectors.txt --lr 1e-9",
        lambda new, old: vector(new, "oslo") == [7] * 8 and "vectors for 1 of" in new.report,
    ),
    "min_word_count": (
        "tagger",
        "--min_word_count 9",
        lambda new, old: len(new.features["words"]) < len(old.features["words"]) and "words cut" in new.report,
    ),
    "max_vocab": ("tagger", "--max_vocab 5", lambda new, old: len(new.features["words"]) == 5),
    "normalize_digits": (
        "tagger",
        "--no_normalize_digits",
        lambda new, old: "2,000" in new.features["words"] and "0,000" in old.features["words"],
    ),
    "max_word_length": (
        "tagger",
        "--max_word_length 3",
        lambda new, old: len(new.features["characters"]) < len(old.features["characters"]),
    ),
    "word_dropout": ("tagger", "--word_dropout 0.9", lambda new, old: not same(new, old)),
    "teacher_model_path": (
        "tagger_kd",
        "--teacher_model_path HOME/student",
        lambda new, old: (
            new.metrics["teacher"]["n_parameters"] == Result(new.folder.parent / "student").metrics["n_parameters"]
        ),
    ),
    "teacher_max_seq_len": ("tagger_kd", "--teacher_max_seq_len 6", lambda new, old: not same(new, old)),
    "teacher_precision": ("tagger_kd", "--teacher_precision bf16", lambda new, old: not same(new, old)),
    "cache_dir": (
        "tagger_kd",
        "--cache_dir HOME/other",
        lambda new, old: same(new, old) and len(list((new.folder.parent / "other").glob("*/logits.npy"))) == 3,
    ),
    "label_map": (
        "tagger_kd",
        "--label_map HOME/map.yaml --train_filename human.txt --dev_filename human.txt --test_filename human.txt",
        lambda new, old: set(new.config["id2label"].values()) == {"B-HUMAN", "I-HUMAN", "O"},
    ),
    "init_embeddings (of hashed words)": (
        "tagger_kd",
        "--init_embeddings teacher --size nano --lr 1e-9",
        lambda new, old: (
            "begin with the teacher's" in new.report and (np.abs(new.weights[TABLE]).mean(1) > 0.15).sum() > 20
        ),
    ),
    "embedding_file (of hashed words)": (
        "tagger",
        "--embedding_file HOME/vectors.txt --lr 1e-9 --size nano",
        lambda new, old: (new.weights[TABLE] > 3).all(1).sum() == 2 and "vectors for 1 of" in new.report,
    ),
    "init_embeddings": (
        "tagger_kd",
        "--init_embeddings random",
        lambda new, old: "begin with the teacher's" in old.report and "begin with the teacher's" not in new.report,
    ),
    "kd_temp": (
        "tagger_kd",
        "--kd_loss_fn kl --kd_temp 8",
        lambda new, old: differs(new, Result(old.folder.parent / "kl")),
    ),
    "kd_dist_w": (
        "tagger_kd",
        "--kd_dist_w 0.25",
        lambda new, old: new.logged("soft_loss_weighted")[0] == pytest.approx(0.25 * old.logged("soft_loss")[0]),
    ),
    "kd_student_w": (
        "tagger_kd",
        "--kd_student_w 0.25",
        lambda new, old: new.logged("hard_loss_weighted")[0] == pytest.approx(0.25 * old.logged("hard_loss")[0]),
    ),
    "kd_loss_fn": (
        "tagger_kd",
        "--kd_loss_fn kl",
        lambda new, old: differs(new, old),
    ),
    "kd_temp_end": (
        "tagger_kd",
        "--kd_loss_fn kl --kd_temp_end 9",
        lambda new, old: (
            not differs(new, Result(old.folder.parent / "kl")) and not same(new, Result(old.folder.parent / "kl"))
        ),
    ),
    "kd_dist_w_end": (
        "tagger_kd",
        "--kd_dist_w_end 0.25 --max_steps 3",
        lambda new, old: shares(new, "soft") == pytest.approx([1, 0.625, 0.25]),
    ),
    "kd_student_w_end": (
        "tagger_kd",
        "--kd_student_w 0 --kd_student_w_end 4 --max_steps 3",
        lambda new, old: shares(new, "hard") == pytest.approx([0, 2, 4]),
    ),
    "kd_ramp": (
        "tagger_kd",
        "--kd_dist_w_end 0 --max_steps 5 --kd_ramp cosine",
        lambda new, old: shares(new, "soft") == pytest.approx([1, 0.853553, 0.5, 0.146447, 0], abs=1e-4),
    ),
    "freeze_epochs": (
        "tagger_kd",
        "--freeze_epochs 1 --max_steps 4 --lr 0.1",
        lambda new, old: np.array_equal(new.weights[TABLE], Result(old.folder.parent / "start").weights[TABLE]),
    ),
    "kd_loss_fn (of standardised logits)": (
        "tagger_kd",
        "--kd_loss_fn kl-std --kd_temp 2",
        lambda new, old: differs(new, Result(old.folder.parent / "kl")) and differs(new, old),
    ),
    "dkd_alpha": (
        "tagger_kd",
        "--kd_loss_fn dkd --dkd_alpha 9",
        lambda new, old: differs(new, Result(old.folder.parent / "dkd")),
    ),
    "dkd_beta": (
        "tagger_kd",
        "--kd_loss_fn dkd --dkd_beta 9",
        lambda new, old: differs(new, Result(old.folder.parent / "dkd")),
    ),
    "entity_weight": (
        "tagger_kd",
        "--entity_weight 50",
        lambda new, old: differs(new, old, "hard_loss") and differs(new, old, "soft_loss"),
    ),
    "baseline": (
        "tagger_kd",
        "--baseline",
        lambda new, old: (
            same(new, old)
            and "baseline" in new.metrics
            and "baseline" not in old.metrics
            and "undistilled" in new.report
        ),
    ),
    "augment": (
        "tagger_kd",
        "--augment 3 --max_steps 0 --epochs 1",
        lambda new, old: (
            new.end["global_step"] == math.ceil((32 + n_made(new)) / 8) > 8
            and "dropped" in new.report
            and features(new) == features(old)
        ),
    ),
    "augment (of raw text)": (
        "tagger_kd_pseudo",
        "--augment 2 --data_dir DROP",
        lambda new, old: 20 < n_made(new) < 60 and features(new) == features(Result(old.folder.parent / "sure-words")),
    ),
    "augment_kinds": (
        "tagger_kd",
        "--augment 3 --augment_kinds mention",
        lambda new, old: "(mention)" in new.report and 10 < n_made(new) < 3 * 28,
    ),
    "unlabeled_filename": (
        "tagger_kd_pseudo",
        "--unlabeled_filename HOME/raw.txt HOME/dev.txt --max_steps 0 --epochs 1",
        lambda new, old: (
            "texts, one a line" in new.report
            and "0 sentences in columns" in new.report
            and "texts that stand in dev or test dropped" in new.report
        ),
    ),
    "pseudo_threshold": (
        "tagger_kd_pseudo",
        "--pseudo_threshold 0.999999 --data_dir DROP",
        lambda new, old: new.logged("hard_loss") == [0, 0],
    ),
    "confidence_level": (
        "tagger_kd_pseudo",
        "--pseudo_threshold 0.6 --confidence_level sentence --data_dir DROP",
        lambda new, old: differs(new, Result(old.folder.parent / "sure-words"), "hard_loss"),
    ),
    "weight_by_confidence": (
        "tagger_kd_pseudo",
        "--weight_by_confidence",
        lambda new, old: differs(new, old, "hard_loss") and differs(new, old, "soft_loss"),
    ),
    "calibrate_teacher": (
        "tagger_kd_pseudo",
        "--pseudo_threshold 0.6 --calibrate_teacher",
        lambda new, old: "teacher calibrated on dev: temperature" in new.report and not same(new, old),
    ),
    "schedule": (
        "tagger_kd_pseudo",
        "--schedule staged --max_steps 0 --epochs 2",
        lambda new, old: (
            new.end["global_step"] == Result(old.folder.parent / "two-epochs").end["global_step"]
            and new.logged("hard_loss") != Result(old.folder.parent / "two-epochs").logged("hard_loss")
        ),
    ),
    "gold_share": (
        "tagger_kd_pseudo",
        "--schedule staged --gold_share 0.9 --pseudo_threshold 0.999999 --max_steps 10",
        lambda new, old: (
            [loss == 0 for loss in new.logged("hard_loss")] == [True] + [False] * 9
            and "of the training read gold" in new.report
        ),
    ),
    "unlabeled_ratio": (
        "tagger_kd_pseudo",
        "--unlabeled_ratio 0.25 --max_steps 0 --epochs 1",
        lambda new, old: new.end["global_step"] == 5 and "raw rows are drawn for each epoch" in new.report,
    ),
}
# Each has a test of its own below; the last ones are of nlp-inference and nlp-eval.
ELSEWHERE = {"overwrite_output_dir", "resume", "words_column", "tags_column", "unlabeled_column", "cuda"}
ELSEWHERE |= {"model_dir", "data_file", "output_file", "input_format", "output_format", "entities_only", "teacher"}
# test_text_options.py, test_text_train.py
ELSEWHERE |= {"text_column", "text_pair_column", "label_column", "label_separator", "pairs"}
# test_export.py, test_bench.py
ELSEWHERE |= {"quantize", "dev", "max_f1_loss", "model_dirs", "data", "rounds", "seconds", "plot"}


@pytest.fixture(scope="module")
def plain(home: Path) -> dict[str, Result]:
    """Each procedure's run without any option more."""
    done = {}
    for procedure in ("transformer_token", "tagger", "tagger_kd", "tagger_kd_pseudo"):
        assert train(command(procedure, home, f"plain-{procedure}")) == 0
        done[procedure] = Result(home / f"plain-{procedure}")
    assert train(command("tagger", home, "unclipped", "--lr 0.1 --warmup 0")) == 0
    given = "--pseudo_threshold 0.6 --data_dir DROP"
    assert train(command("tagger_kd_pseudo", home, "sure-words", given)) == 0
    assert train(command("tagger_kd_pseudo", home, "two-epochs", "--max_steps 0 --epochs 2")) == 0
    assert train(command("tagger_kd", home, "start", "--max_steps 1 --warmup 1")) == 0
    for loss in ("kl", "dkd"):
        assert train(command("tagger_kd", home, loss, f"--kd_loss_fn {loss}")) == 0
    assert train(command("transformer_token", home, "four", "--train_examples 4")) == 0
    return done


@pytest.mark.parametrize("name", CASES)
def test_an_option_does_what_it_says(home: Path, plain: dict[str, Result], name: str) -> None:
    procedure, given, holds = CASES[name]
    output = "with-" + name.split(" ")[0]
    assert train(command(procedure, home, output, f"{given} --overwrite_output_dir")) == 0
    assert holds(Result(home / output), plain[procedure])


def test_no_option_is_without_a_test() -> None:
    known = {**vars(training_options), **vars(model_options)}.values()
    classes = [cls for cls in known if dataclasses.is_dataclass(cls)]
    every = {field.name for cls in classes for field in dataclasses.fields(cls)}
    assert every == {case.split(" ")[0] for case in CASES} | ELSEWHERE


def test_a_vocabulary_beyond_the_size_is_cut_and_counted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sizes.SIZES, "small", sizes.Size(max_parameters=66_000, max_vocab=20))
    (home / "narrow.yaml").write_text(yaml.safe_dump(SIZES | {"affix_width": 0, "lstm_width": 4, "word_width": 1000}))
    for max_vocab, held in (("", 20), ("--max_vocab 200", 31)):
        given = f"--model_type cnn-lstm --no_use_crf --config_file HOME/narrow.yaml --overwrite_output_dir {max_vocab}"
        assert train(command("tagger", home, "cut", given)) == 0
        cut = Result(home / "cut")
        assert len(cut.features["words"]) == held and "words cut" in cut.report
        assert ("66,000 parameters leave room for 31 words" in cut.report) == (held == 31)
        room_left = 66_000 - cut.metrics["n_parameters"]
        assert (0 <= room_left < 1000) == (held == 31) and room_left >= 0


def test_hashed_words_have_no_vocabulary_to_shape(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ("--max_vocab 9", "--min_word_count 2"):
        assert train(command("tagger", home, "none", f"--size nano {given}")) == 2
        assert "has no part in a model whose words are hashed" in capsys.readouterr().err
    assert train(command("tagger", home, "none", "--max_vocab 0")) == 2
    assert "--max_vocab must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("procedure", ["tagger", "tagger_kd", "tagger_kd_pseudo"])
@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("--size nano --max_vocab 9", "--max_vocab has no part"),
        ("--config_file HOME/odd.yaml", "word_widths"),
        ("--embedding_file HOME/none.vec", "none.vec: cannot be read: there is no such file"),
        ("--embedding_file HOME", "--embedding_file must be a file"),
        ("--splitter wrods", "wrods"),
        ("--precision fp16", "--precision fp16 needs a GPU"),
    ],
)
def test_a_model_that_cannot_be_is_refused_before_the_data_is_read(
    home: Path, capsys: pytest.CaptureFixture[str], procedure: str, given: str, complaint: str
) -> None:
    (home / "odd.yaml").write_text("word_widths: 8\n")
    assert train(command(procedure, home, "none", f"--data_dir HOME/nowhere {given}")) == 2
    assert complaint in capsys.readouterr().err


def test_sizes_are_not_read_from_a_pipe(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"word_width: 8\n")
    os.close(writer)
    assert train(command("tagger", home, "none", f"--config_file /dev/fd/{reader}")) == 2
    os.close(reader)
    assert "--config_file must be a file that can be read again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("--size nano --max_vocab 9", "--max_vocab has no part"),
        ("--teacher_precision fp16", "--teacher_precision fp16 needs a GPU"),
        ("--label_map HOME/none.yaml", "none.yaml"),
    ],
)
def test_a_lesson_that_cannot_be_is_refused_before_the_teacher_is_loaded(
    home: Path, capsys: pytest.CaptureFixture[str], given: str, complaint: str
) -> None:
    assert train(command("tagger_kd", home, "none", f"--teacher_model_path HOME/nowhere {given}")) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("--cache_dir HOME/refused/cache", "must not hold what the run reads: --cache_dir"),
        ("--kd_dist_w 0 --kd_loss_fn kl", "--kd_loss_fn is of the soft term"),
        ("--cache_dir=", "--cache_dir is empty; name a folder, or leave it out"),
        ("--kd_temp 2", "--kd_temp 2.0 has no part in --kd_loss_fn mse"),
        ("--dkd_beta 8", "are of --kd_loss_fn dkd; add it"),
        ("--kd_loss_fn dkd --dkd_alpha 0 --dkd_beta 0", "must not both be 0"),
        ("--confidence_level sentence", "is for --pseudo_threshold; add it"),
        ("--calibrate_teacher", "is for --pseudo_threshold and --weight_by_confidence; add one"),
        ("--calibrate_teacher --weight_by_confidence --data_dir HOME/empty", "needs labelled dev sentences"),
        ("--kd_temp_end 2", "--kd_temp_end 2.0 has no part in --kd_loss_fn mse"),
        ("--kd_temp 1", "--kd_temp 1.0 has no part in --kd_loss_fn mse"),
        ("--kd_ramp cosine", "--kd_ramp cosine is for what moves"),
        ("--kd_dist_w_end 0 --kd_student_w_end 0", "must not both end at 0"),
        ("--kd_dist_w_end -1", "--kd_dist_w_end must be at least 0"),
        ("--freeze_epochs -1", "--freeze_epochs must be at least 0"),
        ("--gold_share 0.5", "--gold_share is of --schedule staged"),
        ("--schedule staged --gold_share 1", "--gold_share must be between 0 and 1"),
        ("--schedule staged --unlabeled_ratio 2", "mixes what --schedule staged keeps apart"),
        ("--unlabeled_ratio 1e-9", "leaves no raw row"),
        ("--schedule staged --patience 1", "--patience could end --schedule staged before"),
        ("--pseudo_threshold 0.9 --kd_student_w 0", "--pseudo_threshold is of the hard term"),
        ("--schedule staged --data_dir DROP", "ends with gold rows: it needs a --data_dir"),
        ("--dev_fraction 0.2 --data_dir DROP", "--dev_fraction is about the labelled corpus: it needs a --data_dir"),
        ("--tag_col 1 --data_dir DROP", "--tag_col is about the labelled corpus"),
        ("--augment -1", "--augment must be at least 0, got -1"),
        ("--augment_kinds mask", "--augment_kinds is for --augment; add it"),
        ("--augment 1 --augment_kinds mask mask", "must name some kinds, each once, got mask mask"),
        ("--augment 1 --augment_kinds mention --data_dir DROP", "replaces tagged mentions, and there are none"),
        ("--entity_weight 0", "--entity_weight must be positive, got 0.0"),
        ("--entity_weight 2 --data_dir HOME/wide --tag_col 1 --teacher_model_path HOME/plain", "plain tags have none"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], given: str, rule: str
) -> None:
    if "HOME/plain" in given and not (home / "plain").exists():
        assert train(command("tagger", home, "plain", f"{WIDE} --tag_col 1")) == 0
    words = command("tagger_kd_pseudo", home, "refused", f"--cache_dir HOME/refused_cache {given}")
    assert train(words) == 2
    assert rule in capsys.readouterr().err
    assert not (home / "refused_cache").exists(), "the teacher's pass had begun"
    assert not (home / "refused").exists()


def test_overwriting_empties_the_folder(home: Path) -> None:
    assert train(command("tagger", home, "used", "--seed 3")) == 0
    (home / "used" / "old.txt").write_text("old")
    assert train(command("tagger", home, "used")) == 2
    assert train(command("tagger", home, "used", "--overwrite_output_dir")) == 0
    assert not (home / "used" / "old.txt").exists()


def test_resuming_trains_on_and_an_empty_folder_begins(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(command("tagger", home, "resumed", "--resume --save_steps 1")) == 0
    first = Result(home / "resumed")
    shutil.rmtree(home / "resumed" / "checkpoints" / "checkpoint-2")
    (home / "resumed" / "model.safetensors").unlink()
    weights = first.end
    state = home / "resumed" / "checkpoints" / "checkpoint-1" / "trainer_state.json"
    state.write_text(state.read_text().replace('"train_seconds": ', '"train_seconds": 1000'))  # 1000.2, say
    capsys.readouterr()
    assert train(command("tagger", home, "resumed", "--resume --save_steps 1")) == 0
    assert "resuming from" in capsys.readouterr().err
    assert Result(home / "resumed").end["global_step"] == weights["global_step"]
    seconds = Result(home / "resumed").metrics["train_seconds"]
    assert seconds > 1000
    assert train(command("tagger", home, "resumed", "--resume --save_steps 1")) == 0
    assert Result(home / "resumed").metrics["train_seconds"] > 1000, "nothing was left to do"


def test_resuming_refuses_another_model_in_the_same_config_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = home / "changing.yaml"
    for changed in ({"n_filters": 10}, {"input_dropout": 0.9}):
        sizes.write_text(yaml.safe_dump(SIZES))
        given = f"--config_file {sizes} --save_steps 1"
        assert train(command("tagger", home, "changed", f"{given} --overwrite_output_dir")) == 0
        shutil.rmtree(home / "changed" / "checkpoints" / "checkpoint-2")
        sizes.write_text(yaml.safe_dump(SIZES | changed))
        capsys.readouterr()
        assert train(command("tagger", home, "changed", f"{given} --resume")) == 2
        ((name, value),) = changed.items()
        error = capsys.readouterr().err
        assert f"--resume must find the model as it was, but {name} was" in error and f"is {value}" in error


def test_resuming_refuses_other_rows_before_the_teacher_reads_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = home / "changing.txt"
    raw.write_text("Ann flew to Oslo .\n")
    given = f"--unlabeled_filename {raw} --cache_dir HOME/changing_cache --save_steps 1"
    assert train(command("tagger_kd_pseudo", home, "other-rows", given)) == 0
    stored = set((home / "changing_cache").iterdir())
    raw.write_text("Bo flew to Rome .\n")
    assert train(command("tagger_kd_pseudo", home, "other-rows", f"{given} --resume")) == 2
    assert "--resume must find the training rows as" in capsys.readouterr().err
    assert set((home / "changing_cache").iterdir()) == stored


def test_resuming_refuses_another_teacher_in_the_same_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = shutil.copytree(home / "teacher", home / "changing-teacher")
    renamed = home / "changing-labels.yaml"
    renamed.write_text("O: O\n")
    given = f"--teacher_model_path {teacher} --label_map {renamed} --save_steps 1"
    assert train(command("tagger_kd", home, "other-teacher", given)) == 0
    renamed.write_text("O: O\nB-PER: B-PER\n")
    assert train(command("tagger_kd", home, "other-teacher", f"{given} --resume")) == 2
    assert "--resume must find --label_map as" in capsys.readouterr().err
    renamed.write_text("O: O\n")
    config = (teacher / "config.json").read_text()
    (teacher / "config.json").write_text(
        config.replace("B-LOC", "B-X").replace("B-PER", "B-LOC").replace("B-X", "B-PER")
    )
    assert train(command("tagger_kd", home, "other-teacher", f"{given} --resume")) == 2
    assert "--resume must find --teacher_model_path as" in capsys.readouterr().err
    (teacher / "config.json").write_text(config)
    weights = load_file(teacher / "model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, teacher / "model.safetensors")
    assert train(command("tagger_kd", home, "other-teacher", f"{given} --resume")) == 2
    assert "--resume must find --teacher_model_path as" in capsys.readouterr().err


def test_a_run_shorter_than_its_log_steps_has_a_loss(home: Path) -> None:
    assert train(command("tagger", home, "short", "--logging_steps 50")) == 0
    assert len(Result(home / "short").logged("loss")) == 1


def test_each_checkpoint_knows_how_long_training_took(home: Path) -> None:
    (home / "no-dev").mkdir()
    shutil.copy(home / "train.txt", home / "no-dev")
    given = "--data_dir HOME/no-dev --logging_steps 50 --save_steps 1 --max_steps 3"
    assert train(command("tagger", home, "timed", given)) == 0
    assert all(state["log_history"][-1]["train_seconds"] > 0 for state in Result(home / "timed").states)


def test_all_may_read_the_weights(home: Path) -> None:
    for name in ("teacher", "student"):
        modes = {(home / name / file).stat().st_mode for file in ("config.json", "model.safetensors")}
        assert len(modes) == 1, name


def test_columns_of_tables_are_named(home: Path) -> None:
    import datasets

    rows = {
        "text": [["Ann", "flew"], ["Bo", "sat"]] * 4,
        "words": [["x", "y"]] * 8,
        "tags": [["O", "O"]] * 8,
        "gold": [["B-PER", "O"]] * 8,
    }
    folder = home / "table"
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).save_to_disk(str(folder))
    given = f"--data_dir {folder} --words_column text --tags_column gold"
    assert train(command("tagger", home, "named", given)) == 0
    named = Result(home / "named")
    assert "ann" in named.features["words"] and "B-PER" in named.config["id2label"].values()
    assert train(command("tagger", home, "unnamed", f"--data_dir {folder}")) == 0
    assert Result(home / "unnamed").features["words"] == ["x", "y"]


def test_a_column_of_raw_text_on_the_hub_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"body": text, "text": "never read"} for text in (home / "raw.txt").read_text().splitlines()]
    split = datasets.IterableDataset.from_generator(lambda: iter(rows))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.IterableDatasetDict(train=split))
    given = "--unlabeled_filename someone/raw --unlabeled_column body"
    assert train(command("tagger_kd_pseudo", home, "named-raw", given)) == 0
    assert "lines of the column body" in Result(home / "named-raw").report


@pytest.mark.parametrize("given", [True, False])
def test_no_cuda_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    args = ["--model_dir", "x", *(["--no_cuda"] if given else [])]
    options = parse(model_options.InferenceOptions, args, program="nlp-inference")
    assert runs.choose_device(options).type == ("cpu" if given else "cuda")


# nlp-inference and nlp-eval


def tag(home: Path, given: str = "", *, procedure: str = "tagger", model: str = "student") -> str:
    output = home / "tagged"
    args = f"--model_dir {home}/{model} --data_file {home}/raw.txt --output_file {output} --no_cuda".split()
    assert inference([procedure, *_merge(args, given.replace("HOME", str(home)).split())]) == 0
    return output.read_text()


def test_inference_writes_a_json_object_a_line(home: Path) -> None:
    texts = (home / "raw.txt").read_text().splitlines()
    found = [json.loads(line) for line in tag(home).splitlines()]
    assert [prediction["text"] for prediction in found] == texts
    assert found[0].keys() == {"text", "words", "entities"}
    assert found[0]["words"][0].keys() == {"text", "start", "end", "tag", "score"}
    model = NeuralTagger.from_pretrained(home / "student")
    assert found == [prediction.to_dict() for prediction in model.predict(texts)]


def test_an_output_file_stays_until_another_is_whole(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bad.txt").write_bytes(b"Ann flew\n" * 200 + b"\xe9\n")
    (home / "out.jsonl").write_text("before")
    args = f"tagger --model_dir {home}/student --data_file {home}/bad.txt --output_file {home}/out.jsonl --no_cuda"
    assert inference(args.split()) == 2
    assert (home / "out.jsonl").read_text() == "before" and "bad.txt:201" in capsys.readouterr().err
    assert inference(args.replace("bad.txt", "raw.txt").split()) == 0
    assert "before" not in (home / "out.jsonl").read_text() and not (home / "out.jsonl.part").exists()
    assert inference(args.replace("bad.txt", "raw.txt").replace(f"{home}/out.jsonl", "/dev/full").split()) == 2
    assert "--output_file /dev/full: cannot be written: No space left on device" in capsys.readouterr().err
    (home / "out.jsonl").chmod(0o600)
    (home / "out.jsonl.part").write_text("Ann flew\n")
    assert inference(args.replace("bad.txt", "out.jsonl.part").split()) == 2
    assert "writes to" in capsys.readouterr().err and (home / "out.jsonl.part").read_text() == "Ann flew\n"
    assert inference(args.replace("bad.txt", "raw.txt").split()) == 0
    assert (home / "out.jsonl").stat().st_mode & 0o777 == 0o600, "as readable as before"
    (home / "link.jsonl").symlink_to(home / "out.jsonl")
    (home / "out.jsonl").write_text("before")
    assert inference(args.replace("bad.txt", "raw.txt").replace("out.jsonl", "link.jsonl").split()) == 0
    assert (home / "link.jsonl").is_symlink() and "before" not in (home / "out.jsonl").read_text()


def test_inference_options_do_what_they_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [json.loads(line) for line in tag(home, "--entities_only").splitlines()]
    assert all(prediction.keys() == {"text", "entities"} for prediction in short)
    columns = tag(home, "--output_format columns").split("\n\n")
    assert len(columns) == 31 and all(len(row.split("\t")) == 2 for row in columns[0].split("\n"))
    given = "--data_file HOME/wide.txt --input_format columns --word_col 1 --ignore_token WOslo --output_format columns"
    words = {row.split("\t")[0] for row in tag(home, given).split("\n")} - {""}
    assert all(word.startswith("W") for word in words) and "WOslo" not in words and "WLima" in words
    assert tag(home, model="teacher", procedure="transformer_token") != tag(home)
    read: list[Any] = []
    stream = NeuralTagger.predict_stream
    monkeypatch.setattr(NeuralTagger, "predict_stream", lambda *a, **k: (read.append(k), stream(*a, **k))[1])
    tag(home, "--batch_size 3 --precision bf16")
    assert read == [{"batch_size": 3, "precision": "bf16"}]


def test_inference_refuses_the_other_kind_of_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--model_dir", str(home / "teacher"), "--data_file", str(home / "raw.txt")]
    assert inference(["tagger", *args]) == 2
    assert "run nlp-inference transformer_token" in capsys.readouterr().err
    assert inference(["tagger", "--model_dir", str(home / "student"), "--data_file", "none.txt"]) == 2
    assert "--data_file none.txt: there is no such file" in capsys.readouterr().err


def score(home: Path, given: str, output: str) -> dict[str, Any]:
    args = [str(home / "student"), *given.replace("HOME", str(home)).split(), "--output_dir", str(home / output)]
    assert evaluate([*args, "--no_cuda"]) == 0
    return json.loads((home / output / "metrics.json").read_text())


def test_eval_options_do_what_they_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = score(home, "HOME/test.txt", "eval")
    kept = {name: plain["test"][name] for name in ("f1", "precision", "recall", "accuracy", "n", "per_type")}
    own = json.loads((home / "student" / "metrics.json").read_text())["test"]
    assert kept == {name: own[name] for name in kept}
    compared = score(home, "HOME/test.txt --teacher HOME/teacher", "compared")
    teacher = json.loads((home / "teacher" / "metrics.json").read_text())
    assert compared["teacher"]["n_parameters"] == teacher["n_parameters"]
    assert compared["teacher"]["test"]["f1"] == teacher["test"]["f1"] and 0 <= compared["agreement"]["test"] <= 1
    wide = score(home, "HOME/wide.txt --word_col 0 --tag_col 2 --ignore_token Oslo", "eval-wide")
    whole = score(home, "HOME/train.txt", "whole")
    assert wide["test"]["n"] < whole["test"]["n"] and wide["test"]["per_type"].keys() == {"LOC", "PER"}
    read: list[Any] = []
    tag_words = NeuralTagger.tag_words
    monkeypatch.setattr(NeuralTagger, "tag_words", lambda *a, **k: (read.append(k), tag_words(*a, **k))[1])
    score(home, "HOME/test.txt --batch_size 3 --precision bf16", "eval-bf16")
    assert all(given == {"batch_size": 3, "precision": "bf16"} for given in read) and read


@pytest.mark.parametrize("given", [{"vocab_size": 300}, {"lowercase": True}, {"n_layers": 3}])
def test_sizes_of_a_new_transformer_are_refused_for_a_checkpoint(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(given))} is of --from_scratch"):
        training_options.TransformerTokenOptions(data_dir="x", output_dir="x", model_name_or_path="x", **given)
