"""Plots of what students keep, against what they cost: small SVG files, the same from the same figures."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

_MARKERS = "osD^vPX*<>"


class Point(NamedTuple):
    """A model: what it costs, what it keeps; its colour and its mark say what it is."""

    cost: float
    kept: float
    colour: str
    mark: str


def plot_shares(points: Iterable[Point], cost: str, file: Path, *, scale: str = "linear") -> None:
    """Plots the share of the teacher's score that is kept against a cost, on a linear or logarithmic (`log`) axis."""
    found = list(points)
    colours = list(dict.fromkeys(point.colour for point in found))
    marks = list(dict.fromkeys(point.mark for point in found))
    # Names of parts are drawn from this, and the date is left out: the same figures make the same file.
    with plt.rc_context({"svg.hashsalt": "nlparch", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(7.5, 4))
        for point in found:
            marker = _MARKERS[marks.index(point.mark) % len(_MARKERS)]
            axes.plot(point.cost, 100 * point.kept, marker, color=f"C{colours.index(point.colour)}", markersize=5)
        axes.axhline(100, color="0.6", linewidth=0.8)
        axes.set(xscale=scale, xlabel=cost, ylabel="% of the teacher's score")
        axes.grid(color="0.9")
        keys = [axes.plot([], [], "o", color=f"C{place}", label=name)[0] for place, name in enumerate(colours)]
        for place, name in enumerate(marks):
            marker = _MARKERS[place % len(_MARKERS)]
            keys.append(axes.plot([], [], marker, color="0.3", markerfacecolor="none", label=name)[0])
        figure.legend(handles=keys, loc="outside right upper", frameon=False)
        figure.tight_layout(rect=(0, 0, 0.78, 1))
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)
