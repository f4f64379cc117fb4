import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlparch.data.text_labels import TextLabels
from nlparch.errors import UserError
from nlparch.models.text_classifier import NeuralTextClassifier

TEXTS = [
    "Ann Lee flew to New Delhi.",
    "",
    "  ",
    "Who is Zoé-Ann?",
    "🙂 Nothing  happened\tin Oslo,\nsaid Bo",
    "x",
    "half a character \ud800",
    "supercalifragilisticexpialidocious " * 30,
]
PAIRS = [(text, other) for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]
KINDS: list[dict[str, Any]] = [
    {"encoder": "id-cnn", "sentence_context": True},
    {"encoder": "id-cnn", "pooling": "mean"},
    {"encoder": "bilstm"},
    {"encoder": "bilstm", "pooling": "mean"},
    {"encoder": "bilstm", "pooling": "attention", "n_word_buckets": 50},
    {"encoder": "cnn", "conv_kernels": [2, 4]},
    {"encoder": "bag"},
]


@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: "-".join(map(str, settings.values())))
@pytest.mark.parametrize("has_pairs", [False, True])
def test_what_else_is_in_the_batch_changes_no_output(
    new_classifier: Any, decided: Any, settings: Any, has_pairs: bool
) -> None:
    model = decided(new_classifier(has_pairs=has_pairs, **settings))
    texts = PAIRS if has_pairs else TEXTS
    alone = model.text_logits(texts, batch_size=1)
    assert np.isfinite(alone).all() and len(set(alone.argmax(-1))) > 1
    for batch_size in (3, 64):
        assert model.text_logits(texts, batch_size=batch_size) == pytest.approx(alone, abs=1e-4, rel=1e-5)


@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_saved_models_predict_the_same(new_classifier: Any, decided: Any, settings: Any, tmp_path: Path) -> None:
    model = decided(new_classifier(**settings))
    model.config.splitter, model.temperature = "social", 2.0
    model.save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "model.safetensors", "features.json"}
    loaded = NeuralTextClassifier.from_pretrained(tmp_path)
    assert loaded.text_logits(TEXTS) == pytest.approx(model.text_logits(TEXTS), abs=1e-6)
    assert loaded.predict(TEXTS)[0].labels == model.predict(TEXTS)[0].labels
    assert loaded.reads_as() == model.reads_as() and loaded.text_labels == model.text_labels
    assert (loaded.temperature, loaded.splitter) == (2.0, "social")


def test_a_saved_model_predicts_the_same_in_a_fresh_process(new_classifier: Any, decided: Any, tmp_path: Path) -> None:
    model = decided(new_classifier(task="multi_label", encoder="bag"))
    model.thresholds = [0.3, 0.5, 0.9]
    model.save_pretrained(tmp_path)
    code = (
        "import json, sys; from nlparch.models.loading import load_text_model; model = load_text_model(sys.argv[1]); "
        "print(json.dumps([p.to_dict() for p in model.predict(json.loads(sys.argv[2]))]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), json.dumps(TEXTS[:6])]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for told, prediction in zip(json.loads(found), model.predict(TEXTS[:6]), strict=True):
        assert told["labels"] == list(prediction.labels) and told["scores"] == pytest.approx(
            prediction.scores, abs=1e-4
        )


def test_a_pair_is_u_v_their_distance_and_their_product(new_classifier: Any, decided: Any) -> None:
    model = decided(new_classifier(has_pairs=True, encoder="bag"))
    batch = model.encode_inputs(PAIRS[:3])
    labelless = {name: value for name, value in batch.items() if name not in ("mask", "word_ids", "form_index")}
    with torch.no_grad():
        vectors = model.encoder(**{key: batch[key] for key in ("mask", "word_ids", "form_index")}, **labelless)
        u, v = vectors[:3], vectors[3:]
        wanted = model.head(torch.cat([u, v, (u - v).abs(), u * v], -1))
    assert model.text_logits(PAIRS[:3]) == pytest.approx(wanted.numpy(), abs=1e-6)


def test_the_other_kind_of_text_is_refused(new_classifier: Any) -> None:
    with pytest.raises(ValueError, match="this model reads pairs of texts, got a single text"):
        new_classifier(has_pairs=True).predict(["x"])
    with pytest.raises(ValueError, match="this model reads single texts, got a pair"):
        new_classifier().predict([("x", "y")])


@pytest.mark.parametrize("task,n_labels", [("one_label", 3), ("multi_label", 3), ("regression", 1)])
def test_each_task_has_its_predictions(new_classifier: Any, decided: Any, task: Any, n_labels: int) -> None:
    model = decided(new_classifier(task=task))
    assert model.text_labels.task == task and model.head.out_features == n_labels
    for prediction in model.predict(TEXTS):
        told = prediction.to_dict()
        if task == "one_label":
            assert len(prediction.labels) == 1 and sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        elif task == "multi_label":
            assert set(prediction.labels) == {name for name, p in told["probabilities"].items() if p >= 0.5}
        else:
            assert list(told) == ["text", "score"]


def test_word_dropout_draws_unknown_words_in_training_only(new_classifier: Any) -> None:
    for settings in ({}, {"encoder": "bag"}):
        model = new_classifier(word_dropout=0.5, dropout=0.0, **settings)
        batch = model.encode_inputs(["Ann Lee flew to Oslo"] * 8)
        with torch.no_grad():
            assert len({tuple(row) for row in model(**batch).logits.tolist()}) == 1
            model.train()
            assert len({tuple(row) for row in model(**batch).logits.tolist()}) > 1


def test_word_vectors_may_be_given_a_beginning(new_classifier: Any) -> None:
    for settings in ({}, {"encoder": "bag"}):
        model = new_classifier(**settings)
        vector = np.arange(model.config.word_width, dtype=np.float32)
        model.set_word_vectors({"oslo": vector})
        ids = model.encode_inputs(["Oslo"])["word_ids"][0, 0]
        # A ridge regression: nearly the vector.
        assert model.word_vectors[ids].reshape(-1, len(vector)).sum(0).detach().numpy() == pytest.approx(
            vector, rel=0.2
        )


def test_features_of_another_model_are_refused(new_classifier: Any, tmp_path: Path) -> None:
    new_classifier(encoder="bag").save_pretrained(tmp_path / "a")
    new_classifier().features.save(tmp_path / "a")
    with pytest.raises(UserError, match="features.json must belong to the model: it has n_words"):
        NeuralTextClassifier.from_pretrained(tmp_path / "a")


def test_unknown_encoders_and_bags_without_buckets_are_refused(new_classifier: Any) -> None:
    features, labels = new_classifier().features, TextLabels(("a", "b"), "one_label")
    with pytest.raises(
        ValueError, match="no text encoder 'bilst'; known: bag, bilstm, cnn, id-cnn; did you mean bilstm"
    ):
        NeuralTextClassifier.build(features, labels, encoder="bilst")
    with pytest.raises(ValueError, match="a bag of n-grams needs features with buckets"):
        NeuralTextClassifier.build(features, labels, encoder="bag")
