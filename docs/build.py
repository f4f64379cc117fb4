"""Writes `docs/options.md` from the options themselves: python docs/build.py"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from nlparch.config import field_docs
from nlparch.models.sizes import Size, tagger_size, text_size
from nlparch.models.tagger import NeuralTagger
from nlparch.models.text_classifier import NeuralTextClassifier
from nlparch.procedure import Procedure, procedures
from nlparch.procedures.small import sizes_class

PAGE = Path(__file__).parent / "options.md"
COMMANDS = ("train", "inference", "eval", "export", "bench", "serve")
SIZES = {
    "Sizes of the small tagger": (NeuralTagger, tagger_size),
    "Sizes of the small text classifier": (NeuralTextClassifier, text_size),
}


def main() -> None:
    """Writes the page."""
    PAGE.write_text(options_page(), encoding="utf-8")


def options_page() -> str:
    """The page of all options: procedures, then the groups of options they take, then the sizes of the small models."""
    known = [procedure for command in COMMANDS for procedure in procedures(command).values()]
    groups: dict[type[Any], tuple[str, ...]] = {}
    for procedure in known:
        groups |= dict.fromkeys(own_groups(procedure.load_options()), procedure.positional)
    parts = [
        "# Options",
        "Made by `make docs` from the options' own docstrings. Every option is a flag (`--kd_temp 2`) and a key of a\n"
        "`--config` file (`kd_temp: 2`); flags win. A switch is turned off by `--no_NAME`.",
        table(("command", "does", "options"), (procedure_row(procedure) for procedure in known)),
    ]
    for group, by_place in groups.items():
        rows = option_rows(group, by_place=by_place)
        parts += [f"## {group.__name__}", first_line(group), table(("option", "default", ""), rows)]
    for title, (model, size) in SIZES.items():
        said = "Keys of `--config_file`, with what they are in the size `small`."
        parts += [f"## {title}", said, table(("key", "default", ""), size_rows(model, size))]
    return "\n\n".join(parts) + "\n"


def own_groups(cls: type[Any]) -> list[type[Any]]:
    """The class and its bases that declare options, the most particular first."""
    return [base for base in cls.__mro__ if own_options(base)]


def own_options(cls: type[Any]) -> list[Field[Any]]:
    """The options that a class declares, or declares anew."""
    names = vars(cls).get("__annotations__", {})
    return [field for field in fields(cls) if field.name in names] if cls is not object else []


def procedure_row(procedure: Procedure) -> tuple[str, str, str]:
    """What a procedure is called, does, and takes."""
    command = f"nlp-{procedure.command}" + ("" if procedure.command == procedure.name else f" {procedure.name}")
    groups = (f"[{group.__name__}](#{group.__name__.lower()})" for group in own_groups(procedure.load_options()))
    return f"`{command}`", procedure.summary, ", ".join(groups)


def option_rows(cls: type[Any], *, by_place: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of each option of a group."""
    docs, hints = field_docs(cls), get_type_hints(cls)
    for field in own_options(cls):
        kind = hints[field.name]
        known = ", ".join(f"`{choice}`" for choice in choices(kind))
        said = docs[field.name] + (f" One of {known}." if known else "")
        name = field.name.upper() if field.name in by_place else f"--{field.name}"
        yield f"`{name}`", shown_default(field), said


def choices(kind: Any) -> tuple[Any, ...]:
    """The words of which an option takes one; none where it takes anything."""
    literals = [part for part in (kind, *get_args(kind)) if get_origin(part) is Literal]
    return get_args(literals[0]) if literals else ()


def shown_default(field: Field[Any]) -> str:
    """The default as one would type it."""
    if field.default is MISSING:
        return "required"
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    return "" if field.default in (None, "") else f"`{field.default}`"


def size_rows(model: Any, size: Callable[[str], Size]) -> Iterator[tuple[str, str, str]]:
    """Name, default in the size `small` and meaning of each key of `--config_file`."""
    documented = "\n".join(base.__doc__ or "" for base in reversed(model.config_class.__mro__[:-1]))
    said = dict(re.findall(r"^ {8}(\w+): (.+)$", documented, flags=re.MULTILINE))
    for field in fields(sizes_class(model)):
        default = size("small").settings.get(field.name, getattr(model.config_class, field.name))
        yield f"`{field.name}`", "" if default is None else f"`{default}`", said[field.name]


def first_line(cls: type[Any]) -> str:
    """The first line of a docstring."""
    return (cls.__doc__ or "").splitlines()[0]


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [list(header)]
    cells += [["---"] * len(cells[0]), *([" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


if __name__ == "__main__":
    main()
