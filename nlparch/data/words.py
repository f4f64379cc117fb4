"""Splitters: how raw text becomes words, and words text again.

A built-in splitter is one regular expression whose matches are the words. Together its matches cover every character
that is not a space, so nothing of a text is lost. All of them keep letters with their combining marks, and an emoji
with its modifiers; in all but `spaces`, Chinese characters stand alone, as corpora of Chinese often tag them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nlparch.errors import UserError

Offsets = list[tuple[int, int]]
Splitter = Callable[[str], Offsets]

# Characters that carry on the word before them and that `\w` leaves out: every combining mark, the joiners, and the
# marks of direction and selection. Letters and unassigned characters between two marks are taken in, for brevity.
_MARKS = (
    r"\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711-\u07f3\u07fd\u0816-\u082d\u0859-\u085b\u0897-\u08e1"
    r"\u08e3-\u0963\u0981-\u09e3\u09fe-\u0a75\u0a81-\u0ae3\u0afa-\u0b63\u0b82-\u0bd7\u0c00-\u0c63\u0c81-\u0c83"
    r"\u0cbc-\u0d4d\u0d57-\u0d63\u0d81-\u0df3\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ece\u0f18-\u0f19\u0f35\u0f37\u0f39"
    r"\u0f3e-\u0f84\u0f86-\u0fbc\u0fc6\u102b-\u103e\u1056-\u109d\u135d-\u135f\u1712-\u1734\u1752-\u17d3\u17dd"
    r"\u180b-\u180d\u180f-\u193b\u1a17-\u1a1b\u1a55-\u1a7f\u1ab0-\u1b44\u1b6b-\u1b73\u1b80-\u1bf3\u1c24-\u1c37"
    r"\u1cd0-\u1cd2\u1cd4-\u1dff\u200c-\u200f\u2060\u20d0-\u20f0\u2cef-\u2cf1\u2d7f-\u2dff\u302a-\u302f\u3099-\u309a"
    r"\ua66f-\ua672\ua674-\ua67d\ua69e-\ua6f1\ua802-\ua827\ua82c\ua880-\ua8c5\ua8e0-\ua8f1\ua8ff-\ua92d\ua947-\ua953"
    r"\ua980-\ua9c0\ua9e5-\uaa4d\uaa7b-\uaac1\uaaeb-\uaaef\uaaf5-\uaaf6\uabe3-\uabea\uabec-\uabed\ufb1e\ufe00-\ufe0f"
    r"\ufe20-\ufe2f\ufeff\U000101fd-\U0001037a\U00010a01-\U00010a3f\U00010ae5-\U00010ae6\U00010d24-\U00010eac"
    r"\U00010f46-\U00010f50\U00010f82-\U00010f85\U00011000-\U00011046\U00011070-\U000110ba\U000110c2"
    r"\U00011100-\U00011134\U00011145-\U00011173\U00011180-\U000111c0\U000111c9-\U000111cc\U000111ce-\U000111cf"
    r"\U0001122c-\U00011237\U0001123e\U000112df-\U00011446\U0001145e-\U000114c3\U000115af-\U000115c0"
    r"\U000115dc-\U00011640\U000116ab-\U000116b7\U0001171d-\U0001172b\U0001182c-\U0001183a\U00011930-\U00011943"
    r"\U000119d1-\U000119e0\U000119e4-\U00011a3e\U00011a47-\U00011a99\U00011c2f-\U00011c3f\U00011c92-\U00011ef6"
    r"\U00016af0-\U00016af4\U00016b30-\U00016b36\U00016f4f-\U00016f92\U00016fe4-\U00016ff1\U0001bc9d-\U0001bc9e"
    r"\U0001cf00-\U0001cf46\U0001d165-\U0001d169\U0001d16d-\U0001d172\U0001d17b-\U0001d182\U0001d185-\U0001d18b"
    r"\U0001d1aa-\U0001d1ad\U0001d242-\U0001d244\U0001da00-\U0001da36\U0001da3b-\U0001da6c\U0001da75\U0001da84"
    r"\U0001da9b-\U0001e136\U0001e2ae-\U0001e2ef\U0001e8d0-\U0001e94a\U000e0020-\U000e01ef"
    r"\U00010efc-\U00010eff\U00011241\U00011f00-\U00011f42\U00011f5a\U00013440\U00013447-\U00013455"
    r"\U0001611e-\U0001612f\U0001e4ec-\U0001e4ef\U0001e5ee-\U0001e5ef"
)
_IDEOGRAPHS = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = rf"[^\W{_IDEOGRAPHS}]"
_RUN = rf"{_LETTER}+(?:[{_MARKS}]+{_LETTER}*)*"
# What no other alternative takes: an ideograph, a flag, or any character with its modifiers; a joiner at the end of
# the modifiers brings in one symbol more.
_REST = (
    rf"[{_IDEOGRAPHS}][{_MARKS}]*|[\U0001f1e6-\U0001f1ff]{{2}}"
    rf"|[^\w\s](?:[{_MARKS}\U0001f3fb-\U0001f3ff]+(?:(?<=\u200d)[^\w\s])?)*"
)

_LINK_END = r"\S*[^\s.,:;!?)\]}>\"'’”…]"
_LINK = rf"https?://{_LINK_END}|www\.{_LINK_END}"
# Most words are of these kinds; standing first, they save a trial of every other alternative. The second leaves out
# the endings of words that may be two in one: not, nt, na, ta, me.
_PLAIN = r"[A-Za-z]+(?=[ ,])"
_PLAIN_SINGLE = _PLAIN + r"(?<![nNoO][tT])(?<![nt]a)(?<!mme)"
_EMOTICON = r"[:;=](?<!\w.)['’]?[-^o~]?[)(\]\[DPpO3*/\\|]+(?!\w)|<3(?!\w)|\^_+\^|-_+-"
_NUMBER_JOINT = r"[.,:](?<=\d.)(?=\d)"
# A word gives its last n back to the "n't" that follows it, which must stand before the word among the alternatives.
_NOT = r"[nN]['’`][tT]\b"
_BEFORE_NOT = r"(?!(?<=[nN])['’`][tT]\b)"
_CLITIC = r"['’`](?:[sSmMdD]|re|RE|ve|VE|ll|LL)\b"
_INNER_APOSTROPHE = r"['’](?!(?:[sSmMdDtT]|re|RE|ve|VE|ll|LL)\b)"
_FUSED = r"[gG]on(?=na\b)|[wW]an(?=na\b)|[gG]ot(?=ta\b)|[cC]an(?=not\b)|[lL]em(?=me\b)|[gG]im(?=me\b)"
_UNMARKED_NOT = (
    r"[dD](?:o|O|id|ID|oes|OES)(?=(?:nt|NT)\b)|[cC][aA](?=(?:nt|NT)\b)|[wW](?:o|O|as|ere|ould)(?=(?:nt|NT)\b)"
    r"|[aA]i(?=nt\b)|[iI]s(?=nt\b)|[cC]ould(?=nt\b)|[sS]hould(?=nt\b)|[hH]a(?:s|d|ve)(?=nt\b)"
)
# The period that ends a sentence stands alone even after an abbreviation.
_AT_END = r"[\s'\"”’)\]]{0,4}\Z"
_ABBREVIATION = (
    r"(?:A(?:la|riz|rk|ttn|ug|ve)|B(?:ancorp|hd|lvd|ros)|C(?:al(?:if)?|apt|o(?:rp|l|lo|nn|s)?)|D(?:e[cl]|ept|r)"
    r"|E(?:sq|xt)|F(?:eb|la|ri|t)|G(?:a|en|ov)|Hon|I(?:nc|ll|nd)|J(?:an|r|u[ln])|K(?:an|y)|L(?:a|td?)"
    r"|M(?:a(?:ss|j)|d|essrs|i(?:ch|nn|ss)|o|on|rs?|s|t)|N(?:e[bv]|ov|o(?=\.\s?\d))|O(?:ct|kla|re)|P(?:a|h|rof)"
    r"|R(?:eps?|ev)|S(?:at|ens?|ept?|gt|r|t)|T(?:el|enn|ex|hurs|ues)|V(?:a|t)|W(?:ash|ed|is)"
    rf"|approx|etc|ext|fig|inc|vs?)\.(?!\w|{_AT_END})|[A-HJ-Z]\.(?!\w|{_AT_END})"
)
_ACRONYM_END = rf"(?:(?<=\.[A-Za-z])\.(?!{_AT_END}))?"
_PREFIX = (
    r"(?:(?:[aA]nti|[cC]o|[cC]ounter|[eE]x?|[mM]id|[mM]ulti|[nN]eo|[nN]on|[oO]ver|[pP]ost|[pP]re|[pP]ro|[rR]e|[sS]emi"
    r"|[sS]ocio|[sS]ub|[uU]n)-(?=\w))?"
)


def _alternatives(*patterns: str) -> str:
    return "|".join(patterns)


# The conventions differ by corpus, and no pattern serves two of them well: hence pairs that split less or more. Each
# was fitted to the training part of the corpus named beside it. Of equals, `choose_splitter` takes the first.
SPLITTERS: dict[str, str] = {
    # Runs of letters and digits; every other character alone (BC5CDR, BERT).
    "words": _alternatives(_RUN, _REST),
    # The Penn Treebank (CoNLL-2000): contractions in two, hyphenated words and abbreviations whole.
    "treebank": _alternatives(
        _PLAIN_SINGLE,
        _LINK,
        _NOT,
        rf"{_CLITIC}|'\d\ds\b|'(?='')",
        _FUSED,
        _ABBREVIATION,
        r"-[LR][RCS]B-|(?:US|HK|NZ|[ACMS])\$(?=\s?\d)",
        rf"{_RUN}(?:(?:[-.&@/]|\\/|{_NUMBER_JOINT}|{_INNER_APOSTROPHE}){_RUN})*{_BEFORE_NOT}"
        rf"{_ACRONYM_END}(?:-{_RUN})*",
        _EMOTICON,
        r"\.\.\.|-{2,}|[!?]{2,}|[=*<>_]{2,}|``|''",
        _REST,
    ),
    # Its successors (OntoNotes, English Web Treebank): hyphens and slashes apart, but for prefixes and numbers.
    "treebank-split": _alternatives(
        _PLAIN_SINGLE,
        _LINK,
        _NOT,
        _CLITIC,
        _FUSED,
        _UNMARKED_NOT,
        _ABBREVIATION,
        rf"{_PREFIX}{_RUN}(?:(?:[.&@]|{_NUMBER_JOINT}|[-/](?<=\d.)(?=\d)|{_INNER_APOSTROPHE}){_RUN})*{_BEFORE_NOT}"
        rf"{_ACRONYM_END}",
        _EMOTICON,
        r"[.!?]{2,}|-{2,}|={2,}|\*{2,}|<{2,}|>{2,}|_{2,}|\+{2,}|``|''|[‘’]{2}",
        _REST,
    ),
    # Handles, hashtags, contractions (but 's) and runs of punctuation whole (WNUT-17).
    "social": _alternatives(
        _PLAIN,
        _LINK,
        rf"[@#][\w{_MARKS}]+",
        r"&(?:amp|lt|gt|quot);",
        r"['’][sS]\b",
        rf"{_RUN}(?:(?:[-./*&]|{_NUMBER_JOINT}|['’](?![sS]\b)){_RUN})*",
        _EMOTICON,
        r"[.!?,:;\"']{2,}|-{2,}",
        _REST,
    ),
    # Handles apart from their @, contractions in two, each mark alone; hashtags run to the next space (BTC).
    "social-split": _alternatives(
        _PLAIN,
        _LINK,
        r"#\S+",
        r"[nN]'[tT]\b|'(?:[sSmMdD]|re|RE|ve|VE|ll|LL)\b",
        rf"{_RUN}(?:-(?<=[^\W\d]-)(?=[a-z]){_RUN})*(?!(?<=[nN])'[tT]\b)",
        _EMOTICON,
        r"-{2,}",
        _REST,
    ),
    "spaces": r"\S+",
}

SPACED_SPLITTERS = frozenset(("words", "social", "social-split", "spaces"))
"""Those for which a stretch between spaces has the same words wherever it stands; the treebank's look farther, for the
end of the text."""

_SPAN = re.Match.span


@dataclass(frozen=True)
class PatternSplitter:
    """A splitter whose words are the non-empty matches of one regular expression; it can be pickled and compared."""

    pattern: re.Pattern[str]
    may_be_empty: bool = True

    def __call__(self, text: str) -> Offsets:
        """Finds the words of a text: (start, end) of each, in order and apart."""
        spans = list(map(_SPAN, self.pattern.finditer(text)))
        return [span for span in spans if span[0] < span[1]] if self.may_be_empty else spans


def make_splitter(spec: str) -> Splitter:
    """Gives the splitter of that name or, for anything else, the one whose words match the regular expression.

    Raises:
        UserError: if the spec is neither a known name nor a regular expression that can match words.
    """
    known = ", ".join(sorted(SPLITTERS))
    if spec not in SPLITTERS and re.fullmatch(r"[\w-]*", spec):
        raise UserError(f"a splitter must be one of {known}, or a regular expression for a word, got {spec!r}")
    try:
        return PatternSplitter(re.compile(SPLITTERS.get(spec, spec)), may_be_empty=spec not in SPLITTERS)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(
            f"a splitter must be one of {known}, or a regular expression for a word, got {spec!r}: {error}"
        ) from error


class SplitText(NamedTuple):
    """A text and its words.

    Attributes:
        text: the text.
        offsets: (start, end) of each word in the text.
        words: the words.
    """

    text: str
    offsets: Sequence[tuple[int, int]]
    words: Sequence[str]


def split_text(item: str | Sequence[str], splitter: Splitter) -> SplitText:
    """Makes raw text into words; words that are given stay as they are, joined by single spaces."""
    if isinstance(item, str):
        offsets = splitter(item)
        return SplitText(item, offsets, [item[start:end] for start, end in offsets])
    offsets, start = [], 0
    for word in item:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return SplitText(" ".join(item), offsets, item)


_CLOSING = re.compile(r"(?:[.,;:!?…)\]}”’»、。！？」』】〉》）،؛؟।॥，：；]+|'')\Z")
_OPENING = frozenset(("(", "[", "{", "“", "‘", "«", "„", "¿", "¡", "「", "『", "【", "〈", "《", "（", "``", "`"))
_WHOLE_EMOTICON = re.compile(rf"(?:{_EMOTICON})\Z")
_WHOLE_CLITIC = re.compile(rf"(?:{_NOT}|{_CLITIC})\Z")
_AFTER_APOSTROPHE = frozenset(("s", "t", "m", "d", "re", "ve", "ll"))
_FUSED_PAIRS = frozenset({("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("lem", "me"), ("gim", "me")})
_UNMARKED_PAIR = re.compile(_UNMARKED_NOT)
# Scripts written without spaces: Thai, Lao, Burmese, Khmer, Chinese, Japanese, and their punctuation.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


def join_words(words: Sequence[str]) -> tuple[str, Offsets]:
    """Writes words as the text they may have come from, with the place of each word in it.

    Punctuation, contractions, currency signs, hyphens and slashes are attached as a writer would, so that a splitter
    is judged on text such as it will meet. What the words do not tell is guessed: a hyphen between two words joins
    them, though it may have been a dash.
    """
    parts: list[str] = []
    offsets: Offsets = []
    end = 0
    for word, spaced in zip(words, _spaced(words), strict=True):
        if spaced:
            parts.append(" ")
            end += 1
        parts.append(word)
        offsets.append((end, end + len(word)))
        end += len(word)
    return "".join(parts), offsets


def _spaced(words: Sequence[str]) -> list[bool]:
    """Says of each word whether a space stands before it."""
    apostrophes = sum(word == "'" for word in words)
    opened: set[str] = set()
    spaced = []
    held = True
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        after = words[i + 1] if i + 1 < len(words) else ""
        if word in ('"', "'"):
            apostrophes -= word == "'"
            left, right = _quote_sides(word, before, after, opened, closes_later=word == '"' or apostrophes > 0)
        else:
            left, right = _sides(word, before, after)
        spaced.append(not (held or left or _run_on(before, word)))
        held = right
    return spaced


def _sides(word: str, before: str, after: str) -> tuple[bool, bool]:
    """Says whether a word is attached to the word before it, and to the word after it."""
    if _CLOSING.match(word):
        if _WHOLE_EMOTICON.match(word):
            return False, False
        return True, word == "’" and after.lower() in _AFTER_APOSTROPHE or _in_number(word, before, after)
    if word in _OPENING:
        return False, True
    if word in ("$", "£", "€", "¥", "#", "@"):
        return False, after[:1].isalnum() or after[:1] == "_"
    if word in ("%", "°"):
        return before[-1:].isdigit(), False
    if word in ("-", "‐", "/"):
        inside = before[-1:].isalnum() and after[:1].isalnum()
        return inside, inside
    return bool(_WHOLE_CLITIC.match(word)) or _is_fused(before, word), False


def _quote_sides(word: str, before: str, after: str, opened: set[str], *, closes_later: bool) -> tuple[bool, bool]:
    """Says the same of a straight quote, and keeps track of the open ones."""
    if word == "'" and before and after.lower() in _AFTER_APOSTROPHE:
        return True, True
    if word in opened:
        opened.remove(word)
        return True, False
    # "the users' guide": an apostrophe after an s ends a plural more often than it opens a quotation.
    if closes_later and not (word == "'" and before.endswith("s")):
        opened.add(word)
        return False, True
    return True, False


def _in_number(word: str, before: str, after: str) -> bool:
    """Whether a mark stands inside a number: 0.5, 1,400, 10:30."""
    if not (before[-1:].isdigit() and after[:1].isdigit()):
        return False
    n_digits = len(after) - len(after.lstrip("0123456789"))
    return word == "." or (word == "," and n_digits == 3) or (word == ":" and n_digits == 2)


def _is_fused(before: str, word: str) -> bool:
    """Whether a word was split off the word before it with no apostrophe to show for it: cannot, dont."""
    return (before.lower(), word.lower()) in _FUSED_PAIRS or (
        word in ("nt", "NT") and _UNMARKED_PAIR.match(before + word) is not None
    )


def _run_on(before: str, word: str) -> bool:
    """Whether two words meet in a script that sets no spaces."""
    return _UNSPACED.match(before[-1:]) is not None and _UNSPACED.match(word) is not None


def choose_splitter(sentences: Iterable[Sequence[str]], limit: int = 2000) -> tuple[str, dict[str, float]]:
    """Finds the splitter that recovers the most sentences exactly from their joined text.

    Args:
        sentences: the words of each sentence; those measured are spread evenly over all of them.
        limit: how many sentences to measure at most.

    Returns:
        The splitter's name, the earlier in `SPLITTERS` where two are equal, and the share recovered by each.
    """
    joined = [join_words(words) for words in _spread(sentences, limit)]
    shares = {}
    for name in SPLITTERS:
        split = make_splitter(name)
        shares[name] = sum(split(text) == offsets for text, offsets in joined) / max(1, len(joined))
    return max(shares, key=shares.__getitem__), shares


def _spread(sentences: Iterable[Sequence[str]], limit: int) -> list[Sequence[str]]:
    """Keeps at most `limit` sentences, evenly spaced, for corpora are often several sources end to end."""
    kept: list[Sequence[str]] = []
    step = 1
    for i, words in enumerate(sentences):
        if i % step == 0:
            kept.append(words)
            if len(kept) > limit:
                kept = kept[::2]
                step *= 2
    return kept
