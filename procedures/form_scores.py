"""What the forms of an export are scored by: one labelled file, and the trained model's own answers."""

import abc
from typing import Any

import numpy as np

from nlparch.metrics import agreement, score_tags
from nlparch.models.text_model import TextModel
from nlparch.text_metrics import score_texts, text_agreement
from nlparch.text_readings import answers_of

from .labelled_file import check_pairs, note_unknown, read_labelled, read_labelled_texts, rows_for


class FormScores(abc.ABC):
    """Scores answers to a labelled file, whoever gave them.

    Attributes:
        key: the score that counts.
        n: words, or texts, that are answered.
        unit: what these are.
        notes: what was noticed of the file.
    """

    key: str
    n: int
    unit: str
    notes: list[str]

    @abc.abstractmethod
    def of_torch(self) -> Any:
        """The trained model's answers."""

    @abc.abstractmethod
    def answers(self, form: Any, *, batch_size: int = 32) -> Any:
        """The answers of an exported form."""

    @abc.abstractmethod
    def score(self, answers: Any) -> float:
        """The score of answers, of 1; 0 where it is not defined."""

    @abc.abstractmethod
    def agreement(self, one: Any, other: Any) -> float | None:
        """The share of words, or texts, that two answer alike; None for numbers."""


class TagScores(FormScores):
    """Of a tagger, on a column file."""

    unit = "words"

    def __init__(self, model: Any, file: str, options: Any) -> None:
        sentences, self.notes = read_labelled(file, options)
        self._rows, notes = rows_for(sentences, model.label_set)
        self.notes += notes
        self._model = model
        self._scheme = model.label_set.scheme
        self.key = "accuracy" if self._scheme == "plain" else "f1"
        self.n = sum(map(len, self._rows["words"]))

    def of_torch(self) -> Any:
        """The trained model's tags."""
        return [tags for tags, _ in self._model.tag_words(self._rows["words"])]

    def answers(self, form: Any, *, batch_size: int = 32) -> Any:
        """The tags of an exported form."""
        return [list(found.tags) for found in form.predict(self._rows["words"], batch_size=batch_size)]

    def score(self, answers: Any) -> float:
        """F1 of spans, or accuracy of plain tags."""
        return float(score_tags(self._rows["tags"], answers, scheme=self._scheme)[self.key] or 0.0)

    def agreement(self, one: Any, other: Any) -> float | None:
        """The share of words."""
        return agreement(one, other)


class TextScores(FormScores):
    """Of a text classifier, on a table."""

    unit = "texts"

    def __init__(self, model: Any, file: str, options: Any) -> None:
        self._labels = model.text_labels
        self._texts, self._gold, self.notes = read_labelled_texts(file, options, self._labels.task)
        check_pairs(self._texts, model.has_pairs, file=file, model=options.model_dir)
        self.notes += note_unknown(self._gold, self._labels)
        self._model = model
        self.key = model.main_score
        self.n = len(self._texts)

    def of_torch(self) -> Any:
        """The trained model's predictions."""
        return self._model.predict(self._texts)

    def answers(self, form: Any, *, batch_size: int = 32) -> Any:
        """The predictions of an exported form."""
        return form.predict(self._texts, batch_size=batch_size)

    def score(self, answers: Any) -> float:
        """The main score of the task."""
        given: Any = {"main_score": self.key, "probabilities": np.array([found.of_each for found in answers])}
        return float(score_texts(self._gold, answers_of(answers, self._labels), self._labels, **given)[self.key] or 0.0)

    def agreement(self, one: Any, other: Any) -> float | None:
        """The share of texts."""
        return text_agreement(answers_of(one, self._labels), answers_of(other, self._labels), self._labels)


def form_scores(model: Any, file: str, options: Any) -> FormScores:
    """What scores the forms of this model.

    Args:
        model: the trained one.
        file: labelled.
        options: how it is read.
    """
    return (TextScores if isinstance(model, TextModel) else TagScores)(model, file, options)
