"""New training rows made of those there are."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from random import Random
from typing import Any, TypeVar

from nlparch.data.augmentation import Augmenter, Unigrams, find_mentions, outside_words
from nlparch.data.corpora import Corpus
from nlparch.data.digests import DigestSet, digest_sentences, sift
from nlparch.data.sentences import SentenceFile, TextFile
from nlparch.data.text_predictions import Text
from nlparch.data.texts import TextCorpus
from nlparch.data.words import make_splitter
from nlparch.errors import UserError

from .runs import Run
from .tasks import Task, TextClassification, task_of

Item = TypeVar("Item")

_DROPPED = {
    "empty": "without words dropped",
    "repeated": "repeated ones dropped",
    "in training": "that are training rows dropped",
    "held out": "that stand in dev or test dropped",
}


def augment_sentences(options: Any, run: Run, corpus: Corpus, rows: Any, *, mask_word: str) -> SentenceFile:
    """New sentences made of training rows; their tags are for the teacher to say.

    Args:
        options: with those of `AugmentOptions`, and the seed.
        run: takes a note.
        corpus: none of whose sentences is made again.
        rows: to be changed.
        mask_word: stands for a masked word.

    Raises:
        UserError: If mentions alone are to be replaced, and there are none.
    """
    words = rows["words"]
    augmenter = Augmenter(
        kinds=options.augment_kinds,
        unigrams=Unigrams(words),
        outside=Unigrams(outside_words(words, rows["tags"])),
        mask_word=mask_word,
        mentions=find_mentions(words, rows["tags"]),
        scheme=corpus.labels.scheme,
    )
    if options.augment_kinds == ("mention",) and not augmenter.mentions:
        raise UserError("--augment_kinds mention replaces tagged mentions, and there are none; name other kinds")

    def change(row: tuple[Sequence[str], Sequence[str] | None], random: Random) -> Sequence[str]:
        # A word of a hub data set may hold a line feed, which a file of sentences may not.
        return [word.replace("\n", " ") for word in augmenter.augment(*row, random)[0]] if row[0] else []

    made = _copies(zip(words, rows["tags"], strict=True), change, options)
    return SentenceFile.write(_new_ones(made, list, task_of(corpus), rows, run, options))


def augment_texts(
    options: Any, run: Run, corpus: TextCorpus, rows: Any, texts: Iterable[Text], *, mask_word: str, splitter: str
) -> TextFile:
    """New texts made of training rows; their labels are for the teacher to say.

    Args:
        options: with those of `AugmentOptions`, and the seed.
        run: takes a note.
        corpus: none of whose texts is made again.
        rows: to be changed.
        texts: those of the rows.
        mask_word: stands for a masked word.
        splitter: says what is a word.
    """
    split, task = make_splitter(splitter), TextClassification(corpus)
    sentences = ([text[begin:end] for begin, end in split(text)] for text in chain.from_iterable(task.content(rows)))
    augmenter = Augmenter(kinds=options.augment_kinds, unigrams=Unigrams(sentences), mask_word=mask_word)

    def change(text: Text, random: Random) -> Text:
        return augmenter.augment_text(text, split, random)

    return TextFile.write(_new_ones(_copies(texts, change, options), _parts, task, rows, run, options))


def _parts(text: Text) -> Sequence[str]:
    parts = (text,) if isinstance(text, str) else text
    return parts if any(part.strip() for part in parts) else ()


def _copies(rows: Iterable[Any], change: Callable[[Any, Random], Item], options: Any) -> Iterator[Item]:
    random = Random(options.seed)
    for row in rows:
        for _ in range(options.augment):
            yield change(row, random)


def _new_ones(
    made: Iterable[Item], words_of: Callable[[Item], Sequence[str]], task: Task, rows: Any, run: Run, options: Any
) -> Iterator[Item]:
    """Lets new rows through, and notes in the end what they were made of and what was dropped."""
    splits = task.corpus.splits.items()
    held_out = chain.from_iterable(task.content(split) for name, split in splits if name != "train")
    known = {
        "in training": DigestSet(digest_sentences(task.content(rows))),
        "held out": DigestSet(digest_sentences(held_out)),
    }
    counts: Counter[str] = Counter()
    yield from sift(made, words_of=words_of, known=known, seen=DigestSet(), counts=counts)
    dropped = [f"{counts[reason]} {what}" for reason, what in _DROPPED.items() if counts[reason]]
    kinds = ", ".join(options.augment_kinds)
    run.note("; ".join([f"augmented: {counts['kept']} new {task.unit} ({kinds})", *dropped]))
