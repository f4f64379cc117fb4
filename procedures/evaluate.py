"""Score a saved model on a labelled file, beside a teacher where one is given."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlparch.data.labels import LabelSet, split_tag
from nlparch.errors import UserError
from nlparch.metrics import agreement
from nlparch.models.loading import reads_texts
from nlparch.readings import ReadSplit
from nlparch.report import write_report

from . import folders, runs
from .evaluate_texts import evaluate_texts
from .labelled_file import read_labelled, rows_for
from .model_options import EvalOptions
from .options import ColumnOptions
from .reports import gather_evidence, save_report
from .tasks import add_any_evidence, score_tagging
from .text_options import TextColumnOptions

_SPLIT = "test"


def run(options: EvalOptions) -> None:
    """Scores the model and prints the report; `metrics.json` has the labelled file's scores under `test`."""
    runs.quiet_libraries()
    folder = None if options.output_dir is None else _check_empty(Path(options.output_dir))
    is_of_texts = reads_texts(options.model_dir)
    _refuse_columns(options, TextColumnOptions if not is_of_texts else ColumnOptions)
    if is_of_texts:
        metrics, splits, notes = evaluate_texts(options)
    else:
        metrics, splits, notes = _evaluate_tags(options)
    add_any_evidence(metrics, splits)
    about: Any = {"title": f"{options.model_dir} on {options.data_file}", "notes": notes}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        evidence = gather_evidence(splits, {}, {})
        save_report(folder, metrics, options=options, evidence=evidence, **about)
    print(write_report(metrics, **about), end="")


def _refuse_columns(options: EvalOptions, others: type[Any]) -> None:
    """Refuses options about the columns of the other kind of file."""
    kind = "column files, for models that tag words" if others is ColumnOptions else "tables of texts"
    for field in dataclasses.fields(others):
        if getattr(options, field.name) != field.default:
            raise UserError(f"--{field.name} is of {kind}; {options.model_dir} is another model, leave it out")


def _evaluate_tags(options: EvalOptions) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    sentences, notes = read_labelled(options.data_file, options)
    device = runs.choose_device(options)
    model = runs.load_model(options.model_dir, device)
    teacher = None if options.teacher is None else runs.load_model(options.teacher, device)
    rows, more_notes = rows_for(sentences, model.label_set)
    notes += [*more_notes, *_reading_notes(model, rows, "the model")]
    metrics, split = _score(options, model, teacher, rows)
    if teacher is not None:
        notes += [*_reading_notes(teacher, rows, "the teacher"), *_difference(model.label_set, teacher.label_set)]
    return metrics, {_SPLIT: split}, notes


def _check_empty(folder: Path) -> Path:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(f"--output_dir must be a new or an empty folder, {folder} holds something; name another")
    folders.check_can_make(folder, "--output_dir")
    return folder


def _score(options: EvalOptions, model: Any, teacher: Any, rows: dict[str, Any]) -> tuple[dict[str, Any], ReadSplit]:
    """What becomes `metrics.json`, and what the models made of the sentences."""
    precision = runs.choose_precision(options.precision, runs.choose_device(options))
    reading: Any = {"precision": precision, "batch_size": options.batch_size, "scheme": model.label_set.scheme}
    scores, student = score_tagging(model, rows, **reading)
    split = ReadSplit(rows["words"], rows["tags"], reading["scheme"], readings={"student": student})
    metrics: dict[str, Any] = {"procedure": "eval", "n_parameters": runs.n_parameters(model), _SPLIT: scores}
    if teacher is not None:
        scores, taught = score_tagging(teacher, rows, **reading)
        metrics["teacher"] = {"n_parameters": runs.n_parameters(teacher), _SPLIT: scores}
        metrics["agreement"] = {_SPLIT: agreement(student.tags, taught.tags)}
        split.readings["teacher"] = taught
    return metrics, split


def _reading_notes(model: Any, rows: dict[str, Any], name: str) -> Iterator[str]:
    if n_unseen := model.n_unseen_words(rows["words"]):
        yield f"{n_unseen} words have no pieces: {name} cannot see them"


def _difference(own: LabelSet, teachers: LabelSet) -> Iterator[str]:
    """What the user should know where the two models have different tags."""
    mine, theirs = set(own.tags), set(teachers.tags)
    if own.scheme != teachers.scheme and "plain" not in (own.scheme, teachers.scheme):
        yield f"the teacher's tags are turned from {teachers.scheme} into {own.scheme}"
        mine, theirs = ({split_tag(tag)[1] or tag for tag in tags} for tags in (mine, theirs))
    if mine != theirs:
        sides = (("teacher", theirs - mine), ("model", mine - theirs))
        listed = "; ".join(f"only the {name} has {', '.join(sorted(tags))}" for name, tags in sides if tags)
        yield f"the teacher's tags differ from the model's and are compared by name: {listed}"
