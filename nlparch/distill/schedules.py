"""Settings of a lesson that move while it is taught."""

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

from nlparch.distill.teacher_student import DistillSettings

Ramp = Literal["linear", "cosine"]
_MOVING = ("temperature", "dist_w", "student_w")


@dataclass(frozen=True)
class Course:
    """From one lesson to another: its temperature and weights move over training, all else stays.

    What holds at a step follows from the step's number alone, so that a resumed run goes on as it would have.

    Attributes:
        begin: holds at the first step.
        end: holds at the last.
        ramp: `linear`, or `cosine`: slowly at both ends.
    """

    begin: DistillSettings
    end: DistillSettings
    ramp: Ramp = "linear"

    def __post_init__(self) -> None:
        still = {field.name for field in fields(DistillSettings)} - set(_MOVING)
        moved = sorted(name for name in still if getattr(self.begin, name) != getattr(self.end, name))
        if moved:
            raise ValueError(f"only {', '.join(_MOVING)} can move, got other values at the end for {', '.join(moved)}")

    def at(self, step: int, n_steps: int) -> DistillSettings:
        """What holds at a step, counted from 0, of so many."""
        way = min(step / max(n_steps - 1, 1), 1.0)
        if self.ramp == "cosine":
            way = (1 - math.cos(math.pi * way)) / 2
        begin, end = ({name: getattr(each, name) for name in _MOVING} for each in (self.begin, self.end))
        return replace(self.begin, **{name: (1 - way) * begin[name] + way * end[name] for name in _MOVING})
