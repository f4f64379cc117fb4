"""Scores from raw text: what is left of a model's quality when it has to find the words itself."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from nlparch.data.labels import Scheme, spans
from nlparch.data.predictions import TagPrediction
from nlparch.data.words import join_words
from nlparch.metrics import Tags, spell_spans

Place = tuple[int, int]
Predict = Callable[[Sequence[str]], Iterable[TagPrediction]]


def score_raw_text(
    sentences: Sequence[Sequence[str]], gold: Tags, predict: Predict, *, scheme: Scheme
) -> dict[str, float | None]:
    """Scores a model on the natural text of labelled sentences, which it splits into words by itself.

    Args:
        sentences: their words, which are joined as a writer would.
        gold: tags of each sentence.
        predict: tags raw texts.
        scheme: of gold; `plain` tags have no spans.

    Returns:
        Spans: micro `precision, recall, f1`; a span counts as found where both its characters and its type are right.
        Plain tags: `accuracy`, the share of gold words whose characters are recovered exactly and whose tag is right.
        None where undefined.
    """
    joined = [join_words(words) for words in sentences]
    predictions = predict([text for text, _ in joined])
    places = [offsets for _, offsets in joined]
    if scheme == "plain":
        return {"accuracy": _accuracy(places, gold, predictions)}
    return _span_scores(places, spell_spans(gold, scheme), predictions)


def _accuracy(places: Sequence[Sequence[Place]], gold: Tags, predictions: Iterable[TagPrediction]) -> float | None:
    n_right = n_words = 0
    for offsets, tags, prediction in zip(places, gold, predictions, strict=True):
        found = dict(zip(prediction.offsets, prediction.tags, strict=True))
        n_right += sum(found.get(place) == tag for place, tag in zip(offsets, tags, strict=True))
        n_words += len(tags)
    return n_right / n_words if n_words else None


def _span_scores(
    places: Sequence[Sequence[Place]], gold: Tags, predictions: Iterable[TagPrediction]
) -> dict[str, float | None]:
    n_gold = n_found = n_right = 0
    for offsets, tags, prediction in zip(places, gold, predictions, strict=True):
        wanted = Counter(_character_spans(offsets, tags))
        found = Counter((entity.start, entity.end, entity.label) for entity in prediction.entities)
        n_gold += wanted.total()
        n_found += found.total()
        n_right += (wanted & found).total()
    if not n_gold + n_found:
        return {"precision": None, "recall": None, "f1": None}
    # With spans on one side only, the scores of the other side are 0, as seqeval has it.
    return {
        "precision": n_right / max(n_found, 1),
        "recall": n_right / max(n_gold, 1),
        "f1": 2 * n_right / (n_gold + n_found),
    }


def _character_spans(offsets: Sequence[Place], tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    for type_, first, after in spans(tags):
        yield offsets[first][0], offsets[after - 1][1], type_
