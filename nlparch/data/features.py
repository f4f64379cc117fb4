"""Words -> ids for the small models: vocabulary or hash buckets, alphabet, shapes. Saved beside the weights.

Id 0 is padding everywhere; in words and characters, 1 is the unknown. What is said of a word depends on its letters
alone, never on its neighbours.
"""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlparch.data.form_counts import count_forms, cut_notes, most_frequent
from nlparch.data.ngrams import checksum, ngram_ids, pair_ids
from nlparch.errors import UserError

PADDING, UNKNOWN = 0, 1
_N_RESERVED = 2
SHAPES = ("", "lower", "Capitalised", "UPPER", "mIxed", "digits", "d1g1ts", "other")
"""What a word looks like; a shape's id is its place."""

_LOWER, _CAPITALISED = SHAPES.index("lower"), SHAPES.index("Capitalised")

AFFIX_LENGTHS = (2, 3, 4)
"""Characters of a word's beginnings and ends that are features of their own, case and all."""
N_AFFIXES = 2 * len(AFFIX_LENGTHS)

N_WORD_HASHES = 2
"""Buckets of a hashed word: two words that share one rarely share both."""

# The checksum goes on from one of these, so that a beginning and an end of the same letters differ.
_BEGINS, _ENDS = zlib.crc32(b"^"), zlib.crc32(b"$")

FILE_NAME = "features.json"
_MAX_REMEMBERED_FORMS = 200_000

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FormBatch:
    """Forms as ids: a form is a word as written, and all that a model knows of the word by itself.

    Attributes:
        word_ids: Shape: (forms,); where words are hashed, (forms, N_WORD_HASHES)
        shape_ids: Shape: (forms,)
        char_ids: Shape: (forms, characters)
        affix_ids: buckets of the beginnings, then of the ends; 0 where a word is shorter. Shape: (forms, N_AFFIXES)
        ngram_ids: buckets of n-grams of characters, 0 on padding. Shape: (forms, n-grams); without buckets (forms, 0)
    """

    word_ids: Ids
    shape_ids: Ids
    char_ids: Ids
    affix_ids: Ids
    ngram_ids: Ids


@dataclass(frozen=True, slots=True)
class FeatureBatch:
    """A batch of sentences as ids. `forms` are the distinct words of the batch, as written.

    Attributes:
        word_ids: Shape: (batch, words); where words are hashed, (batch, words, N_WORD_HASHES)
        shape_ids: Shape: (batch, words)
        form_index: each word's place among the forms; 0 on padding. Shape: (batch, words)
        char_ids: see `FormBatch`. Shape: (forms, characters)
        affix_ids: see `FormBatch`. Shape: (forms, N_AFFIXES)
        ngram_ids: see `FormBatch`. Shape: (forms, n-grams)
        mask: True on words. Shape: (batch, words)
    """

    word_ids: Ids
    shape_ids: Ids
    form_index: Ids
    char_ids: Ids
    affix_ids: Ids
    ngram_ids: Ids
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class WordFeatures:
    """The vocabulary and alphabet of a small model, and how words are looked up in them.

    A model whose words are hashed has no vocabulary: each word has `N_WORD_HASHES` ids of as many as there are buckets
    (Svenstrup et al., 2017, without their weights), and none is unknown.

    Attributes:
        words: the vocabulary, as normalised; ids follow the order, after padding and the unknown word.
        characters: the alphabet, likewise.
        lowercase: whether the vocabulary ignores case.
        normalize_digits: whether the vocabulary sees each digit as 0.
        max_word_length: characters of a word that are seen: its beginning and its end.
        n_affix_buckets: buckets that affixes are hashed into, so that those of unknown words are known.
        n_word_buckets: buckets that words are hashed into; 0: there is a vocabulary.
        n_ngram_buckets: buckets that the n-grams of a word's characters are hashed into; 0: they are no feature.
        n_pair_buckets: buckets that two words that follow each other are hashed into; 0: likewise.
    """

    words: tuple[str, ...]
    characters: str
    lowercase: bool = True
    normalize_digits: bool = True
    max_word_length: int = 20
    n_affix_buckets: int = 8192
    n_word_buckets: int = 0
    n_ngram_buckets: int = 0
    n_pair_buckets: int = 0

    @property
    def n_words(self) -> int:
        """Word ids, padding and the unknown word included."""
        return (self.n_word_buckets or len(self.words)) + _N_RESERVED

    @property
    def n_characters(self) -> int:
        """Character ids, padding and the unknown character included."""
        return len(self.characters) + _N_RESERVED

    def normalize(self, word: str) -> str:
        """A word as the vocabulary knows it."""
        return normalize_word(word, lowercase=self.lowercase, normalize_digits=self.normalize_digits)

    def word_id(self, word: str) -> int:
        """The id of a word; of an unknown one, that of the unknown word."""
        return self._word_ids.get(self.normalize(word), UNKNOWN)

    def bucket_ids(self, word: str) -> tuple[int, int]:
        """The two ids of a hashed word: the last two digits of its checksum, written to the base of the buckets."""
        rest, last = divmod(checksum(self.normalize(word)), self.n_word_buckets)
        return last + _N_RESERVED, rest % self.n_word_buckets + _N_RESERVED

    def encode(self, sentences: Sequence[Sequence[str]]) -> FeatureBatch:
        """The ids of a batch of sentences, none of them empty."""
        lengths = [len(words) for words in sentences]
        places: dict[str, int] = {}
        index = np.zeros((len(sentences), max(lengths)), dtype=np.int64)
        for row, words in enumerate(sentences):
            index[row, : lengths[row]] = [places.setdefault(word, len(places)) for word in words]
        forms = self._batch_forms(places, self._remembered_ids)
        mask = np.arange(index.shape[1]) < np.array(lengths)[:, None]
        ids_mask = mask if forms.word_ids.ndim == 1 else mask[..., None]
        word_ids, shape_ids = forms.word_ids[index] * ids_mask, forms.shape_ids[index] * mask
        return FeatureBatch(word_ids, shape_ids, index, forms.char_ids, forms.affix_ids, forms.ngram_ids, mask)

    def pair_ids(self, sentences: Sequence[Sequence[str]]) -> Ids:
        """The buckets of each word with the word before it; 0 on padding. Shape: (batch, words), one word at least"""
        lengths = np.array([len(words) for words in sentences])
        sums = np.zeros((len(sentences), max(lengths.max(), 1)), dtype=np.uint64)
        mask = np.arange(sums.shape[1]) < lengths[:, None]
        words = list(chain.from_iterable(sentences))
        known = list(map(self._remembered_checksums.get, words))
        sums[mask] = known if None not in known else [self._checksum(word) for word in words]
        return pair_ids(sums, n_buckets=self.n_pair_buckets) * mask

    def encode_forms(self, words: Sequence[str]) -> FormBatch:
        """The ids of words by themselves, at least one; nothing is remembered of them."""
        return self._batch_forms(words, self._form_ids)

    def _batch_forms(self, words: Collection[str], ids_of: Callable[[str], tuple[int, ...]]) -> FormBatch:
        ids = np.array([ids_of(word) for word in words], dtype=np.int64)
        shape_ids, affix_ids, word_ids = ids[:, 0], ids[:, 1 : 1 + N_AFFIXES], ids[:, 1 + N_AFFIXES :]
        word_ids = word_ids if self.n_word_buckets else word_ids[:, 0]
        return FormBatch(word_ids, shape_ids, self._character_ids(words), affix_ids, self._ngram_ids(words))

    def _checksum(self, word: str) -> int:
        found = self._remembered_checksums.get(word)
        if found is None:
            if len(self._remembered_checksums) >= _MAX_REMEMBERED_FORMS:
                self._remembered_checksums.clear()
            found = self._remembered_checksums[word] = checksum(self.normalize(word))
        return found

    def _ngram_ids(self, words: Collection[str]) -> Ids:
        """Shape: (forms, n-grams)"""
        if not self.n_ngram_buckets:
            return np.zeros((len(words), 0), dtype=np.int64)
        seen = [shorten(self.normalize(word), self.max_word_length) for word in words]
        rows = [ngram_ids(word, n_buckets=self.n_ngram_buckets) for word in seen]
        padded = np.zeros((len(rows), max(1, *map(len, rows))), dtype=np.int64)
        for index, row in enumerate(rows):
            padded[index, : len(row)] = row
        return padded

    def _character_ids(self, words: Collection[str]) -> Ids:
        """Shape: (words, characters)"""
        seen = [shorten(word, self.max_word_length) for word in words]
        lengths = np.array([max(len(word), 1) for word in seen])
        # numpy lays strings out as rows of code points, which is many times faster than a loop over characters.
        codes = np.array(seen, dtype=f"U{lengths.max()}").view(np.uint32).reshape(len(seen), -1)
        ids = self._ids_of_codes.take(codes, mode="clip")
        return ids * (np.arange(ids.shape[1]) < lengths[:, None])

    def save(self, folder: str | Path) -> None:
        """Writes `features.json` into the folder."""
        tree = {
            "lowercase": self.lowercase,
            "normalize_digits": self.normalize_digits,
            "max_word_length": self.max_word_length,
            "n_affix_buckets": self.n_affix_buckets,
            "n_word_buckets": self.n_word_buckets,
            "n_ngram_buckets": self.n_ngram_buckets,
            "n_pair_buckets": self.n_pair_buckets,
            "characters": self.characters,
            "words": self.words,
        }
        (Path(folder) / FILE_NAME).write_text(json.dumps(tree, ensure_ascii=True, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "WordFeatures":
        """Reads `features.json`.

        Raises:
            UserError: If the file is missing or broken.
        """
        path = Path(folder) / FILE_NAME
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**tree, "words": tuple(tree["words"])})
        except OSError as error:
            raise UserError(f"{path}: a model's folder must hold it: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}: not the features of a model: {error}") from error

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, start=_N_RESERVED)}

    @cached_property
    def _ids_of_codes(self) -> Ids:
        """The id of each code point up to the last of the alphabet; the one behind it stands for all that follow."""
        codes = [ord(character) for character in self.characters]
        ids = np.full(max(codes, default=0) + 2, UNKNOWN, dtype=np.int64)
        ids[codes] = np.arange(_N_RESERVED, self.n_characters)
        return ids

    @cached_property
    def _remembered_checksums(self) -> dict[str, int]:
        return {}

    @cached_property
    def _remembered(self) -> dict[str, tuple[int, ...]]:
        return {}

    def _remembered_ids(self, word: str) -> tuple[int, ...]:
        ids = self._remembered.get(word)
        if ids is None:
            if len(self._remembered) >= _MAX_REMEMBERED_FORMS:
                self._remembered.clear()
            ids = self._remembered[word] = self._form_ids(word)
        return ids

    def _form_ids(self, word: str) -> tuple[int, ...]:
        """The id of the word's shape, those of its affixes, and its own, one or several."""
        word_ids = self.bucket_ids(word) if self.n_word_buckets else (self.word_id(word),)
        return shape_id(word), *affix_ids(word, n_buckets=self.n_affix_buckets), *word_ids


def affix_ids(word: str, *, n_buckets: int) -> list[int]:
    """The buckets of a word's beginnings and ends, from 1 to `n_buckets`; 0 for those it is too short for."""
    lengths = [length for length in AFFIX_LENGTHS if length <= len(word)]
    missing = [PADDING] * (len(AFFIX_LENGTHS) - len(lengths))

    begins, ends = [word[:length] for length in lengths], [word[-length:] for length in lengths]
    return [*_buckets(begins, _BEGINS, n_buckets), *missing, *_buckets(ends, _ENDS, n_buckets), *missing]


def _buckets(affixes: Sequence[str], mark: int, n_buckets: int) -> list[int]:
    return [zlib.crc32(affix.encode("utf-8", "surrogatepass"), mark) % n_buckets + 1 for affix in affixes]


def build_features(
    sentences: Iterable[Sequence[str]],
    *,
    more_words: Iterable[str] = (),
    min_word_count: int = 1,
    max_vocab: int | None = None,
    max_characters: int = 2000,
    lowercase: bool = True,
    normalize_digits: bool = True,
    max_word_length: int = 20,
    n_word_buckets: int = 0,
    n_ngram_buckets: int = 0,
    n_pair_buckets: int = 0,
) -> tuple[WordFeatures, list[str]]:
    """The vocabulary and alphabet of a corpus.

    Args:
        sentences: of the training text, and of the raw text where there is some; never of dev or test.
        more_words: join the vocabulary behind those of the corpus, in their order, as far as `max_vocab` leaves room.
        min_word_count: rarer words of the corpus are left out.
        max_vocab: words at most, the most frequent first; None takes all.
        max_characters: characters of the alphabet at most, the most frequent first.
        lowercase: see `WordFeatures`.
        normalize_digits: see `WordFeatures`.
        max_word_length: see `WordFeatures`.
        n_word_buckets: see `WordFeatures`; with it, `more_words`, `min_word_count` and `max_vocab` have no
            part.
        n_ngram_buckets: see `WordFeatures`.
        n_pair_buckets: see `WordFeatures`.

    Returns:
        The features, and what was cut, a sentence each.
    """
    forms, floor = count_forms(sentences)
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    n_long = 0
    for word, count in forms.items():
        n_long += count if len(word) > max_word_length else 0
        if not n_word_buckets:
            words[normalize_word(word, lowercase=lowercase, normalize_digits=normalize_digits)] += count
        for character in set(shorten(word, max_word_length)):
            characters[character] += count
    kept_words = most_frequent(words, min_count=min_word_count, limit=max_vocab)
    alphabet = most_frequent(characters, min_count=1, limit=max_characters)
    notes = cut_notes(words, kept_words, "words") + cut_notes(characters, alphabet, "characters")
    if n_long:
        share = n_long / forms.total()
        notes.append(
            f"vocabulary: {n_long:,} words ({share:.1%} of the text) have more than {max_word_length} characters; "
            "those in the middle are not read"
        )
    if floor:
        notes.append(f"vocabulary: too many different words to count all; some seen up to {floor} times were forgotten")
    if not n_word_buckets:
        names = (normalize_word(word, lowercase=lowercase, normalize_digits=normalize_digits) for word in more_words)
        known = set(kept_words)
        new = dict.fromkeys(name for name in names if name not in known)
        added = list(islice(new, None if max_vocab is None else max_vocab - len(kept_words)))
        kept_words += added
        notes += [f"vocabulary: {len(added):,} words more that the teacher knows"] if added else []
    features = WordFeatures(
        tuple(kept_words),
        "".join(alphabet),
        lowercase=lowercase,
        normalize_digits=normalize_digits,
        max_word_length=max_word_length,
        n_word_buckets=n_word_buckets,
        n_ngram_buckets=n_ngram_buckets,
        n_pair_buckets=n_pair_buckets,
    )
    return features, notes


def frequent_words(sentences: Iterable[Sequence[str]], features: WordFeatures, *, limit: int) -> list[str]:
    """The most frequent words of a corpus as a model normalises them, the most frequent first."""
    words: Counter[str] = Counter()
    for word, count in count_forms(sentences)[0].items():
        words[features.normalize(word)] += count
    return most_frequent(words, min_count=1, limit=limit)


def normalize_word(word: str, *, lowercase: bool, normalize_digits: bool) -> str:
    """A word as a vocabulary knows it."""
    if lowercase:
        word = word.lower()
    if normalize_digits and not word.isalpha() and any(character.isdigit() for character in word):
        word = "".join("0" if character.isdigit() else character for character in word)
    return word


def shorten(word: str, length: int) -> str:
    """The beginning and the end of a long word: suffixes tell as much as prefixes."""
    return word if len(word) <= length else word[: length - length // 2] + word[-(length // 2) :]


def shape_id(word: str) -> int:
    """The id of a word's shape (see `SHAPES`)."""
    if word.isalpha() and word[1:].islower() and (word[0].islower() or word[0].isupper()):
        return _LOWER if word[0].islower() else _CAPITALISED  # most words, and what follows would say the same
    if word.isdigit():
        name = "digits"
    elif any(character.isdigit() for character in word):
        name = "d1g1ts"
    elif not any(character.isalpha() for character in word):
        name = "other"
    elif word.isupper():
        name = "UPPER"
    elif word[0].isupper() and not any(character.isupper() for character in word[1:]):
        name = "Capitalised"
    elif any(character.isupper() for character in word):
        name = "mIxed"
    else:
        name = "lower"
    return SHAPES.index(name)
