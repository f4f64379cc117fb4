"""What distillation costs beside plain training, and how fast the student tags.

    python benchmarks/speed.py --data DATA/btc --teacher TEACHER_DIR --student STUDENT_DIR

Prints, with one thread: the ratio of an epoch of `tagger_kd` (teacher outputs stored) to one of `tagger`, the share of
a training step that fetching and collating take, and words per second of `nlp-inference tagger`, raw file to output
file, model loading excluded. Each line of `benchmarks/results/speed.jsonl` is one run of this file.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from cells import provenance

from nlparch.batches import MixedLengthSampler, TaggingCollator, TaggingExamples
from nlparch.data.conll import read_file
from nlparch.data.corpora import load_corpus
from nlparch.data.features import build_features
from nlparch.data.labels import match_labels
from nlparch.data.words import join_words
from nlparch.distill.teacher_student import DistillSettings
from nlparch.distill.teachers import teacher_outputs
from nlparch.models.loading import load_word_tagger
from nlparch.models.tagger import NeuralTagger
from nlparch.procedures import inference, runs
from nlparch.procedures.model_options import InferenceOptions

RESULTS = Path(__file__).parent / "results" / "speed.jsonl"


@dataclass(kw_only=True)
class Options:
    """Measures one corpus."""

    data: Path
    """Folder of the corpus."""
    teacher: str
    """Folder of its teacher."""
    student: str
    """Folder of a trained student."""
    cache_dir: str | None = None
    """Folder of stored teacher outputs."""
    repeats: int = 5
    """Interleaved measurements of each; the medians are printed."""
    batch_size: int = 32
    """Sentences of a batch."""


def main(options: Options) -> None:
    """Measures, prints and keeps one line."""
    torch.set_num_threads(1)
    runs.flush_tiny_numbers()
    runs.quiet_libraries()
    figures = {"corpus": options.data.name, **measure_epochs(options), **measure_inference(options), **provenance()}
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
    print(json.dumps(figures, indent=1))


def measure_epochs(options: Options) -> dict[str, Any]:
    """Epochs of both procedures in turn, on the same model and batches."""
    corpus = load_corpus(options.data)
    rows = corpus.splits["train"]
    teacher: Any = load_word_tagger(options.teacher)
    outputs = teacher_outputs(
        teacher, rows["words"], precision=runs.choose_precision("auto", teacher.device), cache_dir=options.cache_dir
    )
    match = match_labels(teacher.label_set.tags, corpus.labels.tags)
    features, _ = build_features(rows["words"], max_vocab=20000)
    model = NeuralTagger.build(features, corpus.labels, word_dropout=0.25)
    lengths = np.array([len(words) for words in rows["words"]])
    order = list(MixedLengthSampler(lengths, np.ones(len(rows), dtype=bool), batch_size=options.batch_size))
    batches = [order[at : at + options.batch_size] for at in range(0, len(order), options.batch_size)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    gold = TaggingExamples(rows, corpus.labels), TaggingCollator(model)
    taught = TaggingExamples(rows, corpus.labels, outputs), TaggingCollator(model, match)
    kinds: dict[str, Callable[[], tuple[float, float]]] = {
        "tagger": lambda: _epoch(model, optimizer, batches, *gold, None),
        "tagger_kd": lambda: _epoch(model, optimizer, batches, *taught, DistillSettings(loss_fn="mse")),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(options.repeats):
        for name, run in kinds.items():
            seconds[name].append(run())
    medians = {name: statistics.median(total for total, _ in pairs) for name, pairs in seconds.items()}
    ratios = [kd[0] / plain[0] for kd, plain in zip(seconds["tagger_kd"], seconds["tagger"], strict=True)]
    shares = [data / total for total, data in seconds["tagger_kd"]]
    return {
        "epoch_seconds": medians,
        "epoch_ratio_kd_to_gold": statistics.median(ratios),
        "data_share_of_step": statistics.median(shares),
    }


def _epoch(
    model: NeuralTagger,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[list[int]],
    examples: TaggingExamples,
    collate: TaggingCollator,
    settings: DistillSettings | None,
) -> tuple[float, float]:
    """Seconds of an epoch, and of fetching and collating in it."""
    model.distillation = settings
    model.train()
    begin, data_seconds = time.perf_counter(), 0.0
    for rows in batches:
        at = time.perf_counter()
        batch = collate(examples.__getitems__(rows))
        data_seconds += time.perf_counter() - at
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - begin, data_seconds


def measure_inference(options: Options) -> dict[str, Any]:
    """Words per second of `nlp-inference tagger`, raw text in, JSON lines out."""
    with tempfile.TemporaryDirectory() as folder:
        text, output = Path(folder) / "text.txt", Path(folder) / "out.jsonl"
        sentences = [
            join_words(sentence.words)[0]
            for split in ("train", "dev", "test")
            for sentence in read_file(options.data / f"{split}.txt")
        ]
        text.write_text("\n".join(sentences) + "\n", encoding="utf-8")
        model = load_word_tagger(options.student)
        job = InferenceOptions(model_dir=options.student, data_file=str(text), output_file=str(output), cuda=False)
        seconds = []
        for _ in range(options.repeats):
            begin = time.perf_counter()
            inference.tag_file(job, model)
            seconds.append(time.perf_counter() - begin)
        n_words = sum(len(json.loads(line)["words"]) for line in output.open(encoding="utf-8"))
    return {"inference_words": n_words, "inference_words_per_second": n_words / statistics.median(seconds)}


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
