"""Tags and labels: schemes, spans, label sets, and how a teacher's labels become a student's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nlparch.errors import UserError

Scheme = Literal["IOB1", "IOB2", "BIOES", "plain"]
Span = tuple[str, int, int]

OUTSIDE = "O"
IGNORED_LABEL = -100
"""The label of words that no loss and no score may see."""

_KINDS = {"B-": "B", "I-": "I", "E-": "E", "S-": "S", "L-": "E", "U-": "S"}


@lru_cache(maxsize=65536)
def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag into its kind (B, I, E or S) and its type; `("O", "")` for `O` and for tags without a prefix.

    BILOU's `L-` and `U-` are read as `E-` and `S-`.
    """
    kind = _KINDS.get(tag[:2])
    return (kind, tag[2:]) if kind else (OUTSIDE, "")


def has_prefix(tag: str) -> bool:
    """Whether the tag is `O` or belongs to a span scheme."""
    return tag == OUTSIDE or tag[:2] in _KINDS


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Name the scheme that the tags of these sentences follow.

    One tag without a prefix makes all of them plain. `IOB1` needs spans that begin with `I-` and a word of the same
    type before every `B-`; any other `B-` makes it `IOB2`, where a span that begins with `I-` is a defect to repair.
    """
    kinds, plain, bare_b, bare_i = set(), False, False, False
    for tags in sentences:
        previous = ""
        for tag in tags:
            kind, type_ = split_tag(tag)
            plain = plain or (kind == OUTSIDE and tag != OUTSIDE)
            kinds.add(kind)
            same = kind != OUTSIDE and type_ == previous
            bare_b = bare_b or (kind == "B" and not same)
            bare_i = bare_i or (kind == "I" and not same)
            previous = type_
    if plain:
        return "plain"
    if kinds & {"E", "S"}:
        return "BIOES"
    return "IOB1" if bare_i and not bare_b else "IOB2"


def spans(tags: Sequence[str]) -> list[Span]:
    """Read spans as conlleval and seqeval do by default: a span may begin with any kind of tag.

    Returns:
        Type, first word and end word (exclusive) of each span, in order. Plain tags hold no spans.
    """
    if tags.count(OUTSIDE) == len(tags):
        return []  # most sentences of most corpora
    found: list[Span] = []
    start, current, is_open = -1, "", False
    for index, tag in enumerate(tags):
        kind, type_ = (OUTSIDE, "") if tag == OUTSIDE else split_tag(tag)
        if is_open and type_ == current and (kind == "I" or kind == "E"):
            is_open = kind == "I"
            continue
        if start >= 0:
            found.append((current, start, index))
        start = -1 if kind == OUTSIDE else index
        current, is_open = type_, kind == "B" or kind == "I"
    if start >= 0:
        found.append((current, start, len(tags)))
    return found


def convert(tags: Sequence[str], *, source: Scheme, target: Scheme) -> tuple[list[str], int]:
    """Write the tags of a sentence in another scheme.

    Args:
        tags: The tags, defects included: spans are read as `spans` reads them.
        source: The scheme they are meant to follow; it decides what counts as a repair.
        target: The scheme to write. Where either scheme is plain, nothing changes.

    Returns:
        The new tags, and the number of words whose tag broke the rules of `source`. Tags without a prefix stay.
    """
    if source == "plain" or target == "plain":
        return list(tags), 0
    found = spans(tags)
    legal = write_spans(tags, found, source)
    repaired = sum(split_tag(old) != split_tag(new) for old, new in zip(tags, legal, strict=True))
    return (legal if source == target else write_spans(tags, found, target)), repaired


def write_spans(tags: Sequence[str], found: Sequence[Span], scheme: Scheme) -> list[str]:
    """Write spans into the tags of a sentence; tags outside of them stay."""
    written = list(tags)
    previous_type, previous_end = "", -1
    for type_, start, end in found:
        touches = type_ == previous_type and start == previous_end
        first, inside, last = "B-", "I-", "I-"
        if scheme == "IOB1" and not touches:
            first = "I-"
        if scheme == "BIOES":
            first, last = ("S-" if end == start + 1 else "B-"), "E-"
        written[start:end] = [first + type_] + [inside + type_] * (end - start - 1)
        if end > start + 1:
            written[end - 1] = last + type_
        previous_type, previous_end = type_, end
    return written


class LegalMoves(NamedTuple):
    """Which labels may begin a sentence, follow one another and end it.

    Attributes:
        start: `(labels,)`, bool.
        moves: From row to column, `(labels, labels)`, bool.
        end: `(labels,)`, bool.
    """

    start: npt.NDArray[np.bool_]
    moves: npt.NDArray[np.bool_]
    end: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelSet:
    """Ordered tags; a tag's label is its place among them.

    Attributes:
        tags: The tags, each once.
        scheme: The scheme they follow.
    """

    tags: tuple[str, ...]
    scheme: Scheme

    def __post_init__(self) -> None:
        if len(set(self.tags)) != len(self.tags):
            raise ValueError(f"tags must differ from one another, got {self.tags}")

    @classmethod
    def from_tags(cls, tags: Iterable[str], scheme: Scheme | None = None) -> LabelSet:
        """Sort the distinct tags as strings.

        Args:
            tags: The tags, repeated or not.
            scheme: Their scheme; `None` reads it from the set, which cannot tell `IOB1` from `IOB2` and says `IOB2`.
        """
        distinct = tuple(sorted(set(tags)))
        return cls(distinct, scheme or scheme_of_set(distinct))

    @cached_property
    def ids(self) -> dict[str, int]:
        """The label of each tag."""
        return {tag: label for label, tag in enumerate(self.tags)}

    @property
    def outside(self) -> int | None:
        """The label of `O`, if it is among the tags."""
        return self.ids.get(OUTSIDE)

    def __len__(self) -> int:
        return len(self.tags)

    def encode(self, tags: Iterable[str]) -> list[int]:
        """Give each tag's label; `IGNORED_LABEL` for tags outside the set, which the caller counts."""
        get = self.ids.get
        return [get(tag, IGNORED_LABEL) for tag in tags]

    def legal(self) -> LegalMoves:
        """Say which label sequences the scheme allows; all of them when the tags are plain.

        A type that lacks the tag it should begin (or end) with may begin (or end) with those it has, so that no label
        is out of reach.
        """
        n = len(self.tags)
        if self.scheme == "plain":
            return LegalMoves(np.ones(n, bool), np.ones((n, n), bool), np.ones(n, bool))
        parts = [split_tag(tag) for tag in self.tags]
        opens = np.array([_opens(part, set(parts), self.scheme) for part in parts], bool)
        closes = np.array([_closes(part, set(parts), self.scheme) for part in parts], bool)
        continues = np.array([[_continues(a, b, self.scheme) for b in parts] for a in parts], bool).reshape(n, n)
        return LegalMoves(opens, (closes[:, None] & opens[None, :]) | continues, closes)


def scheme_of_set(tags: Iterable[str]) -> Scheme:
    """Read the scheme from the tags alone, without their sentences; never `IOB1`, which looks like `IOB2`."""
    distinct = set(tags)
    if not all(has_prefix(tag) for tag in distinct):
        return "plain"
    return "BIOES" if {split_tag(tag)[0] for tag in distinct} & {"E", "S"} else "IOB2"


def _opens(part: tuple[str, str], known: set[tuple[str, str]], scheme: Scheme) -> bool:
    kind, type_ = part
    if scheme == "IOB1":
        return kind != "B"
    return kind in {OUTSIDE, "B", "S"} or ("B", type_) not in known


def _closes(part: tuple[str, str], known: set[tuple[str, str]], scheme: Scheme) -> bool:
    kind, type_ = part
    return scheme != "BIOES" or kind in {OUTSIDE, "E", "S"} or ("E", type_) not in known


def _continues(before: tuple[str, str], after: tuple[str, str], scheme: Scheme) -> bool:
    inside = {"I", "E"} if scheme != "IOB1" else {"B", "I"}
    return before[0] in {"B", "I"} and after[0] in inside and before[1] == after[1]


@dataclass(frozen=True)
class LabelMatch:
    """How a teacher's labels become the student's.

    Attributes:
        tags: The student's tags, in its order.
        columns: For each of them, the teacher's labels that are merged into it.
        n_teacher: How many labels the teacher has.
        note: One sentence for the user where the two lists differ.
    """

    tags: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    n_teacher: int
    note: str | None = None

    @property
    def is_identity(self) -> bool:
        """Whether teacher and student have the same labels in the same order."""
        return self.columns == tuple((label,) for label in range(self.n_teacher))

    def apply(self, logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn the teacher's logits into the student's labels; probabilities of merged labels are summed.

        Args:
            logits: `(..., teacher labels)`; rows of NaN stay so.

        Returns:
            `(..., student labels)`, of the same number format; the argument itself where there is nothing to change.
        """
        if logits.shape[-1] != self.n_teacher:
            raise ValueError(f"the teacher has {self.n_teacher} labels, got logits of {logits.shape[-1]}")
        if self.is_identity:
            return logits
        mapped = logits[..., [columns[0] for columns in self.columns]]
        for label, columns in enumerate(self.columns):
            if len(columns) > 1:
                merged = logits[..., list(columns)].astype(np.float32, copy=False)
                with np.errstate(invalid="ignore"):
                    mapped[..., label] = np.logaddexp.reduce(merged, axis=-1)
        return mapped


def match_labels(
    teacher: Sequence[str],
    gold: Iterable[str],
    label_map: Mapping[str, str | None] | None = None,
    gold_order: Sequence[str] | None = None,
) -> LabelMatch:
    """Match a teacher's labels with the student's, by name.

    Args:
        teacher: The teacher's labels, in its order.
        gold: The labels of the gold data; none at all gives the student the teacher's list.
        label_map: The student's name for a teacher's label; `None` drops the label.
        gold_order: The student's labels, where their order is fixed already.

    Raises:
        UserError: If gold or student have labels the teacher lacks, if a student of fixed order lacks some of the
            teacher's, or if the map speaks of labels the teacher lacks.
    """
    merged = _merge_columns(teacher, label_map or {})
    gold_tags = set(gold)
    _check_known(gold_tags | set(gold_order or ()), merged)
    if gold_order is not None:
        _check_fixed_order(gold_order, gold_tags, merged)
    notes = [_map_note(label_map)] if label_map else []
    if gold_order is not None or gold_tags == set(merged):
        tags = tuple(sorted(merged) if gold_order is None else gold_order)
        notes += ["the teacher's labels are put in the student's order"] if tags != tuple(merged) else []
    else:
        tags = tuple(merged)
        why = f"gold lacks {_listed(set(merged) - gold_tags)}" if gold_tags else "there are no gold labels"
        notes.append(f"{why}; the student takes the teacher's list of {len(tags)} labels")
    return LabelMatch(tags, tuple(tuple(merged[tag]) for tag in tags), len(teacher), "; ".join(notes) or None)


def _merge_columns(teacher: Sequence[str], label_map: Mapping[str, str | None]) -> dict[str, list[int]]:
    unknown = set(label_map) - set(teacher)
    if unknown:
        raise UserError(
            f"--label_map: every key must be a label of the teacher, got {_listed(unknown)}; "
            f"the teacher has {_listed(teacher)}"
        )
    merged: dict[str, list[int]] = {}
    for label, tag in enumerate(teacher):
        name = label_map.get(tag, tag)
        if name is not None:
            merged.setdefault(name, []).append(label)
    if not merged:
        raise UserError("--label_map: at least one label of the teacher must stay, got a map that drops them all")
    return merged


def _check_known(wanted: set[str], merged: Mapping[str, object]) -> None:
    lacking = wanted - set(merged)
    if lacking:
        extra = set(merged) - wanted
        raise UserError(
            f"the teacher must know every gold label, but lacks {_listed(lacking)}"
            + (f" (and has {_listed(extra)}, which gold lacks)" if extra else "")
            + "; say what becomes what with --label_map FILE (`teacher: student`, or `teacher: null` to drop), or "
            "leave out of gold what the teacher was never taught"
        )


def _check_fixed_order(order: Sequence[str], gold: set[str], merged: Mapping[str, object]) -> None:
    unknown = (gold | set(merged)) - set(order)
    if unknown:
        raise UserError(
            f"the student's labels are fixed, but it lacks {_listed(unknown)}; drop or rename the teacher's with "
            "--label_map FILE (`teacher: null`, `teacher: student`), or train a new student"
        )


def _map_note(label_map: Mapping[str, str | None]) -> str:
    renamed = {old: new for old, new in label_map.items() if new is not None and new != old}
    dropped = [old for old, new in label_map.items() if new is None]
    parts = [f"{old} becomes {new}" for old, new in sorted(renamed.items())]
    parts += [f"{_listed(dropped)} dropped"] if dropped else []
    return "label map: " + (", ".join(parts) or "nothing changes")


def _listed(tags: Iterable[str]) -> str:
    return shorten(sorted(tags), most=100)


def shorten(names: Sequence[str], *, most: int = 10) -> str:
    """Names, the first of them alone where they are many: words that were read as tags, say."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def load_label_map(path: str | Path) -> dict[str, str | None]:
    """Read a label map from a YAML or JSON file: `teacher: student`, or `teacher: null` to drop the label.

    Raises:
        UserError: If the file cannot be read or holds anything but names.
    """
    import yaml

    try:
        # Nodes keep every scalar as written; loaded values would turn the labels NO and ON into booleans.
        with open(path, encoding="utf-8-sig") as file:
            root = yaml.compose(file, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: a label map must be a YAML or JSON file: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{path}: a label map must hold `teacher: student` lines")
    return _read_names(root, path)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _read_names(root: Any, path: str | Path) -> dict[str, str | None]:
    names: dict[str, str | None] = {}
    for key, value in root.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(key.value, str) or not isinstance(value.value, str):
            raise UserError(f"{place}: a label must map to one name or to null, got a list or a mapping")
        if _has_surrogates(key.value) or _has_surrogates(value.value):
            raise UserError(
                f"{place}: a label must be text that UTF-8 can hold; write the character itself, not \\ud83d"
            )
        if key.value in names:
            raise UserError(f"{place}: a label may be mapped once, got {key.value!r} twice")
        names[key.value] = None if value.tag.endswith(":null") else value.value
    return names
