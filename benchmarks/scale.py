"""What raw text at scale costs: peak memory, seconds, and bytes on disk, of a whole `nlp-train tagger_kd_pseudo`.

    python benchmarks/scale.py --sentences 10000000 --folder SCRATCH

Sentences are generated, one in a hundred of them twice; the teacher is a random transformer of one layer, and the
student takes a few steps once the teacher has read everything. The figures become a line of
`benchmarks/results/scale.jsonl`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from cells import provenance

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.jsonl"
CORPUS = HERE.parent / "examples" / "corpus"
_TOGETHER = 10_000
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "ol")]


@dataclass(kw_only=True)
class Options:
    """Generates, trains, prints the figures, and adds a line to the results."""

    sentences: int = 10_000_000
    """Sentences to generate."""
    words: int = 12
    """Words of a sentence, on average."""
    vocabulary: int = 300_000
    """Different words, the first ones far more frequent than the last."""
    folder: str | None = None
    """Where there is room for text, outputs and run; None takes the system's folder for such files."""


def main(options: Options) -> None:
    """Generates and trains."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        scratch = Path(name)
        n_words = write_raw_text(scratch / "raw.txt", options)
        save_teacher(scratch / "teacher")
        seconds = train(scratch)
        n_labels, overhead = measure_stores(scratch / "cache")
        notes = (scratch / "run" / "report.md").read_text(encoding="utf-8").splitlines()
    line = {
        "sentences": options.sentences,
        "words": n_words,
        # Of the largest process that was waited for, in kilobytes on Linux.
        "peak_gigabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9,
        "seconds": seconds,
        "labels": n_labels,
        "stored_bytes_per_word": 2 * n_labels + overhead,
        **provenance(),
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(*(note for note in notes if "raw.txt" in note and "texts" in note), sep="\n")
    print(json.dumps(line, indent=1))


def write_raw_text(path: Path, options: Options) -> int:
    """Writes sentences of made-up words, one a line; returns how many words."""
    random = np.random.default_rng(0)
    vocabulary = np.array([_spell(number) for number in range(options.vocabulary)], dtype=object)
    n_words = 0
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, options.sentences, _TOGETHER):
            lengths = random.poisson(options.words - 3, min(_TOGETHER, options.sentences - begin)) + 3
            numbers = (options.vocabulary * random.random(lengths.sum()) ** 4).astype(int)
            words = np.split(vocabulary[numbers], np.cumsum(lengths)[:-1])
            words[: len(words) // 100] = words[-(len(words) // 100) :]
            file.writelines(" ".join(some) + "\n" for some in words)
            n_words += sum(map(len, words))
    return n_words


def _spell(number: int) -> str:
    """A word of its own for each number."""
    word = ""
    while number or not word:
        number, rest = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[rest]
    return word


def save_teacher(folder: Path) -> None:
    """Saves a random transformer of one layer, in a process of its own: what it takes is not the run's."""
    code = f"""
import torch
from nlparch.data.corpora import load_corpus
from nlparch.procedures.options import TransformerTokenOptions
from nlparch.procedures.transformer_token import new_transformer
corpus = load_corpus({str(CORPUS)!r})
shape = TransformerTokenOptions(output_dir="", data_dir="", from_scratch=True, hidden_size=32, n_layers=1, n_heads=1)
new_transformer(shape, corpus.labels, corpus.splits["train"]["words"]).save_pretrained({str(folder)!r})
"""
    run([sys.executable, "-c", code])


def train(scratch: Path) -> float:
    """Runs the whole command; returns its seconds."""
    command = f"tagger_kd_pseudo --data_dir {CORPUS} --unlabeled_filename {scratch}/raw.txt --output_dir {scratch}/run"
    command += f" --teacher_model_path {scratch}/teacher --cache_dir {scratch}/cache --max_steps 10"
    began = time.perf_counter()
    run(
        [sys.executable, "-c", "import sys; from nlparch.cli import train; sys.exit(train())", *command.split()],
        TMPDIR=str(scratch),
    )
    return time.perf_counter() - began


def measure_stores(cache: Path) -> tuple[int, float]:
    """The teacher's labels, and the bytes a word that its stored outputs take beside 2 a label."""
    outputs = [np.load(file, mmap_mode="r") for file in cache.rglob("logits.npy")]
    n_bytes = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    n_words, n_labels = sum(map(len, outputs)), outputs[0].shape[1]
    return n_labels, n_bytes / n_words - 2 * n_labels


def run(command: Sequence[str], **environment: str) -> None:
    """Runs a command to its end."""
    subprocess.run(command, check=True, env=os.environ | environment)


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
