"""One labelled file, read as a saved model sees it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlparch.data.conll import ReadCounts, Sentence, read_file
from nlparch.data.labels import OUTSIDE, LabelSet, convert, detect_scheme, has_prefix, shorten
from nlparch.data.text_labels import TextLabels, TextTask
from nlparch.data.text_predictions import Text
from nlparch.data.text_tables import TextColumns, settle_gold
from nlparch.data.texts import read_text_file
from nlparch.errors import DataError, UserError

from .options import ColumnOptions
from .text_options import TextColumnOptions


def read_labelled(file: str, columns: ColumnOptions) -> tuple[list[Sentence], list[str]]:
    """The sentences of a column file, and what was noticed while reading, a sentence each."""
    counts = ReadCounts()
    given: Any = {name: getattr(columns, name) for name in ("word_col", "tag_col", "ignore_token")}
    sentences = list(read_file(file, counts=counts, **given))
    return sentences, [f"{file}: {counts.sentences:,} sentences, {counts.words:,} words", *counts.notes()]


def rows_for(sentences: Sequence[Sentence], labels: LabelSet) -> tuple[dict[str, Any], list[str]]:
    """The sentences in the columns of a corpus, gold in the model's scheme, and what that changed."""
    gold = [sentence.tags or [] for sentence in sentences]
    notes = []
    if labels.scheme != "plain":
        # A stray tag without a prefix does not make plain what the model says are spans.
        source = detect_scheme([tag if has_prefix(tag) else OUTSIDE for tag in tags] for tags in gold)
        converted = [convert(tags, source=source, target=labels.scheme) for tags in gold]
        gold = [tags for tags, _ in converted]
        notes += [f"gold tags turned from {source} into {labels.scheme}"] if source != labels.scheme else []
        if n_repaired := sum(count for _, count in converted):
            notes.append(f"gold tags of {n_repaired} words broke the rules of {source} and were repaired")
    unknown = Counter(tag for tags in gold for tag in tags if tag not in labels.ids)
    if unknown:
        listed = shorten([f"{tag} {count}" for tag, count in sorted(unknown.items())])
        notes.append(f"{unknown.total()} words carry tags that the model lacks, kept, and scored as errors: {listed}")
    return {"words": [sentence.words for sentence in sentences], "tags": gold}, notes


def read_labelled_texts(
    file: str, columns: TextColumnOptions, task: TextTask
) -> tuple[list[Text], list[Any], list[str]]:
    """The texts of a table that have gold, their gold, and what was noticed while reading, a sentence each."""
    notes: list[str] = []
    given = (columns.text_column, columns.text_pair_column, columns.label_column)
    finder = TextColumns(*given, notes, columns.label_separator, needs_labels=True)
    if not Path(file).is_file():
        raise DataError(f"{file}: there is no such file")
    rows = settle_gold(read_text_file(Path(file), finder), task)
    with_gold = [index for index, gold in enumerate(rows.gold) if gold is not None]
    n_without = len(rows) - len(with_gold)
    without = f"; {n_without:,} without gold left out" if n_without else ""
    notes.insert(0, f"{file}: {len(with_gold):,} texts with gold{without}")
    if not with_gold:
        raise DataError(f"{file}: some text must have a label, got none")
    rows = rows.take(with_gold)
    texts: list[Text] = [text if pair is None else (text, pair) for text, pair in rows.keys()]
    return texts, rows.gold, notes


def check_pairs(texts: Sequence[Text], has_pairs: bool | None, *, file: str, model: str) -> None:
    """Refuses pairs for a model of single texts, and the other way round.

    Args:
        texts: all of one kind.
        has_pairs: which kind the model reads; None: it does not say.
        file: where the texts stand.
        model: its folder.

    Raises:
        UserError: If they are of the other kind.
    """
    if has_pairs is None or not texts or isinstance(texts[0], str) != has_pairs:
        return
    if has_pairs:
        raise UserError(
            f"{model} reads pairs of texts, {file} holds single texts; name the second column with --text_pair_column"
        )
    raise UserError(
        f'{model} reads single texts, {file} holds pairs; add --text_pair_column "" to read the first of them alone'
    )


def note_unknown(gold: Sequence[Any], labels: TextLabels) -> list[str]:
    """A sentence on the labels of texts that a model lacks, where there are some.

    Raises:
        DataError: If it lacks all of them.
    """
    if labels.task == "regression":
        return []
    counts = Counter(label for one in gold for label in ([one] if isinstance(one, str) else one))
    unknown = {label: n for label, n in sorted(counts.items()) if label not in labels.ids}
    if not unknown:
        return []
    if len(unknown) == len(counts):
        raise DataError(f"no label of gold ({shorten(list(unknown))}) is one of the model's ({shorten(labels.names)})")
    listed = shorten([f"{label!r} {n}" for label, n in unknown.items()])
    return [f"{sum(unknown.values())} uses of labels that the model lacks, kept, and scored as errors: {listed}"]
