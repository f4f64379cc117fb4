from typing import Any

import pytest

from nlparch.export.choice import choose_form, int8_forms
from nlparch.export.folder import export_model


def kinds(export: Any) -> list[str]:
    return [node.op_type for graph in export.graphs.values() for node in graph.graph.node]


def test_each_form_has_less_int8_than_the_one_before(new_tagger: Any) -> None:
    forms = list(int8_forms(export_model(new_tagger())))
    left = [sum(kind in ("LSTM", "MatMul") for kind in kinds(form)) for _, form in forms]
    assert left == sorted(left) and left[0] < left[1] < left[2] < left[3]
    assert [form.config.precision for _, form in forms] == ["int8"] * 4 + ["fp32"]
    assert forms[0][0] == "int8" and forms[-1][0] == "fp32"


@pytest.mark.parametrize(("scores", "n_tried"), [([0.9], 1), ([0.5, 0.8], 2), ([0.1, 0.1, 0.1, 0.1, 0.1], 5)])
def test_the_first_form_that_scores_enough_is_shipped(new_tagger: Any, scores: list[float], n_tried: int) -> None:
    remaining = iter(scores)
    attempts = choose_form(export_model(new_tagger()), score=lambda model: next(remaining), at_least=0.8)
    assert [attempt.score for attempt in attempts] == scores
    assert len(attempts) == n_tried
