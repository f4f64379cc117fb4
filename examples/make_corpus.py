"""Writes `examples/corpus`: everyday sentences with made-up people, organisations and places, from `phrases.yaml`.

    python examples/make_corpus.py [--seed N] [--output_dir FOLDER]

`train.txt`, `dev.txt` and `test.txt` hold `word<TAB>tag` rows (IOB2), `unlabeled.txt` raw text, one sentence a line.

What makes it hard: most names are made of syllables that say nothing of their type, many are used for a person, an
organisation and a place alike, and what tells them apart stands often ten words off; some texts are all lower-case,
some words are misspelt. Names are dealt out once: none of test's or dev's occurs in train. The raw text has names of
train, three quarters of test's and half of dev's; the others are seen nowhere else.
"""

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

Words = list[tuple[str, str]]

SIZES = {"train": 3000, "dev": 300, "test": 500}
N_UNLABELED = 4000
# Share of each pool's names that a split may use; the same slice for every type.
POOLS = {"train": (0.0, 0.8), "dev": (0.8, 0.9), "test": (0.9, 1.0)}
UNLABELED_POOLS = ((0.77, 0.85), (0.9, 0.965))
N_NAMES = {"shared": 1000, "PER": 700, "ORG": 700, "LOC": 700, "first": 300}
SHARED = 0.3
TELLING = 0.25

STARTS = """Al An Ar Bel Ber Bor Bran Cal Car Cor Dal Dar Del Dor El En Fal Far Fen Gal Gar Gor Hal Har Hol Ir Is Jar
Jor Kal Kar Kel Lan Lor Lun Mal Mar Mel Mor Nar Nel Nor Ol Or Pal Par Pel Quin Ral Ran Ros Sal Sar Sel Sor Tal Tar Tol
Ul Ur Val Var Vel Wal War Wes Yor Zan Zel"""
MIDDLES = """a e i o u ba be da di do ga ge ka la le li lo ma me mi na ne ni ra re ri ro sa se ta te ti va ve vi
abi ade alo amo ane ara avi eli ema eno era eso eto idi ila imo ina ira iso iva obe odi ola omi ona ora osi ota"""
ENDS = {
    "shared": "ck d dan den don k l la lan len lin ll m man mar men n na nd ne nt r ra ran rd ren ris rt s st t x",
    "PER": "ez ov ova sen ski son",
    "ORG": "com dex net soft tec tron",
    "first": "ette ia ie io us y",
    "LOC": "burg ford holm mouth stad ville",
}
ORG_TAILS = "Bank Brothers Group Holdings Industries Ltd Media Partners United"
LOC_TAILS = "Bay Beach Bridge Falls Hill Island Lake Park Valley"

GRAMMAR: dict[str, str] = yaml.safe_load((Path(__file__).parent / "phrases.yaml").read_text(encoding="utf-8"))


def main() -> None:
    """Writes the four files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output_dir", type=Path, default=Path(__file__).parent / "corpus")
    options = parser.parse_args()
    options.output_dir.mkdir(parents=True, exist_ok=True)
    names = make_names(random.Random(options.seed))
    seen: set[str] = set()
    for split, size in SIZES.items():
        writer = Writer(random.Random(f"{options.seed} {split}"), deal(names, POOLS[split]))
        rows = ("\n".join(f"{word}\t{tag}" for word, tag in words) + "\n\n" for words in writer.texts(size, seen))
        (options.output_dir / f"{split}.txt").write_text("".join(rows), encoding="utf-8")
    writer = Writer(random.Random(f"{options.seed} raw"), deal(names, *UNLABELED_POOLS))
    lines = (as_text(words) + "\n" for words in writer.texts(N_UNLABELED, seen))
    (options.output_dir / "unlabeled.txt").write_text("".join(lines), encoding="utf-8")


def make_names(chance: random.Random) -> dict[str, list[str]]:
    """Distinct names: those of any type, and those whose ending tells."""
    taken: set[str] = set()
    names: dict[str, list[str]] = {}
    for kind, count in N_NAMES.items():
        names[kind] = []
        while len(names[kind]) < count:
            ends = ENDS[kind if chance.random() < TELLING else "shared"]
            name = "".join(chance.choice(part.split()) for part in (STARTS, MIDDLES, ends))
            if name not in taken:
                taken.add(name)
                names[kind].append(name)
    return names


def deal(names: dict[str, list[str]], *pools: tuple[float, float]) -> dict[str, list[str]]:
    """The names of these slices of every pool."""
    return {
        kind: [name for low, high in pools for name in all_[round(low * len(all_)) : round(high * len(all_))]]
        for kind, all_ in names.items()
    }


class Writer:
    """Writes texts with the names it was dealt.

    Args:
        chance: the source of every choice.
        names: by kind.
    """

    def __init__(self, chance: random.Random, names: dict[str, list[str]]) -> None:
        self._chance = chance
        self._names = names
        self._phrases = {name: phrases(block) for name, block in GRAMMAR.items()}

    def texts(self, count: int, seen: set[str]) -> Iterator[Words]:
        """So many texts that are not in `seen`, which takes them up."""
        while count:
            words = self._roughen(self._expand("text"))
            text = as_text(words)
            if text not in seen:
                seen.add(text)
                count -= 1
                yield words

    def _expand(self, name: str) -> Words:
        words: Words = []
        for part in self._chance.choice(self._phrases[name]).split():
            if not part.startswith("{"):
                words.append((part, "O"))
            elif part[1:-1].isupper():
                words += self._name(part[1:-1])
            else:
                words += self._expand(part[1:-1])
        return words

    def _name(self, kind: str) -> Words:
        chance = self._chance
        parts = [chance.choice(self._names["shared" if chance.random() < SHARED else kind])]
        if kind == "PER" and chance.random() < 0.3:
            parts.insert(0, chance.choice(self._names["first"]))
        elif kind != "PER" and chance.random() < 0.15:
            parts.append(chance.choice((ORG_TAILS if kind == "ORG" else LOC_TAILS).split()))
        return [(part, f"I-{kind}" if index else f"B-{kind}") for index, part in enumerate(parts)]

    def _roughen(self, words: Words) -> Words:
        """A capital at the beginning, or none at all; a misspelling here and there."""
        words = [(self._misspell(word) if tag == "O" else word, tag) for word, tag in words]
        if self._chance.random() < 0.1:
            return [(word.lower(), tag) for word, tag in words]
        return [(words[0][0][:1].upper() + words[0][0][1:], words[0][1]), *words[1:]]

    def _misspell(self, word: str) -> str:
        if len(word) < 5 or self._chance.random() > 0.02:
            return word
        at = self._chance.randrange(1, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def phrases(block: str) -> list[str]:
    """The phrases of a list: its lines, or what stands between bars."""
    return [phrase.strip() for phrase in re.split(r"[|\n]", block) if phrase.strip()]


def as_text(words: Words) -> str:
    """The words as one would write them."""
    return re.sub(r" (?=[.,;]|'s\b)", "", " ".join(word for word, _ in words))


if __name__ == "__main__":
    main()
