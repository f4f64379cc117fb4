"""New training rows made of those there are."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Any

from nlparch.data.augmentation import Augmenter, Unigrams, find_mentions, outside_words
from nlparch.data.corpora import Corpus
from nlparch.data.digests import DigestSet, digest_sentences, sift
from nlparch.data.sentences import SentenceFile
from nlparch.errors import UserError

from . import runs

_DROPPED = {
    "repeated": "repeated ones dropped",
    "in training": "that are training rows dropped",
    "held out": "that stand in dev or test dropped",
}


def augment_rows(options: Any, run: runs.Run, corpus: Corpus, rows: Any, *, mask_word: str) -> SentenceFile:
    """New sentences made of training rows, none of which stands in the corpus."""
    words, tags = rows["words"], list(rows["tags"])
    augmenter = Augmenter(
        kinds=options.augment_kinds,
        unigrams=Unigrams(words),
        outside=Unigrams(outside_words(words, tags)),
        mask_word=mask_word,
        mentions=find_mentions(words, tags),
        scheme=corpus.labels.scheme,
    )
    if options.augment_kinds == ("mention",) and not augmenter.mentions:
        raise UserError("--augment_kinds mention replaces tagged mentions, and there are none; name other kinds")
    held_out = chain.from_iterable(rows["words"] for name, rows in corpus.splits.items() if name != "train")
    known = {
        "in training": DigestSet(digest_sentences(words)),
        "held out": DigestSet(digest_sentences(held_out)),
    }
    counts: Counter[str] = Counter()
    made = sift(
        _augment_all(augmenter, words, tags, n_copies=options.augment, seed=options.seed),
        words_of=lambda words: words,
        known=known,
        seen=DigestSet(),
        counts=counts,
    )
    sentences = SentenceFile.write(made)
    dropped = [f"{counts[reason]} {what}" for reason, what in _DROPPED.items() if counts[reason]]
    run.note("; ".join([f"augmented: {counts['kept']} new sentences ({', '.join(options.augment_kinds)})", *dropped]))
    return sentences


def _augment_all(augmenter: Augmenter, words: Any, tags: Any, *, n_copies: int, seed: int) -> Iterator[list[str]]:
    random = Random(seed)
    for row, row_tags in zip(words, tags, strict=True):
        if row:
            for _ in range(n_copies):
                yield [word.replace("\n", " ") for word in augmenter.augment(row, row_tags, random)[0]]
