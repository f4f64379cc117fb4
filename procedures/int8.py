"""What a student is worth in int8, for the report of its distillation."""

import copy
import dataclasses
import importlib.util
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nlparch.metrics import main_score_name, score_tags
from nlparch.readings import ReadSplit
from nlparch.text_readings import ReadTexts, TextReading, answers_of

from . import folders, runs
from .reports import BATCH_SIZE, rows_to_measure, words_per_second


def add_int8(run: runs.Run, model: Any) -> None:
    """Sets bytes, speed and score of a small model in int8 under `int8` of the metrics of a run that is scored.

    It is what `nlp-export --quantize int8` makes where it is given no labelled file; nothing is kept of it here.
    """
    if not run.splits or not folders.is_main_process():
        return
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        run.note(f"int8 not measured without {' and '.join(missing)}: pip install 'nlparch[export]'")
        return
    name, split = list(run.splits.items())[-1]
    run.metrics["int8"] = _measure(model, name, split, main_score_name(run.metrics[name]))


def _measure(model: Any, name: str, split: ReadSplit | ReadTexts, score: str) -> dict[str, Any]:
    from nlparch.export.folder import export_model  # both need the extra
    from nlparch.runtime import load_model

    with tempfile.TemporaryDirectory() as scratch:
        export_model(copy.deepcopy(model)).to_int8().write(Path(scratch))
        n_bytes = sum(file.stat().st_size for file in Path(scratch).iterdir())
        form = load_model(scratch)
    rows, n_words = rows_to_measure(split)
    value = _score(split, form.predict(rows, batch_size=BATCH_SIZE), score)
    # The words have been met by now: the runtime keeps what it made of each.
    speed = words_per_second(partial(form.predict, batch_size=BATCH_SIZE), rows, n_words)
    return {"bytes": n_bytes, "words_per_second": speed, name: {score: value}}


def _score(split: ReadSplit | ReadTexts, found: Sequence[Any], score: str) -> float | None:
    if isinstance(split, ReadSplit):
        tags = [list(prediction.tags) for prediction in found]
        return score_tags(split.gold, tags, scheme=split.scheme)[score]  # type: ignore[no-any-return]
    reading = TextReading(answers_of(found, split.labels), np.array([prediction.of_each for prediction in found]))
    return dataclasses.replace(split, readings={"int8": reading}).score("int8")[score]  # type: ignore[no-any-return]
