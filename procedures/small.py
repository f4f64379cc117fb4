"""Small models that have learnt nothing yet: their sizes, their features, the beginning of their word vectors."""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from nlparch import config
from nlparch.data.features import WordFeatures, build_features, frequent_words
from nlparch.data.vectors import read_vectors
from nlparch.errors import UserError
from nlparch.models.sizes import Size, room_for_words, without_part
from nlparch.models.small_model import SmallModel

from . import runs
from .option_groups import SmallModelOptions

MAX_HASHED_WORDS = 50_000
"""Hashed words, the most frequent first, whose vectors are fitted where they are given a beginning."""
_BUCKETS = ("n_word_buckets", "n_ngram_buckets", "n_pair_buckets")
# A flag says these, or the corpus does.
_NOT_IN_CONFIG_FILE = {
    "n_words", "n_characters", "n_affix_buckets", "embedder", "encoder", "pooling", "use_crf", "word_dropout",
    "splitter", "has_pairs", "thresholds", "calibration_temperature",
}  # fmt: skip


def check_small_model(options: SmallModelOptions, model_class: type[SmallModel], size: Size) -> None:
    """Refuses what no model of this class and size can have: before any text is read, which may take long.

    Raises:
        UserError: `--config_file` is a pipe, or one of its settings unknown or out of range; words are hashed and have
            no vocabulary to shape; or the file of vectors cannot be read.
    """
    if options.config_file and Path(options.config_file).is_fifo():  # the second reading would find nothing in it
        raise UserError(f"--config_file must be a file that can be read again, {options.config_file} is a pipe")
    hashed = {**size.settings, **_read_sizes(options, model_class, size)}.get("n_word_buckets")
    for name, default in (("max_vocab", None), ("min_word_count", 1)):
        if hashed and getattr(options, name) != default:
            raise UserError(
                f"--{name} has no part in a model whose words are hashed, as by --size nano, --model_type bag or "
                "n_word_buckets in --config_file; leave it out"
            )
    if options.embedding_file:
        _check_readable(Path(options.embedding_file), "--embedding_file")


def _check_readable(path: Path, flag: str) -> None:
    # A pipe, as of `<(zcat vectors.gz)`, is read as well.
    if path.is_dir():
        raise UserError(f"{flag} must be a file, {path} is a folder")
    if not os.access(path, os.R_OK):
        reason = "it is read-protected" if path.exists() else "there is no such file"
        raise UserError(f"{flag} {path}: cannot be read: {reason}")


def new_small_model(
    options: SmallModelOptions,
    run: runs.Run,
    model_class: type[SmallModel],
    labels: Any,
    sentences: Iterable[Sequence[str]],
    *,
    size: Size,
    given: dict[str, Any],
    more_words: Sequence[str] = (),
) -> Any:
    """A model with random weights, or with pretrained word vectors, for the words of `sentences`.

    Args:
        options: what it is.
        run: takes notes.
        model_class: the model's.
        labels: the model's.
        sentences: words to learn from, to be gone through more than once.
        size: the named size.
        given: settings of its configuration that go before those of the size and of `--config_file`.
        more_words: see `build_features`.
    """
    sizes = _read_sizes(options, model_class, size)
    settings = {**size.settings, **sizes, **given}
    reader = size.settings["embedder" if "embedder" in size.settings else "encoder"]
    if idle := without_part(reader, sizes, settings):
        run.note(f"{options.config_file}: {', '.join(idle)} changes nothing: this {reader} has no part for it")
    buckets = {name: settings.pop(name, 0) for name in _BUCKETS}
    features = _features(options, run, model_class, labels, sentences, size, settings, buckets, more_words)
    model = model_class.build(features, labels, **settings)
    if options.embedding_file:
        _read_vectors(options.embedding_file, run, model, words_to_start(model, sentences))
    n_buckets = features.n_word_buckets
    words = f"words hashed into {n_buckets:,} buckets" if n_buckets else f"{len(features.words):,} words"
    run.note(f"the model has {runs.n_parameters(model):,} parameters, {words}")
    return model


def words_to_start(model: Any, sentences: Iterable[Sequence[str]]) -> Sequence[str]:
    """The words whose vectors may be given a beginning: the vocabulary; of hashed words the most frequent, in order."""
    features: WordFeatures = model.features
    if not features.n_word_buckets:
        return features.words
    return frequent_words(sentences, features, limit=MAX_HASHED_WORDS)


def _features(
    options: SmallModelOptions,
    run: runs.Run,
    model_class: type[SmallModel],
    labels: Any,
    sentences: Iterable[Sequence[str]],
    size: Size,
    settings: dict[str, Any],
    buckets: dict[str, int],
    more_words: Sequence[str],
) -> WordFeatures:
    """The features of the corpus, their vocabulary cut to what the model's size leaves room for."""
    build = partial(
        build_features,
        sentences,
        more_words=more_words,
        min_word_count=options.min_word_count,
        lowercase=options.lowercase,
        normalize_digits=options.normalize_digits,
        max_word_length=options.max_word_length,
        **buckets,
    )
    features, notes = build(max_vocab=options.max_vocab or size.max_vocab)
    room = room_for_words(size.max_parameters, features, labels, model_class=model_class, **settings)
    if len(features.words) > room:
        run.note(f"--size {options.size}: {size.max_parameters:,} parameters leave room for {room:,} words")
        features, notes = build(max_vocab=room)
    run.note(*notes)
    return features


def _read_vectors(path: str, run: runs.Run, model: Any, words: Sequence[str]) -> None:
    known = set(words)

    def wanted(word: str) -> str | None:
        name = model.features.normalize(word)
        return name if name in known else None

    vectors = read_vectors(path, width=model.config.word_width, wanted=wanted)
    model.set_word_vectors({word: vectors[word] for word in words if word in vectors})
    run.note(f"{path}: vectors for {len(vectors):,} of {len(words):,} words")


def _read_sizes(options: SmallModelOptions, model_class: type[SmallModel], size: Size) -> dict[str, Any]:
    path = options.config_file
    if path is None:
        return {}
    sizes = config.read_values(sizes_class(model_class), path)
    for name, value in sizes.items():
        if name in ("n_ngram_buckets", "n_pair_buckets") and name not in size.settings:
            raise UserError(f"{path}: {name} is of --model_type bag; leave it out")
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


def sizes_class(model_class: type[SmallModel]) -> type[Any]:
    """The fields of a model's configuration that a file may set: those that no flag sets and no corpus decides."""
    others = {field.name for field in dataclasses.fields(PretrainedConfig)} | _NOT_IN_CONFIG_FILE
    if not hasattr(model_class.config_class, "encoder"):
        others |= {"n_ngram_buckets", "n_pair_buckets"}
    own = [field for field in dataclasses.fields(model_class.config_class) if field.name not in others]
    return dataclasses.make_dataclass("ModelSizes", [(field.name, field.type, field) for field in own])
