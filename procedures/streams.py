"""Where predictions are read from and written to: files, standard input and output."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from nlparch.data.conll import decode_lines, read_lines
from nlparch.errors import UserError

from . import folders
from .model_options import StreamOptions


def check_streams(options: StreamOptions) -> None:
    """Refuses input that is not there, and output that cannot be written or would empty the input."""
    if options.data_file != "-" and not Path(options.data_file).is_file():
        raise UserError(f"--data_file {options.data_file}: there is no such file; - reads standard input")
    output = Path(options.output_file)
    if options.output_file == "-":
        return
    if output.is_dir():
        raise UserError(f"--output_file must be a file, {output} is a folder")
    if output.exists() and options.data_file != "-" and output.samefile(options.data_file):
        raise UserError(f"--output_file {output} is the input: it would be emptied before it is read; name another")
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
    """The output file, or standard output; UTF-8."""
    if name == "-":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout
    else:
        with Path(name).open("w", encoding="utf-8", newline="\n") as file:
            yield file
