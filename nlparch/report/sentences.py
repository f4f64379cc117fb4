"""Sentences with their entities marked, as right, wrong or missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nlparch.counts import items
from nlparch.data.labels import Span
from nlparch.disagreements import Disagreement
from nlparch.text_evidence import TextDisagreement

Fate = Literal["right", "wrong", "missed"]


@dataclass(frozen=True)
class Segment:
    """Words of a sentence that stand together; `label` and `fate` are None where they are no entity."""

    text: str
    label: str | None = None
    fate: Fate | None = None


def headline(found: Disagreement | TextDisagreement) -> str:
    """What makes the sentence, or the text, worth showing."""
    if found.confidence is None:
        return "the student is farther from gold than its teacher"
    return f"the student is {found.confidence:.0%} sure of its mistake"


def readers(found: Disagreement | TextDisagreement) -> Iterator[tuple[str, list[Segment]]]:
    """Gold, teacher and student, each with its reading of the sentence; or a text, and what each says of it."""
    if isinstance(found, TextDisagreement):
        yield "text", [Segment(found.text)]
        for name in ("gold", "teacher", "student"):
            yield name, [Segment(getattr(found, name))]
        return
    for name, tags in (("gold", found.gold), ("teacher", found.teacher), ("student", found.student)):
        yield name, segments(found, tags)


def segments(found: Disagreement, tags: Sequence[str]) -> list[Segment]:
    """The sentence with the entities that some tags say, and those of gold that they miss.

    Of plain tags, those are marked that gold, teacher and student do not all agree on.
    """
    parts: list[Segment] = []
    rest: list[str] = []
    marks = {
        start: (end, Segment(_text(found, start, end), type_, fate))
        for (type_, start, end), fate in _marks(found, tags)
    }
    place = 0
    while place < len(found.words):
        if place in marks:
            parts += [Segment(" ".join(rest))] if rest else []
            rest = []
            place, segment = marks[place]
            parts.append(segment)
        else:
            rest.append(found.words[place])
            place += 1
    return [*parts, Segment(" ".join(rest))] if rest else parts


def _marks(found: Disagreement, tags: Sequence[str]) -> Iterator[tuple[Span, Fate]]:
    if found.scheme == "plain":
        for place, every in enumerate(zip(found.gold, found.teacher, found.student, strict=True)):
            if len(set(every)) > 1:
                yield (tags[place], place, place + 1), "right" if tags[place] == found.gold[place] else "wrong"
        return
    gold, given = items([found.gold, tags], found.scheme)
    yield from ((span, "right" if span in gold else "wrong") for span in given)
    covered = {place for _, start, end in given for place in range(start, end)}
    yield from ((span, "missed") for span in gold if covered.isdisjoint(range(*span[1:])))


def _text(found: Disagreement, start: int, end: int) -> str:
    return " ".join(found.words[start:end])
