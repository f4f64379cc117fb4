"""Procedures: what a command can run, found by name without importing what it needs to run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nlparch.errors import UserError, not_installed
from nlparch.names import suggest

# Our own table, found by string: the library never imports its procedures. Plugins add theirs under the group, each
# entry point a Procedure or several.
_TABLE = "nlparch.procedures:PROCEDURES"
_GROUP = "nlparch.procedures"


@dataclass(frozen=True)
class Procedure:
    """A named job of a command: its options class, and the function that runs on an instance of it."""

    name: str
    """What the user types after the command; unique within the command."""
    options: str
    """``module:Class`` of the options dataclass. Its module must not import torch, for help is printed from it."""
    run: str
    """``module:function``, called with the options."""
    summary: str
    """One line for the list of procedures."""
    command: str = "train"
    """The command it belongs to: ``train``, ``inference``, ``eval``, ``export``, ``bench`` or ``serve``."""
    positional: tuple[str, ...] = ()
    """Options that are given by place, not by name, in this order."""
    extra: str = ""
    """The extra of nlparch that installs what it needs, where that is more than nlparch itself does."""

    def load_options(self) -> type[Any]:
        """Imports the options class."""
        options: type[Any] = _load(self.options)
        return options

    def load_run(self) -> Callable[[Any], object]:
        """Imports the run function, and with it all that the procedure needs.

        Raises:
            UserError: A package of its extra is not installed.
        """
        try:
            run: Callable[[Any], object] = _load(self.run)
        except ModuleNotFoundError as error:
            if not self.extra or str(error.name).startswith("nlparch"):
                raise
            raise not_installed(f"nlp-{self.command}", str(error.name), extra=self.extra) from error
        return run


def procedures(command: str) -> dict[str, Procedure]:
    """All procedures of a command by name: our own, then those of plugins.

    Raises:
        UserError: A plugin cannot be loaded, or takes a name that is taken.
    """
    found: dict[str, Procedure] = {}
    for procedure in [*_load(_TABLE), *_plugins()]:
        if procedure.command != command:
            continue
        if procedure.name in found:
            raise UserError(
                f"a procedure's name must be unique, got {procedure.name!r} twice for {command}: "
                f"{found[procedure.name].run} and {procedure.run}; uninstall the plugin that takes the name"
            )
        found[procedure.name] = procedure
    return found


def find_procedure(command: str, name: str) -> Procedure:
    """The procedure of this name.

    Raises:
        UserError: There is none; the message names those there are, and the nearest.
    """
    known = procedures(command)
    if name not in known:
        raise UserError(f"no procedure {name!r} for {command}; {suggest(name, known)}")
    return known[name]


def _plugins() -> list[Procedure]:
    return [procedure for point in entry_points(group=_GROUP) for procedure in _load_plugin(point)]


def _load_plugin(point: EntryPoint) -> list[Procedure]:
    try:
        loaded = point.load()
    except Exception as error:  # someone else's code may raise anything; the user must learn whose it was
        raise UserError(
            f"cannot load the plugin {point.name} ({point.value}): {error!r}; mend or uninstall it"
        ) from error
    return [loaded] if isinstance(loaded, Procedure) else list(loaded)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
