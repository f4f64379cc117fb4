import pytest
import seqeval.metrics
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, IOBES

from nlparch.data.labels import spans
from nlparch.metrics import agreement, main_score, main_score_name, score_tags

SCHEMES = {"IOB2": (IOB2, "BI"), "BIOES": (IOBES, "BIES")}


@st.composite
def tagged_pairs(draw, scheme):
    """Gold and predicted tags, legal or not, with sentences of no words among them."""
    tags = ["O", *(f"{kind}-{type_}" for kind in SCHEMES[scheme][1] for type_ in ("PER", "LOC", "A-B"))]
    lengths = draw(st.lists(st.integers(0, 6), max_size=5))
    return [[[draw(st.sampled_from(tags)) for _ in range(length)] for length in lengths] for _ in range(2)]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_span_scores_are_those_of_seqeval(scheme, data):
    gold, predicted = data.draw(tagged_pairs(scheme))
    scores = score_tags(gold, predicted, scheme=scheme)
    if scores["f1"] is None:
        assert not any(spans(tags) for tags in gold + predicted)
        return
    for name in ("precision", "recall", "f1"):
        expected = getattr(seqeval.metrics, f"{name}_score")(gold, predicted, zero_division=0)
        assert scores[name] == pytest.approx(expected)
    if scores["f1_strict"] is not None:
        options = {"mode": "strict", "scheme": SCHEMES[scheme][0], "zero_division": 0}
        assert scores["f1_strict"] == pytest.approx(seqeval.metrics.f1_score(gold, predicted, **options))


@given(data=st.data())
def test_span_scores_count_the_spans_that_both_sides_have(data):
    gold, predicted = data.draw(tagged_pairs("IOB2"))
    scores = score_tags(gold, predicted, scheme="IOB2")
    wanted, found = ({(n, *span) for n, tags in enumerate(side) for span in spans(tags)} for side in (gold, predicted))
    if wanted or found:
        assert scores["f1"] == pytest.approx(2 * len(wanted & found) / (len(wanted) + len(found)))
    for name, row in scores["per_type"].items():
        assert row["support"] == sum(type_ == name for _, type_, _, _ in wanted)


def test_span_scores_of_a_case_counted_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-PER"]]
    predicted = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "B-PER"]]
    scores = score_tags(gold, predicted, scheme="IOB2")
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["n"] == 6
    assert scores["per_type"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert scores["per_type"]["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_a_span_does_not_run_on_into_the_next_sentence():
    gold = [["O", "B-PER"], ["I-PER", "O"]]
    assert score_tags(gold, gold, scheme="IOB2")["per_type"]["PER"]["support"] == 2


def test_the_strict_reading_takes_no_span_that_begins_with_i():
    scores = score_tags([["B-PER", "O", "B-PER"]], [["I-PER", "O", "B-PER"]], scheme="IOB2")
    assert scores["f1"] == 1.0
    assert scores["f1_strict"] == pytest.approx(2 / 3)


def test_the_strict_reading_is_undefined_for_iob1():
    scores = score_tags([["I-PER", "O"]], [["I-PER", "O"]], scheme="IOB1")
    assert scores["f1"] == 1.0
    assert scores["f1_strict"] is None


@pytest.mark.parametrize("tags", [[], [[]], [["O", "O"]]])
def test_scores_without_spans_are_undefined(tags):
    scores = score_tags(tags, tags, scheme="IOB2")
    assert [scores[name] for name in ("precision", "recall", "f1", "f1_strict")] == [None] * 4
    assert scores["per_type"] == {}
    assert scores["accuracy"] == (1.0 if tags and tags[0] else None)


@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_scores_of_no_words_are_undefined(scheme):
    scores = score_tags([[]], [[]], scheme=scheme)
    assert scores["accuracy"] is None
    assert scores["n"] == 0
    assert main_score(scores) == 0.0


def test_spans_on_one_side_only_score_zero():
    assert score_tags([["B-PER"]], [["O"]], scheme="IOB2")["f1"] == 0.0
    assert score_tags([["O"]], [["B-PER"]], scheme="IOB2")["f1"] == 0.0


def test_a_type_that_gold_alone_has_is_scored_as_an_error():
    scores = score_tags([["B-PER", "B-NEW"]], [["B-PER", "O"]], scheme="IOB2")
    assert scores["recall"] == 0.5
    assert scores["per_type"]["NEW"]["support"] == 1


def test_a_stray_tag_without_a_prefix_is_a_missed_span_under_its_own_name():
    scores = score_tags([["PROPN", "PROPN", "B-PER"]], [["O", "O", "B-PER"]], scheme="IOB2")
    assert scores["per_type"]["PROPN"]["support"] == 2
    assert scores["recall"] == pytest.approx(1 / 3)
    assert scores["f1_strict"] == scores["f1"] == 0.5


def test_bilou_is_scored_as_bioes():
    scores = score_tags([["U-PER", "U-PER", "B-LOC", "L-LOC"]], [["U-PER", "O", "B-LOC", "L-LOC"]], scheme="BIOES")
    assert scores["per_type"]["PER"]["support"] == 2
    assert scores["f1"] == scores["f1_strict"] == pytest.approx(0.8)


def test_plain_tags_have_accuracy_and_macro_f1_and_no_span_scores():
    gold = [["NOUN", "VERB"], ["NOUN", "X"]]
    predicted = [["NOUN", "NOUN"], ["NOUN", "PUNCT"]]
    scores = score_tags(gold, predicted, scheme="plain")
    assert set(scores) == {"accuracy", "n", "macro_f1", "per_tag"}
    assert scores["accuracy"] == 0.5
    assert scores["per_tag"]["NOUN"] == {
        "precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8), "support": 2
    }  # fmt: skip
    assert scores["per_tag"]["PUNCT"]["support"] == 0
    assert scores["macro_f1"] == pytest.approx(0.8 / 3)  # PUNCT is no tag of gold: VERB and X share the blame


def test_values_are_plain_numbers():
    for scheme, tags in (("IOB2", [["B-PER", "O"]]), ("plain", [["NOUN", "X"]])):
        scores = score_tags(tags, tags, scheme=scheme)
        per_type = scores.pop("per_type", None) or scores.pop("per_tag")
        values = [*scores.values(), *(value for row in per_type.values() for value in row.values())]
        assert {type(value) for value in values} <= {float, int}


def test_the_main_score_is_f1_for_spans_and_accuracy_for_plain_tags():
    assert main_score_name(score_tags([["O"]], [["O"]], scheme="IOB2")) == "f1"
    assert main_score_name(score_tags([["X"]], [["X"]], scheme="plain")) == "accuracy"
    assert main_score(score_tags([["X", "Y"]], [["X", "X"]], scheme="plain")) == 0.5


def test_agreement_is_the_share_of_words_with_the_same_tag():
    assert agreement([["O", "B-PER"], ["O", "O"]], [["O", "O"], ["O", "O"]]) == 0.75
    assert agreement([[]], [[]]) is None


def test_both_sides_must_have_as_many_words():
    for other in ([["O"]], [["O", "O"], []]):
        with pytest.raises(ValueError, match="as many tags"):
            score_tags([["O", "O"]], other, scheme="IOB2")
        with pytest.raises(ValueError, match="as many tags"):
            agreement([["O", "O"]], other)
