"""Raw text to learn from: read as it streams by, freed of repeats and of what is learnt or scored elsewhere."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nlparch.data.digests import DigestSet, digest_letters, sift
from nlparch.data.raw_sources import Item, RawSource, Reading, find_sources
from nlparch.data.sentences import ItemFile
from nlparch.errors import DataError, UserError

_DROPPED = {
    "empty": "empty lines passed over",
    "repeated": "repeated texts dropped",
    "in gold": "texts that stand in gold dropped",
    "held out": "texts that stand in dev or test dropped",
}


def load_unlabeled(
    names: Sequence[str | Path],
    *,
    reading: Reading[Item],
    gold: Iterable[Item] = (),
    held_out: Iterable[Item] = (),
    folder: str | Path | None = None,
) -> tuple[ItemFile[Item], list[str]]:
    """Reads raw text onto disk; sentences or texts whose words occurred before are dropped and counted.

    What stands in the labelled corpus is known by its characters: it may be split and capitalised otherwise there.

    Memory: 20 bytes for each text that is kept, and some thousands of texts at a time (see `DigestSet`).

    Args:
        names: see `find_sources`.
        reading: as sentences of words, or as whole texts.
        gold: what is learnt from anyway, with its labels.
        held_out: what dev and test hold.
        folder: where there is room for the text while the program runs; None takes the system's.

    Returns:
        What was read, and a note for each name: how it was read, and what was dropped.

    Raises:
        DataError: If there is nothing by one of the names, if it cannot be read, or if no text is left of all.
        UserError: If a column is named, and no source has columns.
    """
    sources = find_sources(names, suffixes=reading.suffixes)
    if reading.column and not any(map(reading.has_columns, sources)):
        raise UserError(
            "--unlabeled_column is of tables and hub data sets, and --unlabeled_filename names none that it could be "
            "of; leave it out"
        )
    known = {"in gold": _digests(gold, reading), "held out": _digests(held_out, reading)}
    notes: list[str] = []
    read = reading.store(_sift_sources(sources, reading, known, notes), folder)
    if not len(read):
        elsewhere = " that is not in gold, dev or test" if any(map(len, known.values())) else ""
        raise DataError(f"{', '.join(map(str, names)) or '--unlabeled_filename'}: no text with words in it{elsewhere}")
    return read, notes


def _digests(items: Iterable[Item], reading: Reading[Item]) -> DigestSet:
    return DigestSet(digest_letters(map(reading.words_of, items)))


def _sift_sources(
    sources: Iterable[RawSource], reading: Reading[Item], known: Mapping[str, DigestSet], notes: list[str]
) -> Iterator[Item]:
    seen = DigestSet()
    for source in sources:
        counts: Counter[str] = Counter()
        yield from sift(source.items(reading), words_of=reading.words_of, known=known, seen=seen, counts=counts)
        kept = f"{counts['kept']} {' and '.join(sorted(source.forms))}"
        dropped = [f"{counts[reason]} {what}" for reason, what in _DROPPED.items() if counts[reason]]
        notes.append("; ".join([f"{source.name}: {kept}", *dropped, *source.notes()]))
