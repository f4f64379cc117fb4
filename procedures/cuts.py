"""How much of long texts a transformer does not read."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from nlparch.data.text_predictions import Text

MOST_TEXTS = 20_000
"""Texts that are looked at, evenly spaced: they are cut into pieces once more for it."""
_COUNTED_TOGETHER = 256


def cut_notes(model: Any, texts: Sequence[Text], name: str, remedy: str) -> Iterator[str]:
    """Tells how many texts are longer than a transformer's window, and how many of their words that costs.

    Args:
        model: any text model; only a transformer that does not read in windows cuts.
        texts: some texts.
        name: what they are called.
        remedy: what the user may do.
    """
    if not hasattr(model, "count_cut") or not len(texts):
        return
    step = -(-len(texts) // MOST_TEXTS)
    looked_at = [texts[place] for place in range(0, len(texts), step)]
    n_texts, n_words = model.count_cut(looked_at)
    if n_texts:
        which = "" if step == 1 else f" of {len(looked_at):,} looked at"
        yield (
            f"{name}: {n_texts:,} texts{which} are longer than the window of {model.window[0]} pieces, {n_words:,} "
            f"words at their ends are not read; {remedy}"
        )


class CountedTexts:
    """Texts that stream by on their way to a model, those that it cuts counted.

    Attributes:
        n_texts: how many were cut so far.
        n_words: how many of their words were not read.
    """

    def __init__(self, model: Any, texts: Iterable[Text]) -> None:
        self._model = model
        self._texts = texts
        self.n_texts = self.n_words = 0

    def __iter__(self) -> Iterator[Text]:
        if not hasattr(self._model, "count_cut"):
            yield from self._texts
            return
        rest = iter(self._texts)
        while some := list(islice(rest, _COUNTED_TOGETHER)):
            n_texts, n_words = self._model.count_cut(some)
            self.n_texts += n_texts
            self.n_words += n_words
            yield from some
