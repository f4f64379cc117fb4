import dataclasses
import json

import pytest

from nlparch.data.predictions import Entity, WordTag, build_prediction, predict_entities

_TEXT = "Ada Lovelace met Babbage."
_OFFSETS = [(0, 3), (4, 12), (13, 16), (17, 24), (24, 25)]
_TAGS = ["B-PER", "I-PER", "O", "B-PER", "O"]
_SCORES = [0.9, 0.7, 1.0, 0.123456, 0.5]


def test_entities_carry_offsets_into_the_text_and_the_mean_score_of_their_words() -> None:
    first, second = predict_entities(_TEXT, _OFFSETS, _TAGS, _SCORES)
    assert first == Entity(0, 12, "Ada Lovelace", "PER", (0.9 + 0.7) / 2)
    assert second == Entity(17, 24, "Babbage", "PER", 0.123456)
    assert all(_TEXT[entity.start : entity.end] == entity.text for entity in (first, second))


def test_tags_of_another_scheme_spell_the_same_entities() -> None:
    bioes = ["B-PER", "E-PER", "O", "S-PER", "O"]
    assert predict_entities(_TEXT, _OFFSETS, bioes, _SCORES) == predict_entities(_TEXT, _OFFSETS, _TAGS, _SCORES)


def test_plain_tags_spell_no_entities() -> None:
    prediction = build_prediction(_TEXT, _OFFSETS, ["PROPN", "PROPN", "VERB", "PROPN", "PUNCT"], _SCORES)
    assert prediction.entities == []
    assert [word.tag for word in prediction.words] == ["PROPN", "PROPN", "VERB", "PROPN", "PUNCT"]


def test_words_carry_their_place_tag_and_score() -> None:
    words = build_prediction(_TEXT, _OFFSETS, _TAGS, _SCORES).words
    assert words[1] == WordTag("Lovelace", 4, 12, "I-PER", 0.7)
    assert [(word.start, word.end) for word in words] == _OFFSETS


def test_a_prediction_is_written_as_json_with_scores_of_four_digits() -> None:
    written = build_prediction(_TEXT, _OFFSETS, _TAGS, _SCORES).to_dict()
    assert json.loads(json.dumps(written)) == written
    assert list(written) == ["text", "words", "entities"]
    assert written["words"][3] == {"text": "Babbage", "start": 17, "end": 24, "tag": "B-PER", "score": 0.1235}
    assert written["entities"][0] == {"start": 0, "end": 12, "text": "Ada Lovelace", "label": "PER", "score": 0.8}


def test_scores_may_be_numbers_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    scores = numpy.asarray(_SCORES, dtype=numpy.float32)
    written = build_prediction(_TEXT, _OFFSETS, _TAGS, scores).to_dict()
    assert json.loads(json.dumps(written)) == written
    assert written["entities"][0]["score"] == 0.8


def test_an_empty_text_has_neither_words_nor_entities() -> None:
    assert build_prediction("", [], [], []).to_dict() == {"text": "", "words": [], "entities": []}


def test_words_without_a_tag_or_score_are_refused() -> None:
    with pytest.raises(ValueError, match="one tag and one score, got 5 words, 4 tags, 5 scores"):
        build_prediction(_TEXT, _OFFSETS, _TAGS[:4], _SCORES)


def test_predictions_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        build_prediction(_TEXT, _OFFSETS, _TAGS, _SCORES).text = "x"  # type: ignore[misc]
