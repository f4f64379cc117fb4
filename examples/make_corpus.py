"""Writes `examples/corpus`: everyday sentences with made-up people, organisations and places, from our own phrases.

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

# One phrase a line, or one word after another where there are no spaces; {name} stands for a phrase of that list, {PER}
# {ORG} {LOC} for a name.
GRAMMAR = {
    "text": """
        {far} .
        {far} .
        {far} .
        {far} .
        {near} .
        {near} .
        {many} .
    """,
    "far": """
        {PER} , {aside} , {per_does}
        {ORG} , {aside} , {org_does}
        {LOC} , {aside} , {loc_does}
        {opening} {PER} , {aside} , {per_does}
        {opening} {ORG} , {aside} , {org_does}
        {opening} {LOC} , {aside} , {loc_does}
        the {per_noun} {relative} {is} {PER}
        the {org_noun} {relative} {is} {ORG}
        the {loc_noun} {relative} {is} {LOC}
        {talk} {PER} {long} , and {agreed} the {per_noun} {was_good}
        {talk} {ORG} {long} , and {agreed} the {org_noun} {was_good}
        {talk} {LOC} {long} , and {agreed} the {loc_noun} {was_good}
        {PER} {in_news} ; {relative_start} the {per_noun} {was_good}
        {ORG} {in_news} ; {relative_start} the {org_noun} {was_good}
        {LOC} {in_news} ; {relative_start} the {loc_noun} {was_good}
    """,
    "near": """
        {opening} {PER} {per_does}
        {opening} {ORG} {org_does}
        {opening} {LOC} {loc_does}
        {PER} {per_does} {when}
        {ORG} {org_does} {when}
        {LOC} {loc_does} {when}
        {opening} the {per_noun} {PER} {per_does}
        {opening} the {org_noun} {ORG} {org_does}
        the {per_noun} {PER} {was_good}
        the {org_noun} {ORG} {was_good}
        the {loc_noun} of {LOC} {was_good}
        {opening} we {travel} {LOC}
        {my_friend} {travel} {LOC} {when}
    """,
    "many": """
        {PER} of {ORG} {travel} {LOC} {when}
        {PER} left {ORG} for {ORG} {when}
        {PER} {travel} {LOC} with {PER}
        {ORG} will open a new office in {LOC} {soon}
        {PER} , the {per_noun} , {travel} {LOC} {when}
        {ORG} , {aside} , {org_does} in {LOC}
        {LOC} , says the {per_noun} {PER} , {loc_does}
        {PER} , says a spokesman for {ORG} , {per_does}
        {ORG} , writes the {per_noun} {PER} , {org_does}
        dear {PER} , {opening} {PER} {per_does}
        hi {PER} , {talk} {LOC} {long} , and {agreed} the {loc_noun} {was_good}
        hello {PER} , {talk} {ORG} {long} , and {agreed} the {org_noun} {was_good}
    """,
    "opening": """
        {when} ,
        it seems that
        my neighbour tells me that
        as you may have heard ,
        the paper says that
        to nobody 's surprise ,
        after all these years
        we are told that
        the radio said that
        once more
        of course
    """,
    "when": """
        yesterday
        last week
        this morning
        on Monday
        on Friday
        last month
        in the spring
        late last night
        before the holidays
        at the end of the year
        in June
        two days ago
    """,
    "soon": "soon|next month|in the autumn|before the end of the year|next spring",
    "aside": """
        {preposition} {experience} {time}
        {preposition} that {time} and {preposition} the {time} before it
    """,
    "preposition": """
        after
        in spite of
        despite
        because of
        even after
        following
    """,
    "experience": """
        a long and rather quiet
        one more disappointing
        all the rumours of this
        weeks of talk about the
        everything people said about the
        a surprising turn at the end of the
    """,
    "time": """
        winter
        season
        summer
        year
        month
        week
        debate
        delay
        story
        autumn
    """,
    "relative": """
        that everybody has been talking about {when}
        we were all asked about {when}
        my sister keeps telling us about
        you will read about in the paper {when}
        nobody here had ever heard of before
        I wrote to you about in my last letter
        they showed on television again {when}
        we have dreamt about for so many years
    """,
    "relative_start": """
        even people who do not care much now say
        as far as anybody can tell from here ,
        and all of those who know say that
        after all that has been written so far ,
        the letters to the editor agree that
    """,
    "is": "is|was|is called|must be|will be|remains",
    "talk": """
        we talked about
        they asked us about
        everybody was curious about
        I read something about
        you wrote to me about
        there was a programme about
        she told the whole table about
    """,
    "long": """
        for most of the evening
        over dinner {when}
        until it was far too late
        for an hour or two
        again and again {when}
        at the kitchen table {when}
    """,
    "agreed": """
        in the end we all agreed that
        nobody doubted that
        most of us think that
        it turned out that
        everyone said that
    """,
    "in_news": """
        is in the news again
        was on everyone 's lips {when}
        comes up in every conversation
        is all they talk about
        made the front page {when}
        is a name you hear often
    """,
    "was_good": """
        was better than we had thought
        is not what it used to be
        was a pleasant surprise
        is worth a second look
        was the best of all
        has changed a great deal
        deserves more attention
        was a little dull
    """,
    "my_friend": "my brother|my aunt|her cousin|his boss|our teacher|the children|the whole team|an old friend",
    "travel": """
        flew to
        drove to
        moved to
        spent a week in
        took the train to
        stayed in
        rented a flat in
        came back from
        got lost near
        sent a postcard from
        sailed to
        walked to
    """,
    "per_noun": """
        striker|surgeon|pianist|mayor|goalkeeper|professor|novelist|painter|minister|coach|singer|actress|plumber|nurse
        lawyer|swimmer|cyclist|baker|inspector|senator|drummer|gardener|pilot|dentist|sculptor|sprinter|judge|poet|chef
        biologist|violinist|referee|carpenter|ambassador|dancer|comedian|boxer|butcher|tailor|wrestler|detective|bishop
        tenor|rower|farmer|fisherman|librarian|waitress|astronaut|jockey
    """,
    "org_noun": """
        insurer|airline|brewery|publisher|club|charity|bank|carmaker|retailer|startup|union|broadcaster|newspaper|party
        supermarket|foundation|shipbuilder|steelmaker|chipmaker|team|orchestra|regulator|agency|railway|bookshop|winery
        university|museum|ministry|supplier|manufacturer|consortium|cooperative|builder|developer|hospital|refinery|firm
        laboratory|studio|wholesaler|franchise|lender|grocer|distillery|federation|association|company|dealership|court
    """,
    "loc_noun": """
        harbour|village|valley|island|suburb|town|port|province|peninsula|lake|mountain|river|resort|region|district|bay
        city|capital|coast|forest|canyon|desert|beach|county|plateau|lagoon|borough|fishing port|ski resort|market town
        glacier|waterfall|volcano|archipelago|oasis|hamlet|marsh|moor|gorge|cape|crater|delta|fjord|headland|hillside
        meadow|quarter|reef|ridge|shore
    """,
    "per_does": """
        underwent knee surgery
        married a {per_noun}
        celebrated a {nth} birthday
        resigned as {per_noun}
        was born in a small house
        broke an arm
        fell asleep on the sofa
        studied law and medicine
        forgot the keys
        wore a red coat
        was sentenced to two years in prison
        scored a late goal
        won a gold medal
        played the cello
        wrote a first novel
        raised three daughters
        gave birth to twins
        retired from politics
        apologised to the {per_noun}
        caught a cold
        was learning to drive
        died at the age of eighty
        shaved off the beard
        lost the election by a few votes
        asked the {per_noun} to dance
    """,
    "org_does": """
        reported higher profits
        hired a {per_noun}
        recalled thousands of cars
        cut four hundred jobs
        raised its dividend
        signed a new {per_noun}
        sued a {org_noun}
        merged with a {org_noun}
        filed for bankruptcy
        appointed a chief executive
        launched a cheaper phone
        sold its {org_noun}
        won the cup final
        issued new bonds
        bought a rival {org_noun}
        opened forty branches
        lowered its forecast
        paid a fine to the {org_noun}
        laid off its drivers
        lost a third of its shareholders
        published its accounts
        stopped making tractors
        was relegated to the second division
        patented a new engine
        outsourced its payroll
    """,
    "loc_does": """
        was hit by heavy floods
        cleaned up its {loc_noun}
        was built by a {loc_noun}
        attracted many tourists
        was covered in snow
        lay north of the {loc_noun}
        suffered a power cut
        was famous for its cheese
        was shaken by an earthquake
        widened its narrow streets
        voted for a new bridge
        had ten thousand inhabitants
        was rebuilt around the cathedral
        ran out of drinking water
        was cut off by a landslide
        had lovely weather
        bordered on the {loc_noun}
        was occupied by foreign troops
        had no railway station
        closed its airport
        was surrounded by vineyards
        could only be reached by ferry
        was evacuated by helicopter
        elected a new {per_noun}
        was crowded with visitors
    """,
    "nth": "thirtieth|fortieth|fiftieth|sixtieth|seventieth",
}


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
