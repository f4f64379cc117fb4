"""What a student learns from a teacher, and the steps of every distillation."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nlparch.data.labels import LabelMatch, load_label_map
from nlparch.distill.cache import JoinedOutputs, StoredOutputs, TeacherOutputs, store_key
from nlparch.distill.neighbours import find_neighbours
from nlparch.distill.schedules import Course
from nlparch.distill.starts import reduce_states
from nlparch.distill.teacher_student import DistillSettings
from nlparch.distill.teachers import teacher_parts, teacher_word_states
from nlparch.errors import UserError

from . import runs
from .augment import SimilarWords
from .baseline import check_baseline
from .calibrate import Fit
from .int8 import add_int8
from .pseudo_labels import note_accepted, warn_of_silence
from .reports import Reader
from .tasks import Task, task_of

_SETTINGS = {
    "temperature": "kd_temp",
    "dist_w": "kd_dist_w",
    "student_w": "kd_student_w",
    "loss_fn": "kd_loss_fn",
    "dkd_alpha": "dkd_alpha",
    "dkd_beta": "dkd_beta",
    "entity_weight": "entity_weight",
    "min_confidence": "pseudo_threshold",
    "confidence_level": "confidence_level",
    "weight_by_confidence": "weight_by_confidence",
}
"""Settings of the lesson, and the options that give them."""

MAX_OTHER_WORDS = 20_000
"""Words of the teacher's vocabulary, the first ones, that may stand for similar ones of the corpus."""


class Lesson(abc.ABC):
    """A teacher, how its labels are read, and what its student is.

    Attributes:
        teacher: the live model.
        reader: the model as it is measured.
        starts_words: whether the student's word vectors begin with the teacher's.
    """

    def __init__(self, options: Any, run: runs.Run) -> None:
        self._options = options
        self._run = run
        self.check_student()
        self._precision = runs.choose_precision(
            options.teacher_precision, runs.choose_device(options), flag="--teacher_precision"
        )
        self._label_map: Mapping[str, str | None] | None = None
        if options.label_map is not None:
            self._label_map = load_label_map(options.label_map)
        self.teacher = self.load_teacher()
        self.reader = Reader(self.teacher, options.teacher_model_path, self._precision)
        self.starts_words = self._check_start(options.init_embeddings, options.embedding_file)

    def _check_start(self, wanted: str, embedding_file: str | None) -> bool:
        able = hasattr(self.teacher, "word_states")
        if wanted == "teacher" and embedding_file is not None:
            raise UserError(
                "--init_embeddings teacher and --embedding_file both say where word vectors begin; keep one"
            )
        if wanted == "teacher" and not able:
            raise UserError("--init_embeddings teacher needs a transformer as teacher; use --init_embeddings random")
        return wanted == "teacher" or (wanted == "auto" and able and embedding_file is None)

    def digests(self) -> dict[str, str]:
        """Of the teacher and of how its labels are read, by the option that names it."""
        return {
            "--teacher_model_path": store_key(**teacher_parts(self.teacher)),
            "--label_map": store_key(label_map=self._label_map),
        }

    @abc.abstractmethod
    def check_student(self) -> None:
        """Refuses a student that cannot be, before anything is loaded."""

    @abc.abstractmethod
    def load_teacher(self) -> Any:
        """The teacher, on its device."""

    @abc.abstractmethod
    def match(self, gold_labels: Sequence[str]) -> LabelMatch:
        """How the teacher's labels become those of a student with these gold labels.

        Raises:
            UserError: If there are gold labels that the teacher lacks.
        """

    @abc.abstractmethod
    def gold_labels(self, corpus: Any) -> Sequence[str]:
        """The labels of the training gold."""

    @abc.abstractmethod
    def student_labels(self, match: LabelMatch) -> Any:
        """The student's labels."""

    @abc.abstractmethod
    def new_student(self, labels: Any, rows: Any) -> Any:
        """A student that has learnt nothing yet."""

    @abc.abstractmethod
    def words_to_start(self, model: Any, rows: Any) -> Sequence[str]:
        """The student's words whose vectors may be given a beginning."""

    @abc.abstractmethod
    def outputs(self, rows: Any, name: str) -> TeacherOutputs:
        """The teacher's outputs for some rows, from the cache where they are there."""

    @abc.abstractmethod
    def augment(self, corpus: Any, rows: Any) -> tuple[Any, Any]:
        """New rows made of training rows: all of them together, and the new ones alone."""

    @abc.abstractmethod
    def fit(self, rows: Any, match: LabelMatch) -> Fit:
        """The temperature at which the teacher is as sure as it is right on labelled rows."""

    @abc.abstractmethod
    def compare(self, split: Any, name: str, rows: Any, match: LabelMatch) -> tuple[dict[str, Any], float | None]:
        """The teacher's scores on a split, where its reading is kept, and how often the student agrees with it."""

    @abc.abstractmethod
    def train_baseline(self, corpus: Any, labels: Any) -> None:
        """Trains the undistilled student, and sets its scores beside those of the student."""

    def settle_loss(self) -> dict[str, Any]:
        """Settings of the soft term that the options leave to the task."""
        return {}

    def similar_words(self) -> SimilarWords | None:
        """What gives similar words; None where the teacher does not read single words."""
        if not hasattr(self.teacher, "word_states"):
            return None
        return lambda words: find_neighbours(words, self.teacher.whole_words()[:MAX_OTHER_WORDS], self._word_states)

    def _word_states(self, words: Sequence[str]) -> Any:
        how: Any = {"precision": self._precision, "cache_dir": self._options.cache_dir}
        return teacher_word_states(self.teacher, words, track=runs.track("teacher's word vectors"), **how)

    def start_words(self, model: Any, words: Sequence[str]) -> None:
        """Begins the student's word vectors with what the teacher makes of each word."""
        vectors = reduce_states(self._word_states(words), width=model.config.word_width, seed=self._options.seed)
        model.set_word_vectors(dict(zip(words, vectors, strict=True)))
        self._run.note(f"word vectors begin with the teacher's of {len(words):,} words")


def distil(options: Any, run: runs.Run, lesson: Lesson, corpus: Any, rows: Any) -> None:
    """Teaches a new student with `rows`, and scores it beside its teacher.

    Args:
        options: of the procedure.
        run: the run under way.
        lesson: the teacher.
        corpus: whose dev chooses the best model, and whose test is scored.
        rows: to learn from; their gold is None where there is none.
    """
    if options.baseline:
        check_baseline(corpus)
    match = lesson.match(lesson.gold_labels(corpus))
    run.note(*([match.note] if match.note else []))
    labels = lesson.student_labels(match)
    settings = _settings(options, **lesson.settle_loss())
    heat = "" if settings.loss_fn == "mse" else f" at a temperature of {settings.temperature:g}"
    run.note(f"soft term: {settings.loss_fn}{heat}")
    taught, made = lesson.augment(corpus, rows) if options.augment else (rows, None)
    # What forbids the student or its training is said before the long pass.
    model = lesson.new_student(labels, taught).distill_with(settings)
    precision = runs.choose_precision(options.precision, runs.choose_device(options), auto="fp32")
    prepared = runs.prepare(options, run, taught, corpus, precision=precision, sources=lesson.digests())
    if getattr(options, "calibrate_teacher", False):
        fit = lesson.fit(_dev_rows(corpus), match)
        run.note(f"teacher calibrated on dev: {fit}")
        settings = dataclasses.replace(settings, teacher_temperature=fit.temperature)
        model.distill_with(settings)
    outputs = _outputs(lesson, rows, made)
    _note_outputs(run, model, outputs, match, task_of(corpus), taught)
    if lesson.starts_words:
        lesson.start_words(model, lesson.words_to_start(model, taught))
    course = _course(options, settings)
    runs.train(options, run, model, taught, corpus, prepared, outputs=outputs, match=match, course=course)
    _compare(run, lesson, corpus, model, match, precision=precision)
    add_int8(run, model)
    if options.baseline:
        lesson.train_baseline(corpus, labels)


def _outputs(lesson: Lesson, rows: Any, made: Any | None) -> StoredOutputs:
    """The teacher's outputs for the training rows, and for new ones made of them where there are some."""
    outputs = lesson.outputs(rows, "training rows")
    return outputs if made is None else JoinedOutputs(outputs, lesson.outputs(made, "augmented rows"))


def _note_outputs(run: runs.Run, model: Any, outputs: StoredOutputs, match: LabelMatch, task: Task, rows: Any) -> None:
    """What is without teacher outputs, what the teacher never says, and which pseudo-labels are taken."""
    if n_without := outputs.n_words_without():
        run.note(f"{n_without} training {task.item} have no teacher outputs: no soft term for them")
    run.metrics[f"{task.item}_without_teacher"] = n_without
    warn_of_silence(run, model, outputs, match, items=task.item)
    note_accepted(run, model, task.gold(rows), outputs, match, items=task.decision, unit=task.unit)


def _settings(options: Any, **settled: Any) -> DistillSettings:
    """The lesson that the options describe, but for what is settled; some are not of every procedure, or not given."""
    given = {name: getattr(options, option, None) for name, option in _SETTINGS.items()}
    return DistillSettings(**({name: value for name, value in given.items() if value is not None} | settled))


def _course(options: Any, begin: DistillSettings) -> Course | None:
    ends = {
        "temperature": options.kd_temp_end,
        "dist_w": options.kd_dist_w_end,
        "student_w": options.kd_student_w_end,
    }
    given: dict[str, Any] = {name: end for name, end in ends.items() if end is not None}
    return Course(begin, dataclasses.replace(begin, **given), options.kd_ramp) if given else None


def _dev_rows(corpus: Any) -> Any:
    if "dev" not in corpus.splits:
        unit = task_of(corpus).unit
        raise UserError(f"--calibrate_teacher needs labelled dev {unit}, and there are none; leave it out")
    return corpus.splits["dev"]


def _compare(run: runs.Run, lesson: Lesson, corpus: Any, model: Any, match: LabelMatch, *, precision: Any) -> None:
    """Scores the student and its teacher on dev and test, and how often they agree."""
    runs.score_splits(run, model, corpus, precision=precision)
    teacher: dict[str, Any] = {"n_parameters": runs.n_parameters(lesson.teacher)}
    run.metrics |= {"teacher": teacher, "agreement": {}}
    run.readers["teacher"] = lesson.reader
    if run.splits and (read_in := lesson.reader.precision) != "fp32":
        run.note(f"the teacher read in {read_in}; in fp32, as nlp-eval reads, its scores may differ a little")
    for name, split in run.splits.items():
        teacher[name], agreed = lesson.compare(split, name, corpus.splits[name], match)
        if agreed is not None:  # numbers do not agree, they are near each other
            run.metrics["agreement"][name] = agreed
