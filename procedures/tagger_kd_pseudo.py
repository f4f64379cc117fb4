"""Train a small tagger on a teacher's outputs for raw text too, with gold tags or without."""

import datasets

from nlparch.data.corpora import Corpus, load_unlabeled
from nlparch.data.labels import LabelSet, scheme_of_set
from nlparch.data.words import make_splitter

from . import runs
from .options import TaggerKdPseudoOptions
from .tagger_kd import Lesson, distil, without_gold


def run(options: TaggerKdPseudoOptions) -> None:
    """Distils the teacher into a tagger with raw text, and reports both."""
    run = runs.begin_seeded(options)
    lesson = Lesson(options, run)
    corpus = _load_gold(options, run, lesson)
    gold = corpus.splits.get("train")
    splitter = options.splitter or lesson.teacher.splitter
    if gold is not None:
        splitter = runs.pick_splitter(options, run, gold["words"])
    raw, notes = load_unlabeled(
        options.unlabeled_filename,
        split=make_splitter(splitter),
        word_col=options.word_col,
        ignore_token=options.ignore_token,
        gold=() if gold is None else gold["words"],
    )
    run.note(*notes)
    rows = without_gold(raw)
    if gold is not None:
        rows = datasets.concatenate_datasets([gold, rows])
    distil(options, run, lesson, corpus, rows, splitter=splitter)
    runs.finish(options, run, "tagger_kd_pseudo")


def _load_gold(options: TaggerKdPseudoOptions, run: runs.Run, lesson: Lesson) -> Corpus:
    if options.data_dir is None:
        run.note("no gold labels: the student learns from the teacher and raw text alone")
        return Corpus({}, LabelSet(lesson.tags, scheme_of_set(lesson.tags)), [], {})
    return runs.load_data(options, run, known_tags=lesson.tags, allow_no_train=True)
