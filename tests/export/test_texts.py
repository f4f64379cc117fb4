"""Exported text classifiers answer as torch does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlparch.errors import UserError
from nlparch.export.choice import choose_form, load_form
from nlparch.export.folder import export_model
from nlparch.runtime.config import read_config

TEXTS = [
    "Ann Lee flew to New Delhi.",
    "",
    "   ",
    "Who is Zoé-Ann?",
    "🙂 Nothing  happened\tin Oslo,\nsaid Bo",
    "x",
    "\x00",
    "आज मौसम अच्छा है",
    "\ud800 lone",
    "a" * 300,
    "Oslo , " * 90,
]
PAIRS = list(zip(TEXTS, reversed(TEXTS), strict=True))
KINDS: dict[str, dict[str, Any]] = {
    "id-cnn": {"encoder": "id-cnn", "sentence_context": True},
    "bilstm": {},
    "attention": {"pooling": "attention", "n_word_buckets": 40},
    "mean": {"pooling": "mean", "n_lstm_layers": 1},
    "cnn": {"encoder": "cnn"},
    "bag": {"encoder": "bag"},
}


def check_same(model: Any, exported: Any, texts: Any, *, within: float = 1e-4) -> None:
    expected = model.predict(texts)
    for batch_size in (1, 3, 32):
        for mine, other in zip(exported.predict(texts, batch_size=batch_size), expected, strict=True):
            assert (mine.text, mine.text_pair) == (other.text, other.text_pair)
            assert mine.of_each == pytest.approx(other.of_each, abs=within)
            assert within > 1e-3 or list(mine.labels) == list(other.labels)


@pytest.mark.parametrize("has_pairs", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_classifier_answers_as_torch_does(
    new_classifier: Any, decided: Any, kind: str, has_pairs: bool
) -> None:
    model = decided(new_classifier(has_pairs=has_pairs, **KINDS[kind]))
    exported = load_form(export_model(model))
    texts = PAIRS if has_pairs else TEXTS
    assert np.ptp(model.text_logits(texts), axis=0).max() > 0.01
    check_same(model, exported, texts)
    check_same(model, exported, texts[1:3])  # no words at all
    assert exported.predict([]) == []


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("with_types", [False, True])
def test_an_exported_transformer_answers_as_torch_does(
    new_text_transformer: Any, decided: Any, windows: bool, with_types: bool
) -> None:
    model = decided(new_text_transformer(max_length=16))
    model.config.long_texts = "windows" if windows else "truncate"
    if with_types:
        model.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    model.read_with(model.tokenizer)
    check_same(model, load_form(export_model(model)), [*TEXTS, *PAIRS])


@pytest.mark.parametrize("task", ["multi_label", "regression", "one_label"])
def test_an_export_keeps_task_temperature_and_thresholds(new_classifier: Any, decided: Any, task: Any) -> None:
    model = decided(new_classifier(task=task, encoder="cnn"), by=2.0)
    model.temperature = 3.0
    if task == "multi_label":
        model.thresholds = [0.3, 0.5, 0.6]
    export = export_model(model)
    check_same(model, load_form(export), TEXTS)
    changed = [prediction.of_each for prediction in model.predict(TEXTS)]
    model.temperature = 1.0
    assert (changed == [prediction.of_each for prediction in model.predict(TEXTS)]) == (task == "regression")


@pytest.mark.parametrize("kind", KINDS)
def test_int8_is_near_and_may_be_given_up(new_classifier: Any, decided: Any, kind: str) -> None:
    model = decided(new_classifier(**KINDS[kind], word_width=64, n_filters=32, lstm_width=32), by=1.0)
    export = export_model(model)
    check_same(model, load_form(export.to_int8()), TEXTS, within=0.1)
    expected = [prediction.labels for prediction in model.predict(TEXTS)]

    def score(form: Any) -> float:
        return float(np.mean([p.labels == q for p, q in zip(form.predict(TEXTS), expected, strict=True)]))

    attempts = choose_form(export, score=score, at_least=1.1)
    assert attempts[0].name == "int8" and attempts[-1].name == "fp32" and attempts[-1].score == 1.0


def test_the_other_kind_of_text_is_refused(new_classifier: Any) -> None:
    with pytest.raises(ValueError, match="this model reads pairs of texts, got a single text"):
        load_form(export_model(new_classifier(has_pairs=True))).predict(["x"])
    with pytest.raises(ValueError, match="this model reads single texts, got a pair"):
        load_form(export_model(new_classifier())).predict([("x", "y")])


def test_a_classifier_predicts_without_torch_or_tokenizers(new_classifier: Any, decided: Any, tmp_path: Path) -> None:
    model = decided(new_classifier(encoder="bag"))
    export_model(model).write(tmp_path / "bag")
    code = (
        "import sys; from nlparch.runtime import load_model; model = load_model(sys.argv[1]); "
        "print(model.task, *(p.labels[0] for p in model.predict(['Ann flew', '', 'Oslo']))); "
        "assert not {'torch', 'transformers', 'tokenizers', 'datasets'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bag")]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert found == ["classification", *(p.labels[0] for p in model.predict(["Ann flew", "", "Oslo"]))]


def test_a_config_without_a_task_is_refused(new_classifier: Any, tmp_path: Path) -> None:
    export_model(new_classifier()).write(tmp_path / "m")
    config = tmp_path / "m" / "config.json"
    config.write_text(config.read_text().replace('"text_task": "one_label"', '"text_task": "labels"'))
    with pytest.raises(UserError, match="text_task must be one of one_label, multi_label, regression, got 'labels'"):
        read_config(tmp_path / "m")
