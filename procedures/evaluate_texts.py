"""Score a saved text classifier on a labelled table, beside a teacher where one is given."""

from typing import Any

import numpy as np

from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.models.loading import load_text_model
from nlparch.text_metrics import text_agreement
from nlparch.text_readings import ReadTexts, TextReading, read_texts

from . import runs
from .cuts import cut_notes
from .labelled_file import check_pairs, note_unknown, read_labelled_texts
from .model_options import EvalOptions

_SPLIT = "test"


def evaluate_texts(options: EvalOptions) -> tuple[dict[str, Any], dict[str, ReadTexts], list[str]]:
    """What becomes `metrics.json`, what the models made of the file, and what was noticed."""
    device = runs.choose_device(options)
    model: Any = load_text_model(options.model_dir)
    labels: TextLabels = model.text_labels
    texts, gold, notes = read_labelled_texts(options.data_file, options, labels.task)
    check_pairs(texts, model.has_pairs, file=options.data_file, model=options.model_dir)
    notes += note_unknown(gold, labels)
    notes += cut_notes(model, texts, "the model", "it guesses by the rest")
    split = ReadTexts(texts, gold, labels, model.main_score)
    reading: Any = {
        "precision": runs.choose_precision(options.precision, device),
        "batch_size": options.batch_size,
    }
    split.readings["student"] = read_texts(model.to(device).eval(), texts, **reading)
    metrics: dict[str, Any] = {"procedure": "eval", "n_parameters": runs.n_parameters(model)}
    metrics[_SPLIT] = split.score("student")
    if options.teacher is not None:
        teacher: Any = load_text_model(options.teacher)
        check_pairs(texts, teacher.has_pairs, file=options.data_file, model=options.teacher)
        notes += _compare_labels(labels, teacher.text_labels)
        notes += cut_notes(teacher, texts, "the teacher", "it guesses by the rest")
        taught = read_texts(teacher.to(device).eval(), texts, **reading)
        split.readings["teacher"] = in_order(taught, teacher.text_labels, labels)
        metrics["teacher"] = {"n_parameters": runs.n_parameters(teacher), _SPLIT: split.score("teacher")}
        agreed = text_agreement(split.readings["student"].answers, taught.answers, labels)
        metrics["agreement"] = {} if agreed is None else {_SPLIT: agreed}
    return metrics, {_SPLIT: split}, notes


def _compare_labels(own: TextLabels, teachers: TextLabels) -> list[str]:
    """What the user should know where the two models have different labels."""
    if own.task != teachers.task:
        raise UserError(f"--teacher must be asked the same as the model, {own.task}, got {teachers.task}")
    mine, theirs = set(own.names), set(teachers.names)
    if own.task == "regression" or mine == theirs:
        return []
    sides = (("teacher", theirs - mine), ("model", mine - theirs))
    listed = "; ".join(f"only the {name} has {', '.join(sorted(names))}" for name, names in sides if names)
    return [f"the teacher's labels differ from the model's and are compared by name: {listed}"]


def in_order(reading: TextReading, teachers: TextLabels, own: TextLabels) -> TextReading:
    """A reading with the probabilities of our labels, 0 for those that the teacher lacks, and after them of its own."""
    if own.task == "regression":
        return reading
    names = [*own.names, *(name for name in teachers.names if name not in own.ids)]

    def reorder(values: np.ndarray) -> np.ndarray:
        columns = [teachers.ids.get(name) for name in names]
        return np.stack([np.zeros(len(values)) if place is None else values[:, place] for place in columns], -1)

    raw = reading.raw_probabilities
    return TextReading(reading.answers, reorder(reading.probabilities), None if raw is None else reorder(raw))
