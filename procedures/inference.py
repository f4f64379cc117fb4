"""Tag raw text or column files, as a stream.

Nothing that an exported model does without is imported before it is known that the model is another one: torch takes
longer to import than a small model to tag a file.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlparch.data.conll import read_sentences, write_sentences
from nlparch.data.predictions import TagPrediction
from nlparch.errors import UserError
from nlparch.runtime.config import is_exported

from .model_options import InferenceOptions
from .streams import check_streams, input_lines, load_exported, open_output

if TYPE_CHECKING:
    from nlparch.models.word_tagger import WordTagger


def run_tagger(options: InferenceOptions) -> None:
    """Tags with a small tagger."""
    _run(options, small=True)


def run_transformer_token(options: InferenceOptions) -> None:
    """Tags with a transformer."""
    _run(options, small=False)


def _run(options: InferenceOptions, *, small: bool) -> None:
    check_streams(options)
    if is_exported(Path(options.model_dir)):
        exported = load_exported(options, "tagger" if small else "transformer_token")
        _write(options, exported.predict_stream(_inputs(options), batch_size=options.batch_size))
        return
    from nlparch.models.tagger import NeuralTagger

    from . import runs

    runs.quiet_libraries()
    model = runs.load_model(options.model_dir, runs.choose_device(options))
    _check_kind(options, small, is_small=isinstance(model, NeuralTagger))
    tag_file(options, model)


def tag_file(options: InferenceOptions, model: "WordTagger") -> None:
    """Tags the input with a loaded model, into the output."""
    from . import runs

    precision = runs.choose_precision(options.precision, model.device)
    _write(options, model.predict_stream(_inputs(options), batch_size=options.batch_size, precision=precision))


def _check_kind(options: InferenceOptions, small: bool, *, is_small: bool) -> None:
    if is_small != small:
        other = "tagger" if is_small else "transformer_token"
        raise UserError(f"{options.model_dir} holds another kind of model; run nlp-inference {other}")


def _write(options: InferenceOptions, predictions: Iterator[TagPrediction]) -> None:
    with open_output(options.output_file) as file:
        if options.output_format == "columns":
            write_sentences(file, (_columns(prediction) for prediction in predictions))
        else:
            for prediction in predictions:
                file.write(_json_line(prediction, entities_only=options.entities_only))


def _inputs(options: InferenceOptions) -> Iterator[Any]:
    name, lines = input_lines(options)
    if options.input_format == "text":
        yield from (line.rstrip("\r\n") for line in lines)
        return
    sentences = read_sentences(
        lines, name=name, word_col=options.word_col, tag_col=None, ignore_token=options.ignore_token
    )
    yield from (sentence.words for sentence in sentences)


def _columns(prediction: TagPrediction) -> tuple[list[str], list[str]]:
    return [word.text for word in prediction.words], [word.tag for word in prediction.words]


def _json_line(prediction: TagPrediction, *, entities_only: bool) -> str:
    tree = prediction.to_dict()
    if entities_only:
        del tree["words"]
    return json.dumps(tree, ensure_ascii=False) + "\n"
