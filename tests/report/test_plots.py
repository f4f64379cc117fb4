import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.report.plots import Axis, Series, interval_plot, line_plot

ROUND = {1.0, 2.0, 5.0}


@given(st.floats(-1000, 1000), st.floats(1e-3, 1000))
def test_ticks_are_round_few_and_within_the_axis(low, width):
    ticks = Axis(low, low + width, 0, 100).ticks()
    assert 3 <= len(ticks) <= 9
    assert all(low - 1e-6 * width <= tick <= low + width + 1e-6 * width for tick in ticks)
    step = ticks[1] - ticks[0]
    assert any(float(f"{step:.0e}"[0]) == digit for digit in ROUND)
    assert ticks == pytest.approx([ticks[0] + k * step for k in range(len(ticks))], abs=1e-6)


def test_an_axis_maps_its_ends_to_where_it_is_drawn():
    assert [Axis(2, 4, 10, 110).at(value) for value in (2, 3, 4)] == [10, 60, 110]
    assert [Axis(0.01, 1, 0, 100, is_log=True).at(value) for value in (0.01, 0.1, 1)] == [0, 50, 100]
    assert Axis(0.02, 3, 0, 1, is_log=True).ticks() == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    assert Axis(1, 1, 0, 100).at(1) == 0


def parsed(svg):
    return ElementTree.fromstring(str(svg))


def test_a_line_goes_through_its_points_and_each_is_told():
    svg = parsed(line_plot([Series("student", "my <student>", [(0, 0), (1, 1)])], title="F1", across="epoch"))
    line = next(path for path in svg.iter("path") if path.get("class") == "line")
    (x0, y0), (x1, y1) = (map(float, place.split(",")) for place in line.get("d")[1:].split("L"))
    assert x0 < x1 and y0 > y1  # down is up in SVG
    titles = [title.text for title in svg.iter("title")]
    assert titles == ["F1", "my <student>: 0 at 0", "my <student>: 1 at 1"]
    assert "epoch" in [text.text for text in svg.iter("text")] and svg.get("role") == "img"


def test_one_point_and_equal_values_can_be_drawn():
    for points in ([(3.0, 0.5)], [(1.0, 0.0), (2.0, 0.0)]):
        parsed(line_plot([Series("student", "student", points)], title="t", across="epoch"))


def test_a_square_plot_has_the_diagonal():
    svg = parsed(line_plot([Series("teacher", "teacher", [(0.5, 0.5)])], title="t", across="x", is_square=True))
    (diagonal,) = (path for path in svg.iter("path") if path.get("class") == "diagonal")
    (mark,) = (path for path in svg.iter("path") if path.get("class") == "mark")
    ends = [tuple(map(float, end.split(","))) for end in diagonal.get("d")[1:].split("L")]
    middle = tuple((a + b) / 2 for a, b in zip(*ends, strict=True))
    assert mark.get("transform") == f"translate({middle[0]},{middle[1]})"


def test_intervals_are_whiskers_and_long_names_are_shortened_but_told():
    rows = [("all", {"student": (0.5, (0.25, 0.75)), "teacher": (0.9, None)}), ("x" * 40, {"student": (0.6, None)})]
    svg = parsed(interval_plot(rows, title="F1"))
    groups = [group.get("class") for group in svg.iter("g")]
    assert groups == ["s-student", "s-teacher", "s-student"]
    titles = [title.text for title in svg.iter("title")]
    assert "0.5000 (0.2500 to 0.7500)" in titles and "0.9000" in titles and "x" * 40 in titles


def test_a_score_that_stays_below_0_has_an_axis() -> None:
    line = Series("student", "student", [(1.0, -0.2), (2.0, -0.2)])
    assert "path" in line_plot([line], title="correlation", across="epoch")
