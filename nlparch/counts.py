"""What a model finds and what of it is right, sentence by sentence: scores, intervals and tests are made of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nlparch.data.labels import Scheme, Span, spans
from nlparch.metrics import Tags, spell_spans

Numbers: TypeAlias = npt.NDArray[np.float64]
Group: TypeAlias = Callable[[int, Span], str]
"""Gives an item, in the sentence of a number, the name of a group."""


@dataclass(frozen=True)
class Counts:
    """Items of each sentence, in groups.

    Attributes:
        groups: names of the columns.
        gold: items of gold. Shape: (sentences, groups)
        found: items the model gives. Shape: (sentences, groups)
        right: items of both. Shape: (sentences, groups)
    """

    groups: tuple[str, ...]
    gold: Numbers
    found: Numbers
    right: Numbers


def count_items(
    gold: Tags, predicted: Tags, *, scheme: Scheme, groups: Sequence[str] | None = None, group_of: Group | None = None
) -> Counts:
    """Counts the items of each sentence.

    An item is a span with its type; with plain tags a word with its tag, so that F1 over all items is accuracy.

    Args:
        gold: tags of each sentence.
        predicted: as many tags for each sentence.
        scheme: of both.
        groups: names of the groups, at least those that occur; by default the types or tags that occur, sorted.
        group_of: the group of an item; by default its type or tag.
    """
    pairs = [(set(a), set(b)) for a, b in zip(items(gold, scheme), items(predicted, scheme), strict=True)]
    if groups is None:
        groups = sorted({type_ for pair in pairs for some in pair for type_, _, _ in some})
    columns = {name: column for column, name in enumerate(groups)}
    counts = np.zeros((3, len(pairs), len(columns)))
    for row, (wanted, found) in enumerate(pairs):
        for kind, some in enumerate((wanted, found, wanted & found)):
            for item in some:
                counts[kind, row, columns[group_of(row, item) if group_of else item[0]]] += 1
    return Counts(tuple(groups), *counts)


def items(tags: Tags, scheme: Scheme) -> list[list[Span]]:
    """The items of each sentence: its spans, or with plain tags its words, as type or tag, first word, end word."""
    if scheme == "plain":
        return [[(tag, index, index + 1) for index, tag in enumerate(sentence)] for sentence in tags]
    return [spans(sentence) for sentence in spell_spans(tags, scheme)]


def f1(right: Numbers, total: Numbers) -> Numbers:
    """Twice what is right, divided by what is in gold and what is found together; NaN where there is neither."""
    scores: Numbers = np.full(np.shape(right), np.nan)
    return np.divide(2 * right, total, out=scores, where=total > 0)
