"""Small made-up corpora of texts for each task."""

import json
from pathlib import Path
from random import Random
from typing import Any

THINGS = {"animal": ("cat", "dog", "horse", "owl"), "food": ("bread", "soup", "rice"), "city": ("Oslo", "Lima", "Bern")}
TEMPLATES = ("I saw {} today .", "tell me about {} , please", "{} ?", "what a nice {} that was !", "not {} again")
ALL = [thing for things in THINGS.values() for thing in things]


def one_label(random: Random) -> dict[str, Any]:
    label = random.choice(sorted(THINGS))
    return {"text": random.choice(TEMPLATES).format(random.choice(THINGS[label])), "label": label}


def multi_label(random: Random) -> dict[str, Any]:
    labels = sorted(random.sample(sorted(THINGS), random.choice((0, 1, 1, 2))))
    things = [random.choice(THINGS[label]) for label in labels] or ["nothing"]
    return {"text": random.choice(TEMPLATES).format(" and ".join(things)), "labels": labels}


def regression(random: Random) -> dict[str, Any]:
    """Pairs of texts; the number says whether they are about the same thing."""
    first, second = random.choice(ALL), random.choice(ALL)
    if random.random() < 0.5:
        second = first
    texts = [random.choice(TEMPLATES).format(thing) for thing in (first, second)]
    return {"text": texts[0], "text_pair": texts[1], "label": 1.5 if first == second else 0.25}


MAKERS = {"one_label": one_label, "multi_label": multi_label, "regression": regression}


def write_corpus(folder: Path, task: str) -> Path:
    """A folder with train, dev, test, and raw texts (pairs divided by a tab)."""
    folder.mkdir(parents=True)
    for seed, (name, n) in enumerate({"train": 48, "dev": 16, "test": 16, "raw": 40}.items()):
        random = Random(seed)
        rows = [MAKERS[task](random) for _ in range(n)]
        if name == "raw":
            lines = ["\t".join(row[key] for key in ("text", "text_pair") if key in row) for row in rows]
            (folder / "raw.txt").write_text("\n".join(lines) + "\n")
        else:
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
