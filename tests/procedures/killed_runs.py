"""Runs commands in forked children and kills some of them with SIGKILL at stated places; torch is imported once.

Started by `test_resume.py` with a JSON list of jobs, `{"args": [...], "kill": [place, passing] or null, "log": file}`;
prints how each ended: its exit code, or minus the signal. The log says how many batches its teacher read.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import transformers.modeling_utils
import transformers.trainer_utils
from transformers.trainer_callback import TrainerState

import nlparch.distill.teachers
import nlparch.models.tagger
import nlparch.models.text_classifier
import nlparch.models.transformer_text
import nlparch.models.transformer_token
import nlparch.procedures.tagger
import nlparch.procedures.transformer_text
import nlparch.procedures.transformer_token
from nlparch.cli import train
from nlparch.models.text_model import TextModel
from nlparch.models.word_tagger import WordTagger
from nlparch.procedures import classifier_kd, folders, runs, tagger_kd
from nlparch.training import DistillTrainer


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_file(save: Callable[..., Any], path_at: int) -> Callable[..., Any]:
    """Writes half of a file, and dies."""

    def write(*args: Any, **options: Any) -> None:
        save(*args, **options)
        path = Path(args[path_at])
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        die()

    return write


def half_folder(path: str, **options: Any) -> None:
    """Deletes some files of a folder, and dies."""
    files = sorted(Path(path).iterdir())
    for file in files[: len(files) // 2]:
        file.unlink()
    die()


def in_root(save: Callable[..., Any]) -> Callable[..., Any]:
    """Only the saving of a model at the run's root, not that of checkpoints."""
    deadly = half_file(safetensors.torch.save_file, 1)

    def write(tensors: Any, path: str, **options: Any) -> None:
        (deadly if Path(path).parent.parent.name != "checkpoints" else save)(tensors, path, **options)

    return write


# Where a process can be killed: the object, the name of what is replaced, and what it then does.
PLACES: dict[str, tuple[Any, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "step": (DistillTrainer, "compute_loss", lambda _: lambda *a, **k: die()),
    "weights": (transformers.modeling_utils, "safe_save_file", lambda save: half_file(save, 1)),
    "optimizer": (DistillTrainer, "_save_optimizer_and_scheduler", lambda _: lambda *a, **k: die()),
    "state": (TrainerState, "save_to_json", lambda save: half_file(save, 1)),
    "rotation": (transformers.trainer_utils.shutil, "rmtree", lambda _: half_folder),
    "best": (DistillTrainer, "_load_best_model", lambda _: lambda *a, **k: die()),
    "root": (transformers.modeling_utils, "safe_save_file", in_root),
    "scores": (runs, "score_splits", lambda _: lambda *a, **k: die()),
    "options": (folders, "write_atomically", lambda _: lambda *a, **k: die()),
    "teacher": (WordTagger, "encoded_logits", lambda _: lambda *a, **k: die()),
    "text teacher": (TextModel, "encoded_logits", lambda _: lambda *a, **k: die()),
}


def arm(place: str, passing: int) -> None:
    """From the given passing of a place on, counted from 1, something else happens there."""
    owner, name, make = PLACES[place]
    before = getattr(owner, name)
    armed = make(before)
    n_passed = 0

    def either(*args: Any, **options: Any) -> Any:
        nonlocal n_passed
        n_passed += 1
        return (armed if n_passed >= passing else before)(*args, **options)

    setattr(owner, name, either)


def run(args: list[str], kill: tuple[str, int] | None, log: str) -> None:
    """What a child does."""
    with open(log, "a") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    # Small batches, each committed, so that a corpus of a few sentences has a pass worth interrupting.
    nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS = 0.0
    tagger_kd.teacher_outputs = partial(tagger_kd.teacher_outputs, words_per_batch=60)
    classifier_kd.teacher_text_outputs = partial(classifier_kd.teacher_text_outputs, words_per_batch=60)
    n_batches = 0
    encoded_logits = WordTagger.encoded_logits

    def count(*args: Any, **options: Any) -> Any:
        nonlocal n_batches
        n_batches += 1
        return encoded_logits(*args, **options)

    WordTagger.encoded_logits = count
    if kill:
        arm(*kill)
    code = train(args)
    print(f"teacher batches: {n_batches}", flush=True)
    os._exit(code)


def main() -> None:
    for job in json.loads(sys.argv[1]):
        child = os.fork()
        if not child:
            try:
                run(job["args"], job["kill"], job["log"])
            finally:
                os._exit(70)  # an error: its traceback is in the log
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
