"""Train a small tagger on gold tags alone; and the steps that its distilled siblings share."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

from transformers import PretrainedConfig

from nlparch import config
from nlparch.data.corpora import Corpus
from nlparch.data.features import WordFeatures, build_features, frequent_words
from nlparch.data.labels import LabelSet
from nlparch.data.vectors import read_vectors
from nlparch.errors import UserError
from nlparch.models.sizes import SIZES, room_for_words
from nlparch.models.tagger import NeuralTagger, NeuralTaggerConfig

from . import runs
from .options import TaggerModelOptions, TaggerOptions

MAX_HASHED_WORDS = 50_000
"""Hashed words, the most frequent first, whose vectors are fitted where they are given a beginning."""


def run(options: TaggerOptions) -> None:
    """Trains the tagger and reports its scores."""
    run = runs.begin_seeded(options)
    corpus = runs.load_data(options, run)
    rows = runs.gold_rows(run, corpus)
    splitter = runs.pick_splitter(options, run, rows["words"])
    learn_gold(options, run, corpus, corpus.labels, rows, splitter=splitter)
    runs.finish(options, run, "tagger")


def learn_gold(
    options: TaggerOptions, run: runs.Run, corpus: Corpus, labels: LabelSet, rows: Any, *, splitter: str
) -> None:
    """Trains a new tagger on `rows`, all of which have tags, and scores it."""
    model = new_tagger(options, run, labels, rows["words"], splitter=splitter)
    precision = runs.choose_precision(options.precision, runs.choose_device(options), auto="fp32")
    runs.train(options, run, model, rows, corpus, precision=precision)
    runs.score_splits(run, model, corpus, precision=precision)


def new_tagger(
    options: TaggerModelOptions, run: runs.Run, labels: LabelSet, sentences: Sequence[Sequence[str]], *, splitter: str
) -> NeuralTagger:
    """A tagger with random weights, or with pretrained word vectors, for the words of `sentences`."""
    settings = _settings(options) | {"splitter": splitter}
    n_word_buckets = settings.pop("n_word_buckets", 0)
    features = _features(options, run, labels, sentences, settings, n_word_buckets)
    model = NeuralTagger.build(features, labels, **settings)
    if options.embedding_file:
        _read_vectors(options.embedding_file, run, model, words_to_start(model, sentences))
    words = f"words hashed into {n_word_buckets:,} buckets" if n_word_buckets else f"{features.n_words:,} words"
    run.note(f"the model has {runs.n_parameters(model):,} parameters, {words}")
    return model


def words_to_start(model: NeuralTagger, sentences: Sequence[Sequence[str]]) -> Sequence[str]:
    """The words whose vectors may be given a beginning: the vocabulary; of hashed words the most frequent, in order."""
    if not model.features.n_word_buckets:
        return model.features.words
    return frequent_words(sentences, model.features, limit=MAX_HASHED_WORDS)


def _settings(options: TaggerModelOptions) -> dict[str, Any]:
    """What the options say of the model, over what its size says."""
    settings = dict(SIZES[options.size].settings)
    if options.model_type is not None:
        settings["embedder"] = options.model_type
    settings |= _read_sizes(options.config_file) if options.config_file else {}
    return settings | {"use_crf": options.use_crf, "word_dropout": options.word_dropout}


def _features(
    options: TaggerModelOptions,
    run: runs.Run,
    labels: LabelSet,
    sentences: Sequence[Sequence[str]],
    settings: dict[str, Any],
    n_word_buckets: int,
) -> WordFeatures:
    """The features of the corpus, their vocabulary cut to what the model's size leaves room for."""
    size = SIZES[options.size]
    build = partial(
        build_features,
        sentences,
        min_word_count=options.min_word_count,
        lowercase=options.lowercase,
        normalize_digits=options.normalize_digits,
        max_word_length=options.max_word_length,
        n_word_buckets=n_word_buckets,
    )
    features, notes = build(max_vocab=options.max_vocab or size.max_vocab)
    room = room_for_words(size.max_parameters, features, labels, **settings)
    if features.n_word_buckets:
        _refuse_vocabulary(options)
    elif len(features.words) > room:
        run.note(f"--size {options.size}: {size.max_parameters:,} parameters leave room for {room:,} words")
        features, notes = build(max_vocab=room)
    run.note(*notes)
    return features


def _refuse_vocabulary(options: TaggerModelOptions) -> None:
    for name, default in (("max_vocab", None), ("min_word_count", 1)):
        if getattr(options, name) != default:
            raise UserError(f"--{name} has no part in a model whose words are hashed (--size nano); leave it out")


def _read_vectors(path: str, run: runs.Run, model: NeuralTagger, words: Sequence[str]) -> None:
    known = set(words)

    def wanted(word: str) -> str | None:
        name = model.features.normalize(word)
        return name if name in known else None

    vectors = read_vectors(path, width=model.config.word_width, wanted=wanted)
    model.set_word_vectors({word: vectors[word] for word in words if word in vectors})
    run.note(f"{path}: vectors for {len(vectors):,} of {len(words):,} words")


def _read_sizes(path: str) -> dict[str, Any]:
    sizes = config.read_values(_sizes_class(), path)
    for name, value in sizes.items():
        if value is None or isinstance(value, bool):
            continue
        if name.endswith("dropout"):
            rule, is_kept = "from 0 to below 1", 0 <= value < 1
        elif name in ("drop_penalty", "n_char_filters", "affix_width", "shape_width", "n_word_buckets"):
            rule, is_kept = "at least 0", value >= 0
        else:
            values = value if isinstance(value, list) else [value]
            rule, is_kept = "at least 1", bool(values) and min(values) >= 1
        if not is_kept:
            raise UserError(f"{path}: {name} must be {rule}, got {value}")
    return sizes


def _sizes_class() -> type[Any]:
    """The fields of the model's configuration that a file may set: those that no flag sets and no corpus decides."""
    by_other_means = {"n_words", "n_characters", "n_affix_buckets", "embedder", "use_crf", "word_dropout", "splitter"}
    by_other_means |= {"n_ngram_buckets", "n_pair_buckets", "calibration_temperature"}
    others = {field.name for field in dataclasses.fields(PretrainedConfig)} | by_other_means
    own = [field for field in dataclasses.fields(NeuralTaggerConfig) if field.name not in others]
    return dataclasses.make_dataclass(
        "TaggerSizes", [(field.name, field.type, field) for field in own]
    )
