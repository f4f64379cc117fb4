"""What raw text at scale costs: peak memory, seconds, and bytes on disk, of a whole `nlp-train tagger_kd_pseudo`.

    python benchmarks/scale.py --sentences 10000000 --folder SCRATCH
    python benchmarks/scale.py --folder SCRATCH --teacher TAGGER --data_dir DATA/btc --raw TEXT ...
    python benchmarks/scale.py --folder SCRATCH --teacher TAGGER --data_dir DATA/btc --raw TEXT --to_the_end

Sentences are generated, one in a hundred of them twice, and the teacher is a random transformer of one layer; or both
are real ones. The student takes a few steps once the teacher has read everything, or learns to the end. The figures
become a line of `benchmarks/results/scale.jsonl`.
"""

import json
import os
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
from random_teacher import CORPUS, save_random_teacher

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scale.jsonl"
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
    teacher: str | None = None
    """A fine-tuned tagger that reads in place of the random one."""
    data_dir: str = str(CORPUS)
    """The tagged corpus that the student learns from as well."""
    raw: tuple[str, ...] = ()
    """Files to read in place of generated sentences."""
    to_the_end: bool = False
    """Train the student as the procedure does by default, not for a few steps."""

    def __post_init__(self) -> None:
        if bool(self.teacher) != bool(self.raw):
            raise ValueError("--teacher and --raw go together: a random teacher reads generated sentences")
        if self.data_dir != str(CORPUS) and not self.teacher:
            raise ValueError("--data_dir needs --teacher: the random one knows the example's labels alone")


def main(options: Options) -> None:
    """Generates and trains."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        scratch = Path(name)
        teacher = options.teacher or save_random_teacher(scratch / "teacher", hidden_size=32, n_layers=1, n_heads=1)
        raw = options.raw or [write_raw_text(scratch / "raw.txt", options)]
        length = () if options.to_the_end else ("--max_steps", "10")
        seconds, gigabytes = train(scratch, options.data_dir, teacher, raw, *length)
        n_labels, n_sentences, n_words, overhead = measure_stores(scratch / "cache")
        notes = (scratch / "run" / "report.md").read_text(encoding="utf-8").splitlines()
    line = {
        "teacher": "random, one layer" if options.teacher is None else Path(options.teacher).name,
        "raw": [Path(file).parent.name for file in options.raw],
        "to_the_end": options.to_the_end,
        "sentences": n_sentences,
        "words": n_words,
        "peak_gigabytes": gigabytes,
        "seconds": seconds,
        "labels": n_labels,
        "stored_bytes_per_word": 2 * n_labels + overhead,
        **provenance(),
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(*(note for note in notes if note.startswith("- ") and "texts" in note), sep="\n")
    print(json.dumps(line, indent=1))


def write_raw_text(path: Path, options: Options) -> str:
    """Writes sentences of made-up words, one a line; returns where."""
    random = np.random.default_rng(0)
    vocabulary = np.array([_spell(number) for number in range(options.vocabulary)], dtype=object)
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, options.sentences, _TOGETHER):
            lengths = random.poisson(options.words - 3, min(_TOGETHER, options.sentences - begin)) + 3
            numbers = (options.vocabulary * random.random(lengths.sum()) ** 4).astype(int)
            words = np.split(vocabulary[numbers], np.cumsum(lengths)[:-1])
            words[: len(words) // 100] = words[-(len(words) // 100) :]
            file.writelines(" ".join(some) + "\n" for some in words)
    return str(path)


def _spell(number: int) -> str:
    """A word of its own for each number."""
    word = ""
    while number or not word:
        number, rest = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[rest]
    return word


def train(scratch: Path, data_dir: str, teacher: str, raw: Sequence[str], *flags: str) -> tuple[float, float]:
    """Runs the whole command; returns its seconds, and the gigabytes that it held at most.

    Raises:
        RuntimeError: It failed.
    """
    command = ["tagger_kd_pseudo", "--data_dir", data_dir, "--unlabeled_filename", *raw]
    command += ["--teacher_model_path", teacher, *flags]
    command += ["--output_dir", f"{scratch}/run", "--cache_dir", f"{scratch}/cache"]
    code = "import sys; from nlparch.cli import train; sys.exit(train())"
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *command], env=os.environ | {"TMPDIR": str(scratch)})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the command failed, exit code {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss * 1024 / 1e9  # in kilobytes on Linux


def measure_stores(cache: Path) -> tuple[int, int, int, float]:
    """The teacher's labels, the sentences and words it read, and the bytes a word that its stored outputs take beside
    2 a label.
    """
    stores = [file.parent for file in cache.rglob("logits.npy")]
    outputs = [np.load(store / "logits.npy", mmap_mode="r") for store in stores]
    n_sentences = sum(len(np.load(store / "plan.npy", mmap_mode="r")) for store in stores)
    n_bytes = sum(file.stat().st_size for store in stores for file in store.iterdir())
    n_words, n_labels = sum(map(len, outputs)), outputs[0].shape[1]
    return n_labels, n_sentences, n_words, n_bytes / n_words - 2 * n_labels


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
