"""One labelled file, read as a saved model sees it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from nlparch.data.conll import ReadCounts, Sentence, read_file
from nlparch.data.labels import OUTSIDE, LabelSet, convert, detect_scheme, has_prefix

from .options import ColumnOptions


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
        listed = ", ".join(f"{tag} {count}" for tag, count in sorted(unknown.items()))
        notes.append(f"{unknown.total()} words carry tags that the model lacks, kept, and scored as errors: {listed}")
    return {"words": [sentence.words for sentence in sentences], "tags": gold}, notes
