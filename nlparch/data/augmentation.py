"""New sentences and texts made of those there are, for a teacher to label.

Words are masked, words are swapped for others of the corpus, or a few words in a row are kept alone (Tang et al., 2019,
section 3.2, https://arxiv.org/abs/1903.12136, without their tagger: words are drawn from the corpus as often as they
occur in it); or words give way to similar ones (as in TinyBERT, Jiao et al., 2020, algorithm 1,
https://arxiv.org/abs/1909.10351, but similar to the teacher: no vectors of others are needed). In tagged sentences
mentions stay whole and keep their type: an n-gram cuts none in two, the others leave them alone, and a fifth kind puts
other mentions of the same type in their place.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from random import Random
from typing import Literal

from nlparch.data.form_counts import count_forms, most_frequent
from nlparch.data.labels import Scheme, Span, spans, write_spans
from nlparch.data.words import Splitter

AugmentKind = Literal["mask", "swap", "similar", "ngram", "mention"]

DEFAULT_MASK = "[MASK]"
"""The mask word of models that have none of their own."""
LONGEST_NGRAM = 5
_SHARE = 0.2
_SIMILAR_SHARE = 0.4

Mention = tuple[str, ...]
Text = str | tuple[str, str]


class Unigrams:
    """Words of a corpus, drawn as often as they occur.

    Args:
        sentences: of the corpus; of too many different words the rarest are forgotten (see `count_forms`).
    """

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        self._counts, _ = count_forms(sentences)
        self._words = list(self._counts)
        self._ends = list(accumulate(self._counts.values()))

    def most_frequent(self, n: int) -> list[str]:
        """The most frequent words, at most so many."""
        return most_frequent(self._counts, min_count=1, limit=n)

    def draw(self, n: int, random: Random) -> list[str]:
        """Some words; none where the corpus is empty."""
        return random.choices(self._words, cum_weights=self._ends, k=n) if self._words else []


def find_mentions(sentences: Iterable[Sequence[str]], tags: Iterable[Sequence[str] | None]) -> dict[str, list[Mention]]:
    """The mentions of a tagged corpus by their type, each once, in the order of the corpus."""
    found: dict[str, dict[Mention, None]] = {}
    for words, row in zip(sentences, tags, strict=True):
        for type_, begin, end in spans(row or ()):
            found.setdefault(type_, {})[tuple(words[begin:end])] = None
    return {type_: list(mentions) for type_, mentions in found.items()}


def outside_words(sentences: Iterable[Sequence[str]], tags: Iterable[Sequence[str] | None]) -> Iterator[list[str]]:
    """The words of each sentence that belong to no mention; all of them where there are no tags."""
    for words, row in zip(sentences, tags, strict=True):
        inside = _places(spans(row or ()))
        yield [word for place, word in enumerate(words) if place not in inside]


def replace_words(
    words: Sequence[str],
    new_words: Callable[[Sequence[str]], Sequence[str]],
    random: Random,
    *,
    keep: Collection[int] = (),
    share: float = _SHARE,
) -> list[str]:
    """Puts other words in the place of some, one at least.

    Args:
        words: of a sentence.
        new_words: gives as many words as it is given.
        random: chooses the places.
        keep: places of words that stay.
        share: of the other words that is replaced.
    """
    places = [place for place in range(len(words)) if place not in keep]
    chosen = random.sample(places, min(len(places), max(1, round(share * len(places)))))
    replaced = list(words)
    for place, word in zip(chosen, new_words([words[place] for place in chosen]), strict=False):
        replaced[place] = word
    return replaced


def sample_ngram(n_words: int, random: Random, *, whole: Sequence[Span] = ()) -> tuple[int, int]:
    """Where an n-gram of 1 to 5 words begins and ends; it grows where it would cut a mention in two.

    Args:
        n_words: of the sentence, at least 1.
        random: chooses length and place.
        whole: mentions that are not to be cut.
    """
    n = random.randint(1, min(LONGEST_NGRAM, n_words))
    begin = random.randrange(n_words - n + 1)
    end = begin + n
    for _, first, after in whole:
        if first < end and after > begin:
            begin, end = min(begin, first), max(end, after)
    return begin, end


def replace_mentions(
    words: Sequence[str],
    tags: Sequence[str],
    random: Random,
    *,
    mentions: Mapping[str, Sequence[Mention]],
    scheme: Scheme,
) -> tuple[list[str], list[str]]:
    """Puts another mention of the same type in the place of each; tags are written anew.

    Args:
        words: of a sentence.
        tags: of its words.
        random: chooses the mentions.
        mentions: by type; a type without any keeps its own.
        scheme: of the tags.
    """
    new_words: list[str] = []
    new_tags: list[str] = []
    found: list[Span] = []
    at = 0
    for type_, begin, end in spans(tags):
        mention = random.choice(mentions.get(type_) or [tuple(words[begin:end])])
        new_words += words[at:begin]
        new_tags += tags[at:begin]
        found.append((type_, len(new_words), len(new_words) + len(mention)))
        new_words += mention
        new_tags += [""] * len(mention)
        at = end
    return [*new_words, *words[at:]], write_spans([*new_tags, *tags[at:]], found, scheme)


@dataclass(frozen=True, kw_only=True)
class Augmenter:
    """Makes new sentences and texts.

    Attributes:
        kinds: what is done, one of them at random to each copy; `mention` only to sentences with mentions.
        unigrams: words that others are swapped for.
        outside: the same for tagged sentences: words that are not of mentions.
        mask_word: what stands for a masked word.
        neighbours: similar words, by word; a word without any stays.
        mentions: by type.
        scheme: of the tags.
    """

    kinds: Sequence[AugmentKind]
    unigrams: Unigrams
    outside: Unigrams | None = None
    mask_word: str = DEFAULT_MASK
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mentions: Mapping[str, Sequence[Mention]] = field(default_factory=dict)
    scheme: Scheme = "IOB2"

    def augment(
        self, words: Sequence[str], tags: Sequence[str] | None, random: Random
    ) -> tuple[list[str], list[str] | None]:
        """A new sentence with its tags, made of one that is not empty; it may be the same again.

        Args:
            words: of the sentence.
            tags: of its words; None where there are none.
            random: decides everything.
        """
        found = spans(tags or ())
        kind = self._choose(random, with_mentions=bool(found))
        if kind is None:
            return list(words), None if tags is None else list(tags)
        if kind == "mention":
            return replace_mentions(words, tags or (), random, mentions=self.mentions, scheme=self.scheme)
        if kind == "ngram":
            begin, end = sample_ngram(len(words), random, whole=found)
            return list(words[begin:end]), None if tags is None else list(tags[begin:end])
        unigrams = self.unigrams if tags is None else self.outside or self.unigrams
        replaced = self._replace(kind, words, unigrams, random, keep=_places(found))
        return replaced, None if tags is None else list(tags)

    def augment_text(self, text: Text, split: Splitter, random: Random) -> Text:
        """A new text or pair of texts; of a pair, the first, the second or both are changed.

        Args:
            text: a text, or a pair.
            split: where its words are; what stands between them stays.
            random: decides everything.
        """
        if isinstance(text, str):
            return self._augment_one(text, split, random)
        which = random.choice(((True, False), (False, True), (True, True)))
        first, second = (
            self._augment_one(part, split, random) if is_changed else part
            for part, is_changed in zip(text, which, strict=True)
        )
        return first, second

    def _augment_one(self, text: str, split: Splitter, random: Random) -> str:
        offsets = split(text)
        kind = self._choose(random, with_mentions=False)
        if kind is None or not offsets:
            return text
        if kind == "ngram":
            begin, end = sample_ngram(len(offsets), random)
            return text[offsets[begin][0] : offsets[end - 1][1]]
        words = [text[begin:end] for begin, end in offsets]
        replaced = self._replace(kind, words, self.unigrams, random)
        ends = [0, *(end for _, end in offsets)]
        between = [text[end:begin] for end, (begin, _) in zip(ends, offsets, strict=False)]
        return "".join(chain.from_iterable(zip(between, replaced, strict=True))) + text[ends[-1] :]

    def _choose(self, random: Random, *, with_mentions: bool) -> AugmentKind | None:
        kinds = [kind for kind in self.kinds if with_mentions or kind != "mention"]
        return random.choice(kinds) if kinds else None

    def _replace(
        self, kind: AugmentKind, words: Sequence[str], unigrams: Unigrams, random: Random, *, keep: Collection[int] = ()
    ) -> list[str]:
        if kind == "mask":
            return replace_words(words, lambda some: [self.mask_word] * len(some), random, keep=keep)
        if kind == "swap":
            return replace_words(words, lambda some: unigrams.draw(len(some), random), random, keep=keep)

        def similar(some: Sequence[str]) -> list[str]:
            return [random.choice(self.neighbours.get(word) or [word]) for word in some]

        return replace_words(words, similar, random, keep=keep, share=_SIMILAR_SHARE)


def _places(found: Iterable[Span]) -> frozenset[int]:
    return frozenset(place for _, begin, end in found for place in range(begin, end))
