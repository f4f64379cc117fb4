"""Words of raw text, split once for each stretch between spaces that is met."""

from collections.abc import Iterator, Sequence
from typing import overload

from nlparch.data.words import SPACED_SPLITTERS, Offsets, SplitText, make_splitter, split_text

MAX_STRETCHES = 65_536
# Longer ones hardly come twice.
_LONGEST_KEPT = 40


class CachedSplitter:
    """A splitter that remembers; it may be called from several threads.

    What stands between two spaces comes again and again. Where its words do not depend on what stands beyond the
    spaces (`SPACED_SPLITTERS`), they are looked up, and their places in the text are found only if someone asks: a text
    without entities needs none.

    Args:
        spec: name or regular expression of the splitter.
        max_stretches: stretches that are kept; when there are more, all are forgotten.
    """

    def __init__(self, spec: str, *, max_stretches: int = MAX_STRETCHES) -> None:
        self._splitter = make_splitter(spec)
        self._is_spaced = spec in SPACED_SPLITTERS
        self._max_stretches = max_stretches
        self._words: dict[str, tuple[str, ...]] = {}

    def __call__(self, item: str | Sequence[str]) -> SplitText:
        """Makes raw text into words; words that are given stay, joined by single spaces."""
        if not (self._is_spaced and isinstance(item, str)):
            return split_text(item, self._splitter)
        words: list[str] = []
        get = self._words.get
        for stretch in item.split():
            words += get(stretch) or self._split(stretch)
        return SplitText(item, LaterOffsets(item, words), words)

    def _split(self, stretch: str) -> tuple[str, ...]:
        words = tuple(stretch[start:end] for start, end in self._splitter(stretch))
        if len(stretch) <= _LONGEST_KEPT:
            if len(self._words) >= self._max_stretches:
                self._words.clear()
            self._words[stretch] = words
        return words


class LaterOffsets(Sequence[tuple[int, int]]):
    """(start, end) of each word in a text, found when first asked for.

    Args:
        text: the text.
        words: its words, between which nothing stands but spaces.
    """

    __slots__ = ("_found", "_text", "_words")

    def __init__(self, text: str, words: Sequence[str]) -> None:
        self._text = text
        self._words = words
        self._found: Offsets | None = None

    def __len__(self) -> int:
        return len(self._words)

    @overload
    def __getitem__(self, place: int) -> tuple[int, int]: ...

    @overload
    def __getitem__(self, place: slice) -> Offsets: ...

    def __getitem__(self, place: int | slice) -> tuple[int, int] | Offsets:
        return self._find()[place]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._find())

    def __eq__(self, other: object) -> bool:
        return self._find() == (list(other) if isinstance(other, Sequence) else other)

    def __repr__(self) -> str:
        return repr(self._find())

    def _find(self) -> Offsets:
        if self._found is None:
            self._found, find, end = [], self._text.index, 0
            for word in self._words:
                start = find(word, end)
                end = start + len(word)
                self._found.append((start, end))
        return self._found
