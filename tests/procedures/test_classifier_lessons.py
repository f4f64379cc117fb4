"""What distilling a text classifier shares with distilling a tagger: augmentation, calibration, pseudo-labels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from nlparch.cli import train

TEXTS = ["Ann flew to Oslo .", "Bo met Ann in Lima .", "Nothing happened .", "Who is Dee ?", "It rained in Bern ."]
LABELS = ["pos", "neg", "neutral", "neg", "pos"]
SHORT = "--epochs 2 --batch_size 8 --no_cuda --precision fp32 --teacher_precision fp32 --patience 0"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, new_text_transformer: Any) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name, n in {"train": 24, "dev": 10}.items():
        rows = [{"text": f"{TEXTS[i % 5]} {name} {i}", "label": LABELS[i % 5]} for i in range(n)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        several = [{"text": row["text"], "labels": [row["label"]]} for row in rows]
        (folder / "several").mkdir(exist_ok=True)
        (folder / "several" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in several))
    (folder / "raw.txt").write_text("Gus sat in Oslo .\nWho flew to Lima ?\n")
    sizes = "{word_width: 8, char_width: 4, n_char_filters: 4, n_filters: 8}"
    (folder / "sizes.yaml").write_text(sizes)
    new_text_transformer().save_pretrained(folder / "teacher")
    new_text_transformer(task="multi_label").save_pretrained(folder / "several-teacher")
    return folder


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def distil(given: str, *, procedure: str = "classifier_kd", several: bool = False) -> dict[str, Any]:
        data, teacher = (home / "several", "several-teacher") if several else (home, "teacher")
        args = (
            f"{procedure} --data_dir {data} --output_dir {tmp_path}/run --teacher_model_path {home}/{teacher} {SHORT}"
        )
        args += f" --cache_dir {home}/cache --config_file {home}/sizes.yaml --model_type cnn {given}"
        assert train(args.split()) == 0
        files = {name: (tmp_path / "run" / name).read_text() for name in ("report.md", "config.json", "metrics.json")}
        return {name: text if name == "report.md" else json.loads(text) for name, text in files.items()}

    return distil


@pytest.mark.parametrize("procedure", ["classifier_kd", "transformer_text"])
def test_several_labels_begin_as_likely_as_they_are(home: Path, tmp_path: Path, procedure: str) -> None:
    args = f"{procedure} --data_dir {home}/several --output_dir {tmp_path}/run {SHORT} --max_steps 1 --lr 1e-9"
    if procedure == "transformer_text":
        args = args.replace("--teacher_precision fp32", "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2")
    else:
        args += f" --teacher_model_path {home}/several-teacher --config_file {home}/sizes.yaml --cache_dir {home}/cache"
    assert train(args.split()) == 0
    weights = load_file(tmp_path / "run" / "model.safetensors")
    (bias,) = (values for name, values in weights.items() if name in ("head.bias", "classifier.bias"))
    n_neg, n_neutral, n_pos = 10, 5, 9
    wanted = [np.log((n + 1) / (24 - n + 1)) for n in (n_neg, n_neutral, n_pos)]
    assert bias == pytest.approx(wanted, abs=1e-4)


def test_a_score_that_is_undefined_is_told(home: Path, tmp_path: Path) -> None:
    for name, last in (("train", 2.5), ("dev", 1.5)):
        rows = [{"text": text, "label": 1.5} for text in TEXTS[1:]] + [{"text": TEXTS[0], "label": last}]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = f"classifier --data_dir {tmp_path} --output_dir {tmp_path}/run --max_steps 1 --config_file {home}/sizes.yaml"
    assert train([*args.split(), "--no_cuda"]) == 0
    assert "dev: pearson_spearman is undefined: the model, or gold," in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(("several", "told"), [(False, "kl at a temperature of 2"), (True, "kl at a temperature of 1")])
def test_the_soft_term_follows_from_the_labels(run: Callable[..., Any], several: bool, told: str) -> None:
    assert f"soft term: {told}\n" in run("--max_steps 1", several=several)["report.md"]


@pytest.mark.parametrize("several", [False, True])
def test_new_texts_are_learnt_from(run: Callable[..., Any], home: Path, several: bool) -> None:
    told = run("--augment 3 --augment_kinds swap mask", several=several)["report.md"]
    n = int(told.split("augmented: ")[1].split()[0])
    assert "new texts (swap, mask)" in told and 20 < n <= 72
    stores = [np.load(file, mmap_mode="r").shape for file in home.glob("cache/*/logits.npy")]
    assert (24, 3) in stores and (n, 3) in stores, "stored apart, so that other runs reuse those of train"


@pytest.mark.parametrize("given", ["", "--augment 1 --augment_kinds swap"])
def test_a_student_that_cannot_be_is_refused_before_the_teacher_reads(
    home: Path, tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = f"classifier_kd --data_dir {home} --output_dir {tmp_path}/run --teacher_model_path {home}/teacher {SHORT}"
    assert train(f"{args} --cache_dir {tmp_path}/cache --model_type cnn --pooling mean {given}".split()) == 2
    assert "--pooling mean is of --model_type id-cnn and bilstm" in capsys.readouterr().err
    assert not list(tmp_path.glob("cache/*/logits.npy"))


def test_without_gold_a_teacher_of_pairs_is_given_pairs(
    home: Path, tmp_path: Path, new_text_transformer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = new_text_transformer()
    teacher.config.has_pairs, teacher.config.main_score = True, "matthews_correlation"
    teacher.save_pretrained(tmp_path / "teacher")
    (tmp_path / "raw.txt").write_text("".join(f"Ann\tflew {number}\n" for number in range(9)))
    args = f"--teacher_model_path {tmp_path}/teacher {SHORT} --max_steps 1 --config_file {home}/sizes.yaml"
    args += f" --cache_dir {home}/cache"
    told = f"classifier_kd_pseudo --unlabeled_filename {tmp_path}/raw.txt --output_dir {tmp_path}/run {args}"
    assert train(told.split()) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["has_pairs"] is True and config["main_score"] == "matthews_correlation"
    assert train(f"classifier_kd --data_dir {home} --output_dir {tmp_path}/other {args}".split()) == 2
    assert "teacher: the teacher reads pairs of texts, these are single texts" in capsys.readouterr().err


def test_raw_texts_are_changed_too(run: Callable[..., Any], home: Path) -> None:
    given = f"--augment 2 --augment_kinds ngram --unlabeled_filename {home}/raw.txt --pseudo_threshold 0.3"
    told = run(given, procedure="classifier_kd_pseudo")["report.md"]
    n = int(told.split("augmented: ")[1].split()[0])
    assert f"pseudo-labels of {n + 2} texts without gold: " in told and " texts accepted" in told


@pytest.mark.parametrize("several", [False, True])
def test_a_classifier_is_calibrated_on_dev(run: Callable[..., Any], several: bool) -> None:
    made = run("", several=several)
    assert made["config.json"]["calibration_temperature"] == made["metrics.json"]["temperature"] != 1
    assert made["metrics.json"]["dev"]["calibration_error"] != made["metrics.json"]["dev"]["calibration_error_before"]
    assert "probabilities calibrated on dev: temperature" in made["report.md"]


@pytest.mark.parametrize(
    ("given", "rule"),
    [("--augment 1 --augment_kinds mention", "mention"), ("--augment_kinds mask", "--augment_kinds is for --augment")],
)
def test_what_texts_do_not_have_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, rule: str
) -> None:
    args = f"classifier_kd --data_dir {home} --output_dir {tmp_path}/run --teacher_model_path {home}/teacher {given}"
    assert train(args.split()) == 2
    assert rule in capsys.readouterr().err


def test_a_teacher_of_numbers_teaches_no_names_and_has_no_labels_that_gold_could_lack(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], new_text_transformer: Any
) -> None:
    new_text_transformer(("score",), "regression").save_pretrained(tmp_path / "teacher")
    args = f"classifier_kd --output_dir {tmp_path}/run --teacher_model_path {tmp_path}/teacher {SHORT} --max_steps 1"
    assert train([*args.split(), "--data_dir", str(home)]) == 2
    assert (
        "texts have one label each, and the teacher is of regression; take one of one_label" in capsys.readouterr().err
    )
    (tmp_path / "train.csv").write_text("text,label\nAnn flew,1.5\nBo met Ann,0.5\n")
    assert train([*args.split(), "--data_dir", str(tmp_path)]) == 0, "the squared error is the default for numbers"
    assert "there are no gold labels" not in (tmp_path / "run" / "report.md").read_text()
