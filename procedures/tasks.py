"""What a run has to know of its task: how tags of words, or labels of texts, are learnt, read and scored."""

import abc
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nlparch.batches import TaggingCollator, TaggingExamples, TextCollator, TextExamples, text_lengths
from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelMatch, Scheme, convert
from nlparch.data.sentences import TextTrainingRows, sentence_lengths
from nlparch.data.text_labels import TextLabels
from nlparch.data.text_tables import gold_column, texts_of
from nlparch.data.texts import TextCorpus
from nlparch.devices import Precision
from nlparch.distill.cache import JoinedOutputs, TeacherOutputs
from nlparch.evidence import add_evidence
from nlparch.metrics import score_tags
from nlparch.models.tagger import NeuralTagger
from nlparch.models.text_classifier import NeuralTextClassifier
from nlparch.models.word_tagger import WordTagger
from nlparch.raw_text import score_raw_text
from nlparch.readings import Reading, ReadSplit
from nlparch.seen import Training
from nlparch.text_evidence import add_text_evidence
from nlparch.text_readings import ReadTexts, fit_thresholds, read_texts
from nlparch.thresholds import MIN_POSITIVES

from .calibrate import Fit, fit_texts, fit_words, keep_fit, tag_probabilities

if TYPE_CHECKING:
    from .runs import Run


class Task(abc.ABC):
    """A corpus, and what its kind of label asks of a run.

    Attributes:
        unit: what a row is, in words.
        item: what has a label.
        decision: what a pseudo-label decides.
        gold_kind: what its gold is.
        best_by: the score that chooses the best model.
        corpus: whose rows are learnt from and scored.
    """

    unit: ClassVar[str]
    item: ClassVar[str]
    decision: str
    gold_kind: ClassVar[str]
    best_by: str
    corpus: Any

    @abc.abstractmethod
    def gold(self, rows: Any) -> Iterator[Any]:
        """The gold of each row; None where there is none."""

    @abc.abstractmethod
    def content(self, rows: Any) -> Iterator[Sequence[str]]:
        """What each row is, without its gold, as strings."""

    @abc.abstractmethod
    def lengths(self, rows: Any) -> np.ndarray:
        """How long each row is. Shape: (rows,)"""

    @abc.abstractmethod
    def examples(self, model: Any, rows: Any, outputs: TeacherOutputs | JoinedOutputs | None) -> Any:
        """The data set that the Trainer reads."""

    @abc.abstractmethod
    def collator(self, model: Any, match: LabelMatch | None) -> Any:
        """What makes its batches."""

    @abc.abstractmethod
    def score_split(self, name: str, model: Any, *, precision: Precision) -> tuple[dict[str, Any], Any]:
        """Scores of the model on dev or test, and the split with the model's reading as that of the student."""

    @abc.abstractmethod
    def score_dev(self, model: Any, *, precision: Precision) -> Mapping[str, float | None]:
        """The scores that are logged in training, the one that chooses the best model among them."""

    @abc.abstractmethod
    def fit_temperature(self, model: Any, *, precision: Precision) -> Fit:
        """The temperature at which the model's probabilities suit dev."""

    def calibrate(self, run: "Run", model: Any, *, precision: Precision) -> None:
        """Fits to dev what turns a trained model's logits into probabilities and answers."""
        fit = self.fit_temperature(model, precision=precision) if "dev" in self.corpus.splits else None
        keep_fit(run, model, fit, unit=self.unit)


class Tagging(Task):
    """Words carry tags."""

    unit = "sentences"
    item = decision = "words"
    gold_kind = "tags"

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.best_by = "accuracy" if corpus.labels.scheme == "plain" else "f1"

    def gold(self, rows: Any) -> Iterator[Any]:
        """The tags of each sentence."""
        return iter(rows["tags"])

    def content(self, rows: Any) -> Iterator[Sequence[str]]:
        """The words of each sentence."""
        return iter(rows["words"])

    def lengths(self, rows: Any) -> np.ndarray:
        """Words of each sentence."""
        return sentence_lengths(rows["words"])

    def examples(self, model: Any, rows: Any, outputs: TeacherOutputs | JoinedOutputs | None) -> Any:
        """Sentences with label ids."""
        return TaggingExamples(rows, model.label_set, outputs)

    def collator(self, model: Any, match: LabelMatch | None) -> Any:
        """Makes arguments of a word tagger's `forward`."""
        return TaggingCollator(model, match)

    def score_split(self, name: str, model: Any, *, precision: Precision) -> tuple[dict[str, Any], Any]:
        """Scores on the corpus's words and from raw text."""
        rows, scheme = self.corpus.splits[name], model.label_set.scheme
        scores, reading = score_tagging(model, rows, precision=precision)
        # Lists, for columns of a data set are read from its file at every look.
        split = ReadSplit(list(rows["words"]), list(rows["tags"]), scheme, self._training(scheme))
        split.readings["student"] = reading
        return scores, split

    def score_dev(self, model: Any, *, precision: Precision) -> Mapping[str, float | None]:
        """Scores on the corpus's words."""
        rows = self.corpus.splits["dev"]
        predicted = [tags for tags, _ in model.tag_words(rows["words"], precision=precision)]
        scores = score_tags(rows["tags"], predicted, scheme=model.label_set.scheme)
        return {name: scores[name] for name in ("f1", "accuracy", "precision", "recall") if name in scores}

    def fit_temperature(self, model: Any, *, precision: Precision) -> Fit:
        """That of words."""
        rows = self.corpus.splits["dev"]
        return fit_words(model.read_log_scores(rows["words"], precision=precision), rows["tags"], model.label_set)

    def _training(self, scheme: Scheme) -> Training | None:
        rows = self.corpus.splits.get("train")
        if rows is None or not self.corpus.tag_counts["train"]:
            return None
        return Training.of(rows["words"], rows["tags"], scheme=scheme)


class TextClassification(Task):
    """Texts carry labels."""

    unit = "texts"
    item = "texts"
    gold_kind = "labels"

    def __init__(self, corpus: TextCorpus) -> None:
        self.corpus = corpus
        self.best_by = corpus.main_score
        self.decision = "single decisions" if corpus.labels.task == "multi_label" else self.item
        self._gold = gold_column(corpus.labels.task)

    def gold(self, rows: Any) -> Iterator[Any]:
        """The label, labels or number of each text."""
        return iter(rows[self._gold])

    def content(self, rows: Any) -> Iterator[Sequence[str]]:
        """Each text, and the second of a pair."""
        return ([text] if isinstance(text, str) else text for text in texts_in(rows))

    def lengths(self, rows: Any) -> np.ndarray:
        """Characters of each text."""
        texts = texts_in(rows)
        known: np.ndarray | None = getattr(texts, "lengths", None)
        return text_lengths(texts) if known is None else known

    def examples(self, model: Any, rows: Any, outputs: TeacherOutputs | JoinedOutputs | None) -> Any:
        """Texts with their gold."""
        return TextExamples(rows, self.corpus.labels.task, outputs)

    def collator(self, model: Any, match: LabelMatch | None) -> Any:
        """Makes arguments of a text model's `forward`."""
        return TextCollator(model, match)

    def score_split(self, name: str, model: Any, *, precision: Precision) -> tuple[dict[str, Any], Any]:
        """Scores of the labels that the model gives."""
        split = self.split(name, model.text_labels)
        split.readings["student"] = read_texts(model, split.texts, precision=precision)
        return split.score("student"), split

    def fit_temperature(self, model: Any, *, precision: Precision) -> Fit:
        """That of texts."""
        split = self.split("dev", model.text_labels)
        return fit_texts(model.text_logits(split.texts, precision=precision), split.gold, model.text_labels)

    def calibrate(self, run: "Run", model: Any, *, precision: Precision) -> None:
        """Of several labels, their thresholds as well; numbers have no probabilities."""
        model.config.main_score = self.best_by
        task = self.corpus.labels.task
        if task != "regression":
            super().calibrate(run, model, precision=precision)
        if task != "multi_label":
            return
        if "dev" not in self.corpus.splits:
            model.config.thresholds = None  # those of a checkpoint were tuned on other weights
            return
        split = self.split("dev", model.text_labels)
        logits = model.text_logits(split.texts, precision=precision)
        found = fit_thresholds(model.text_labels, split.gold, logits, temperature=model.temperature)
        model.config.thresholds = found
        run.note(
            f"thresholds of labels tuned on dev, for the best F1 of each: from {min(found):.2f} to {max(found):.2f}; "
            f"labels with fewer than {MIN_POSITIVES} texts there share one"
        )

    def split(self, name: str, labels: TextLabels) -> ReadTexts:
        """A labelled split that no model has read yet."""
        rows = self.corpus.splits[name]
        return ReadTexts(texts_of(rows), list(rows[self._gold]), labels, self.best_by)

    def score_dev(self, model: Any, *, precision: Precision) -> Mapping[str, float | None]:
        """All single scores; of several labels, with thresholds tuned on dev."""
        split = self.split("dev", model.text_labels)
        split.readings["student"] = read_texts(model, split.texts, precision=precision, tuned_on=split.gold)
        return {name: value for name, value in split.score("student").items() if not isinstance(value, str | dict)}


def texts_in(rows: Any) -> Any:
    """The texts of rows, where they are: in memory, or on disk."""
    return rows.texts if isinstance(rows, TextTrainingRows) else texts_of(rows)


def task_of(corpus: Corpus | TextCorpus) -> Task:
    """What a corpus asks of a run."""
    return Tagging(corpus) if isinstance(corpus, Corpus) else TextClassification(corpus)


def add_any_evidence(metrics: dict[str, Any], splits: Mapping[str, Any]) -> None:
    """Adds to the scores what they are worth, whatever they are of; see `add_evidence`."""
    if any(isinstance(split, ReadTexts) for split in splits.values()):
        add_text_evidence(metrics, splits)
    else:
        add_evidence(metrics, splits)


def describe(model: Any) -> dict[str, Any]:
    """What a model card says of a model."""
    is_small = isinstance(model, NeuralTagger)
    if isinstance(model, WordTagger):
        kind = "NeuralTagger" if is_small else "TransformerTokenClassifier"
        return {"kind": kind, "labels": model.label_set.tags, "splitter": model.splitter}
    labels = model.text_labels
    if isinstance(model, NeuralTextClassifier):
        return {
            "kind": "NeuralTextClassifier", "labels": labels.names, "task": labels.task, "splitter": model.splitter,
        }  # fmt: skip
    return {"kind": "TransformerTextClassifier", "labels": labels.names, "task": labels.task}


def score_tagging(
    model: WordTagger, rows: Any, *, precision: Precision, batch_size: int = 32, scheme: Scheme | None = None
) -> tuple[dict[str, Any], Reading]:
    """Scores of the model on labelled rows, their words given and from raw text, and its reading of them.

    Args:
        model: any model that tags words.
        rows: with the columns `words` and `tags`.
        precision: number format of the matrix products.
        batch_size: sentences read together.
        scheme: that of gold, which the model's tags are turned into; None is the model's own.
    """
    own = model.label_set.scheme
    scheme = scheme or own
    reading: Any = {"batch_size": batch_size, "precision": precision}
    words = list(rows["words"])  # a column of a data set is read from its file at every look
    tagged = model.tag_words(words, **reading)
    predicted = [tags for tags, _ in tagged]
    raw_probabilities = None
    if model.temperature != 1:
        raw_probabilities = tag_probabilities(model.read_log_scores(words, **reading), predicted, model.label_set)
    if scheme != own:
        predicted = [convert(tags, source=own, target=scheme)[0] for tags in predicted]
    scores = score_tags(rows["tags"], predicted, scheme=scheme)
    predict = partial(model.predict, **reading)
    scores["raw_text"] = score_raw_text(words, rows["tags"], predict, scheme=scheme)
    return scores, Reading(predicted, [probabilities for _, probabilities in tagged], raw_probabilities)
