import dataclasses
import re
from html.parser import HTMLParser

import pytest

from nlparch.calibration import Bin
from nlparch.disagreements import Disagreement
from nlparch.report import Evidence, Size, write_page, write_report

ROW = {"precision": 0.8, "recall": 0.5, "f1": 0.6, "f1_interval": (0.5, 0.7), "support": 20}
SEEN = {"precision": 0.9, "recall": 0.9, "f1": 0.9, "f1_interval": (0.8, 1.0), "support": 12}
UNSEEN = {"precision": None, "recall": None, "f1": None, "f1_interval": None, "support": 0}
SCORES = {
    "precision": 0.8, "recall": 0.5, "f1": 0.6, "f1_strict": None, "accuracy": 0.9, "n": 12345,
    "f1_interval": (0.55, 0.65), "calibration_error": 0.03, "seen": SEEN, "unseen": UNSEEN, "per_type": {"PER": ROW},
}  # fmt: skip
METRICS = {
    "procedure": "tagger_kd", "n_parameters": 2000000, "best_epoch": 2.0, "best_step": 20, "seed": 42,
    "train_seconds": 9.0, "dev": SCORES, "test": SCORES,
    "teacher": {"n_parameters": 20000000, "dev": SCORES | {"f1": 0.75}, "test": SCORES | {"f1": 0.75}},
    "baseline": {"n_parameters": 2000000, "dev": SCORES | {"f1": 0.5}, "test": SCORES | {"f1": 0.5}},
    "agreement": {"dev": 0.96, "test": 0.97},
    "int8": {"bytes": 2100000, "words_per_second": 90000.2, "test": {"f1": 0.59}},
    "differences": {"test": {
        "teacher": {"difference": -0.15, "interval": (-0.2, -0.1), "p": 0.002},
        "baseline": {"difference": 0.1, "interval": (-0.01, 0.2), "p": 0.061},
    }},
}  # fmt: skip
LOG = [
    {"loss": 2.0, "hard_loss_weighted": 1.5, "soft_loss_weighted": 0.5, "epoch": 0.5, "step": 5},
    {"loss": 1.0, "hard_loss_weighted": 0.0, "soft_loss_weighted": 1.0, "epoch": 1.0, "step": 10},
    {"eval_f1": 0.4, "epoch": 1.0, "step": 10},
    {"loss": 0.5, "hard_loss_weighted": 0.2, "soft_loss_weighted": 0.3, "epoch": 2.0, "step": 20},
    {"eval_f1": 0.6, "epoch": 2.0, "step": 20},
    {"train_runtime": 9.0, "epoch": 2.0, "step": 20},
]
EVIDENCE = Evidence(
    sizes={"student": Size(8000000, 40000.4), "teacher": Size(None, 4000.0)},
    measured_on="a test",
    curves={"student": LOG, "baseline": [{"eval_f1": 0.3, "epoch": 1.0}, {"eval_f1": 0.5, "epoch": 2.0}]},
    bins={"student": [Bin(0.0, 0.5, 0, None, None), Bin(0.5, 1.0, 50, 0.9, 0.8)]},
    bins_split="test",
    disagreements=[
        Disagreement(["<script>alert(1)</script>", "&", "Bo"], ["O", "O", "B-PER"], ["O"] * 3, ["B-<b>", "O", "O"],
                     "IOB2", 0.987),
    ],
    disagreements_split="dev",
)  # fmt: skip


class Page(HTMLParser):
    """The tags of a page that it opens and never closes, what it refers to, and its tables."""

    VOID = {"meta", "path"}

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID or tag == "path":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page():
    options = {"data_dir": "<corpus>", "lr": 0.1}
    return write_page(METRICS, title="tagger_kd: <run>", notes=["3 lines & more"], options=options, evidence=EVIDENCE)


def test_the_page_is_well_formed_and_needs_nothing_beside_itself(page):
    parsed = Page(page)
    assert not parsed.open
    assert not [attrs for _, attrs in parsed.elements if {"src", "href"} & attrs.keys()]
    assert not {tag for tag, _ in parsed.elements} & {"script", "link", "img", "iframe"}
    assert "://" not in page and "@import" not in page and "url(" not in page


def test_what_the_user_gave_is_escaped(page):
    assert "<script>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<h1>tagger_kd: &lt;run&gt;</h1>" in page and "3 lines &amp; more" in page
    assert "data_dir: &lt;corpus&gt;" in page and "<b>PER" not in page and "&lt;b&gt;</small>" in page


def test_tables_say_what_their_columns_and_rows_are(page):
    tables = re.findall(r"<table>.*?</table>", page, flags=re.DOTALL)
    assert len(tables) > 6
    for table in tables:
        head, body = table.split("<tbody>")
        assert "<caption>" in head and '<th scope="col"' in head and "<td>" not in head
        assert body.count("<tr>") == 0 or "<td>" in body


def test_light_and_dark_and_small_screens_are_catered_for(page):
    assert "prefers-color-scheme: dark" in page and "width=device-width" in page and "@media (max-width" in page


def test_the_figures_that_matter_most_come_first(page):
    tiles = page[page.index('<dl class="tiles">') : page.index("<section>")]
    for figure in ("0.6000", "0.7500", "0.5000", "80.0%", "40.0%", "97.0%", "8,000,000", "10 times the teacher"):
        assert figure in tiles


def test_every_plot_has_a_title_and_a_legend(page):
    figures = re.findall(r"<figure>.*?</figure>", page, flags=re.DOTALL)
    captions = [re.search(r"<b>(.*?)</b>", figure)[1] for figure in figures]
    assert captions == [
        "F1 on dev, with 95% intervals", "F1 on test, with 95% intervals", "F1 on dev",
        "loss and its weighted terms, on a logarithmic scale",
        "share of tags that are right, by their probability (from 10 words)",
    ]  # fmt: skip
    assert all('role="img"' in figure and 'class="key' in figure for figure in figures)


def test_page_and_markdown_hold_the_same_figures(page):
    text = write_report(METRICS, title="tagger_kd", notes=["3 lines & more"], evidence=EVIDENCE)
    shown = set(re.findall(r"[-+]?\d[\d,.]*\d", re.sub(r"<[^>]*>", " ", page)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    missing = {figure for row in rows for figure in re.findall(r"[-+]?\d[\d,.]*\d", row)} - shown
    assert not missing
    titles = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert titles == re.findall(r"<h2>(.*)</h2>", page)[: len(titles)]


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_markdown_tells_intervals_gap_seen_speed_curves_calibration_and_sentences():
    text = write_report(METRICS, title="run", evidence=EVIDENCE)
    rows = cells(text)
    assert ["test", "F1", "0.6000", "0.7500", "0.5000", "80.0%", "40.0%"] in rows
    assert ["test", "F1", "student - undistilled", "+0.1000", "-0.0100 to +0.2000", "0.061"] in rows
    assert ["test", "F1", "student", "0.6000", "0.5500 to 0.6500", ""] in rows
    assert ["dev", "unseen", "0", *["-", "-"] * 3] in rows
    assert ["student", "2,000,000", "8,000,000", "40,000", "0.6000"] in rows
    assert ["student in int8", "2,000,000", "2,100,000", "90,000", "0.5900"] in rows
    assert ["2.00", "0.6000", "0.5000", "0.5000", "0.2000", "0.3000"] in rows
    assert ["1.00", "0.4000", "0.3000", "1.5000", "0.7500", "0.7500"] in rows
    assert ["0.5 to 1.0", "50", "0.9000", "0.8000"] in rows
    assert "the student is 99% sure of its mistake" in text
    assert r"student: **\<script>alert(1)\</script>** (\<b>, wrong) & **Bo** (PER, missed)" in text


def test_curves_of_models_that_were_evaluated_at_other_times_stand_in_one_table():
    baseline = [{"eval_f1": 0.1 * number, "epoch": 0.8 * number} for number in range(1, 5)]
    evidence = dataclasses.replace(EVIDENCE, curves={"student": LOG, "baseline": baseline})
    rows = cells(write_report(METRICS, title="run", evidence=evidence))
    assert [row[:3] for row in rows if row[0] in ("0.80", "1.00", "1.60", "2.00", "2.40", "3.20")] == [
        ["0.80", "-", "0.1000"],
        ["1.00", "0.4000", "-"],
        ["1.60", "-", "0.2000"],
        ["2.00", "0.6000", "-"],
        ["2.40", "-", "0.3000"],
        ["3.20", "-", "0.4000"],
    ]


def test_the_gap_is_undefined_where_the_teacher_is_no_better_than_the_baseline():
    metrics = METRICS | {"teacher": METRICS["teacher"] | {"test": SCORES | {"f1": 0.5}}}
    rows = cells(write_report(metrics, title="run"))
    assert ["test", "F1", "0.6000", "0.5000", "0.5000", "120.0%", "-"] in rows
    assert "of the gap closed" not in write_page(metrics, title="run")


def test_a_run_with_next_to_nothing_to_tell_still_has_a_page():
    page = write_page({"procedure": "tagger", "n_parameters": 5, "best_step": None}, title="run")
    assert not Page(page).open
    assert "Nothing." in page and "<figure>" not in page


def test_many_types_do_not_make_an_endless_plot():
    types = {f"T{number}": ROW | {"support": number} for number in range(90)}
    metrics = {"procedure": "tagger", "test": SCORES | {"per_type": types}}
    page = write_page(metrics, title="run")
    figure = page[page.index("<figure>") : page.index("</figure>")]
    assert figure.count('<g class="s-student">') == 26 and ">T89<" in figure and ">T0<" not in figure
    assert page.count('<th scope="row" class="text">T') == 90
