"""Tables of cells: what each student keeps of its teacher, beside its peers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from cells import Cell
from harness import score
from recipes import Corpus, defaults_of

HEADERS = {
    "teacher": "teacher",
    "crf": "CRF",
    "spacy": "spaCy",
    "svm": "SVM",
}


class Results:
    """The cells of a family that count: the last of each corpus, recipe and seed, students by the current defaults."""

    def __init__(self, cells: Iterable[Cell], corpora: Mapping[str, Corpus]) -> None:
        self.corpora = corpora
        current = [cell for cell in cells if is_current(cell) and cell["corpus"] in corpora]
        self.cells = list({(cell["corpus"], cell["recipe"], cell["seed"]): cell for cell in current}.values())

    def of(self, corpus: str, recipe: str) -> list[Cell]:
        """The cells of all seeds."""
        return [cell for cell in self.cells if (cell["corpus"], cell["recipe"]) == (corpus, recipe)]

    def recipes(self, corpus: str) -> list[str]:
        """Recipes that there are cells of, in their order."""
        return list(dict.fromkeys(cell["recipe"] for cell in self.cells if cell["corpus"] == corpus))

    def scores(self, corpus: str, recipe: str, split: str = "test") -> list[float]:
        """Of all seeds."""
        return [score(cell, split, self.corpora[corpus].measure) for cell in self.of(corpus, recipe)]

    def scores_in_int8(self, corpus: str, recipe: str) -> list[float]:
        """On test, of the seeds whose run has told it."""
        measure = self.corpora[corpus].measure
        return [score(cell["int8"], "test", measure) for cell in self.of(corpus, recipe) if "int8" in cell]

    def mean(self, corpus: str, recipe: str, split: str = "test") -> float | None:
        """Over the seeds; None where there are none."""
        return mean_of(self.scores(corpus, recipe, split))

    def teachers(self, corpus: str, recipe: str) -> list[float]:
        """Test score of the teacher: as the distilled students' runs read it, else of its own run."""
        measure = self.corpora[corpus].measure
        read = [score(cell["teacher"], "test", measure) for cell in self.of(corpus, recipe) if "teacher" in cell]
        return [mean(read)] if read else self.scores(corpus, "teacher")

    def gold_beside(self, corpus: str, recipe: str, gold: str) -> str:
        """The recipe of the undistilled student to hold a student against: with the same levers, where that was run."""
        twin = "+".join([gold, *recipe.split("+")[1:]])
        return twin if self.of(corpus, twin) else gold

    def kept(self, corpus: str, recipe: str) -> float | None:
        """Share of the teacher's test score, mean over seeds; None where it is not known."""
        own, teacher = self.mean(corpus, recipe), mean_of(self.teachers(corpus, recipe))
        return own / teacher if own is not None and teacher else None

    def gap_closed(self, corpus: str, recipe: str, gold: str) -> float | None:
        """(student - gold only) / (teacher - gold only) on test; None where one is missing, or the gap is no gap."""
        own, baseline = self.mean(corpus, recipe), self.mean(corpus, self.gold_beside(corpus, recipe, gold))
        teacher = mean_of(self.teachers(corpus, recipe))
        if own is None or baseline is None or teacher is None or teacher <= baseline:
            return None
        return (own - baseline) / (teacher - baseline)

    def difference(self, corpus: str, recipe: str) -> tuple[float, float, float] | None:
        """Student less teacher on test, and the ends of its interval, each a mean over seeds.

        None unless all seeds have one.
        """
        found = [cell.get("differences", {}).get("test", {}).get("teacher") for cell in self.of(corpus, recipe)]
        if not found or any(one is None or one["interval"] is None for one in found):
            return None
        low, high = (mean(one["interval"][end] for one in found) for end in (0, 1))
        return mean(one["difference"] for one in found), low, high


def is_current(cell: Mapping[str, Any]) -> bool:
    """Whether it was made by the current defaults."""
    return int(cell.get("defaults", 1)) >= defaults_of(cell["recipe"])


def mean_of(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return mean(values) if values else None


def comparison_lines(
    results: Results, corpora: Sequence[str], *, gold: str, students: Sequence[str], peers: Sequence[str]
) -> Iterator[str]:
    """A row a corpus: its teacher, its peers, and the distilled student that is best on dev.

    Args:
        results: the cells.
        corpora: rows.
        gold: recipe of the undistilled student.
        students: recipes of the distilled ones.
        peers: recipes of others.
    """
    titles = [HEADERS[name] for name in peers]
    yield table_row("corpus", "teacher", *titles, "gold only", "distilled", "recipe", *_KEPT_TITLES, "above all others")
    yield "| --- |" + " ---: |" * (len(peers) + 3) + " --- |" + " ---: |" * 3 + " --- | --- |"
    for corpus in corpora:
        best = best_on_dev(results, corpus, students)
        own_gold = gold if best is None else results.gold_beside(corpus, best, gold)
        others = {name: results.mean(corpus, name) for name in (*peers, own_gold)}
        shown = [spread(results.teachers(corpus, best or gold))]
        shown += [spread(results.scores(corpus, name)) for name in (*peers, own_gold)]
        if best is None:
            if any(text != "-" for text in shown):
                yield table_row(corpus, *shown, *["-"] * 7)
            continue
        student = results.mean(corpus, best)
        assert student is not None
        below = [name for name, other in others.items() if other is not None and student <= other]
        missing = [name for name, other in others.items() if other is None]
        above = ", ".join(f"not {HEADERS.get(name, 'gold only')}" for name in below) or "yes"
        above += "".join(f", {HEADERS.get(name, 'gold only')} not run" for name in missing)
        own = spread(results.scores(corpus, best))
        yield table_row(corpus, *shown, own, f"`{best}`", *kept_columns(results, corpus, best, gold), above)


_KEPT_TITLES = ("kept", "gap closed", "student - teacher", "target")


def kept_columns(
    results: Results, corpus: str, recipe: str, gold: str, target: float | None = None
) -> tuple[str, str, str, str]:
    """Share kept, gap closed, difference with its interval, and whether the target is met."""
    difference = results.difference(corpus, recipe)
    told = "-" if difference is None else f"{difference[0]:+.3f} [{difference[1]:+.3f}, {difference[2]:+.3f}]"
    closed = percent(results.gap_closed(corpus, recipe, gold))
    return percent(results.kept(corpus, recipe)), closed, told, target_text(results, corpus, recipe, target)


def target_text(results: Results, corpus: str, recipe: str, target: float | None = None) -> str:
    """The targets of a corpus, and whether they are met.

    A share of the teacher's score counts as met on the mean over seeds, and as within noise where the interval of the
    difference to the teacher reaches it.
    """
    settings = results.corpora[corpus]
    share = settings.target if target is None else target
    own, kept, teacher = (
        results.mean(corpus, recipe),
        results.kept(corpus, recipe),
        mean_of(results.teachers(corpus, recipe)),
    )
    if own is None or kept is None or teacher is None:
        return f"{share:.1%}"
    difference = results.difference(corpus, recipe)
    reached = difference is not None and difference[2] >= (share - 1) * teacher
    told = f"{share:.1%}: " + ("met" if kept >= share else "within noise" if reached else "missed")
    if settings.floor is not None and target is None:
        told += f"; {settings.floor:.2f}: " + ("met" if own >= settings.floor else "missed")
    return told


def best_on_dev(results: Results, corpus: str, recipes: Iterable[str]) -> str | None:
    """The recipe whose mean over seeds is best on dev; None where there are no cells."""
    means = {name: results.mean(corpus, name, "dev") for name in recipes}
    known = {name: value for name, value in means.items() if value is not None}
    return max(known, key=known.__getitem__) if known else None


def student_lines(results: Results, corpora: Sequence[str], *, gold: str, recipes: Sequence[str]) -> Iterator[str]:
    """A row a corpus and recipe, with the spread over seeds."""
    titles = ("dev", "test", "teacher", *_KEPT_TITLES[:3], "test in int8", "parameters", "minutes")
    yield table_row("corpus", "recipe", "seeds", *titles)
    yield "| --- | --- |" + " ---: |" * 10
    for corpus in corpora:
        for recipe in (name for name in recipes if results.of(corpus, name)):
            cells = results.of(corpus, recipe)
            scores = [spread(results.scores(corpus, recipe, split)) for split in ("dev", "test")]
            kept: Sequence[str] = kept_columns(results, corpus, recipe, gold)[:3] if "_kd" in recipe else ("-",) * 3
            size = mean_of([cell["n_parameters"] for cell in cells if "n_parameters" in cell])
            minutes = mean(float(cell.get("train_seconds", cell["seconds"])) for cell in cells) / 60
            shown = "-" if size is None else f"{size / 1e6:.2f}M"
            teacher = spread(results.teachers(corpus, recipe))
            int8 = spread(results.scores_in_int8(corpus, recipe))
            told = (*scores, teacher, *kept, int8, shown, f"{minutes:.1f}")
            yield table_row(corpus, f"`{recipe}`", str(len(cells)), *told)


def ablation_lines(results: Results, corpora: Sequence[str], ablations: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """A row a lever: its gain over what it is compared with, seed by seed.

    Args:
        results: the cells.
        corpora: columns.
        ablations: by recipe, that of comparison and what the lever is.
    """
    titles = (title for corpus in corpora for title in (f"{corpus} dev", f"{corpus} test", "seeds"))
    yield table_row("lever", "recipe", *titles)
    yield "| --- | --- |" + " ---: |" * (3 * len(corpora))
    for recipe, (base, told) in ablations.items():
        columns: list[str] = []
        for corpus in corpora:
            gains = [seed_gains(results, corpus, recipe, base, split) for split in ("dev", "test")]
            columns += [*(spread(of, sign="+") for of in gains), str(len(gains[0]) or "-")]
        if any(column != "-" for column in columns):
            yield table_row(told, f"`{recipe}`", *columns)


def seed_gains(results: Results, corpus: str, recipe: str, base: str, split: str) -> list[float]:
    """Gain over another recipe, of each seed that both have."""
    measure = results.corpora[corpus].measure
    of_base = {cell["seed"]: score(cell, split, measure) for cell in results.of(corpus, base)}
    own = {cell["seed"]: score(cell, split, measure) for cell in results.of(corpus, recipe)}
    return [value - of_base[seed] for seed, value in own.items() if seed in of_base]


def search_lines(logged: Sequence[Cell], corpora: Mapping[str, Corpus]) -> Iterator[str]:
    """A row a variant: mean dev score over seeds on each corpus that the search read, and the gain over the first row.

    The gain is the mean over corpora of that over seeds, of corpora and seeds that both have.
    """
    columns = [name for name in corpora if any(line["corpus"] == name for line in logged)]
    scores = {
        (line["variant"], line["corpus"], line["seed"]): line["dev"][corpora[line["corpus"]].measure] for line in logged
    }
    variants = list(dict.fromkeys(line["variant"] for line in logged))
    yield table_row("variant", *columns, "gain", "corpora, runs")
    yield "| --- |" + " ---: |" * (len(columns) + 2)
    for variant in variants:
        own = {name: {seed: x for (v, c, seed), x in scores.items() if (v, c) == (variant, name)} for name in columns}
        gains = {
            name: [x - scores[variants[0], name, seed] for seed, x in of.items() if (variants[0], name, seed) in scores]
            for name, of in own.items()
        }
        means = [mean(some) for some in gains.values() if some]
        gain = f"{mean(means):+.4f}" if means and variant != variants[0] else "-"
        shown = (spread(list(of.values())) for of in own.values())
        n_runs = sum(map(len, gains.values()))
        yield table_row(f"`{variant}`", *shown, gain, f"{len(means)}, {n_runs}")


def spread(scores: Sequence[float], sign: str = "") -> str:
    """The mean, and the lowest and highest where there are several."""
    if not scores:
        return "-"
    told = f"{mean(scores):{sign}.3f}"
    return told if len(scores) == 1 else f"{told} [{min(scores):{sign}.3f}, {max(scores):{sign}.3f}]"


def percent(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else f"{share:.1%}"


def table_row(*columns: str) -> str:
    """A line of a table."""
    return "| " + " | ".join(columns) + " |"


def provenance_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Machines, versions, commits and seeds of cells."""
    for machine in sorted({cell["machine"] for cell in cells}):
        yield f"- Machine: {machine}."
    for versions in sorted({json.dumps(cell["versions"]) for cell in cells}):
        yield "- Versions: " + ", ".join(f"{name} {number}" for name, number in json.loads(versions).items()) + "."
    yield f"- Commits: {', '.join(sorted({cell['commit'] for cell in cells}))}."
    seeds = sorted({cell["seed"] for cell in cells if cell["seed"]})
    yield f"- Seeds of students: {', '.join(map(str, seeds))}."
