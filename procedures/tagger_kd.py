"""Train a small tagger on gold tags and a teacher's outputs; raw text too, where there is some."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelMatch, LabelSet, load_label_map, match_labels, scheme_of_set
from nlparch.data.sentences import JoinedSentences, SentenceFile, TrainingRows
from nlparch.distill.cache import JoinedOutputs, StoredOutputs, TeacherOutputs
from nlparch.distill.schedules import Course
from nlparch.distill.starts import reduce_states
from nlparch.distill.teacher_student import DistillSettings
from nlparch.distill.teachers import teacher_outputs, teacher_word_states
from nlparch.errors import UserError
from nlparch.metrics import agreement, score_tags
from nlparch.models.tagger import NeuralTagger
from nlparch.models.word_tagger import WordTagger
from nlparch.readings import Reading

from . import runs
from .augment import augment_rows
from .baseline import check_baseline, train_baseline
from .calibrate import fit_words
from .options import TaggerKdOptions
from .pseudo_labels import note_accepted, warn_of_silence
from .reports import Reader
from .tagger import new_tagger, words_to_start

_LESSON = {
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


def run(options: TaggerKdOptions) -> None:
    """Distils the teacher into a tagger and reports both."""
    run = runs.begin_seeded(options)
    lesson = Lesson(options, run)
    corpus = runs.load_data(options, run, known_tags=lesson.tags)
    splitter = runs.pick_splitter(options, run, corpus.splits["train"]["words"])
    distil(options, run, lesson, corpus, corpus.splits["train"], splitter=splitter)
    runs.finish(options, run, "tagger_kd")


class Lesson:
    """A teacher, and how its labels are read.

    Attributes:
        teacher: the live model.
        reader: the model as it is measured.
        tags: the tags that the teacher can give, as a student would name them.
        starts_words: whether the student's word vectors begin with the teacher's.
    """

    def __init__(self, options: TaggerKdOptions, run: runs.Run) -> None:
        device = runs.choose_device(options)
        self._options = options
        self._run = run
        self.teacher = runs.load_model(options.teacher_model_path, device, max_length=options.teacher_max_seq_len)
        self._precision = runs.choose_precision(options.teacher_precision, device)
        self._label_map: Mapping[str, str | None] | None = None
        if options.label_map is not None:
            self._label_map = load_label_map(options.label_map)
        self.reader = Reader(self.teacher, options.teacher_model_path, self._precision)
        self.tags = self.match(()).tags
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

    def match(self, gold_tags: Sequence[str]) -> LabelMatch:
        """How the teacher's labels become those of a student with these gold tags.

        Raises:
            UserError: If there are gold tags that the teacher lacks.
        """
        return match_labels(self.teacher.label_set.tags, gold_tags, self._label_map)

    def outputs(self, rows: Any, name: str) -> TeacherOutputs:
        """The teacher's outputs for some rows, from the cache where they are there."""
        # A column of a data set is slow to read sentence by sentence.
        words = rows["words"]
        sentences = words if isinstance(words, SentenceFile | JoinedSentences) else list(words)
        return teacher_outputs(
            self.teacher,
            sentences,
            precision=self._precision,
            cache_dir=self._options.cache_dir,
            track=runs.track(f"teacher outputs for {name}"),
        )

    def read(self, rows: Any, name: str, match: LabelMatch) -> Reading:
        """What the teacher makes of some rows, its probabilities calibrated as it was saved."""
        return read_outputs(self.outputs(rows, name), match, temperature=self.teacher.temperature)

    def fit_temperature(self, rows: Any, match: LabelMatch) -> float:
        """The temperature at which the teacher is as sure as it is right on labelled rows."""
        outputs = self.outputs(rows, "dev")
        logits = [match.apply(np.asarray(outputs[row], np.float32)) for row in range(len(outputs))]
        fit = fit_words(logits, rows["tags"], LabelSet(match.tags, scheme_of_set(match.tags)))
        self._run.note(f"teacher calibrated on dev: {fit}")
        return fit.temperature

    def start_words(self, model: NeuralTagger, words: Sequence[str]) -> None:
        """Begins the student's word vectors with what the teacher makes of each word."""
        states = teacher_word_states(self.teacher, words, precision=self._precision, cache_dir=self._options.cache_dir)
        vectors = reduce_states(states, width=model.config.word_width, seed=self._options.seed)
        model.set_word_vectors(dict(zip(words, vectors, strict=True)))
        self._run.note(f"word vectors begin with the teacher's of {len(words):,} words")


def distil(
    options: TaggerKdOptions, run: runs.Run, lesson: Lesson, corpus: Corpus, rows: Any, *, splitter: str
) -> None:
    """Teaches a new tagger with `rows`, and scores it beside its teacher.

    Args:
        options: of the procedure.
        run: the run under way.
        lesson: the teacher.
        corpus: whose dev chooses the best model, and whose test is scored.
        rows: to learn from; `tags` is None where there is no gold.
        splitter: the student's.
    """
    if options.baseline:
        check_baseline(corpus)
    match = lesson.match(tuple(corpus.tag_counts.get("train", ())))
    run.note(*([match.note] if match.note else []))
    labels = LabelSet(match.tags, scheme_of_set(match.tags))
    settings = _settings(options)
    model = new_tagger(options, run, labels, rows["words"], splitter=splitter).distill_with(settings)
    if getattr(options, "calibrate_teacher", False):
        temperature = lesson.fit_temperature(_dev_rows(corpus), match)
        settings = dataclasses.replace(settings, teacher_temperature=temperature)
        model.distill_with(settings)
    taught, outputs = _augment(options, run, lesson, corpus, rows)
    if n_without := outputs.n_words_without():
        run.note(f"{n_without} training words have no teacher outputs: no soft term for them")
    run.metrics["words_without_teacher"] = n_without
    warn_of_silence(run, model, outputs, match)
    note_accepted(run, model, taught["tags"], outputs, match, items="words", unit="sentences")
    if lesson.starts_words:
        lesson.start_words(model, words_to_start(model, rows["words"]))
    precision = runs.choose_precision(options.precision, runs.choose_device(options), auto="fp32")
    course = _course(options, settings)
    runs.train(options, run, model, taught, corpus, precision=precision, outputs=outputs, match=match, course=course)
    _compare(run, lesson, corpus, model, match, precision=precision)
    if options.baseline:
        train_baseline(options, run, corpus, labels, splitter=splitter)


def _augment(
    options: TaggerKdOptions, run: runs.Run, lesson: Lesson, corpus: Corpus, rows: Any
) -> tuple[Any, StoredOutputs]:
    """The rows that are learnt from, new ones made of them where options say so, and the teacher's outputs for all."""
    if not options.augment:
        return rows, lesson.outputs(rows, "training rows")
    made = augment_rows(options, run, corpus, rows, mask_word=lesson.teacher.mask_word)
    outputs = [lesson.outputs(rows, "training rows"), lesson.outputs({"words": made}, "augmented rows")]
    all_rows = rows if isinstance(rows, TrainingRows) else TrainingRows(rows)
    return all_rows.followed_by(made), JoinedOutputs(*outputs)


def _settings(options: TaggerKdOptions) -> DistillSettings:
    """The lesson that the options describe; those about raw text are not of every procedure."""
    given = {name: getattr(options, option) for name, option in _LESSON.items() if hasattr(options, option)}
    return DistillSettings(**given)


def _course(options: TaggerKdOptions, begin: DistillSettings) -> Course | None:
    ends = {
        "temperature": options.kd_temp_end,
        "dist_w": options.kd_dist_w_end,
        "student_w": options.kd_student_w_end,
    }
    given: dict[str, Any] = {name: end for name, end in ends.items() if end is not None}
    return Course(begin, dataclasses.replace(begin, **given), options.kd_ramp) if given else None


def _dev_rows(corpus: Corpus) -> Any:
    if "dev" not in corpus.splits:
        raise UserError("--calibrate_teacher needs labelled dev sentences, and there are none; leave it out")
    return corpus.splits["dev"]


def _compare(
    run: runs.Run, lesson: Lesson, corpus: Corpus, model: WordTagger, match: LabelMatch, *, precision: Any
) -> None:
    """Scores the student and its teacher on dev and test, and how often they agree."""
    runs.score_splits(run, model, corpus, precision=precision)
    teacher: dict[str, Any] = {"n_parameters": runs.n_parameters(lesson.teacher)}
    run.metrics |= {"teacher": teacher, "agreement": {}}
    run.readers["teacher"] = lesson.reader
    for name, split in run.splits.items():
        taught = split.readings["teacher"] = lesson.read(corpus.splits[name], name, match)
        teacher[name] = score_tags(split.gold, taught.tags, scheme=split.scheme)
        run.metrics["agreement"][name] = agreement(split.readings["student"].tags, taught.tags)


def read_outputs(outputs: TeacherOutputs, match: LabelMatch, *, temperature: float = 1.0) -> Reading:
    """The teacher's tags, by the student's names; `O` (or the first tag) for words that it could not see."""
    default = match.tags.index("O") if "O" in match.tags else 0
    tags, raw, calibrated = [], [], []
    for index in range(len(outputs)):
        logits = match.apply(np.asarray(outputs[index], dtype=np.float32))
        labels = np.where(np.isnan(logits[:, 0]), default, np.nan_to_num(logits).argmax(-1))
        tags.append([match.tags[label] for label in labels])
        raw.append(_highest(logits))
        calibrated.append(_highest(match.apply(np.asarray(outputs[index], dtype=np.float32) / temperature)))
    return Reading(tags, raw) if temperature == 1 else Reading(tags, calibrated, raw)


def _highest(logits: np.ndarray) -> list[float]:
    """The probability of each word's best label."""
    return np.exp(logits.max(-1) - np.logaddexp.reduce(logits, axis=-1)).tolist()  # type: ignore[no-any-return]
