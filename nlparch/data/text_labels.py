"""Labels of whole texts: one of several, any of several, or a number."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nlparch.data.labels import IGNORED_LABEL

TextTask = Literal["one_label", "multi_label", "regression"]

# What transformers calls the tasks in `config.problem_type`.
PROBLEM_TYPES: dict[TextTask, str] = {
    "one_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}
SCORE_NAME = "score"
"""The only label of a regression."""


@dataclass(frozen=True)
class TextLabels:
    """The labels of texts, in the order of a model's outputs.

    Attributes:
        names: the labels; of a regression, its one output's name.
        task: what is asked of each text: one label, any number of labels, or a number.

    Raises:
        ValueError: If a name stands there twice, or a regression has not one.
    """

    names: tuple[str, ...]
    task: TextTask

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"labels must differ in name, got {', '.join(self.names):.80}")
        if self.task == "regression" and len(self.names) != 1:
            raise ValueError(f"a regression must have one output, got {len(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_names(cls, names: Iterable[str], task: TextTask) -> "TextLabels":
        """Labels in the order of their names, each once; of a regression, `score`."""
        return cls((SCORE_NAME,) if task == "regression" else tuple(sorted(set(names))), task)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Each label's place."""
        return {name: place for place, name in enumerate(self.names)}

    def encode(self, values: Sequence[str | float | Sequence[str] | None]) -> npt.NDArray[np.generic]:
        """Gold of a batch of texts; labels that are not among ours are left out.

        Args:
            values: one label: its name; several: their names; a regression: the number. None where there is no gold.

        Returns:
            One label: ids, -100 where there is none; int64. Shape: (texts,)
            Several: 1 for each that holds, NaN where there is no gold; float32. Shape: (texts, labels)
            A regression: the numbers, NaN where there is none; float32. Shape: (texts, 1)
        """
        if self.task == "one_label":
            return np.array([self.ids.get(value, IGNORED_LABEL) for value in values], dtype=np.int64)  # type: ignore[arg-type]
        if self.task == "regression":
            numbers = [np.nan if value is None else value for value in values]
            return np.array(numbers, dtype=np.float32).reshape(len(numbers), 1)
        held = np.full((len(values), len(self)), np.nan, dtype=np.float32)
        for row, names in enumerate(values):
            if names is not None:
                held[row] = 0.0
                held[row, [self.ids[name] for name in names if name in self.ids]] = 1.0  # type: ignore[union-attr]
        return held

    def log_odds(self, gold: Iterable[Any]) -> list[float] | None:
        """Where the outputs of several labels best begin: as likely as each label is in gold.

        From 0 a new head first learns, at the small steps of fine-tuning, that most labels seldom hold (Lin et al.,
        2017, section 3.3, https://arxiv.org/abs/1708.02002).

        Args:
            gold: of each text, its labels; None where there is none.

        Returns:
            With one text more that has a label, and one that has not. None where texts have one label, or a number, and
            where there is no gold. Shape: (labels,)
        """
        if self.task != "multi_label":
            return None
        known = [names for names in gold if names is not None]
        counts = Counter(name for names in known for name in names)
        return [log((counts[name] + 1) / (len(known) - counts[name] + 1)) for name in self.names] if known else None
