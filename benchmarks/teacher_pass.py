"""How near the teacher's pass comes to the bare model: words per second of both, and their ratio.

    python benchmarks/teacher_pass.py --raw DATA/tweets.txt --teacher runs/teacher

The bare model reads the same batches, full and of like length, in the same number format, made beforehand and already
on the device; the pass splits nothing but does all else: digests, plan, pieces, words, disk. Without a teacher it is a
random one of MiniLM's shape. Both are measured in turn, and the line of `benchmarks/results/teacher_pass.jsonl` holds
the medians.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro
from cells import provenance
from random_teacher import CORPUS, save_random_teacher

from nlparch.data.raw_sources import RawReading
from nlparch.data.sentences import SentenceFile, sentence_lengths
from nlparch.data.unlabeled import load_unlabeled
from nlparch.data.words import make_splitter
from nlparch.devices import Precision, autocast
from nlparch.distill.cache import plan_batches
from nlparch.distill.teachers import teacher_outputs, words_per_batch_on
from nlparch.models.task_model import reading
from nlparch.procedures import runs

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "teacher_pass.jsonl"


@dataclass(kw_only=True)
class Options:
    """Measures both, prints them, and adds a line to the results."""

    raw: str = str(CORPUS / "unlabeled.txt")
    """Raw text, one text a line."""
    teacher: str | None = None
    """Folder of the teacher; None makes a random one."""
    sentences: int = 4000
    """Sentences that are read, at most."""
    rounds: int = 3
    """Times that each is measured."""
    cuda: bool = True
    """Use the GPU where there is one."""
    precision: str = "auto"
    """Number format of both; auto: the fastest that the device has."""


def main(options: Options) -> None:
    """Measures both."""
    runs.keep_few_kernels()
    device = runs.choose_device(options)
    precision = runs.choose_precision(options.precision, device)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.teacher or save_random_teacher(Path(scratch), hidden_size=384, n_layers=6, n_heads=12)
        teacher = runs.load_model(folder, device)
    texts, _ = load_unlabeled([options.raw], reading=RawReading(make_splitter(teacher.splitter)))
    sentences = SentenceFile.write(islice(texts, options.sentences))
    batches = _make_batches(teacher, sentences)
    n_words = int(sentences.lengths.sum())
    bare_seconds(teacher, batches[:3], precision)  # to warm up
    seconds = [
        (bare_seconds(teacher, batches, precision), pass_seconds(teacher, sentences, precision))
        for _ in range(options.rounds)
    ]
    line = {
        "teacher": Path(options.teacher).name if options.teacher else "random, MiniLM's shape",
        "raw": Path(options.raw).name,
        "sentences": len(sentences),
        "words": n_words,
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "bare_words_per_second": n_words / median(bare for bare, _ in seconds),
        "pass_words_per_second": n_words / median(passed for _, passed in seconds),
        "ratio": median(bare / passed for bare, passed in seconds),
        **provenance(),
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    for name in ("bare_words_per_second", "pass_words_per_second", "ratio"):
        print(f"{name}: {line[name]:,.3f}")


def bare_seconds(teacher: Any, batches: Sequence[dict[str, torch.Tensor]], precision: Precision) -> float:
    """What the model alone takes."""
    began = time.perf_counter()
    with reading(teacher), autocast(teacher.device, precision):
        for batch in batches:
            teacher(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        if teacher.device.type == "cuda":
            torch.cuda.synchronize()
    return time.perf_counter() - began


def pass_seconds(teacher: Any, sentences: SentenceFile, precision: Precision) -> float:
    """What the whole pass takes, with nothing stored before."""
    with tempfile.TemporaryDirectory() as cache_dir:
        began = time.perf_counter()
        teacher_outputs(teacher, sentences, precision=precision, cache_dir=cache_dir)
        return time.perf_counter() - began


def _make_batches(teacher: Any, sentences: SentenceFile) -> list[dict[str, torch.Tensor]]:
    order, ends = plan_batches(sentence_lengths(sentences), words_per_batch=words_per_batch_on(teacher.device))
    batches, begin = [], 0
    for end in ends.tolist():
        batch = teacher.encode_words([sentences[index] for index in order[begin:end].tolist()])
        batches.append({name: value.to(teacher.device) for name, value in batch.items()})
        begin = end
    return batches


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
