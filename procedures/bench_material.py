"""What `nlp-bench` lets its models read, and what scores their answers."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlparch.data.labels import LabelSet
from nlparch.data.text_labels import TextLabels
from nlparch.data.texts import MAIN_SCORES
from nlparch.data.words import join_words
from nlparch.errors import UserError
from nlparch.metrics import score_tags
from nlparch.text_metrics import score_texts

from .labelled_file import check_pairs, note_unknown, read_labelled, read_labelled_texts, rows_for
from .model_options import BenchOptions

# A single sentence of about 20 words, as people ask about.
_SHORT = range(18, 23)


class Material(abc.ABC):
    """One labelled file.

    Attributes:
        texts: raw texts, or pairs of them, that are read for time.
        short: those of about 20 words, which are read one by one; all, where there are none.
        answered: what is answered for the score.
        notes: what was noticed in reading.
    """

    texts: Sequence[Any]
    answered: Sequence[Any]
    notes: list[str]

    @property
    def short(self) -> Sequence[Any]:
        """Texts of about 20 words; all, where there are none."""
        return [text for text in self.texts if len(_spoken(text).split()) in _SHORT] or self.texts

    @abc.abstractmethod
    def check_kind(self, has_pairs: bool | None, *, model: str) -> None:
        """Refuses a model of pairs of texts where these are single ones, and the other way round."""

    @abc.abstractmethod
    def notes_for(self, labels: Any) -> list[str]:
        """What is wrong with gold for a model with these labels, a sentence each."""

    @abc.abstractmethod
    def score(self, labels: Any, answers: Sequence[Any]) -> float | None:
        """The main score of a model's answers; `labels` are its own."""


class Tagged(Material):
    """Sentences with tags, which are also read as raw text."""

    def __init__(self, options: BenchOptions) -> None:
        self._sentences, self.notes = read_labelled(options.data, options)
        self.answered = [sentence.words for sentence in self._sentences]
        self.texts = [join_words(words)[0] for words in self.answered]

    def check_kind(self, has_pairs: bool | None, *, model: str) -> None:
        """Words are words."""

    def notes_for(self, labels: LabelSet) -> list[str]:
        """How gold was turned into the model's scheme, and tags that it lacks."""
        return rows_for(self._sentences, labels)[1]

    def score(self, labels: LabelSet, answers: Sequence[Any]) -> float | None:
        """F1 of spans, or accuracy of plain tags, in the model's own scheme."""
        rows, _ = rows_for(self._sentences, labels)
        scores = score_tags(rows["tags"], answers, scheme=labels.scheme)
        value: float | None = scores["accuracy" if labels.scheme == "plain" else "f1"]
        return value


class Classified(Material):
    """Texts with labels."""

    def __init__(self, options: BenchOptions, labels: TextLabels) -> None:
        self.texts, self._gold, self.notes = read_labelled_texts(options.data, options, labels.task)
        self.answered = self.texts
        self._file = options.data

    def check_kind(self, has_pairs: bool | None, *, model: str) -> None:
        """See `check_pairs`."""
        check_pairs(self.texts, has_pairs, file=self._file, model=model)

    def notes_for(self, labels: TextLabels) -> list[str]:
        """Labels that the model lacks."""
        return note_unknown(self._gold, labels)

    def score(self, labels: TextLabels, answers: Sequence[Any]) -> float | None:
        """The main score of the task."""
        plain = {"one_label": lambda a: a[0][0], "multi_label": lambda a: a[0], "regression": lambda a: a[1][0]}
        main_score = MAIN_SCORES[labels.task]
        predicted = [plain[labels.task](answer) for answer in answers]
        probabilities = np.array([of_each for _, _, of_each in answers])
        scores = score_texts(self._gold, predicted, labels, main_score=main_score, probabilities=probabilities)
        value: float | None = scores[main_score]
        return value


def read_material(options: BenchOptions, labels: Sequence[LabelSet | TextLabels]) -> Material:
    """The file, as models with these labels read it.

    Raises:
        UserError: If they are not all asked the same.
    """
    tasks = {some.task if isinstance(some, TextLabels) else "tagging" for some in labels}
    if len(tasks) > 1:
        raise UserError(f"MODEL_DIRS must all do the same on one file, got {' and '.join(sorted(tasks))}")
    first = labels[0]
    return Classified(options, first) if isinstance(first, TextLabels) else Tagged(options)


def _spoken(text: Any) -> str:
    return text if isinstance(text, str) else " ".join(text)
