"""Raw text to learn from: read as it streams by, freed of repeats and of what is learnt or scored elsewhere."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nlparch.data.digests import DigestSet, digest_sentences, sift
from nlparch.data.raw_sources import HubTexts, RawReading, RawSource, find_sources
from nlparch.data.sentences import SentenceFile
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
    reading: RawReading,
    gold: Iterable[Sequence[str]] = (),
    held_out: Iterable[Sequence[str]] = (),
    folder: str | Path | None = None,
) -> tuple[SentenceFile, list[str]]:
    """Reads raw text onto disk; texts whose words occurred before are dropped and counted.

    Memory: 20 bytes for each text that is kept, and some thousands of texts at a time (see `DigestSet`).

    Args:
        names: see `find_sources`.
        reading: how texts become words.
        gold: sentences that are learnt from anyway, with their tags.
        held_out: sentences of dev and test.
        folder: where there is room for the text while the program runs; None takes the system's.

    Returns:
        The sentences, and a note for each name: how it was read, and what was dropped.

    Raises:
        DataError: If there is nothing by one of the names, if it cannot be read, or if no text is left of all.
        UserError: If a column is named, and no hub data set.
    """
    sources = find_sources(names)
    if reading.text_column and not any(isinstance(source, HubTexts) for source in sources):
        raise UserError("--unlabeled_column is of hub data sets, and --unlabeled_filename names none; leave it out")
    known = {"in gold": DigestSet(digest_sentences(gold)), "held out": DigestSet(digest_sentences(held_out))}
    notes: list[str] = []
    sentences = SentenceFile.write(_sift_sources(sources, reading, known, notes), folder=folder)
    if not len(sentences):
        elsewhere = " that is not in gold, dev or test" if any(map(len, known.values())) else ""
        raise DataError(f"{', '.join(map(str, names)) or '--unlabeled_filename'}: no text with words in it{elsewhere}")
    return sentences, notes


def _sift_sources(
    sources: Iterable[RawSource], reading: RawReading, known: Mapping[str, DigestSet], notes: list[str]
) -> Iterator[list[str]]:
    seen = DigestSet()
    for source in sources:
        counts: Counter[str] = Counter()
        sentences = source.sentences(reading)
        yield from sift(sentences, words_of=lambda words: words, known=known, seen=seen, counts=counts)
        kept = f"{counts['kept']} {' and '.join(sorted(source.forms))}"
        dropped = [f"{counts[reason]} {what}" for reason, what in _DROPPED.items() if counts[reason]]
        notes.append("; ".join([f"{source.name}: {kept}", *dropped, *source.counts.notes()]))
