"""Train a small tagger on a teacher's outputs for raw text too, with gold tags or without."""

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelSet, scheme_of_set
from nlparch.data.raw_sources import RawReading
from nlparch.data.sentences import SentenceFile, TrainingRows
from nlparch.data.words import make_splitter

from . import runs
from .lesson import distil
from .options import TaggerKdPseudoOptions
from .tagger_kd import TaggingLesson


def run(options: TaggerKdPseudoOptions) -> None:
    """Distils the teacher into a tagger with raw text, and reports both."""
    run = runs.begin_seeded(options)
    lesson = TaggingLesson(options, run)
    corpus = _load_gold(options, run, lesson)
    gold = corpus.splits.get("train")
    lesson.splitter = options.splitter or lesson.splitter
    if gold is not None:
        lesson.splitter = runs.pick_splitter(options, run, gold["words"])
    rows = TrainingRows(gold, _load_raw(options, run, corpus, lesson.splitter))
    distil(options, run, lesson, corpus, rows)
    runs.finish(options, run, "tagger_kd_pseudo")


def _load_raw(options: TaggerKdPseudoOptions, run: runs.Run, corpus: Corpus, splitter: str) -> SentenceFile:
    reading = RawReading(make_splitter(splitter), options.word_col, options.ignore_token, options.unlabeled_column)
    raw = runs.load_raw(options, run, reading, {name: rows["words"] for name, rows in corpus.splits.items()})
    assert isinstance(raw, SentenceFile)
    return raw


def _load_gold(options: TaggerKdPseudoOptions, run: runs.Run, lesson: TaggingLesson) -> Corpus:
    if options.data_dir is None:
        run.note("no gold labels: the student learns from the teacher and raw text alone")
        return Corpus({}, LabelSet(lesson.tags, scheme_of_set(lesson.tags)), [], {})
    return runs.load_data(options, run, known_tags=lesson.tags, allow_no_train=True)
