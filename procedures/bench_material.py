"""What `nlp-bench` lets its models read, and what scores their answers."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlparch.data.labels import LabelSet
from nlparch.data.text_labels import TextLabels, TextTask
from nlparch.data.texts import MAIN_SCORES
from nlparch.data.words import join_words
from nlparch.errors import UserError
from nlparch.metrics import main_score_name, score_tags
from nlparch.text_metrics import score_texts

from .bench_entries import Entry
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
    def score(self, labels: Any, answers: Sequence[Any]) -> tuple[str, float | None]:
        """The main score of a model's answers, and its name; `labels` are the model's own."""


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

    def score(self, labels: LabelSet, answers: Sequence[Any]) -> tuple[str, float | None]:
        """F1 of spans, or accuracy of plain tags, in the model's own scheme."""
        rows, _ = rows_for(self._sentences, labels)
        scores = score_tags(rows["tags"], answers, scheme=labels.scheme)
        name = main_score_name(scores)
        return name, scores[name]


class Classified(Material):
    """Texts with labels."""

    def __init__(self, options: BenchOptions, task: TextTask, main_score: str) -> None:
        self.texts, self._gold, self.notes = read_labelled_texts(options.data, options, task)
        self._main_score = main_score
        self.answered = self.texts
        self._file = options.data

    def check_kind(self, has_pairs: bool | None, *, model: str) -> None:
        """See `check_pairs`."""
        check_pairs(self.texts, has_pairs, file=self._file, model=model)

    def notes_for(self, labels: TextLabels) -> list[str]:
        """Labels that the model lacks."""
        return note_unknown(self._gold, labels)

    def score(self, labels: TextLabels, answers: Sequence[Any]) -> tuple[str, float | None]:
        """One score for all models."""
        plain = {"one_label": lambda a: a[0][0], "multi_label": lambda a: a[0], "regression": lambda a: a[1][0]}
        predicted = [plain[labels.task](answer) for answer in answers]
        probabilities = np.array([of_each for _, _, of_each in answers])
        scores = score_texts(self._gold, predicted, labels, main_score=self._main_score, probabilities=probabilities)
        return self._main_score, scores[self._main_score]


def read_material(options: BenchOptions, entries: Sequence[Entry]) -> Material:
    """The file, as these models read it.

    Raises:
        UserError: If they are not all asked the same.
    """
    every = [entry.labels for entry in entries]
    tasks = {some.task if isinstance(some, TextLabels) else "tagging" for some in every}
    if len(tasks) > 1:
        raise UserError(f"MODEL_DIRS must all do the same on one file, got {' and '.join(sorted(tasks))}")
    if not isinstance(every[0], TextLabels):
        return Tagged(options)
    # An exported folder does not say by which score its model was chosen; of models that do, the first counts.
    chosen_by = next((entry.main_score for entry in entries if entry.main_score), None)
    return Classified(options, every[0].task, chosen_by or MAIN_SCORES[every[0].task])


def _spoken(text: Any) -> str:
    return text if isinstance(text, str) else " ".join(text)
