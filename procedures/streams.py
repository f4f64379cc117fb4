"""Where predictions are read from and written to: files, standard input and output."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from nlparch.data.conll import decode_lines, read_lines
from nlparch.errors import UserError
from nlparch.runtime.config import Kind, read_config

from . import folders
from .model_options import StreamOptions

if TYPE_CHECKING:
    from nlparch.runtime import AnyModel

_COMMANDS: dict[Kind, str] = {
    "small_tagger": "tagger",
    "transformer_tagger": "transformer_token",
    "small_classifier": "classifier",
    "transformer_classifier": "transformer_text",
}
"""Of `nlp-inference`, by what an exported folder holds."""


def check_streams(options: StreamOptions) -> None:
    """Refuses input that is not there, and output that cannot be written or would empty the input."""
    if options.data_file != "-" and not Path(options.data_file).is_file():
        raise UserError(f"--data_file {options.data_file}: there is no such file; - reads standard input")
    output = Path(options.output_file)
    if options.output_file == "-":
        return
    if output.is_dir():
        raise UserError(f"--output_file must be a file, {output} is a folder")
    for written in {output, _written(output)}:
        if written.exists() and options.data_file != "-" and written.samefile(options.data_file):
            raise UserError(f"--output_file {output} writes to {written}, which is the input; name another")
    if output.is_file() and not os.access(output, os.W_OK):
        raise UserError(f"--output_file {output}: must not be write-protected; name another")
    folders.check_can_make(output.parent, "the folder of --output_file")
    if not output.parent.is_dir():
        raise UserError(f"--output_file {output}: there is no folder {output.parent}; make it first")


def input_lines(options: StreamOptions) -> tuple[str, Iterator[str]]:
    """What the input is called, and its lines, as they come."""
    if options.data_file != "-":
        return options.data_file, read_lines(options.data_file)
    return "standard input", decode_lines(sys.stdin.buffer, name="standard input")


@contextlib.contextmanager
def open_output(name: str) -> Iterator[TextIO]:
    """The output file, or standard output; UTF-8.

    A file is written beside its place and moved there at the end: what stood there before stays until then. What was
    written when something fails stays in `NAME.part`.
    """
    if name == "-":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout
        return
    target = Path(name)
    written = _written(target)
    try:
        with written.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        if written != target:
            if target.exists():
                shutil.copymode(target, written)
            written.replace(target)
    except BrokenPipeError:
        raise  # whoever read has read enough
    except OSError as error:
        raise UserError(f"--output_file {name}: cannot be written: {error.strerror or error}") from error


def _written(target: Path) -> Path:
    """Where what is to stand in `target` is written first."""
    # /dev/null and named pipes; and links, which stay: /dev/stdout leads to a file where the shell sends it to one.
    is_special = target.is_symlink() or (target.exists() and not target.is_file())
    return target if is_special else target.with_name(f"{target.name}.part")


def load_exported(options: StreamOptions, command: str) -> "AnyModel":
    """The exported model that the options name.

    Args:
        options: of the command.
        command: of `nlp-inference`, that runs.

    Raises:
        UserError: If another command is for it, or the options are of models in torch.
    """
    if options.precision != "fp32":
        raise UserError(f"--precision is of models in torch; {options.model_dir} is exported, its format is its own")
    from nlparch.runtime import load_model  # needs onnxruntime, which training does without

    wanted = _COMMANDS[read_config(Path(options.model_dir)).kind]
    if wanted != command:
        raise UserError(f"{options.model_dir} holds another kind of model; run nlp-inference {wanted}")
    return load_model(options.model_dir)
