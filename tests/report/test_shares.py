"""Shares of scores."""

import pytest

from nlparch.report.material import UNDEFINED, share


@pytest.mark.parametrize("whole", [None, 0.0, -0.02])
def test_of_no_score_or_a_negative_one_there_is_no_share(whole: float | None) -> None:
    assert share(-0.15, whole) == UNDEFINED
    assert share(0.5, 1.0) == "50.0%"
