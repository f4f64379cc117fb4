"""Classify texts, or pairs of texts, as a stream."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlparch.data.raw_sources import RawFiles
from nlparch.data.raw_texts import RawTextReading
from nlparch.data.records import RECORD_FORMATS
from nlparch.data.text_predictions import Text
from nlparch.errors import UserError
from nlparch.runtime.config import is_exported

from .cuts import CountedTexts
from .model_options import TextInferenceOptions
from .streams import check_streams, input_lines, load_exported, open_output

logger = logging.getLogger(__name__)


def run_classifier(options: TextInferenceOptions) -> None:
    """Classifies with a small model."""
    _run(options, small=True)


def run_transformer_text(options: TextInferenceOptions) -> None:
    """Classifies with a transformer."""
    _run(options, small=False)


def _run(options: TextInferenceOptions, *, small: bool) -> None:
    check_streams(options)
    notes: list[str] = []
    inputs, reading = read_inputs(options, notes), {"batch_size": options.batch_size}
    model: Any
    if is_exported(Path(options.model_dir)):
        model = load_exported(options, "classifier" if small else "transformer_text")
        has_pairs = model.has_pairs
    else:
        model, reading["precision"] = _load(options, small=small)
        has_pairs = model.has_pairs
    texts = CountedTexts(model, _as_the_model_reads(inputs, has_pairs, options.model_dir))
    with open_output(options.output_file) as file:
        for prediction in model.predict_stream(texts, **reading):
            file.write(json.dumps(prediction.to_dict(), ensure_ascii=False) + "\n")
    if texts.n_texts:
        notes.append(
            f"{texts.n_texts:,} texts are longer than the window: {texts.n_words:,} of their words are not read"
        )
    for note in dict.fromkeys(notes):
        logger.info("%s", note)


def _load(options: TextInferenceOptions, *, small: bool) -> tuple[Any, Any]:
    """The model in torch, and the number format that it runs in."""
    from nlparch.models.loading import load_text_model
    from nlparch.models.text_classifier import NeuralTextClassifier

    from . import runs

    runs.quiet_libraries()
    device = runs.choose_device(options)
    model: Any = load_text_model(options.model_dir)
    is_small = isinstance(model, NeuralTextClassifier)
    if is_small != small:
        other = "classifier" if is_small else "transformer_text"
        raise UserError(f"{options.model_dir} holds another kind of model; run nlp-inference {other}")
    return model.to(device).eval(), runs.choose_precision(options.precision, device)


def read_inputs(options: TextInferenceOptions, notes: list[str]) -> Iterator[Text]:
    """The texts of the input: of a table its rows, or else lines.

    Args:
        options: which input.
        notes: gains what was chosen and passed over.

    Raises:
        UserError: If columns are named, and the input has none.
    """
    path = Path(options.data_file)
    is_table = options.data_file != "-" and path.suffix in RECORD_FORMATS
    if not is_table and (options.text_column or options.text_pair_column):
        raise UserError(
            f"--text_column and --text_pair_column are of tables ({', '.join(RECORD_FORMATS)}), got {options.data_file}"
        )
    has_pairs = True if options.pairs or options.text_pair_column else None
    reading = RawTextReading(options.text_column, options.text_pair_column, has_pairs, notes, option="text")
    if is_table:
        yield from RawFiles(options.data_file, [path]).items(reading)
        return
    name, lines = input_lines(options)
    for number, line in enumerate(lines, 1):
        if number == 1 and line.lstrip().startswith(('{"', "[{")):
            logger.warning("%s: looks like JSON, and is read as texts, one a line; tables are read from files", name)
        yield reading.read_line(line.rstrip("\r\n"), f"{name}:{number}")


def _as_the_model_reads(texts: Iterator[Text], wanted: bool | None, place: str) -> Iterator[Text]:
    """The texts, checked to be pairs where the model reads pairs, and single where it does not.

    Args:
        texts: the input.
        wanted: whether pairs are; None: the model does not say.
        place: the model's folder.
    """
    for text in texts:
        if wanted is not None and wanted == isinstance(text, str):
            raise UserError(
                f"{place} reads pairs of texts; add --pairs, for two on each line, or name --text_pair_column"
                if wanted
                else f'{place} reads single texts, got a pair; leave out --pairs, or add --text_pair_column ""'
            )
        yield text
