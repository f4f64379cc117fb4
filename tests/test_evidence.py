import json

import pytest

from nlparch.bootstrap import paired_difference
from nlparch.counts import count_items
from nlparch.evidence import add_evidence
from nlparch.metrics import score_tags
from nlparch.readings import Reading, ReadSplit
from nlparch.seen import Training

WORDS = [["Ann", "in", "Rome"], ["Bo", "in", "Oslo"], ["Oslo", "of", "Ann"], ["Rome", "fell", "again"]]
GOLD = [["B-PER", "O", "B-LOC"], ["B-PER", "O", "B-LOC"], ["B-LOC", "O", "B-PER"], ["B-LOC", "O", "O"]]
STUDENT = [["B-PER", "O", "B-LOC"], ["B-LOC", "O", "B-LOC"], ["O", "O", "B-PER"], ["B-LOC", "O", "O"]]
PLAIN = {"B-PER": "N", "B-LOC": "N", "O": "X"}


def evidence_of(training=None, plain=False):
    scheme = "plain" if plain else "IOB2"
    gold, student = ([[PLAIN[t] if plain else t for t in tags] for tags in some] for some in (GOLD, STUDENT))
    sure = [[0.9] * 3 for _ in WORDS]
    split = ReadSplit(WORDS, gold, scheme, training)
    split.readings |= {"student": Reading(student, sure), "teacher": Reading(gold, sure)}
    metrics = {"test": score_tags(gold, student, scheme=scheme)}
    metrics["teacher"] = {"test": score_tags(gold, gold, scheme=scheme)}
    add_evidence(metrics, {"test": split})
    return metrics


def test_every_score_that_matters_has_an_interval():
    scores = evidence_of()["test"]
    low, high = scores["f1_interval"]
    assert 0 < low < scores["f1"] < high <= 1
    assert all(row["f1_interval"][0] <= row["f1"] <= row["f1_interval"][1] for row in scores["per_type"].values())
    plain = evidence_of(plain=True)["test"]
    assert plain["accuracy_interval"][0] <= plain["accuracy"] <= plain["accuracy_interval"][1]
    assert all("f1_interval" in row for row in plain["per_tag"].values())


def test_the_student_is_tested_against_the_teacher():
    found = evidence_of()["differences"]["test"]["teacher"]
    wanted = paired_difference(*(count_items(GOLD, tags, scheme="IOB2") for tags in (STUDENT, GOLD)))
    assert (found["difference"], tuple(found["interval"]), found["p"]) == (wanted.value, wanted.interval, wanted.p)


def test_seen_and_unseen_are_scored_where_there_is_training_gold():
    metrics = evidence_of(Training.of([["Ann"]], [["B-PER"]], scheme="IOB2"))
    assert (metrics["test"]["seen"]["support"], metrics["test"]["unseen"]["support"]) == (2, 5)
    assert metrics["test"]["seen"]["f1"] == 1.0 > metrics["test"]["unseen"]["f1"]
    assert metrics["teacher"]["test"]["unseen"]["f1_interval"] == (1.0, 1.0)
    assert "seen" not in evidence_of()["test"]


def test_calibration_is_that_of_the_tags_probabilities():
    metrics = evidence_of()
    assert metrics["teacher"]["test"]["calibration_error"] == pytest.approx(0.1)
    assert metrics["test"]["calibration_error"] == pytest.approx(abs(0.9 - 10 / 12))


def test_a_model_alone_differs_from_nothing_and_all_can_be_written():
    split = ReadSplit([["a"]], [["O"]], "IOB2", readings={"student": Reading([["O"]], [[0.5]])})
    metrics = {"dev": score_tags([["O"]], [["O"]], scheme="IOB2")}
    add_evidence(metrics, {"dev": split})
    assert metrics["dev"]["f1_interval"] is None and "differences" not in metrics
    json.dumps(metrics, allow_nan=False)
