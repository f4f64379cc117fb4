from dataclasses import replace
from typing import Any

import pytest
import torch

from nlparch.data.features import WordFeatures
from nlparch.data.labels import LabelSet, scheme_of_set
from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.models.sizes import SIZES, room_for_words, tagger_size, text_size, without_part
from nlparch.models.tagger import NeuralTagger
from nlparch.models.text_classifier import NeuralTextClassifier

TAGS = ("O", *(f"{place}-T{number}" for number in range(20) for place in "BI"))
LABELS = LabelSet(TAGS, scheme_of_set(TAGS))
# As many characters as an alphabet may have.
FEATURES = WordFeatures(words=(), characters="".join(map(chr, range(0x4E00, 0x4E00 + 2000))))


def n_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("embedder", ["cnn-lstm", "id-cnn"])
@pytest.mark.parametrize("use_crf", [False, True])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_holds_what_it_says_with_its_whole_vocabulary(name: str, use_crf: bool, embedder: str) -> None:
    size = tagger_size(name, embedder)
    settings = {**size.settings, "use_crf": use_crf}
    features = replace(FEATURES, n_word_buckets=settings.pop("n_word_buckets", 0))
    room = room_for_words(size.max_parameters, features, LABELS, **settings)
    assert room >= (size.max_vocab or 0)
    features = features if features.n_word_buckets else replace(features, words=tuple(map(str, range(room))))
    total = n_parameters(NeuralTagger.build(features, LABELS, **settings))
    assert 0.9 * size.max_parameters < total <= size.max_parameters


@pytest.mark.parametrize("has_pairs", [False, True])
@pytest.mark.parametrize("encoder", [None, "bag", "cnn", "bilstm", "id-cnn"])
@pytest.mark.parametrize("name", SIZES)
def test_a_size_of_a_classifier_holds_what_it_says(name: str, encoder: str | None, has_pairs: bool) -> None:
    size = text_size(name, encoder)
    settings = {**size.settings, "pooling": "attention", "has_pairs": has_pairs}
    assert encoder in (None, settings["encoder"])
    buckets = ("n_word_buckets", "n_ngram_buckets", "n_pair_buckets")
    features = replace(FEATURES, **{key: settings.pop(key, 0) for key in buckets})
    labels = TextLabels(tuple(map(str, range(80))), "one_label")
    room = room_for_words(size.max_parameters, features, labels, model_class=NeuralTextClassifier, **settings)
    assert room >= (size.max_vocab or 0)
    features = features if features.n_word_buckets else replace(features, words=tuple(map(str, range(room))))
    total = n_parameters(NeuralTextClassifier.build(features, labels, **settings))
    assert 0.8 * size.max_parameters < total <= size.max_parameters


def test_the_room_is_full_to_the_last_word() -> None:
    room = room_for_words(3_000_000, FEATURES, LABELS)
    total = n_parameters(NeuralTagger.build(replace(FEATURES, words=tuple(map(str, range(room)))), LABELS))
    assert total <= 3_000_000 < total + 100
    full = replace(FEATURES, words=tuple("abc"))
    assert room_for_words(3_000_000, full, LABELS) == room, "the vocabulary it is asked about does not matter"


def test_a_model_too_large_without_any_word_is_refused() -> None:
    with pytest.raises(UserError, match=r"at most 1,000,000 parameters, got [\d,]+ without its vocabulary"):
        room_for_words(1_000_000, FEATURES, LABELS, lstm_width=300)


def test_asking_for_room_draws_no_random_number() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    room_for_words(3_000_000, FEATURES, LABELS, use_crf=True)
    assert torch.equal(torch.random.get_rng_state(), before)


# Values that are no default.
OTHER = {
    "char_width": 5, "n_char_filters": 6, "char_kernel": 5, "affix_width": 3, "shape_width": 3, "lstm_width": 7,
    "n_lstm_layers": 3, "dropout": 0.6, "n_filters": 9, "conv_kernel": 5, "dilations": [1, 3], "n_blocks": 3,
    "sentence_context": True, "input_dropout": 0.7, "middle_dropout": 0.7, "hidden_dropout": 0.7, "conv_kernels": [2],
}  # fmt: skip
TAGGER = [name for name in OTHER if hasattr(NeuralTagger.config_class, name)]


@pytest.mark.parametrize("reader", ["cnn-lstm", "id-cnn", "bilstm", "cnn", "bag"])
@pytest.mark.parametrize("setting", OTHER)
def test_settings_change_a_model_but_those_that_it_has_no_part_for(reader: str, setting: str) -> None:
    is_tagger = reader == "cnn-lstm"
    if is_tagger and setting not in TAGGER:
        return
    buckets = {"n_word_buckets": 8, "n_ngram_buckets": 8, "n_pair_buckets": 8} if reader == "bag" else {}
    features = replace(FEATURES, n_affix_buckets=9, **buckets)

    def parts(**settings: Any) -> list[Any]:
        if is_tagger:
            model: Any = NeuralTagger.build(features, LABELS, embedder=reader, **settings)
        else:
            labels = TextLabels(("a", "b"), "one_label")
            model = NeuralTextClassifier.build(features, labels, encoder=reader, **settings)
        plain = (int, float, tuple)
        own = [{name: value for name, value in vars(of).items() if isinstance(value, plain)} for of in model.modules()]
        return [repr(model), own]

    two = {} if setting == "n_blocks" else {"n_blocks": 2}
    changes = parts(**two, **{setting: OTHER[setting]}) != parts(**two)
    assert changes == (not without_part(reader, [setting], two))


def test_settings_may_leave_others_without_a_part() -> None:
    given = ["middle_dropout", "char_width", "char_kernel", "n_filters"]
    assert without_part("id-cnn", given, {}) == ["middle_dropout"]
    assert without_part("id-cnn", given, {"n_blocks": 2, "n_char_filters": 0}) == ["char_kernel", "char_width"]
