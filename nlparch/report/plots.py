"""Plots as inline SVG, in the colours of the page they stand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from nlparch.bootstrap import Interval

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 12, 36
_LINE_HEIGHT = 11
_LETTER_WIDTH, _MOST_LETTERS = 6.6, 20
_MARKS = {
    "circle": "M-3.2,0a3.2,3.2 0 1,0 6.4,0a3.2,3.2 0 1,0 -6.4,0Z",
    "square": "M-2.9,-2.9h5.8v5.8h-5.8Z",
    "triangle": "M0,-3.6L3.5,2.8H-3.5Z",
}
_MARK_OF = {"student": "circle", "teacher": "square", "baseline": "triangle", "uncalibrated": "triangle"}


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from `begin` to `end`, by their logarithm where `is_log`."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where a value is drawn."""
        low, high, value = (log10(x) if self.is_log else x for x in (self.low, self.high, value))
        return round(self.begin + (value - low) / (high - low or 1.0) * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Some three to nine round values; on a log axis fewer or more."""
        if self.is_log:
            powers = range(floor(log10(self.low)), floor(log10(self.high)) + 1)
            values = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
            return [value for value in values if self.low <= value <= self.high]
        rough = (self.high - self.low or 1.0) / 8
        size = 10 ** floor(log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if rough <= size * factor * 1.001)
        first = -floor(-self.low / step + 1e-9)
        return [round(k * step, 10) for k in range(first, floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Series:
    """A line: its key decides colour and mark, `name` is what a reader is told."""

    key: str
    name: str
    points: Sequence[tuple[float, float]]


def line_plot(
    series: Sequence[Series],
    *,
    title: str,
    across: str,
    is_square: bool = False,
    is_log: bool = False,
) -> Markup:
    """Lines over a common axis.

    Args:
        series: the lines.
        title: for those who cannot see it.
        across: what the horizontal axis is.
        is_square: both axes go from 0 to 1, with the diagonal drawn.
        is_log: the vertical axis is logarithmic; all values must be positive.
    """
    every = [(0.0, 0.0), (1.0, 1.0)] if is_square else [point for line in series for point in line.points]
    horizontal = Axis(min(x for x, _ in every), max(x for x, _ in every), _LEFT, _WIDTH - _RIGHT)
    low, high = min(y for _, y in every), max(y for _, y in every)
    margin = 0.0 if is_square or is_log else 0.05 * (high - low or abs(high) or 1.0)
    vertical = Axis(low - margin, high + margin, _HEIGHT - _BOTTOM, _TOP, is_log)
    grid = _columns(horizontal, _HEIGHT - _BOTTOM) + _rows(vertical)
    diagonal = Markup('<path class="diagonal" d="M{},{}L{},{}"/>') if is_square else Markup()
    ends = (horizontal.begin, vertical.begin, horizontal.end, vertical.end)
    label = Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>')
    lines = Markup().join(_line(line, horizontal, vertical) for line in series)
    middle = (horizontal.begin + horizontal.end) / 2
    return _svg(grid + diagonal.format(*ends) + lines + label.format(middle, _HEIGHT - 5, across), title, _HEIGHT)


def interval_plot(rows: Sequence[tuple[str, Mapping[str, tuple[float, Interval | None]]]], *, title: str) -> Markup:
    """Scores with their intervals, one below the other.

    Args:
        rows: a name and, for each model's key, its score and interval.
        title: for those who cannot see it.
    """
    edges = [edge for _, marks in rows for value, interval in marks.values() for edge in (value, *(interval or ()))]
    left = _LETTER_WIDTH * min(_MOST_LETTERS, max(len(name) for name, _ in rows)) + 12
    axis = Axis(floor(10 * min(edges, default=0.0)) / 10, 1.0, left, _WIDTH - _RIGHT)
    parts, y = [], float(_TOP)
    for name, marks in rows:
        height = _LINE_HEIGHT * len(marks) + 8
        label = Markup('<text x="{}" y="{}" text-anchor="end">{}<title>{}</title></text>')
        parts.append(label.format(left - 8, y + height / 2 + 1, _shortened(name), name))
        for line, (key, (value, interval)) in enumerate(marks.items()):
            parts.append(_interval(key, value, interval, axis, y + _LINE_HEIGHT * (line + 0.5)))
        y += height
    return _svg(_columns(axis, y) + Markup().join(parts), title, y + _BOTTOM - 12)


def _interval(key: str, value: float, interval: Interval | None, axis: Axis, y: float) -> Markup:
    low, high = interval or (value, value)
    drawn = Markup('<g class="s-{}"><path class="whisker" d="M{},{}H{}"/>{}</g>')
    told = f"{value:.4f}" + (f" ({low:.4f} to {high:.4f})" if interval else "")
    return drawn.format(key, axis.at(low), y, axis.at(high), _mark(key, axis.at(value), y, told))


def _line(series: Series, horizontal: Axis, vertical: Axis) -> Markup:
    places = [(horizontal.at(x), vertical.at(y)) for x, y in series.points]
    path = "M" + "L".join(f"{x},{y}" for x, y in places)
    told = [f"{series.name}: {y:.4g} at {x:.3g}" for x, y in series.points]
    # Where there are many points, marks would hide the line.
    is_marked = len(places) <= 40
    marks = Markup().join(
        _mark(series.key, *place, text) for place, text in zip(places, told, strict=True) if is_marked
    )
    return Markup('<g class="s-{}"><path class="line" d="{}"/>{}</g>').format(series.key, path, marks)


def _mark(key: str, x: float, y: float, told: str) -> Markup:
    mark = Markup('<path class="mark" transform="translate({},{})" d="{}"><title>{}</title></path>')
    return mark.format(x, y, _MARKS[_MARK_OF.get(key, "circle")], told)


def _columns(axis: Axis, bottom: float) -> Markup:
    column = Markup('<path class="grid" d="M{0},{1}V{2}"/><text x="{0}" y="{3}" text-anchor="middle">{4}</text>')
    return Markup().join(column.format(axis.at(x), _TOP, bottom, bottom + 13, f"{x:g}") for x in axis.ticks())


def _rows(axis: Axis) -> Markup:
    row = Markup('<path class="grid" d="M{0},{2}H{1}"/><text x="{3}" y="{4}" text-anchor="end">{5}</text>')
    return Markup().join(
        row.format(_LEFT, _WIDTH - _RIGHT, axis.at(y), _LEFT - 5, axis.at(y) + 3, f"{y:g}") for y in axis.ticks()
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"


def _svg(content: Markup, title: str, height: float) -> Markup:
    svg = Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}"><title>{}</title>{}</svg>')
    return svg.format(_WIDTH, height, title, title, content)
