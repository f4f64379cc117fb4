"""Corpora: a folder of files or a data set of the hub, read into `datasets` columns `words` and `tags`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nlparch.data.conll import ReadCounts, read_file
from nlparch.data.labels import LabelSet, Scheme, convert, detect_scheme, has_prefix, scheme_of_set, shorten
from nlparch.data.subsets import keep_part, split_dev
from nlparch.data.tables import (
    TABLE_FORMATS,
    ColumnFinder,
    Rows,
    is_saved,
    read_hub,
    read_saved,
    read_table_file,
    to_dataset,
)
from nlparch.errors import DataError, UserError

if TYPE_CHECKING:
    import datasets

# More different tags than this, and than words, may be words of a swapped column.
_MANY_TAGS = 30


@dataclass
class Corpus:
    """Sentences and their tags.

    Attributes:
        splits: Data sets with the columns `words` and `tags`, under those of `train`, `dev` and `test` that exist.
        labels: The labels of train, or the tags known beforehand.
        notes: What the user should know about the reading, a sentence each.
        tag_counts: How often each tag occurs, for each split.
    """

    splits: dict[str, datasets.Dataset]
    labels: LabelSet
    notes: list[str]
    tag_counts: dict[str, Counter[str]]


def load_corpus(
    data_dir: str | Path,
    *,
    train_filename: str = "train.txt",
    dev_filename: str = "dev.txt",
    test_filename: str = "test.txt",
    word_col: int = 0,
    tag_col: int = -1,
    ignore_token: str = "",
    words_column: str | None = None,
    tags_column: str | None = None,
    dev_fraction: float = 0.0,
    seed: int = 42,
    train_fraction: float = 1.0,
    train_examples: int = 0,
    subset_seed: int = 0,
    scheme: Literal["auto", "IOB2", "BIOES"] = "auto",
    known_tags: Sequence[str] | None = None,
    allow_no_train: bool = False,
) -> Corpus:
    """Read a corpus whose words carry tags.

    Args:
        data_dir: A folder of column files (or `.jsonl`, `.json`, `.parquet` files), a folder that `datasets` saved, or
            the id of a data set on the hub, with its configuration after a colon where it needs one.
        train_filename: The file to train on; likewise `dev_filename`, `test_filename`. Empty for none.
        word_col: The words' column in column files; negative ones count from the end.
        tag_col: The tags' column in column files.
        ignore_token: Rows of column files to pass over.
        words_column: The words' column elsewhere; `None` looks for the usual names. Likewise `tags_column`.
        dev_fraction: The share of train to split off, at random, where there is no dev.
        seed: The seed of that split.
        train_fraction: The share of train to keep, at random; likewise, as a number, `train_examples` (0 keeps all).
        subset_seed: The seed of what is kept.
        scheme: The scheme to write span tags in. `auto` keeps BIOES and turns IOB1 into IOB2, or follows `known_tags`.
        known_tags: The tags of a model that exists already, in its order; they become the labels.
        allow_no_train: Whether train may be missing.

    Raises:
        DataError: If nothing can be read there.
        UserError: If an option is out of range, or plain tags should follow a scheme.
    """
    if not 0 <= dev_fraction < 1:
        raise UserError(f"--dev_fraction must be at least 0 and below 1, got {dev_fraction}")
    notes: list[str] = []
    filenames = {"train": train_filename, "dev": dev_filename, "test": test_filename}
    columns = ColumnFinder(words_column, tags_column, notes)
    if Path(data_dir).is_dir():
        splits = _read_folder(Path(data_dir), filenames, columns, word_col, tag_col, ignore_token)
    else:
        splits = read_hub(str(data_dir), columns)
    _drop_untagged(splits, notes)
    _check_splits(splits, str(data_dir), filenames, allow_no_train)
    split_dev(splits, fraction=dev_fraction, seed=seed, notes=notes)
    keep_part(splits, fraction=train_fraction, n_examples=train_examples, seed=subset_seed, notes=notes)
    notes += [f"{name}: none; no score on it" for name in ("dev", "test") if name not in splits]
    target = _choose_scheme(splits, scheme, known_tags, notes)
    for name, split in splits.items():
        _convert_split(name, split, target, notes)
    tag_counts = {name: split.counts() for name, split in splits.items()}
    _note_columns(splits, tag_counts, notes)
    if known_tags is None and not any(tag_counts.values()):
        raise DataError(f"{data_dir}: some sentences must have tags, got none; give raw text as --unlabeled_filename")
    labels = _choose_labels(tag_counts, target, known_tags)
    _note_unknown(tag_counts, labels, known_tags is not None, notes)
    return Corpus({name: to_dataset(split) for name, split in splits.items()}, labels, notes, tag_counts)


def _read_folder(
    folder: Path, filenames: Mapping[str, str], columns: ColumnFinder, word_col: int, tag_col: int, ignore_token: str
) -> dict[str, Rows]:
    if is_saved(folder):
        return read_saved(folder, columns)
    splits: dict[str, Rows] = {}
    for name, filename in filenames.items():
        path = folder / filename
        if not filename or not path.is_file():
            if name != "train" and filename not in ("", f"{name}.txt"):  # asked for by name
                raise DataError(f"{path}: there is no such file; mend --{name}_filename, or leave it out")
            continue
        if path.suffix in TABLE_FORMATS:
            splits[name] = read_table_file(path, columns)
            continue
        counts = ReadCounts()
        sentences = list(read_file(path, word_col=word_col, tag_col=tag_col, ignore_token=ignore_token, counts=counts))
        splits[name] = Rows([s.words for s in sentences], [s.tags for s in sentences])
        columns.notes += [f"{path}: {note}" for note in counts.notes()]
    return splits


def _drop_untagged(splits: dict[str, Rows], notes: list[str]) -> None:
    """Leave out of dev and test what cannot be scored; in train a teacher may still speak for it."""
    for name in ("dev", "test"):
        if name in splits and None in splits[name].tags:
            tagged = splits[name].labelled()
            notes.append(f"{name}: {len(splits[name].tags) - len(tagged)} sentences without tags dropped")
            splits[name] = splits[name].take(tagged)


def _check_splits(splits: Mapping[str, Rows], place: str, filenames: Mapping[str, str], allow_no_train: bool) -> None:
    for name, split in splits.items():
        if not split.words:
            raise DataError(f"{place}: {name} holds no sentence with words")
    if "train" in splits or (allow_no_train and splits):
        return
    wanted = filenames["train"] if not allow_no_train else " or ".join(filter(None, filenames.values()))
    there = sorted(path.name for path in Path(place).iterdir())[:10] if Path(place).is_dir() else sorted(splits)
    raise DataError(
        f"{place}: {wanted or 'a file to train on'} must be there, or a data set saved by `datasets`; "
        f"got {', '.join(there) or 'nothing'}; name the file with --train_filename"
    )


def _choose_scheme(
    splits: Mapping[str, Rows],
    scheme: Literal["auto", "IOB2", "BIOES"],
    known_tags: Sequence[str] | None,
    notes: list[str],
) -> Scheme:
    """Choose the one scheme that all splits are written in; train decides whether tags are plain."""
    first = next(iter(splits.values())) if "train" not in splits else splits["train"]
    source = detect_scheme(first.tagged())
    known = scheme_of_set(known_tags) if known_tags else None
    if source == "plain":
        _note_plain(first.counts(), scheme, notes)
        return "plain"
    if known is not None and scheme not in ("auto", known):
        raise UserError(f"--scheme must be that of the model's tags, {known}, got {scheme}; leave it at auto")
    if scheme != "auto":
        return scheme
    if known is not None:
        return known
    return "BIOES" if source == "BIOES" else "IOB2"


def _note_plain(counts: Counter[str], scheme: str, notes: list[str]) -> None:
    bare = {tag: count for tag, count in counts.items() if not has_prefix(tag)}
    example = min(bare, key=lambda tag: (-bare[tag], tag))
    if scheme != "auto":
        raise UserError(f"--scheme {scheme} needs tags like B-PER, got {example!r}; leave it at auto for plain tags")
    if any(has_prefix(tag) and tag != "O" for tag in counts):
        notes.append(
            f"tags are read as plain, without spans: {len(bare)} of them lack a prefix such as B- "
            f"({example!r} on {bare[example]} words)"
        )


def _convert_split(name: str, split: Rows, target: Scheme, notes: list[str]) -> None:
    if target == "plain":
        return
    detected = detect_scheme(split.tagged())
    # A stray tag without a prefix, in dev or test, does not make plain what train says are spans.
    source = target if detected == "plain" else detected
    repaired = 0
    for index, tags in enumerate(split.tags):
        if tags is not None:
            split.tags[index], count = convert(tags, source=source, target=target)
            repaired += count
    if source != target:
        notes.append(f"{name}: tags turned from {source} into {target}")
    if repaired:
        notes.append(f"{name}: {repaired} words' tags broke the rules of {source} and were repaired")


def _choose_labels(
    tag_counts: Mapping[str, Counter[str]], scheme: Scheme, known_tags: Sequence[str] | None
) -> LabelSet:
    if known_tags is not None:
        return LabelSet(tuple(known_tags), scheme_of_set(known_tags))
    if "train" in tag_counts:
        return LabelSet.from_tags(tag_counts["train"], scheme)
    return LabelSet.from_tags((tag for counts in tag_counts.values() for tag in counts), scheme)


def _note_columns(splits: Mapping[str, Rows], tag_counts: Mapping[str, Counter[str]], notes: list[str]) -> None:
    """Tells of words that may have been taken for tags; there are corpora of fewer words than tags, of phonemes say."""
    for name, split in splits.items():
        counts, n_words = tag_counts[name], len({word for words in split.words for word in words})
        if len(counts) > max(n_words, _MANY_TAGS):
            ((example, _),) = counts.most_common(1)
            notes.append(
                f"{name}: {len(counts)} different tags, such as {example!r}, but {n_words} different words; if they "
                "are the wrong way round, say which column is which with --word_col and --tag_col"
            )


def _note_unknown(tag_counts: Mapping[str, Counter[str]], labels: LabelSet, is_known: bool, notes: list[str]) -> None:
    where = "the model lacks" if is_known else "train lacks"
    for name, counts in tag_counts.items():
        unknown = {tag: count for tag, count in sorted(counts.items()) if tag not in labels.ids}
        if unknown:
            fate = "kept" if name == "train" else "kept, and scored as errors"
            listed = shorten([f"{tag} {count}" for tag, count in unknown.items()])
            notes.append(f"{name}: {sum(unknown.values())} words carry tags that {where}, {fate}: {listed}")
