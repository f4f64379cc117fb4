"""Tables: shares, gaps, intervals, targets; the page and its plots."""

import pytest
from page import size_points
from plots import Point, plot_shares
from recipes import DEFAULTS, Corpus, defaults_of
from tables import (
    Results,
    ablation_lines,
    best_on_dev,
    comparison_lines,
    search_lines,
    spread,
    student_lines,
    target_text,
)

CORPORA = {"news": Corpus(folder="news", target=0.95)}


def cell(recipe, f1, *, seed=0, dev=None, interval=None, **more):
    differences = {"test": {"teacher": {"difference": f1 - 0.8, "interval": interval}}} if interval else {}
    return {
        "corpus": "news",
        "recipe": recipe,
        "seed": seed,
        "dev": {"f1": f1 if dev is None else dev},
        "test": {"f1": f1},
        "seconds": 60.0,
        "defaults": defaults_of(recipe),
        "n_parameters": 2_000_000,
        "differences": differences,
        **more,
    }


PEERS = [cell("teacher", 0.8), cell("tagger", 0.5, seed=1), cell("crf", 0.6)]


def results(*cells):
    return Results([*PEERS, *cells], CORPORA)


def columns(lines):
    header, _, *rows = ([part.strip() for part in line.strip("|").split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_share_kept_and_gap_closed_are_of_means_over_seeds():
    found = results(cell("tagger_kd", 0.70, seed=1), cell("tagger_kd", 0.78, seed=2))
    assert found.kept("news", "tagger_kd") == pytest.approx(0.74 / 0.8)
    assert found.gap_closed("news", "tagger_kd", "tagger") == pytest.approx(0.24 / 0.3)
    assert found.kept("news", "tagger_kd+crf") is None


def test_a_student_is_held_against_the_teacher_as_its_own_run_read_it():
    found = results(cell("tagger_kd", 0.7, seed=1, teacher={"test": {"f1": 0.7}}))
    assert found.kept("news", "tagger_kd") == 1
    assert found.kept("news", "tagger") == pytest.approx(0.5 / 0.8)
    rows = columns(student_lines(found, ["news"], gold="tagger", recipes=["tagger", "tagger_kd"]))
    assert [row["teacher"] for row in rows] == ["0.800", "0.700"]


def test_there_is_no_gap_to_close_where_the_undistilled_student_is_as_good():
    found = Results([cell("teacher", 0.8), cell("tagger", 0.8, seed=1), cell("tagger_kd", 0.8, seed=1)], CORPORA)
    assert found.gap_closed("news", "tagger_kd", "tagger") is None


def test_a_student_is_held_against_the_undistilled_one_with_the_same_levers_where_there_is_one():
    longer = cell("tagger_kd+epochs-20", 0.7, seed=1)
    assert results(longer).gap_closed("news", "tagger_kd+epochs-20", "tagger") == pytest.approx(0.2 / 0.3)
    both = results(longer, cell("tagger+epochs-20", 0.7, seed=1))
    assert both.gap_closed("news", "tagger_kd+epochs-20", "tagger") == 0
    students = ["tagger_kd+epochs-20"]
    (row,) = columns(comparison_lines(both, ["news"], gold="tagger", students=students, peers=("crf",)))
    assert row["gold only"] == "0.700" and row["above all others"] == "not gold only"


def test_intervals_of_several_seeds_are_their_mean_and_missing_where_one_lacks_it():
    one, other = (
        cell("tagger_kd", 0.7, seed=1, interval=[-0.2, 0.0]),
        cell("tagger_kd", 0.78, seed=2, interval=[-0.1, 0.1]),
    )
    assert results(one, other).difference("news", "tagger_kd") == pytest.approx((-0.06, -0.15, 0.05))
    assert results(one, cell("tagger_kd", 0.7, seed=2)).difference("news", "tagger_kd") is None


@pytest.mark.parametrize(
    ("f1", "interval", "told"),
    [
        (0.77, None, "95.0%: met"),
        (0.75, None, "95.0%: missed"),
        (0.75, [-0.10, -0.03], "95.0%: within noise"),
        (0.75, [-0.10, -0.05], "95.0%: missed"),
    ],
)
def test_a_target_is_met_on_the_mean_or_within_the_noise_of_its_interval(f1, interval, told):
    assert target_text(results(cell("tagger_kd", f1, seed=1, interval=interval)), "news", "tagger_kd") == told


def test_a_floor_is_a_target_beside_the_share():
    corpora = {"news": Corpus(folder="news", target=0.95, floor=0.79)}
    found = Results([*PEERS, cell("tagger_kd", 0.78, seed=1)], corpora)
    assert target_text(found, "news", "tagger_kd") == "95.0%: met; 0.79: missed"


def test_the_distilled_student_is_chosen_on_dev():
    found = results(cell("tagger_kd", 0.7, seed=1, dev=0.9), cell("tagger_kd+crf", 0.78, seed=1, dev=0.8))
    assert best_on_dev(found, "news", ["tagger_kd", "tagger_kd+crf"]) == "tagger_kd"
    lines = comparison_lines(found, ["news"], gold="tagger", students=["tagger_kd", "tagger_kd+crf"], peers=["crf"])
    row = columns(lines)[0]
    assert (row["teacher"], row["CRF"], row["gold only"], row["distilled"]) == ("0.800", "0.600", "0.500", "0.700")
    assert (row["kept"], row["gap closed"], row["above all others"]) == ("87.5%", "66.7%", "yes")


def test_the_table_says_which_others_are_not_beaten_or_not_run():
    found = results(cell("tagger_kd", 0.55, seed=1))
    row = columns(comparison_lines(found, ["news"], gold="tagger", students=["tagger_kd"], peers=["crf", "spacy"]))[0]
    assert row["above all others"] == "not CRF, spaCy not run"


def test_students_are_shown_with_their_spread():
    found = results(cell("tagger_kd", 0.70, seed=1), cell("tagger_kd", 0.78, seed=2))
    rows = columns(student_lines(found, ["news"], gold="tagger", recipes=["teacher", "tagger_kd"]))
    assert rows[1]["test"] == "0.740 [0.700, 0.780]"
    assert (rows[1]["seeds"], rows[1]["parameters"], rows[1]["minutes"]) == ("2", "2.00M", "1.0")
    assert rows[0]["kept"] == "-"


def test_cells_of_older_defaults_are_not_shown(monkeypatch):
    older = cell("tagger_kd", 0.7, seed=1)
    monkeypatch.setitem(DEFAULTS, "tagger_kd", DEFAULTS["tagger_kd"] + 1)
    found = results(older, cell("tagger_kd", 0.6, seed=1), cell("classifier_kd", 0.5, seed=1))
    assert found.scores("news", "tagger_kd") == [0.6]
    assert found.scores("news", "tagger") == [0.5], "the gold-only student has its own"
    assert found.scores("news", "crf") == [0.6]
    assert found.scores("news", "classifier_kd") == [0.5], "of other models"


def test_levers_are_compared_seed_by_seed():
    found = results(cell("tagger_kd", 0.7, seed=1), cell("tagger_kd", 0.6, seed=2), cell("tagger_kd+crf", 0.75, seed=1))
    row = columns(ablation_lines(found, ["news"], {"tagger_kd+crf": ("tagger_kd", "CRF"), "x": ("tagger_kd", "no")}))
    assert [(one["lever"], one["news dev"], one["seeds"]) for one in row] == [("CRF", "+0.050", "1")]


def test_the_search_is_a_row_a_variant_with_its_gain_on_corpora_and_seeds_of_both():
    scores = {("a", 1): 0.1, ("a", 3): 0.3, ("b", 1): 0.3, ("b", 2): 0.9}
    logged = [{"corpus": "news", "variant": v, "seed": seed, "dev": {"f1": x}} for (v, seed), x in scores.items()]
    assert columns(search_lines(logged, CORPORA)) == [
        {"variant": "`a`", "news": "0.200 [0.100, 0.300]", "gain": "-", "corpora, runs": "1, 2"},
        {"variant": "`b`", "news": "0.600 [0.300, 0.900]", "gain": "+0.2000", "corpora, runs": "1, 1"},
    ]


def test_a_spread_of_one_is_itself_and_of_none_a_dash():
    assert (spread([]), spread([0.5]), spread([0.01, 0.03], sign="+")) == ("-", "0.500", "+0.020 [+0.010, +0.030]")


def test_plots_are_the_same_from_the_same_points(tmp_path):
    points = [Point(1e6, 0.9, "news", "distilled"), Point(2e6, 0.8, "mail", "gold only")]
    for name in ("one.svg", "two.svg"):
        plot_shares(iter(points), "parameters", tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert "news" in (tmp_path / "one.svg").read_text()


def test_points_of_the_plot_are_students_with_a_teacher():
    found = results(cell("tagger_kd", 0.6, seed=1))
    assert list(size_points(found)) == [
        Point(2.0, 0.5 / 0.8, "news", "gold only"),
        Point(2.0, 0.6 / 0.8, "news", "distilled"),
    ]
    assert list(size_points(Results([], CORPORA))) == []
