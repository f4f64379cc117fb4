"""New training rows made of those there are."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any, TypeVar

from nlparch.data.augmentation import Augmenter, AugmentKind, Unigrams, find_mentions, outside_words
from nlparch.data.corpora import Corpus
from nlparch.data.digests import DigestSet, digest_letters, sift
from nlparch.data.sentences import SentenceFile, TextFile
from nlparch.data.text_predictions import Text
from nlparch.data.texts import TextCorpus
from nlparch.data.words import make_splitter
from nlparch.errors import UserError

from .runs import Run
from .tasks import Task, TextClassification, task_of

Item = TypeVar("Item")
SimilarWords = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
"""Gives similar words, by word, for words each of which stands there once."""

MAX_EXCHANGED_WORDS = 50_000
"""Words of the corpus, the most frequent first, that give way to similar ones."""

_DROPPED = {
    "empty": "without words dropped",
    "repeated": "repeated ones dropped",
    "in training": "that are training rows dropped",
    "held out": "that stand in dev or test dropped",
}


def augment_sentences(
    options: Any, run: Run, corpus: Corpus, rows: Any, *, mask_word: str, similar_words: SimilarWords | None
) -> SentenceFile:
    """New sentences made of training rows; their tags are for the teacher to say.

    Args:
        options: with those of `AugmentOptions`, and the seed.
        run: takes a note.
        corpus: none of whose sentences is made again.
        rows: to be changed.
        mask_word: stands for a masked word.
        similar_words: see `SimilarWords`; None where the teacher knows none.

    Raises:
        UserError: If mentions alone are to be replaced, or similar words alone put in, and there are none.
    """
    words = rows["words"]
    unigrams, outside = Unigrams(words), Unigrams(outside_words(words, rows["tags"]))
    kinds = _able_kinds(options, run, similar_words)
    augmenter = Augmenter(
        kinds=kinds,
        unigrams=unigrams,
        outside=outside,
        mask_word=mask_word,
        neighbours=_neighbours(kinds, outside, run, similar_words),
        mentions=find_mentions(words, rows["tags"]),
        scheme=corpus.labels.scheme,
    )
    if list(kinds) == ["mention"] and not augmenter.mentions:
        raise UserError("--augment_kinds mention replaces tagged mentions, and there are none; name other kinds")

    def change(row: tuple[Sequence[str], Sequence[str] | None], random: Random) -> Sequence[str]:
        # A word of a hub data set may hold a line feed, which a file of sentences may not.
        return [word.replace("\n", " ") for word in augmenter.augment(*row, random)[0]] if row[0] else []

    made = _copies(zip(words, rows["tags"], strict=True), change, options)
    return SentenceFile.write(_new_ones(made, list, task_of(corpus), rows, run, kinds))


def augment_texts(
    options: Any,
    run: Run,
    corpus: TextCorpus,
    rows: Any,
    texts: Iterable[Text],
    *,
    mask_word: str,
    similar_words: SimilarWords | None,
    splitter: str,
) -> TextFile:
    """New texts made of training rows; their labels are for the teacher to say.

    Args:
        options: with those of `AugmentOptions`, and the seed.
        run: takes a note.
        corpus: none of whose texts is made again.
        rows: to be changed.
        texts: those of the rows.
        mask_word: stands for a masked word.
        similar_words: see `SimilarWords`; None where the teacher knows none.
        splitter: says what is a word.

    Raises:
        UserError: If similar words alone are to be put in, and there are none.
    """
    split, task = make_splitter(splitter), TextClassification(corpus)
    sentences = ([text[begin:end] for begin, end in split(text)] for text in chain.from_iterable(task.content(rows)))
    unigrams, kinds = Unigrams(sentences), _able_kinds(options, run, similar_words)
    neighbours = _neighbours(kinds, unigrams, run, similar_words)
    augmenter = Augmenter(kinds=kinds, unigrams=unigrams, mask_word=mask_word, neighbours=neighbours)

    def change(text: Text, random: Random) -> Text:
        return augmenter.augment_text(text, split, random)

    return TextFile.write(_new_ones(_copies(texts, change, options), _parts, task, rows, run, kinds))


def _able_kinds(options: Any, run: Run, similar_words: SimilarWords | None) -> Sequence[AugmentKind]:
    """The kinds that this teacher is able to."""
    kinds: Sequence[AugmentKind] = options.augment_kinds
    if similar_words is not None or "similar" not in kinds:
        return kinds
    others = [kind for kind in kinds if kind != "similar"]
    if not others:
        raise UserError("--augment_kinds similar needs a transformer as teacher; name other kinds")
    run.note(f"augmented without similar words, which only a transformer as teacher knows: {', '.join(others)} alone")
    return others


def _neighbours(
    kinds: Sequence[AugmentKind], unigrams: Unigrams, run: Run, similar_words: SimilarWords | None
) -> Mapping[str, Sequence[str]]:
    if "similar" not in kinds or similar_words is None:
        return {}
    words = unigrams.most_frequent(MAX_EXCHANGED_WORDS)
    found = similar_words(words)
    run.note(f"similar words: the teacher knows some for {len(found):,} of {len(words):,} words")
    return found


def _parts(text: Text) -> Sequence[str]:
    parts = (text,) if isinstance(text, str) else text
    return parts if any(part.strip() for part in parts) else ()


def _copies(rows: Iterable[Any], change: Callable[[Any, Random], Item], options: Any) -> Iterator[Item]:
    random = Random(options.seed)
    for row in rows:
        for _ in range(options.augment):
            yield change(row, random)


def _new_ones(
    made: Iterable[Item],
    words_of: Callable[[Item], Sequence[str]],
    task: Task,
    rows: Any,
    run: Run,
    kinds: Sequence[AugmentKind],
) -> Iterator[Item]:
    """Lets new rows through, and notes in the end what they were made of and what was dropped."""
    splits = task.corpus.splits.items()
    held_out = chain.from_iterable(task.content(split) for name, split in splits if name != "train")
    known = {
        "in training": DigestSet(digest_letters(task.content(rows))),
        "held out": DigestSet(digest_letters(held_out)),
    }
    counts: Counter[str] = Counter()
    yield from sift(made, words_of=words_of, known=known, seen=DigestSet(), counts=counts)
    dropped = [f"{counts[reason]} {what}" for reason, what in _DROPPED.items() if counts[reason]]
    run.note("; ".join([f"augmented: {counts['kept']} new {task.unit} ({', '.join(kinds)})", *dropped]))
