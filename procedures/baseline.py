"""The undistilled student: the same tagger on gold alone, to hold the distilled one against."""

import copy
from dataclasses import fields
from pathlib import Path
from typing import Any

from transformers import set_seed

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelSet
from nlparch.errors import UserError

from . import runs
from .options import TaggerKdOptions, TaggerOptions
from .tagger import learn_gold

FOLDER = "baseline"
_KEPT = ("n_parameters", "best_epoch", "best_step")


def check_baseline(corpus: Corpus) -> None:
    """Refuses a baseline that has nothing to learn from."""
    rows = corpus.splits.get("train")
    if rows is None or not any(tags is not None for tags in rows["tags"]):
        raise UserError("--baseline trains a student on gold tags, and there are none to train on; leave it out")


def train_baseline(options: TaggerKdOptions, run: runs.Run, corpus: Corpus, labels: LabelSet, *, splitter: str) -> None:
    """Trains what `nlp-train tagger` makes of the same options, and sets its scores beside those of the student.

    Its folder is a run of its own within that of the student, which goes on where it was cut off like any other.

    Args:
        options: of the student.
        run: the student's, already scored.
        corpus: with gold.
        labels: the student's.
        splitter: the student's.
    """
    own = gold_options(options)
    baseline = runs.Run(Path(own.output_dir))
    run.note(f"undistilled student: the same options and seed on gold alone, in {FOLDER}/")
    set_seed(own.seed)
    learn_gold(own, baseline, corpus, labels, runs.gold_rows(baseline, corpus), splitter=splitter)
    run.metrics["baseline"] = {name: baseline.metrics[name] for name in _KEPT}
    for name, split in baseline.splits.items():
        run.metrics["baseline"][name] = copy.deepcopy(baseline.metrics[name])
        run.splits[name].readings["baseline"] = split.readings["student"]
    run.readers["baseline"] = baseline.readers["student"]
    run.curves["baseline"] = baseline.curves["student"]
    runs.write_run(own, baseline, "tagger")


def gold_options(options: TaggerKdOptions) -> TaggerOptions:
    """The options of `nlp-train tagger` that repeat the undistilled student."""
    values: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(TaggerOptions)}
    values |= {"output_dir": str(Path(options.output_dir) / FOLDER), "overwrite_output_dir": False}
    return TaggerOptions(**values)
