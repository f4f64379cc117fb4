"""Labelled texts: a folder of tables, a data set of the hub, or a task of GLUE, read into `datasets`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlparch.data.glue import find_glue_task, read_glue
from nlparch.data.records import RECORD_FORMATS, Record, read_records
from nlparch.data.subsets import keep_part, split_dev
from nlparch.data.tables import is_saved, read_hub, read_saved
from nlparch.data.text_labels import TextLabels, TextTask
from nlparch.data.text_tables import (
    RawTexts,
    TextColumns,
    TextRows,
    find_task,
    is_fraction,
    is_number,
    name_of,
    settle_gold,
    to_dataset,
)
from nlparch.errors import DataError, UserError

if TYPE_CHECKING:
    import datasets

MAIN_SCORES: dict[TextTask, str] = {
    "one_label": "accuracy",
    "multi_label": "macro_f1",
    "regression": "pearson_spearman",
}
"""The score that chooses the best model, task by task."""


@dataclass
class TextCorpus:
    """Texts and what is said of them.

    Attributes:
        splits: Data sets with the columns `text`, `text_pair` (where there are pairs) and `label` (a name, or a
            regression's number) or `labels` (a list of names), under those of `train`, `dev` and `test` that exist.
            Gold is null where a row of train has none.
        labels: The labels of train, or those known beforehand.
        notes: What the user should know about the reading, a sentence each.
        label_counts: How often each label occurs, for each split.
        main_score: The score that chooses the best model.
    """

    splits: dict[str, datasets.Dataset]
    labels: TextLabels
    notes: list[str]
    label_counts: dict[str, Counter[str]]
    main_score: str = "accuracy"


def load_text_corpus(
    data_dir: str | Path,
    *,
    train_filename: str = "",
    dev_filename: str = "",
    test_filename: str = "",
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    label_separator: str = "",
    task: TextTask | None = None,
    task_name: str | None = None,
    dev_fraction: float = 0.0,
    seed: int = 42,
    train_fraction: float = 1.0,
    train_examples: int = 0,
    subset_seed: int = 0,
    drop_seen: bool = False,
    known_labels: TextLabels | None = None,
    allow_no_train: bool = False,
) -> TextCorpus:
    """Read a corpus whose texts carry labels.

    Args:
        data_dir: A folder of CSV, TSV, JSON (lines) or Parquet files, a folder that `datasets` saved, the id of a data
            set on the hub, with its configuration after a colon where it needs one, or a folder of GLUE.
        train_filename: The file to train on; by default the one named train. Likewise `dev_filename`, `test_filename`.
        text_column: The texts' column; `None` looks for the usual names. Likewise `label_column`.
        text_pair_column: The second texts' column; `None` takes the usual partner of the first, "" takes none.
        label_separator: What divides the labels of a field of CSV and TSV; empty where a field is one label.
        task: What is asked of each text; `None` finds it in the gold.
        task_name: The task of GLUE that the folder holds.
        dev_fraction: The share of train to split off, at random, where there is no dev.
        seed: The seed of that split.
        train_fraction: The share of train to keep, at random; likewise, as a number, `train_examples` (0 keeps all).
        subset_seed: The seed of what is kept.
        drop_seen: Whether texts of train that also stand in dev or test are dropped.
        known_labels: The labels of a model that exists already; they and their task become those of the corpus.
        allow_no_train: Whether train may be missing.

    Raises:
        DataError: If nothing can be read there, or gold does not fit the task.
        UserError: If an option is out of range or does not go with another.
    """
    if not 0 <= dev_fraction < 1:
        raise UserError(f"--dev_fraction must be at least 0 and below 1, got {dev_fraction}")
    notes: list[str] = []
    main_score = None
    if task_name is not None:
        glue = find_glue_task(task_name)
        raw = read_glue(Path(data_dir), glue, notes)
        task, main_score = glue.task, glue.main_score
    else:
        filenames = {"train": train_filename, "dev": dev_filename, "test": test_filename}
        columns = TextColumns(text_column, text_pair_column, label_column, notes, label_separator)
        raw = _read(data_dir, filenames, columns)
    _check_train(raw, str(data_dir), allow_no_train=allow_no_train)
    _check_kinds(raw)
    task = _settle_task(task, raw, known_labels, notes)
    splits = {name: settle_gold(rows, task) for name, rows in raw.items()}
    _drop_unusable(splits, notes)
    split_dev(splits, fraction=dev_fraction, seed=seed, notes=notes, unit="texts")
    keep_part(splits, fraction=train_fraction, n_examples=train_examples, seed=subset_seed, notes=notes, unit="texts")
    _compare_splits(splits, notes, drop_seen=drop_seen)
    notes += [f"{name}: none; no score on it" for name in ("dev", "test") if name not in splits]
    if known_labels is None and not any(gold is not None for rows in splits.values() for gold in rows.gold):
        raise DataError(f"{data_dir}: some texts must have labels, got none; give raw text as --unlabeled_filename")
    counts = {name: rows.label_counts() for name, rows in splits.items()}
    labels = known_labels or _choose_labels(counts, task)
    _note_unknown(counts, labels, "the teacher lacks" if known_labels else "train lacks", notes)
    tables = {name: to_dataset(rows, task) for name, rows in splits.items()}
    return TextCorpus(tables, labels, notes, counts, main_score or MAIN_SCORES[task])


def _read(data_dir: str | Path, filenames: Mapping[str, str], columns: TextColumns) -> dict[str, RawTexts]:
    folder = Path(data_dir)
    if not folder.is_dir():
        return read_hub(str(data_dir), columns)
    if is_saved(folder):
        return read_saved(folder, columns)
    paths = {name: _find_file(folder, name, filename) for name, filename in filenames.items()}
    return {
        name: read_text_file(path, replace(columns, needs_labels=name == "train"))
        for name, path in paths.items()
        if path is not None
    }


def read_text_file(path: Path, columns: TextColumns) -> RawTexts:
    """The texts of one file.

    Raises:
        DataError: If it is no table, or has not the columns.
    """
    if path.suffix not in RECORD_FORMATS:
        raise DataError(f"{path}: a table must be one of {', '.join(RECORD_FORMATS)}; rename or convert the file")
    records = read_records(path, notes=columns.notes)
    return columns.read_records(records, _names(records), str(path))


def _names(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record.values))


def _find_file(folder: Path, name: str, filename: str) -> Path | None:
    """The file of a split: the one that was named, or that is named so, with any known suffix."""
    if filename:
        if not (folder / filename).is_file():
            raise DataError(f"{folder / filename}: there is no such file; mend --{name}_filename, or leave it out")
        return folder / filename
    found = [path for suffix in RECORD_FORMATS if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(
            f"{folder}: one file must be {name}, got {', '.join(path.name for path in found)}; say which with "
            f"--{name}_filename"
        )
    return found[0] if found else None


def _check_train(splits: Mapping[str, object], place: str, *, allow_no_train: bool) -> None:
    if "train" in splits or (allow_no_train and splits):
        return
    there = sorted(path.name for path in Path(place).iterdir())[:10] if Path(place).is_dir() else sorted(splits)
    raise DataError(
        f"{place}: train ({', '.join(RECORD_FORMATS)}) must be there, or a data set saved by `datasets`; got "
        f"{', '.join(there) or 'nothing'}; name the file with --train_filename"
    )


def _check_kinds(splits: Mapping[str, RawTexts]) -> None:
    """All splits have pairs, or none has: a model reads one kind."""
    kinds = {name: any(pair is not None for pair in raw.rows.pairs) for name, raw in splits.items()}
    if len(set(kinds.values())) > 1:
        there = ", ".join(f"{name} {'pairs' if has_pairs else 'single texts'}" for name, has_pairs in kinds.items())
        raise DataError(
            f"all files must hold pairs of texts, or none, got {there}; name the second column with "
            '--text_pair_column, or add --text_pair_column "" to read single texts'
        )


def _settle_task(
    given: TextTask | None, raw: Mapping[str, RawTexts], known: TextLabels | None, notes: list[str]
) -> TextTask:
    if known is not None:
        if given not in (None, known.task):
            raise UserError(f"--task must be that of the model, {known.task}, got {given}; leave it out")
        gold = [value for rows in raw.values() for value in rows.rows.gold if value is not None]
        if given is None and gold:
            _check_gold(gold, known)
            notes.append(f"task: {known.task}, that of the teacher")
        return known.task
    task = find_task(given, raw.values())
    if given is None:
        notes.append(f"task: {task}, by the look of the labels; --task says otherwise")
    return task


_LOOKS: dict[TextTask, str] = {
    "one_label": "one label each",
    "multi_label": "lists of labels",
    "regression": "numbers with fractions",
}


def _check_gold(gold: Sequence[Any], known: TextLabels) -> None:
    """Refuses gold that a model of another task cannot have; a row unlike the others is named later, with its place."""
    looks = _misfit(gold, known)
    if looks is not None:
        separator = "; in CSV and TSV, --label_separator says what divides labels" * (known.task == "multi_label")
        raise DataError(
            f"texts have {_LOOKS[looks]}, and the teacher is of {known.task}; take one of {looks}{separator}"
        )


def _misfit(gold: Sequence[Any], known: TextLabels) -> TextTask | None:
    """What gold looks like, where it is not of the task; what looks like numbers may be names that are known."""
    n_numbers = sum(map(is_number, gold))
    if known.task == "multi_label":
        return None if any(isinstance(value, list) for value in gold) else "one_label"
    if any(isinstance(value, list) for value in gold):
        return "multi_label"
    if known.task == "regression":
        return None if 2 * n_numbers > len(gold) else "one_label"
    if n_numbers < len(gold) or not any(map(is_fraction, gold)) or any(name_of(value) in known.ids for value in gold):
        return None
    return "regression"


def _drop_unusable(splits: dict[str, TextRows], notes: list[str]) -> None:
    """Leaves out of train what holds no text; of dev and test what cannot be scored.

    An empty text of dev or test stays: a model has to answer it too.
    """
    for name, rows in list(splits.items()):
        empty = [index for index in range(len(rows)) if rows.is_empty(index)]
        if empty:
            notes.append(f"{name}: {len(empty)} empty texts {'dropped' if name == 'train' else 'kept, and scored'}")
        n_half = sum(rows.is_half_empty(index) for index in range(len(rows)))
        if n_half:
            notes.append(f"{name}: {n_half} pairs with one text empty, kept")
        if name == "train":
            splits[name] = _without(rows, empty)
            if not len(splits[name]):
                raise DataError(f"train: some text must not be empty, got {len(empty)} empty ones")
        elif None in rows.gold:
            labelled = rows.labelled()
            if not labelled:
                notes.append(f"{name}: none of its {len(rows)} texts has a label")
                del splits[name]
            else:
                notes.append(f"{name}: {len(rows) - len(labelled)} texts without labels dropped")
                splits[name] = rows.take(labelled)


def _without(rows: TextRows, indices: Iterable[int]) -> TextRows:
    dropped = set(indices)
    return rows.take(index for index in range(len(rows)) if index not in dropped) if dropped else rows


def _compare_splits(splits: dict[str, TextRows], notes: list[str], *, drop_seen: bool) -> None:
    """Tells what stands in more than one split, or more than once in train; drops from train what is scored later."""
    keys = {name: rows.keys() for name, rows in splits.items()}
    held_out = {name: set(keys[name]) for name in ("dev", "test") if name in keys}
    if len(held_out) == 2 and (n_both := sum(key in held_out["dev"] for key in keys["test"])):
        notes.append(f"test: {n_both} texts also stand in dev")
    if "train" not in splits:
        return
    for name, texts in held_out.items():
        if n_seen := sum(key in texts for key in keys["train"]):
            fate = "dropped" if drop_seen else "kept; --drop_seen drops them"
            notes.append(f"train: {n_seen} texts also stand in {name}, {fate}")
    if drop_seen:
        seen = [index for index, key in enumerate(keys["train"]) if any(key in texts for texts in held_out.values())]
        splits["train"] = _without(splits["train"], seen)
        if not len(splits["train"]):
            raise DataError("train: all of its texts stand in dev or test too; leave out --drop_seen")
    _note_repeats(splits["train"], notes)


def _note_repeats(train: TextRows, notes: list[str]) -> None:
    gold_of: dict[object, list[object]] = {}
    for key, gold in zip(train.keys(), train.gold, strict=True):
        gold_of.setdefault(key, []).append(gold)
    repeated = [golds for golds in gold_of.values() if len(golds) > 1]
    if repeated:
        n_at_odds = sum(any(gold != golds[0] for gold in golds) for golds in repeated)
        notes.append(f"train: texts that stand there more than once: {len(repeated)}, {n_at_odds} with other labels")


def _choose_labels(counts: Mapping[str, Counter[str]], task: TextTask) -> TextLabels:
    if "train" in counts:
        labels = TextLabels.from_names(counts["train"], task)
    else:
        labels = TextLabels.from_names((name for names in counts.values() for name in names), task)
    if task == "one_label" and len(labels) < 2:
        raise DataError(f"train must have two labels at least, got {', '.join(labels.names) or 'none'}")
    if not len(labels):
        raise DataError("train must have some label, got none")
    return labels


def _note_unknown(counts: Mapping[str, Counter[str]], labels: TextLabels, lack: str, notes: list[str]) -> None:
    if labels.task == "regression":
        return
    for name, found in counts.items():
        unknown = {label: count for label, count in sorted(found.items()) if label not in labels.ids}
        if unknown:
            fate = "kept" if name == "train" else "kept, and scored as errors"
            listed = ", ".join(f"{label!r} {count}" for label, count in unknown.items())
            if name == "dev" and len(unknown) == len(found):
                raise DataError(
                    f"dev: some label must be one that the model can give, got {listed:.200}; mend dev, or leave it out"
                )
            notes.append(f"{name}: {sum(unknown.values())} uses of labels that {lack}, {fate}: {listed}")
