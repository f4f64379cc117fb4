"""Runs killed with SIGKILL and resumed end with the same bytes as runs that nobody disturbed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_spec = importlib.util.spec_from_file_location("text_corpora", Path(__file__).parent / "text_corpora.py")
assert _spec is not None and _spec.loader is not None
text_corpora = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(text_corpora)

# The first test waits for every run, some forty of them.
pytestmark = pytest.mark.timeout(1200)

SIZES = dict(word_width=12, char_width=4, n_char_filters=8, lstm_width=12, n_lstm_layers=1, dropout=0.1)
COMMON = "--batch_size 4 --logging_steps 2 --no_cuda --precision fp32"
SCRATCH = "--from_scratch --hidden_size 16 --n_layers 1 --n_heads 2 --vocab_size 120"
# 32 sentences: 8 batches an epoch.
COMMANDS = {
    "teacher": f"transformer_token --data_dir DATA {COMMON} {SCRATCH} --epochs 3 --patience 0",
    "epochs": f"tagger --data_dir DATA {COMMON} --config_file SIZES --epochs 4 --use_crf",
    "steps": f"tagger_kd_pseudo --data_dir DATA {COMMON} --config_file SIZES --epochs 3 --save_steps 3 "
    "--gradient_accumulation 2 --augment 1 --unlabeled_filename DATA/raw.txt --unlabeled_ratio 0.6 "
    "--teacher_model_path TEACHER --cache_dir CACHE --teacher_precision bf16",
    "baseline": f"tagger_kd --data_dir DATA {COMMON} --config_file SIZES --epochs 2 --baseline "
    "--teacher_model_path TEACHER --cache_dir CACHE --teacher_precision fp32",
    "stopping": f"tagger --data_dir DATA {COMMON} --config_file SIZES --epochs 30 --patience 2 --lr 0.05 --warmup 0",
    # 32 gold rows and 17 raw ones: 13 batches an epoch. Word vectors thaw after step 20, gold begins at step 25.
    "schedules": f"tagger_kd_pseudo --data_dir DATA {COMMON} --config_file SIZES --epochs 3 --save_steps 5 "
    "--unlabeled_filename DATA/raw.txt --teacher_model_path TEACHER --cache_dir CACHE --teacher_precision fp32 "
    "--schedule staged --gold_share 0.35 --freeze_epochs 1.5 --kd_loss_fn kl --kd_temp_end 3 --kd_dist_w_end 0.2 "
    "--kd_ramp cosine --entity_weight 2 --pseudo_threshold 0.3 --weight_by_confidence --calibrate_teacher",
    "text-teacher": f"transformer_text --data_dir TEXTS {COMMON} {SCRATCH} --epochs 3 --patience 0",
    "texts": f"classifier_kd_pseudo --data_dir TEXTS {COMMON} --config_file SIZES --epochs 2 --augment 1 --baseline "
    "--unlabeled_filename TEXTS/raw.txt --teacher_model_path TEXT_TEACHER --cache_dir CACHE --teacher_precision fp32",
    "no dev": f"tagger --data_dir TRAIN_ALONE {COMMON} --config_file SIZES --epochs 3 --model_type id-cnn",
}
# The run, and the place and its passing where it is killed, once or again after it was resumed.
KILLED: list[tuple[str, list[tuple[str, int]]]] = [
    ("epochs", [("step", 5)]),  # before the first checkpoint
    ("epochs", [("weights", 1)]),  # while the first is being written
    ("epochs", [("step", 17), ("state", 1), ("step", 3)]),  # between epochs, then in a checkpoint, then in an epoch
    ("epochs", [("options", 1), ("options", 2), ("rotation", 1)]),
    ("epochs", [("scores", 1)]),
    ("steps", [("teacher", 3)]),
    ("steps", [("teacher", 2), ("teacher", 4), ("optimizer", 2)]),
    ("steps", [("step", 16)]),  # in the second epoch, after a checkpoint in its midst
    ("baseline", [("step", 29)]),  # in the undistilled student's second epoch, after the distilled one's two
    ("baseline", [("options", 3), ("scores", 2)]),  # before it begins, and after it was trained
    ("stopping", [("optimizer", 4)]),  # after an evaluation without a better score
    ("stopping", [("best", 1)]),  # after the stop
    ("stopping", [("root", 1)]),
    ("schedules", [("step", 13), ("step", 15), ("step", 12)]),  # frozen, thawed, then among gold
    ("schedules", [("optimizer", 5)]),
    ("no dev", [("state", 3)]),
    ("no dev", [("root", 1)]),
    ("teacher", [("step", 12)]),
    ("teacher", [("weights", 2)]),
    ("text-teacher", [("step", 12), ("root", 1)]),
    ("texts", [("text teacher", 3), ("step", 25)]),
    ("texts", [("best", 1), ("scores", 2)]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def endings(folder: Path, data_dir: Path) -> dict[str, int]:
    """How each child ended, by the name of its log."""
    (folder / "sizes.yaml").write_text(yaml.safe_dump(SIZES))
    text_corpora.write_corpus(folder / "texts-corpus", "multi_label")
    (folder / "alone").mkdir()
    (folder / "alone" / "train.txt").write_bytes((data_dir / "train.txt").read_bytes())
    jobs: dict[str, Any] = {name: job(name, folder, data_dir, name, None) for name in COMMANDS}
    for number, (name, kills) in enumerate(KILLED):
        for part, kill in enumerate([*kills, None]):
            child = job(name, folder, data_dir, f"killed-{number}", kill, resume=part > 0)
            jobs[f"killed-{number}.{part}"] = child
    for log, child in jobs.items():
        child["log"] = str(folder / f"{log}.log")
    driver = Path(__file__).with_name("killed_runs.py")
    settings = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    arguments = [sys.executable, str(driver), json.dumps(list(jobs.values()))]
    done = subprocess.run(arguments, capture_output=True, text=True, env=os.environ | settings, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(jobs, map(int, done.stdout.split()), strict=True))


def job(
    name: str, folder: Path, data_dir: Path, output: str, kill: tuple[str, int] | None, resume: bool = False
) -> dict[str, Any]:
    # Each run that is killed in the teacher's pass has a pass of its own.
    places = {"DATA": data_dir, "SIZES": folder / "sizes.yaml", "TEACHER": folder / "teacher"}
    places["TRAIN_ALONE"] = folder / "alone"
    places = {"TEXT_TEACHER": folder / "text-teacher", "TEXTS": folder / "texts-corpus", **places}
    places["CACHE"] = folder / f"cache-{output}"
    args = COMMANDS[name]
    for place, path in places.items():
        args = args.replace(place, str(path))
    return {"args": [*args.split(), "--output_dir", str(folder / output), *["--resume"] * resume], "kill": kill}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_that_nobody_disturbs_ends(endings: dict[str, int], folder: Path, name: str) -> None:
    assert endings[name] == 0, (folder / f"{name}.log").read_text()


def test_the_run_with_patience_stops_early(endings: dict[str, int], folder: Path) -> None:
    (*_, last) = sorted(folder.glob("stopping/checkpoints/*/trainer_state.json"), key=lambda path: path.stat().st_mtime)
    state = json.loads(last.read_text())
    assert 8 < state["best_global_step"] == state["global_step"] - 16 < state["max_steps"] - 16


@pytest.mark.parametrize("number", range(len(KILLED)), ids=[f"{name} {kills}" for name, kills in KILLED])
def test_a_killed_run_is_resumed_to_the_same_bytes(endings: dict[str, int], folder: Path, number: int) -> None:
    name, kills = KILLED[number]
    for part, kill in enumerate([*kills, None]):
        log = folder / f"killed-{number}.{part}.log"
        assert endings[log.stem] == (-signal.SIGKILL if kill else 0), log.read_text()
    undisturbed, resumed = folder / name, folder / f"killed-{number}"
    features = "tokenizer.json" if "teacher" in name else "features.json"
    for file in ("model.safetensors", "config.json", features):
        assert (resumed / file).read_bytes() == (undisturbed / file).read_bytes(), file
    assert metrics(resumed) == metrics(undisturbed)
    if name in ("baseline", "texts"):
        weights = (folder / "baseline" / "model.safetensors" for folder in (resumed, undisturbed))
        assert len({file.read_bytes() for file in weights}) == 1
    assert not list(resumed.glob("*.tmp"))


def metrics(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "metrics.json").read_text()) | {"train_seconds": None}
    found.get("int8", {}).pop("words_per_second", None)  # measured, as seconds are
    return found


def teacher_batches(folder: Path, log: str) -> int:
    return int((folder / f"{log}.log").read_text().rsplit("teacher batches: ", 1)[1].split()[0])


def test_a_resumed_teacher_pass_reads_only_what_is_missing(endings: dict[str, int], folder: Path) -> None:
    whole = teacher_batches(folder, "steps")
    number = KILLED.index(("steps", [("teacher", 3)]))
    assert (
        teacher_batches(folder, f"killed-{number}.1") == whole - 1 > 3
    )  # of the two that it had read, one was written
    # Killed in training, it has but the teacher's scores on dev and test before it.
    again = KILLED.index(("steps", [("step", 16)]))
    assert 0 < teacher_batches(folder, f"killed-{again}.1") < whole / 2
