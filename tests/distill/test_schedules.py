import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.distill.schedules import Course
from nlparch.distill.teacher_student import DistillSettings

BEGIN = DistillSettings(temperature=1.0, dist_w=1.0, student_w=0.0, entity_weight=3.0)
END = replace(BEGIN, temperature=5.0, dist_w=0.0, student_w=2.0)


@given(st.integers(0, 99))
def test_a_linear_course_moves_evenly(step: int) -> None:
    found = Course(BEGIN, END).at(step, 100)
    assert found.temperature == pytest.approx(1 + 4 * step / 99)
    assert found.dist_w == pytest.approx(1 - step / 99) and found.student_w == pytest.approx(2 * step / 99)
    assert found.entity_weight == 3.0


@given(st.integers(0, 99))
def test_a_cosine_course_moves_slowly_at_both_ends(step: int) -> None:
    found = Course(BEGIN, END, "cosine").at(step, 100)
    assert found.temperature == pytest.approx(3 - 2 * math.cos(math.pi * step / 99))


@pytest.mark.parametrize("ramp", ["linear", "cosine"])
def test_a_course_begins_and_ends_with_what_it_was_given(ramp: str) -> None:
    course = Course(BEGIN, END, ramp)
    assert course.at(0, 50) == BEGIN and course.at(49, 50) == END
    assert course.at(0, 1) == BEGIN and course.at(70, 50) == END


def test_what_cannot_move_is_named() -> None:
    with pytest.raises(ValueError, match="only temperature, dist_w, student_w can move, .* for entity_weight, loss_fn"):
        Course(BEGIN, replace(BEGIN, entity_weight=1.0, loss_fn="mse"))
