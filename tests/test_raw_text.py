import pytest

from nlparch.data.predictions import build_prediction
from nlparch.data.words import join_words, make_splitter
from nlparch.raw_text import score_raw_text


def predictor(splitter, tags):
    """Tags words as a dictionary says, after splitting."""
    split = make_splitter(splitter)

    def predict(texts):
        for text in texts:
            offsets = split(text)
            found = [tags.get(text[start:end], "O") for start, end in offsets]
            yield build_prediction(text, offsets, found, [1.0] * len(found))

    return predict


WORDS = [["Ada", "Lovelace", "met", "Bo", "."], ["Bo", "left", "."]]
GOLD = [["B-PER", "I-PER", "O", "B-PER", "O"], ["B-PER", "O", "O"]]
KNOWN = {"Ada": "B-PER", "Lovelace": "I-PER", "Bo": "B-PER"}


def test_a_model_that_finds_the_words_scores_as_on_given_words():
    scores = score_raw_text(WORDS, GOLD, predictor("words", KNOWN), scheme="IOB2")
    assert scores == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_a_span_with_other_characters_is_not_found():
    assert join_words(WORDS[0])[0] == "Ada Lovelace met Bo."
    known = KNOWN | {"Bo.": "B-PER"}
    scores = score_raw_text(WORDS, GOLD, predictor("spaces", known), scheme="IOB2")
    assert scores == {"precision": pytest.approx(2 / 3), "recall": pytest.approx(2 / 3), "f1": pytest.approx(2 / 3)}


def test_a_span_of_another_type_is_not_found():
    scores = score_raw_text(WORDS, GOLD, predictor("words", KNOWN | {"Bo": "B-LOC"}), scheme="IOB2")
    assert scores["recall"] == pytest.approx(1 / 3)


def test_spans_on_one_side_only_score_zero():
    silent = score_raw_text(WORDS, GOLD, predictor("words", {}), scheme="IOB2")
    assert silent == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    nothing = [["O"] * len(words) for words in WORDS]
    assert score_raw_text(WORDS, nothing, predictor("words", KNOWN), scheme="IOB2")["f1"] == 0.0


@pytest.mark.parametrize("words", [[], [[]], [["left"]]])
def test_scores_without_spans_are_undefined(words):
    gold = [["O"] * len(sentence) for sentence in words]
    scores = score_raw_text(words, gold, predictor("words", {}), scheme="IOB2")
    assert scores == {"precision": None, "recall": None, "f1": None}


def test_plain_tags_are_right_where_the_word_is_found_and_its_tag_is_right():
    words, gold = [["Bo", "left", "."]], [["NOUN", "VERB", "PUNCT"]]
    tags = {"Bo": "NOUN", "left": "X", "left.": "VERB", ".": "PUNCT"}
    assert score_raw_text(words, gold, predictor("words", tags), scheme="plain") == {"accuracy": pytest.approx(2 / 3)}
    assert score_raw_text(words, gold, predictor("spaces", tags), scheme="plain") == {"accuracy": pytest.approx(1 / 3)}
    assert score_raw_text([], [], predictor("words", {}), scheme="plain") == {"accuracy": None}


def test_a_stray_gold_tag_without_a_prefix_counts_as_missed():
    scores = score_raw_text([["Bo", "left"]], [["B-PER", "PROPN"]], predictor("words", KNOWN), scheme="IOB2")
    assert scores == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
