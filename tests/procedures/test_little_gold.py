"""Parts of the training sentences: what is refused. That the options do what they say is in `test_options.py`."""

from typing import Any

import pytest

from nlparch.procedures.options import TaggerKdPseudoOptions, TaggerOptions


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"train_fraction": 0.0}, "--train_fraction must be above 0 and at most 1, got 0.0"),
        ({"train_fraction": 1.5}, "--train_fraction must be above 0 and at most 1, got 1.5"),
        ({"train_fraction": float("nan")}, "--train_fraction must be above 0"),
        ({"train_examples": -3}, "--train_examples must be at least 0, got -3"),
        ({"train_examples": 3, "subset_seed": -1}, "--subset_seed must be at least 0, got -1"),
        ({"train_examples": 3, "train_fraction": 0.5}, "both say what to keep of train; keep one"),
    ],
)
def test_parts_that_cannot_be_are_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TaggerOptions(data_dir="x", output_dir="x", **given)


def test_a_part_of_gold_needs_gold() -> None:
    with pytest.raises(ValueError, match="they need a --data_dir"):
        TaggerKdPseudoOptions(output_dir="x", teacher_model_path="x", unlabeled_filename=("x",), train_examples=3)
