"""Scores on what stands in the training gold and on what does not: whether a model has learnt names or to find them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nlparch.counts import Counts, count_items, items
from nlparch.data.labels import Scheme, Span
from nlparch.metrics import Tags

SEEN, UNSEEN = "seen", "unseen"


@dataclass(frozen=True)
class Training:
    """What stands in the gold that was trained on; see `count_seen`.

    Attributes:
        entities: type and words of each span.
        words: each word.
    """

    entities: frozenset[tuple[str, tuple[str, ...]]]
    words: frozenset[str]

    @classmethod
    def of(
        cls, sentences: Iterable[Sequence[str]], gold: Iterable[Sequence[str] | None], *, scheme: Scheme
    ) -> "Training":
        """Reads the training sentences that have tags."""
        tagged = [(_fold(words), tags) for words, tags in zip(sentences, gold, strict=True) if tags is not None]
        found = items([tags for _, tags in tagged], scheme)
        entities = {
            (type_, words[start:end])
            for (words, _), some in zip(tagged, found, strict=True)
            for type_, start, end in some
        }
        return cls(frozenset(entities), frozenset(word for words, _ in tagged for word in words))


def count_seen(
    sentences: Sequence[Sequence[str]], gold: Tags, predicted: Tags, training: Training, *, scheme: Scheme
) -> Counts:
    """Counts what was seen in training and what was not, apart.

    An entity was seen if its words stand in the training gold as an entity of the same type, whatever their case: a
    name that was learnt as `London` is no test of finding names where it stands as `LONDON`. Entities of gold and those
    that the model gives are told apart alike. With plain tags a word was seen if it stands in the training gold, with
    any tag and in any case.
    """
    folded = [_fold(words) for words in sentences]

    def group_of(row: int, item: Span) -> str:
        type_, start, end = item
        words = folded[row][start:end]
        is_seen = words[0] in training.words if scheme == "plain" else (type_, words) in training.entities
        return SEEN if is_seen else UNSEEN

    return count_items(gold, predicted, scheme=scheme, groups=(SEEN, UNSEEN), group_of=group_of)


def seen_scores(counts: Counts, *, scheme: Scheme) -> dict[str, dict[str, Any]]:
    """Scores of what was seen and of what was not.

    Args:
        counts: of `count_seen`.
        scheme: of the tags.

    Returns:
        Under `seen` and `unseen`, with `support`, what gold has of each. Spans: `precision`, of the entities that the
        model gives, `recall`, of those of gold, and `f1`. Plain tags: `accuracy`. None where there is nothing to score.
    """
    scores: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(counts.groups):
        n_gold, n_found, n_right = (int(part[:, column].sum()) for part in (counts.gold, counts.found, counts.right))
        if scheme == "plain":
            scores[name] = {"accuracy": n_right / n_gold if n_gold else None, "support": n_gold}
        elif not n_gold + n_found:
            scores[name] = {"precision": None, "recall": None, "f1": None, "support": 0}
        else:
            scores[name] = {
                "precision": n_right / max(n_found, 1),
                "recall": n_right / max(n_gold, 1),
                "f1": 2 * n_right / (n_gold + n_found),
                "support": n_gold,
            }
    return scores


def _fold(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words)
