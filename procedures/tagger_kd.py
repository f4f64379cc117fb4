"""Train a small tagger on gold tags and a teacher's outputs; raw text too, where there is some."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelMatch, LabelSet, match_labels, scheme_of_set
from nlparch.data.sentences import JoinedItems, SentenceFile, TrainingRows
from nlparch.distill.cache import TeacherOutputs
from nlparch.distill.teachers import teacher_outputs
from nlparch.metrics import agreement, score_tags
from nlparch.models.tagger import NeuralTagger
from nlparch.readings import Reading, ReadSplit

from . import runs
from .augment import augment_sentences
from .baseline import train_baseline
from .calibrate import Fit, fit_words
from .lesson import Lesson, distil
from .options import TaggerKdOptions, TaggerOptions
from .small import words_to_start
from .tagger import check_tagger, learn_gold, new_tagger


def run(options: TaggerKdOptions) -> None:
    """Distils the teacher into a tagger and reports both."""
    run = runs.begin_seeded(options)
    lesson = TaggingLesson(options, run)
    corpus = runs.load_data(options, run, known_tags=lesson.tags)
    lesson.splitter = runs.pick_splitter(options, run, corpus.splits["train"]["words"])
    distil(options, run, lesson, corpus, corpus.splits["train"])
    runs.finish(options, run, "tagger_kd")


class TaggingLesson(Lesson):
    """A teacher of tags.

    Attributes:
        tags: the tags that the teacher can give, as a student would name them.
        splitter: how the student makes raw text into words; the teacher's, until it is settled.
    """

    def __init__(self, options: TaggerKdOptions, run: runs.Run) -> None:
        super().__init__(options, run)
        self.tags = self.match(()).tags
        self.splitter: str = self.teacher.splitter

    def check_student(self) -> None:
        """See `check_tagger`."""
        check_tagger(self._options)

    def load_teacher(self) -> Any:
        """A tagger of words."""
        options = self._options
        return runs.load_model(
            options.teacher_model_path, runs.choose_device(options), max_length=options.teacher_max_seq_len
        )

    def match(self, gold_labels: Sequence[str]) -> LabelMatch:
        """By name."""
        return match_labels(self.teacher.label_set.tags, gold_labels, self._label_map)

    def gold_labels(self, corpus: Corpus) -> Sequence[str]:
        """The tags of the training gold."""
        return tuple(corpus.tag_counts.get("train", ()))

    def student_labels(self, match: LabelMatch) -> LabelSet:
        """Tags and their scheme."""
        return LabelSet(match.tags, scheme_of_set(match.tags))

    def new_student(self, labels: LabelSet, rows: Any) -> NeuralTagger:
        """A small tagger."""
        return new_tagger(self._options, self._run, labels, rows["words"], splitter=self.splitter)

    def words_to_start(self, model: NeuralTagger, rows: Any) -> Sequence[str]:
        """See `words_to_start`."""
        return words_to_start(model, rows["words"])

    def outputs(self, rows: Any, name: str) -> TeacherOutputs:
        """One row of logits a word."""
        # A column of a data set is slow to read sentence by sentence.
        words = rows["words"]
        sentences = words if isinstance(words, SentenceFile | JoinedItems) else list(words)
        return teacher_outputs(
            self.teacher,
            sentences,
            precision=self._precision,
            cache_dir=self._options.cache_dir,
            track=runs.track(f"teacher outputs for {name}"),
        )

    def read(self, rows: Any, name: str, match: LabelMatch) -> Reading:
        """What the teacher makes of some rows, its probabilities calibrated as it was saved."""
        outputs = self.outputs(rows, name)
        if n_without := outputs.n_words_without():
            self._run.note(
                f"{n_without} {name} words have no teacher outputs: it is scored as if it said {_default(match)}"
            )
        return read_outputs(outputs, match, temperature=self.teacher.temperature)

    def fit(self, rows: Any, match: LabelMatch) -> Fit:
        """Over words."""
        outputs = self.outputs(rows, "dev")
        logits = [match.apply(np.asarray(outputs[row], np.float32)) for row in range(len(outputs))]
        return fit_words(logits, rows["tags"], self.student_labels(match))

    def augment(self, corpus: Corpus, rows: Any) -> tuple[Any, Any]:
        """New sentences."""
        how: Any = {"mask_word": self.teacher.mask_word, "similar_words": self.similar_words()}
        made = augment_sentences(self._options, self._run, corpus, rows, **how)
        every = rows if isinstance(rows, TrainingRows) else TrainingRows(rows)
        return every.followed_by(made), {"words": made}

    def compare(self, split: ReadSplit, name: str, rows: Any, match: LabelMatch) -> tuple[dict[str, Any], float | None]:
        """Scores of tags, and the share of words with the same one."""
        taught = split.readings["teacher"] = self.read(rows, name, match)
        scores = score_tags(split.gold, taught.tags, scheme=split.scheme)
        return scores, agreement(split.readings["student"].tags, taught.tags)

    def train_baseline(self, corpus: Corpus, labels: LabelSet) -> None:
        """The same tagger on gold."""
        learn = partial(learn_gold, corpus=corpus, labels=labels, splitter=self.splitter)
        train_baseline(self._options, self._run, corpus, learn, plain=TaggerOptions, procedure="tagger")


def read_outputs(outputs: TeacherOutputs, match: LabelMatch, *, temperature: float = 1.0) -> Reading:
    """The teacher's tags, by the student's names; `O` (or the first tag) for words that it could not see."""
    default = match.tags.index(_default(match))
    tags, raw, calibrated = [], [], []
    for index in range(len(outputs)):
        logits = match.apply(np.asarray(outputs[index], dtype=np.float32))
        labels = np.where(np.isnan(logits[:, 0]), default, np.nan_to_num(logits).argmax(-1))
        tags.append([match.tags[label] for label in labels])
        raw.append(_highest(logits))
        calibrated.append(_highest(match.apply(np.asarray(outputs[index], dtype=np.float32) / temperature)))
    return Reading(tags, raw) if temperature == 1 else Reading(tags, calibrated, raw)


def _default(match: LabelMatch) -> str:
    return "O" if "O" in match.tags else match.tags[0]


def _highest(logits: np.ndarray) -> list[float]:
    """The probability of each word's best label."""
    with np.errstate(invalid="ignore"):  # NaN for words that the teacher could not see
        return np.exp(logits.max(-1) - np.logaddexp.reduce(logits, axis=-1)).tolist()  # type: ignore[no-any-return]
