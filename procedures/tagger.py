"""Train a small tagger on gold tags alone; and the steps that its distilled siblings share."""

from collections.abc import Iterable, Sequence
from typing import Any

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelSet
from nlparch.data.words import make_splitter
from nlparch.models.sizes import tagger_size
from nlparch.models.tagger import NeuralTagger

from . import runs
from .options import TaggerKdOptions, TaggerModelOptions, TaggerOptions
from .small import check_small_model, new_small_model


def run(options: TaggerOptions) -> None:
    """Trains the tagger and reports its scores."""
    run = runs.begin_seeded(options)
    check_tagger(options)
    corpus = runs.load_data(options, run)
    rows = runs.gold_rows(run, corpus)
    splitter = runs.pick_splitter(options, run, rows["words"])
    learn_gold(options, run, corpus=corpus, labels=corpus.labels, rows=rows, splitter=splitter)
    runs.finish(options, run, "tagger")


def check_tagger(options: TaggerOptions | TaggerKdOptions) -> None:
    """Refuses a tagger that cannot be; see `check_small_model`."""
    check_small_model(options, NeuralTagger, tagger_size(options.size, options.model_type))
    if options.splitter is not None:
        make_splitter(options.splitter)


def learn_gold(
    options: TaggerOptions, run: runs.Run, *, corpus: Corpus, labels: LabelSet, rows: Any, splitter: str
) -> None:
    """Trains a new tagger on `rows`, all of which have tags, and scores it."""
    model = new_tagger(options, run, labels, rows["words"], splitter=splitter)
    precision = runs.choose_precision(options.precision, runs.choose_device(options), auto="fp32")
    prepared = runs.prepare(options, run, rows, corpus, precision=precision)
    runs.train(options, run, model, rows, corpus, prepared)
    runs.score_splits(run, model, corpus, precision=precision)


def new_tagger(
    options: TaggerModelOptions, run: runs.Run, labels: LabelSet, sentences: Iterable[Sequence[str]], *, splitter: str
) -> NeuralTagger:
    """A tagger that has learnt nothing yet, for the words of `sentences`."""
    given: dict[str, Any] = {"use_crf": options.use_crf, "word_dropout": options.word_dropout, "splitter": splitter}
    size = tagger_size(options.size, options.model_type)
    model = new_small_model(options, run, NeuralTagger, labels, sentences, size=size, given=given)
    assert isinstance(model, NeuralTagger)
    return model
