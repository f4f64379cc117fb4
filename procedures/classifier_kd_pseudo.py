"""Train a small text classifier on a teacher's outputs for raw text too, with gold labels or without."""

from nlparch.data.raw_texts import RawTextReading
from nlparch.data.sentences import TextFile, TextTrainingRows
from nlparch.data.text_tables import texts_of
from nlparch.data.texts import TextCorpus

from . import runs
from .classifier_kd import TextLesson
from .lesson import distil
from .text_options import ClassifierKdPseudoOptions


def run(options: ClassifierKdPseudoOptions) -> None:
    """Distils the teacher into a classifier with raw text, and reports both."""
    run = runs.begin_seeded(options)
    lesson = TextLesson(options, run)
    corpus = _load_gold(options, run, lesson)
    raw = _load_raw(options, run, corpus, lesson)
    rows = TextTrainingRows(corpus.splits.get("train"), raw, task=lesson.labels.task)
    distil(options, run, lesson, corpus, rows)
    runs.finish(options, run, "classifier_kd_pseudo")


def _load_raw(options: ClassifierKdPseudoOptions, run: runs.Run, corpus: TextCorpus, lesson: TextLesson) -> TextFile:
    texts = {name: texts_of(rows) for name, rows in corpus.splits.items()}
    first = next((some[0] for some in texts.values() if some), None)
    has_pairs = lesson.teacher.has_pairs if first is None else not isinstance(first, str)
    if has_pairs is None:  # without gold, whoever names a second column wants pairs
        has_pairs = bool(options.text_pair_column)
    reading = RawTextReading(options.unlabeled_column, options.text_pair_column, has_pairs, run.notes)
    raw = runs.load_raw(options, run, reading, texts)
    assert isinstance(raw, TextFile)
    return raw


def _load_gold(options: ClassifierKdPseudoOptions, run: runs.Run, lesson: TextLesson) -> TextCorpus:
    if options.data_dir is None:
        run.note("no gold labels: the student learns from the teacher and raw text alone")
        return TextCorpus({}, lesson.labels, [], {}, lesson.teacher.main_score)
    return lesson.load_gold(allow_no_train=True)
