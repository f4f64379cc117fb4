"""Parts of the training sentences: what is refused. That the options do what they say is in `test_options.py`."""

from typing import Any

import pytest

from nlparch.procedures.options import TaggerKdPseudoOptions, TaggerOptions
from nlparch.procedures.text_options import ClassifierKdPseudoOptions


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


@pytest.mark.parametrize("given", [{"drop_seen": True}, {"label_column": "tag"}, {"dev_fraction": 0.2}])
def test_what_is_said_of_gold_texts_needs_gold(given: dict[str, Any]) -> None:
    raw: Any = {"output_dir": "x", "teacher_model_path": "x", "unlabeled_filename": ("x",)}
    ClassifierKdPseudoOptions(**raw, text_pair_column="second")
    with pytest.raises(ValueError, match=f"--{next(iter(given))} is about the labelled corpus: it needs a --data_dir"):
        ClassifierKdPseudoOptions(**raw, **given)


def test_a_part_of_gold_needs_gold() -> None:
    with pytest.raises(ValueError, match="--train_examples is about the labelled corpus: it needs a --data_dir"):
        TaggerKdPseudoOptions(output_dir="x", teacher_model_path="x", unlabeled_filename=("x",), train_examples=3)
