"""Writes `examples/texts`: messages to a bicycle hire, each with what it is about, made of our own phrases.

    python examples/make_texts.py [--seed N] [--output_dir FOLDER]

`train.csv`, `dev.csv` and `test.csv` have the columns `text` and `label`; `unlabeled.txt` holds raw texts, one a line.
No text of dev or test stands in train. What makes it hard: every message names bicycles, places and days, whatever it
is about, some are misspelt, and some begin with what another kind of message is about.
"""

import argparse
import csv
import random
import re
from pathlib import Path

SIZES = {"train": 900, "dev": 200, "test": 300}
N_UNLABELED = 2000

GRAMMAR = {
    "book": """
        can i have {bike} {day} ?
        {please} keep {bike} for me {day}
        we need {number} {bikes} {day}, is that possible ?
        i would like to ride {bike} {place} {day}
        is {bike} still free {day} ?
        put me down for {bike}, i come {day}
    """,
    "cancel": """
        i can not come {day} after all, {please} forget {bike}
        we will not need the {bikes} {day}
        {please} take my name off the list for {day}
        {bike} that i asked for {day}: somebody else may have it
        our trip {place} is off, so no {bikes} for us {day}
        i have changed my mind about {bike}
    """,
    "price": """
        how much is {bike} for a day ?
        what do {number} {bikes} cost {day} ?
        is it cheaper to take {bike} for the whole week ?
        do children pay less for {bikes} ?
        what would you charge us for {number} {bikes} {place} ?
        must i leave money behind when i take {bike} ?
    """,
    "repair": """
        {bike} that you gave me makes a noise {place}
        the chain of {bike} came off {place}
        i have a flat tyre {place}, what now ?
        the brakes of {bike} do not hold
        one of our {bikes} has lost a pedal {day}
        {bike} broke down {place}, can you fetch us ?
    """,
    "lost": """
        i think i left my gloves on {bike} {day}
        has anybody found a key {place} ?
        my daughter forgot her helmet when we brought {bike} back {day}
        did you see a red bag beside the {bikes} {day} ?
        somebody took {bike} {place} while we had lunch
        {bike} is gone, it stood {place}
    """,
    "thanks": """
        {bike} was a joy to ride {place}
        we had a wonderful day {place} with your {bikes}
        many thanks for {bike}, we will come again {day}
        your {bikes} are the best for riding {place}
        the children still talk about {bike}
        good advice, it was lovely to ride {place} {day}
    """,
    "bike": """
        the {colour} bicycle
        the {kind} bike
        the {colour} {kind} bike
        a {kind} bike
        the tandem
        number {n}
    """,
    "bikes": "bikes bicycles tandems wheels",
    "kind": "mountain city cargo folding racing electric child's",
    "colour": "red blue green black yellow old new big small",
    "number": "two three four five seven",
    "n": "3 7 12 15 21 33 40",
    "day": """
        today
        tomorrow
        on monday
        on friday
        on sunday
        at the weekend
        next week
        in the morning
        this afternoon
        at noon
    """,
    "place": """
        by the river
        in the forest
        to the lake
        up the hill
        at the old mill
        near the station
        along the canal
        behind the church
    """,
    "please": "please kindly",
    "start": """
        hello,
        good morning,
        thank you for your message.
        sorry to trouble you,
        about the price:
        about the booking:
        one more thing,
    """,
}
LABELS = ("book", "cancel", "lost", "price", "repair", "thanks")


def phrases(name: str) -> list[str]:
    """The phrases of a name: one a line, or one word after another where there are no lines."""
    lines = [line.strip() for line in GRAMMAR[name].splitlines() if line.strip()]
    return lines if len(lines) > 1 else lines[0].split()


def fill(name: str, draw: random.Random) -> str:
    """A phrase of this name, with phrases in the place of the names in it."""
    return re.sub(r"{(\w+)}", lambda match: fill(match[1], draw), draw.choice(phrases(name)))


def misspell(text: str, draw: random.Random) -> str:
    """Two letters of a word change places."""
    place = draw.randrange(len(text) - 1)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def message(draw: random.Random) -> tuple[str, str]:
    """A text and its label."""
    label = draw.choice(LABELS)
    text = fill(label, draw)
    if draw.random() < 0.3:
        text = f"{fill('start', draw)} {text}"
    if draw.random() < 0.15:
        text = misspell(text, draw)
    return text, label


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output_dir", type=Path, default=Path(__file__).parent / "texts")
    options = parser.parse_args()
    options.output_dir.mkdir(parents=True, exist_ok=True)
    draw, seen = random.Random(options.seed), set()

    def new() -> tuple[str, str]:
        while (found := message(draw))[0] in seen:
            pass
        seen.add(found[0])
        return found

    for name, n in SIZES.items():
        with (options.output_dir / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("text", "label"), *(new() for _ in range(n))])
    raw = "".join(f"{new()[0]}\n" for _ in range(N_UNLABELED))
    (options.output_dir / "unlabeled.txt").write_text(raw, encoding="utf-8")


if __name__ == "__main__":
    main()
