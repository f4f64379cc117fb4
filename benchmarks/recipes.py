"""What is run, named: a corpus, and a recipe that is a procedure and levers, joined by `+`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEACHER_RATES = ("5e-5", "1e-4", "2e-4")
PEERS = ("crf", "spacy", "svm")
# Raised when the defaults of small models change: cells of students that were made by other defaults are kept, but
# count as not run, and are shown no longer. Cells of nano went from 2 to 3 with all others, by settings that stayed.
DEFAULTS = {
    "tagger": 3,
    "tagger_kd": 3,
    "tagger_kd_pseudo": 3,
    "classifier": 3,
    "classifier_kd": 4,
    "classifier_kd_pseudo": 4,
}


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is learnt from.

    Attributes:
        folder: under `--data`.
        target: share of the teacher's test score that the student is to keep.
        measure: the score that is told.
        teacher_epochs: of fine-tuning, at most.
        teacher_rates: learning rates of fine-tuning, of which the best on dev is kept.
        teacher_flags: that the teacher takes beside those.
        flags: that every procedure takes.
        students: recipes beside the usual ones.
        raw: files of raw text under `--raw`, or beginning with `corpus:` under `--data`.
        floor: test score that the student is to reach, whatever the teacher's.
    """

    folder: str
    target: float
    measure: str = "f1"
    teacher_epochs: int = 6
    teacher_rates: tuple[str, ...] = TEACHER_RATES
    teacher_flags: tuple[str, ...] = ("--patience", "2")
    flags: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    floor: float | None = None

    @property
    def n_examples(self) -> int:
        """How many examples of train are kept; 0: all."""
        return int(dict(split_flags(self.flags)).get("--train_examples", ["0"])[0])


@dataclass(frozen=True, kw_only=True)
class Lever:
    """What follows the procedure's name in a recipe.

    Attributes:
        flags: for the procedure.
        config: keys of its `--config_file`.
        raw: more files of raw text, by corpus.
    """

    flags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def lever(*flags: str, **config: Any) -> Lever:
    """A lever of flags, or of keys of the config file."""
    return Lever(flags=flags, config=config)


@dataclass(frozen=True)
class Recipe:
    """A procedure, or a peer, with levers."""

    name: str
    procedure: str
    levers: tuple[Lever, ...] = ()

    @property
    def is_student(self) -> bool:
        """Whether it is trained once for each seed."""
        return self.procedure not in ("teacher", *PEERS)

    @property
    def needs_teacher(self) -> bool:
        """Whether it is distilled."""
        return "_kd" in self.procedure

    @property
    def flags(self) -> list[str]:
        """Of all levers; of a flag that two levers give, the last counts."""
        found: dict[str, list[str]] = {}
        for some in self.levers:
            for name, values in split_flags(some.flags):
                found[name] = values
        return [word for name, values in found.items() for word in (name, *values)]

    @property
    def config(self) -> dict[str, Any]:
        """The keys of the config file of all levers."""
        return {key: value for some in self.levers for key, value in some.config.items()}

    def raw(self, name: str, corpus: Corpus) -> list[str]:
        """Files of raw text for a corpus of this name."""
        if not self.procedure.endswith("_pseudo"):
            return []
        return [*corpus.raw, *(file for some in self.levers for file in some.raw.get(name, ()))]


def defaults_of(recipe: str) -> int:
    """The number of the defaults that the cells of a recipe are made by; 1 for those that have none, peers say."""
    return DEFAULTS.get(recipe.split("+")[0], 1)


def find_recipe(name: str, levers: Mapping[str, Lever]) -> Recipe:
    """The recipe of a name.

    Raises:
        ValueError: It names a lever that there is not.
    """
    procedure, *extras = name.split("+")
    for extra in extras:
        if extra not in levers:
            raise ValueError(f"no lever {extra!r} (of {name}); there are {', '.join(sorted(levers))}")
    return Recipe(name, procedure, tuple(levers[extra] for extra in extras))


def split_flags(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the values that follow it."""
    values: list[str] = []
    for place, word in enumerate(words):
        if word.startswith("--"):
            values = []
            rest = words[place + 1 :]
            for value in rest[: next((n for n, other in enumerate(rest) if other.startswith("--")), len(rest))]:
                values.append(value)
            yield word, values


def raw_files(names: Iterable[str], *, raw: Path, data: Path) -> list[Path]:
    """Where files of raw text lie."""
    return [data / name.removeprefix("corpus:") if name.startswith("corpus:") else raw / name for name in names]
