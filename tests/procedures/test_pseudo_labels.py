import numpy as np
import pytest

from nlparch.data.labels import match_labels
from nlparch.data.texts import TextCorpus
from nlparch.distill.teacher_student import DistillSettings
from nlparch.procedures import pseudo_labels, runs
from nlparch.procedures.pseudo_labels import note_accepted, warn_of_silence
from nlparch.procedures.tasks import TextClassification

TAGS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
MATCH = match_labels(TAGS, TAGS)


def sure_of(*rows):
    """Outputs that give O some probability, and share the rest; None is a word that the teacher cannot see."""
    rest = [[[(1 - sure) / 4] * 4 + [sure] if sure else [np.nan] * 5 for sure in row] for row in rows]
    return [np.log(np.array(row)).astype(np.float16) for row in rest]


OUTPUTS = sure_of([0.9, 0.9], [0.9, 0.5, 0.9], [0.95, None], [0.5])
GOLD = [["O", "O"], None, None, None]


def told(tmp_path, model, **settings):
    run = runs.Run(tmp_path)
    model.distill_with(DistillSettings(**settings))
    note_accepted(run, model, GOLD, OUTPUTS, MATCH, items="words", unit="sentences")
    return run.notes


def test_accepted_words_of_rows_without_gold_are_counted(new_tagger, tmp_path):
    model = new_tagger()
    assert told(tmp_path, model) == []
    expected = "pseudo-labels of 3 sentences without gold: 60.0% of 5 words accepted"
    assert told(tmp_path, model, min_confidence=0.8) == [expected]


def test_accepted_sentences_are_counted_where_they_are_judged_as_a_whole(new_tagger, tmp_path):
    (note,) = told(tmp_path, new_tagger(), min_confidence=0.8, confidence_level="sentence")
    assert note.endswith("20.0% of 5 words accepted, all of 33.3% of sentences")


def test_of_many_rows_some_are_looked_at(new_tagger, tmp_path, monkeypatch):
    monkeypatch.setattr(pseudo_labels, "MOST_ROWS", 2)
    (note,) = told(tmp_path, new_tagger(), min_confidence=0.8)
    assert note == "pseudo-labels of 2 of 3 sentences without gold: 50.0% of 4 words accepted"


def test_decisions_on_several_labels_are_no_texts(new_classifier, tmp_path):
    model, run = new_classifier(task="multi_label", encoder="cnn"), runs.Run(tmp_path)
    n_labels = len(model.text_labels)
    model.distill_with(DistillSettings(min_confidence=0.8))
    outputs = [np.full((1, n_labels), 3.0, np.float16), np.full((1, n_labels), 0.1, np.float16)]
    task = TextClassification(TextCorpus({}, model.text_labels, [], {}))
    match = match_labels(model.text_labels.names, model.text_labels.names)
    note_accepted(run, model, [None, None], outputs, match, items=task.decision, unit=task.unit)
    assert run.notes == [
        f"pseudo-labels of 2 texts without gold: 50.0% of {2 * n_labels} single decisions accepted",
    ]


@pytest.mark.parametrize("last", ["O", "B-LOC"])
def test_a_teacher_that_says_nothing_but_o_is_warned_of(new_tagger, tmp_path, caplog, last):
    run, outputs = runs.Run(tmp_path), [*OUTPUTS, np.array([[float(tag == last) for tag in TAGS]])]
    warn_of_silence(run, new_tagger(), outputs, MATCH, items="words")
    warned = [record.levelname for record in caplog.records if "nothing but O of all words" in record.message]
    assert warned == (["WARNING"] if last == "O" else []) and len(run.notes) == len(warned)


@pytest.mark.parametrize("last", ["NOUN", "O"])
def test_a_teacher_that_says_the_same_of_all_words_is_warned_of(new_tagger, tmp_path, last):
    run, tags = runs.Run(tmp_path), ("NOUN", "O")
    outputs = [np.zeros((2, 2)), np.full((1, 2), np.nan), np.array([[float(tag == last) for tag in tags]])]
    warn_of_silence(run, new_tagger(tags=tags), outputs, match_labels(tags, tags), items="words")
    assert [note.partition(":")[0] for note in run.notes] == (
        ["the teacher says the same of all words of the training rows"] if last == "NOUN" else []
    )


@pytest.mark.parametrize(("task", "names"), [("one_label", ("a", "b")), ("regression", ("score",))])
def test_a_teacher_that_says_the_same_of_all_texts_is_warned_of(new_classifier, tmp_path, task, names):
    run, model = runs.Run(tmp_path), new_classifier(names, task)
    same = [np.array([[0.5, 0.1][: len(names)]]), np.array([[0.503, 0.2][: len(names)]])]
    match, another = match_labels(names, names), np.array([[-2.0, 1.0][: len(names)]])
    warn_of_silence(run, model, same, match, items="texts")
    assert "the same of all texts" in run.notes[0]
    warn_of_silence(run, model, [*same, another], match, items="texts")
    assert len(run.notes) == 1


def test_several_labels_are_not_the_same_because_the_likeliest_is(new_classifier, tmp_path):
    run, names = runs.Run(tmp_path), ("a", "b")
    model, match = new_classifier(names, "multi_label"), match_labels(names, names)
    warn_of_silence(run, model, [np.array([[3.0, 1.0]]), np.array([[3.0, -1.0]])], match, items="texts")
    assert run.notes == []
    warn_of_silence(run, model, [np.array([[3.0, 1.0]]), np.array([[3.02, 1.01]])], match, items="texts")
    assert "the same of all texts" in run.notes[0]
