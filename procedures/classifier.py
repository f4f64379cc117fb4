"""Train a small text classifier on gold labels alone; and the steps that its distilled siblings share."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nlparch.data.text_labels import TextLabels
from nlparch.data.text_predictions import Text
from nlparch.data.text_tables import gold_column
from nlparch.data.texts import TextCorpus
from nlparch.data.words import make_splitter
from nlparch.errors import UserError
from nlparch.models.sizes import text_size
from nlparch.models.text_classifier import NeuralTextClassifier

from . import runs
from .small import check_small_model, new_small_model
from .tasks import texts_in
from .text_options import ClassifierModelOptions, ClassifierOptions


def run(options: ClassifierOptions) -> None:
    """Trains the classifier and reports its scores."""
    run = runs.begin_seeded(options)
    check_classifier(options)
    corpus = runs.load_texts(options, run)
    rows = runs.gold_rows(run, corpus)
    learn_gold(options, run, corpus=corpus, labels=corpus.labels, rows=rows)
    runs.finish(options, run, "classifier")


def check_classifier(options: ClassifierModelOptions) -> None:
    """Refuses a classifier that cannot be; see `check_small_model`."""
    size = text_size(options.size, options.model_type)
    encoder = size.settings["encoder"]
    if options.pooling != "max" and encoder not in ("id-cnn", "bilstm"):
        raise UserError(
            f"--pooling {options.pooling} is of --model_type id-cnn and bilstm, not of {encoder}; leave it out"
        )
    check_small_model(options, NeuralTextClassifier, size)
    make_splitter(options.splitter)


def learn_gold(options: ClassifierOptions, run: runs.Run, *, corpus: TextCorpus, labels: TextLabels, rows: Any) -> None:
    """Trains a new classifier on `rows`, all of which have gold, and scores it."""
    model = new_classifier(options, run, labels, rows)
    precision = runs.choose_precision(options.precision, runs.choose_device(options), auto="fp32")
    prepared = runs.prepare(options, run, rows, corpus, precision=precision)
    runs.train(options, run, model, rows, corpus, prepared)
    runs.score_splits(run, model, corpus, precision=precision)


def new_classifier(
    options: ClassifierModelOptions, run: runs.Run, labels: TextLabels, rows: Any, *, more_words: Sequence[str] = ()
) -> NeuralTextClassifier:
    """A classifier that has learnt nothing yet, for the words of `rows`, and for more of them."""
    size = text_size(options.size, options.model_type)
    given = {"word_dropout": options.word_dropout, "splitter": options.splitter, "pooling": options.pooling}
    texts = texts_in(rows)
    given["has_pairs"] = bool(len(texts)) and not isinstance(texts[0], str)
    sentences = SplitTexts(texts, options.splitter)
    about: Any = {"size": size, "given": given, "more_words": more_words}
    model = new_small_model(options, run, NeuralTextClassifier, labels, sentences, **about)
    assert isinstance(model, NeuralTextClassifier)
    model.begin_as_likely_as(labels.log_odds(rows[gold_column(labels.task)]))
    return model


class SplitTexts:
    """The words of texts, to be gone through again and again; of a pair, those of each text by themselves."""

    def __init__(self, texts: Iterable[Text], splitter: str) -> None:
        self._texts = texts
        self._split = make_splitter(splitter)

    def __iter__(self) -> Iterator[Sequence[str]]:
        for text in self._texts:
            for part in (text,) if isinstance(text, str) else text:
                yield [part[begin:end] for begin, end in self._split(part)]
