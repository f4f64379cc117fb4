"""The commands: ``nlp-train``, ``nlp-inference``, ``nlp-eval``, ``nlp-serve``. The only file that knows tyro.

A command parses its options before it imports what runs on them, so that help and every mistake in the options cost
no import of torch. A user's mistake is one line on standard error and exit code 2.
"""

import ast
import io
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from copy import copy
from dataclasses import MISSING, Field, fields, make_dataclass
from typing import Annotated, Any, get_origin, get_type_hints

import tyro

from nlparch import __version__
from nlparch.errors import UserError
from nlparch.names import nearest
from nlparch.procedure import Procedure, find_procedure, procedures

_COMPLETION = ("--tyro-print-completion", "--tyro-write-completion")
# The frame that tyro draws around its complaints, and colours.
_FRAME = re.compile("\x1b\\[[0-9;]*m|[\u2500-\u257f]|^[+|]-?|-*[+|]$|-{8,}")
_CHOICE = re.compile(r"invalid choice '(.*)' for argument '(--\w+)'. Expected one of (\(.*?\))")


def train(args: Sequence[str] | None = None) -> int:
    """``nlp-train PROCEDURE``; returns the exit code."""
    return _command(_run_named, "train", args)


def inference(args: Sequence[str] | None = None) -> int:
    """``nlp-inference PROCEDURE``; returns the exit code."""
    return _command(_run_named, "inference", args)


def evaluate(args: Sequence[str] | None = None) -> int:
    """``nlp-eval MODEL_DIR FILE``; returns the exit code."""
    return _command(_run_only, "eval", args)


def export(args: Sequence[str] | None = None) -> int:
    """``nlp-export MODEL_DIR OUTPUT_DIR``; returns the exit code."""
    return _command(_run_only, "export", args)


def bench(args: Sequence[str] | None = None) -> int:
    """``nlp-bench MODEL_DIR... --data FILE``; returns the exit code."""
    return _command(_run_only, "bench", args)


def serve(args: Sequence[str] | None = None) -> int:
    """``nlp-serve MODEL_DIR...``; returns the exit code."""
    return _command(_run_only, "serve", args)


def parse(cls: type[Any], args: Sequence[str], *, program: str, positional: Sequence[str] = ()) -> Any:
    """Options from command-line arguments, and from the file that ``--config`` names; arguments win.

    Args:
        cls: The options dataclass.
        args: The arguments, without the program's name.
        program: What the user typed before them, for messages.
        positional: Fields given by place, not by name.

    Raises:
        UserError: The arguments or the file do not make options.
    """
    file, args = _take_config(args)
    form = _form(cls, positional)
    given = _join_dashes(args)
    _refuse_repeats(form, given)
    values = _read_config(cls, file)
    parsed = _ask_tyro(form, given, values, program=program)
    try:
        return cls(**{field.name: getattr(parsed, field.name) for field in fields(cls) if field.init})
    except ValueError as error:
        raise UserError(str(error)) from error


def _command(run: Callable[[str, list[str]], None], command: str, args: Sequence[str] | None) -> int:
    try:
        run(command, list(sys.argv[1:] if args is None else args))
        sys.stdout.flush()
    except UserError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        remedy = "; --resume goes on from the last checkpoint" if command == "train" else ""
        print(f"interrupted{remedy}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone, as `head` does. Python flushes standard output once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _run_named(command: str, args: list[str]) -> None:
    """Runs the procedure that the first argument names."""
    program = f"nlp-{command}"
    if args[:1] == ["--version"]:
        print(program, __version__)
    elif args[:1] in ([], ["list"], ["-h"], ["--help"]):
        print(_overview(program, list(procedures(command).values())))
    elif args[0] in _COMPLETION:
        classes: dict[str, Callable[..., Any]] = {
            name: procedure.load_options() for name, procedure in procedures(command).items()
        }
        tyro.extras.subcommand_cli_from_dict(classes, prog=program, args=args, use_underscores=True)
    else:
        procedure = find_procedure(command, args[0])
        _run(procedure, parse(procedure.load_options(), args[1:], program=f"{program} {procedure.name}"))


def _run_only(command: str, args: list[str]) -> None:
    """Runs the one procedure of a command that has no more."""
    program = f"nlp-{command}"
    procedure = find_procedure(command, command)
    cls = procedure.load_options()
    if args[:1] == ["--version"]:
        print(program, __version__)
    elif args and args[0] in _COMPLETION:
        tyro.cli(cls, prog=program, args=args, use_underscores=True)
    else:
        _run(procedure, parse(cls, args, program=program, positional=procedure.positional))


def _run(procedure: Procedure, options: Any) -> None:
    with _logging():
        procedure.load_run()(options)


@contextmanager
def _logging() -> Iterator[None]:
    """Sends the library's log to standard error; the library itself sets no handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    root, ours = logging.getLogger(), logging.getLogger("nlparch")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(level)
        root.removeHandler(handler)


def _overview(program: str, known: Sequence[Procedure]) -> str:
    width = max((len(procedure.name) for procedure in known), default=0)
    lines = [f"  {procedure.name:{width}}  {procedure.summary}" for procedure in known]
    usage = f"usage: {program} PROCEDURE [--config FILE.yaml] [OPTIONS]"
    return "\n".join([usage, "", "procedures:", *lines, "", f"{program} PROCEDURE --help shows its options."])


def _take_config(args: Sequence[str]) -> tuple[str | None, list[str]]:
    """Takes ``--config FILE`` out of the arguments."""
    file, rest = None, []
    remaining = iter(args)
    for arg in remaining:
        name, equals, value = arg.partition("=")
        if name != "--config":
            rest.append(arg)
            continue
        file = value if equals else next(remaining, "")
        if not file:
            raise UserError("--config: a file is needed, got nothing")
    return file, rest


def _read_config(cls: type[Any], file: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    from nlparch.config import read_values  # pydantic is slow to import, and help does not need it

    return read_values(cls, file)


def _join_dashes(args: Sequence[str]) -> list[str]:
    """Joins ``--flag -DOCSTART-`` to ``--flag=-DOCSTART-``: tyro would take the value for a flag.

    There are no short flags but ``-h``, and no flag has one dash.
    """
    joined: list[str] = []
    for arg in args:
        is_value = arg.startswith("-") and not arg.startswith("--") and arg not in ("-", "-h")
        if is_value and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={arg}"
        else:
            joined.append(arg)
    return joined


def _refuse_repeats(cls: type[Any], args: Sequence[str]) -> None:
    """Refuses a flag of many values that is given twice: tyro keeps the last and drops the others without a word."""
    counts = Counter(_flag_name(arg) for arg in args if arg.startswith("--"))
    for name, hint in get_type_hints(cls).items():
        if get_origin(hint) in (tuple, list) and counts[name] > 1:
            raise UserError(f"--{name}: must be given once, got {counts[name]} times; write --{name} A B")


def _form(cls: type[Any], positional: Sequence[str]) -> type[Any]:
    """What tyro fills in: the options without their checks, which are made once, on all values, and worded by us."""
    found = {field.name: field for field in fields(cls)}
    hints = get_type_hints(cls, include_extras=True)
    by_place: list[Any] = [
        (name, Annotated[hints[name], tyro.conf.Positional, tyro.conf.arg(metavar=name.upper())], copy(found[name]))
        for name in positional
    ]
    return make_dataclass(
        cls.__name__,
        by_place,
        bases=(cls,),
        namespace={"__post_init__": lambda self: None, "__doc__": cls.__doc__},
        frozen=cls.__dataclass_params__.frozen,
    )


def _ask_tyro(form: type[Any], args: list[str], values: Mapping[str, Any], *, program: str) -> Any:
    default = object.__new__(form)
    for field in fields(form):
        object.__setattr__(default, field.name, values.get(field.name, _default(field)))
    doc = f"{form.__doc__}\n\nOptions may also stand in a YAML or JSON file, given by --config FILE; flags win over it."
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            return tyro.cli(form, prog=program, description=doc, args=args, default=default, use_underscores=True)
    except SystemExit as error:
        if not error.code:
            raise
    raise UserError(f"{_word_complaint(form, args, complaint.getvalue())}; see {program} --help")


def _word_complaint(form: type[Any], args: list[str], complaint: str) -> str:
    """One line for what tyro says in a titled box; the frequent mistakes in our words."""
    known = {f"--{field.name}" for field in fields(form)}
    known |= {f"--no_{name}" for name, hint in get_type_hints(form).items() if hint is bool}
    for arg in args:
        flag = f"--{_flag_name(arg)}"
        if arg.startswith("--") and flag not in known:
            hint = nearest(flag, known)
            return f"{flag}: no such option" + (f"; did you mean {hint}?" if hint else "")
    title, *lines = [" ".join(_FRAME.sub(" ", line).split()) for line in complaint.splitlines()]
    if title == "Required options":
        required = {word for field in fields(form) for word in (f"--{field.name}", field.name.upper())}
        missing = [line.split()[0] for line in lines if line and line.split()[0] in required]
        return f"required and not given: {', '.join(missing)}"
    said = " ".join(line for line in lines if line)
    if choice := _CHOICE.match(said):
        given, name, known_choices = choice.groups()
        choices = sorted(choice for choice in ast.literal_eval(known_choices) if choice != "None")
        return f"{name} must be one of {', '.join(choices)}, got {given}"
    return re.split(" Argument helptext:| Perhaps you meant:| For full helptext", said)[0].rstrip(".")


def _flag_name(arg: str) -> str:
    return arg.partition("=")[0].removeprefix("--").replace("-", "_")


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return tyro.MISSING if field.default is MISSING else field.default
