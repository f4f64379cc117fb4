"""Train a small tagger on gold tags alone; and the steps that its distilled siblings share."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from nlparch import config
from nlparch.data.corpora import Corpus
from nlparch.data.features import build_features
from nlparch.data.labels import LabelSet
from nlparch.data.vectors import read_vectors
from nlparch.errors import UserError
from nlparch.models.tagger import NeuralTagger, NeuralTaggerConfig

from . import runs
from .options import TaggerModelOptions, TaggerOptions


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
    options: TaggerModelOptions, run: runs.Run, labels: LabelSet, sentences: Iterable[Sequence[str]], *, splitter: str
) -> NeuralTagger:
    """A tagger with random weights, or with pretrained word vectors, for the words of `sentences`."""
    features, notes = build_features(
        sentences,
        min_word_count=options.min_word_count,
        max_vocab=options.max_vocab,
        lowercase=options.lowercase,
        normalize_digits=options.normalize_digits,
        max_word_length=options.max_word_length,
    )
    run.note(*notes)
    sizes = _read_sizes(options.config_file) if options.config_file else {}
    model = NeuralTagger.build(
        features,
        labels,
        embedder=options.model_type,
        use_crf=options.use_crf,
        word_dropout=options.word_dropout,
        splitter=splitter,
        **sizes,
    )
    if options.embedding_file:
        _read_vectors(options.embedding_file, run, model)
    run.note(f"the model has {runs.n_parameters(model):,} parameters, {features.n_words:,} words")
    return model


def _read_vectors(path: str, run: runs.Run, model: NeuralTagger) -> None:
    features = model.features
    known = set(features.words)

    def wanted(word: str) -> str | None:
        name = features.normalize(word)
        return name if name in known else None

    vectors = read_vectors(path, width=model.config.word_width, wanted=wanted)
    model.set_word_vectors(vectors)
    run.note(f"{path}: vectors for {len(vectors):,} of {len(features.words):,} words of the vocabulary")


def _read_sizes(path: str) -> dict[str, Any]:
    sizes = config.read_values(_sizes_class(), path)
    for name, value in sizes.items():
        if value is None or isinstance(value, bool):
            continue
        if name.endswith("dropout"):
            rule, is_kept = "from 0 to below 1", 0 <= value < 1
        elif name in ("drop_penalty", "n_char_filters", "affix_width", "shape_width"):
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
    own = [
        field for field in dataclasses.fields(NeuralTaggerConfig) if field.name in NeuralTaggerConfig.__annotations__
    ]
    return dataclasses.make_dataclass(
        "TaggerSizes", [(field.name, field.type, field) for field in own if field.name not in by_other_means]
    )
