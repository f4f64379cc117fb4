import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nlparch.errors import UserError
from nlparch.export.folder import export_model
from nlparch.models.loading import load_model, load_text_model, load_word_tagger, reads_texts
from nlparch.runtime.loading import load_model as load_exported

TEXTS = ["Ann Lee flew to New Delhi.", "", "  ", "Who is Zoé-Ann?", "🙂 Nothing  happened\tin Oslo, said Bo", "x"]
CODE = """
import json, sys
from nlparch.models.loading import load_word_tagger
folders, texts = json.loads(sys.argv[1])
found = [load_word_tagger(folder).predict(texts) for folder in folders]
print(json.dumps([[prediction.to_dict() for prediction in predictions] for predictions in found]))
"""


def test_saved_models_predict_the_same_in_a_fresh_process(
    new_tagger: Any, new_transformer: Any, tmp_path: Path
) -> None:
    models = [
        new_tagger(),
        new_tagger(use_crf=True, splitter="social"),
        new_tagger(embedder="id-cnn", n_blocks=2),
        new_transformer(),
    ]
    for number, model in enumerate(models):
        with torch.no_grad():
            model.get_parameter("classifier.weight" if hasattr(model, "classifier") else "head.weight").mul_(8)
        model.save_pretrained(tmp_path / str(number))
    argument = json.dumps([[str(tmp_path / str(number)) for number in range(len(models))], TEXTS])
    done = subprocess.run([sys.executable, "-c", CODE, argument], capture_output=True, text=True, check=True)
    expected = [[prediction.to_dict() for prediction in model.predict(TEXTS)] for model in models]
    assert json.loads(done.stdout) == expected
    assert any(prediction["entities"] for predictions in expected for prediction in predictions)


def test_a_checkpoint_without_a_head_is_no_model_yet(
    new_transformer: Any, new_text_transformer: Any, tmp_path: Path
) -> None:
    for number, make in enumerate((new_transformer, new_text_transformer)):
        model, folder = make(), str(tmp_path / str(number))
        model.bert.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)
        with pytest.raises(
            UserError, match=r"lack the head \(classifier.bias, classifier.weight\); fine-tune it first"
        ):
            (load_text_model if number else load_word_tagger)(folder)
        labels = model.text_labels if number else model.label_set
        assert type(model).__mro__[1].from_pretrained(folder, labels=labels).num_labels == model.num_labels


def test_each_kind_of_model_is_loaded_as_what_it_is(
    new_tagger: Any, new_transformer: Any, new_classifier: Any, new_text_transformer: Any, tmp_path: Path
) -> None:
    makers = {"a": new_tagger, "b": new_transformer, "c": new_classifier, "d": new_text_transformer}
    for name, make in makers.items():
        folder = str(tmp_path / name)
        model = make()
        model.save_pretrained(folder)
        of_texts = name in "cd"
        assert reads_texts(folder) == of_texts and type(load_model(folder)).__name__ == type(model).__name__
        right, wrong = (load_text_model, load_word_tagger) if of_texts else (load_word_tagger, load_text_model)
        assert type(right(folder)).__name__ == type(model).__name__
        needed = "tags words is needed, this one classifies" if of_texts else "classifies whole texts is needed"
        with pytest.raises(UserError, match=needed):
            wrong(folder)


def test_a_small_classifier_has_no_window_and_an_export_is_no_teacher(new_classifier: Any, tmp_path: Path) -> None:
    new_classifier().save_pretrained(tmp_path / "m")
    with pytest.raises(UserError, match="a small model reads whole sentences"):
        load_text_model(str(tmp_path / "m"), max_length=20)
    export_model(new_classifier()).write(tmp_path / "out")
    with pytest.raises(UserError, match="an exported model is neither trained"):
        load_text_model(str(tmp_path / "out"))
    (tmp_path / "m" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="its files are broken or missing"):
        load_text_model(str(tmp_path / "m"))


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", float("nan"), "the temperature must be a positive number, got nan"),
        ("temperature", 0, "the temperature must be a positive number, got 0"),
        ("temperature", "1", "the temperature must be a positive number, got '1'"),
        ("thresholds", [0.5], r"thresholds must be a list, one for each of 3 labels, got \[0.5\]"),
        ("thresholds", 0.5, "thresholds must be a list, one for each of 3 labels, got 0.5"),
        ("thresholds", [0.5, None, 0.5], "thresholds must be from 0 to 1"),
        ("thresholds", [0.5, float("nan"), 0.5], "thresholds must be from 0 to 1"),
    ],
)
def test_logits_that_cannot_be_read_as_the_folder_says_are_refused(
    new_classifier: Any, tmp_path: Path, exported: bool, name: str, value: Any, said: str
) -> None:
    folder = tmp_path / "model"
    model = new_classifier(task="multi_label")
    if exported:
        export_model(model).write(folder)
    else:
        model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["calibration_temperature" if name == "temperature" and not exported else name] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=said):
        load_exported(folder) if exported else load_text_model(str(folder))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"labels": ["a", "b"]}, "config.json has 2 labels, the graph 3 outputs"),
        ({"labels": ["a", "b", "a"]}, "labels must differ in name, got a, b, a"),
        ({"text_task": "regression"}, "a regression must have one output, got 3"),
    ],
)
def test_an_export_whose_labels_are_not_those_of_its_graph_is_refused(
    new_classifier: Any, tmp_path: Path, values: Any, said: str
) -> None:
    folder = tmp_path / "model"
    export_model(new_classifier()).write(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    with pytest.raises(UserError, match=said):
        load_exported(folder)


def test_a_model_whose_labels_have_one_name_is_refused(new_classifier: Any, tmp_path: Path) -> None:
    new_classifier().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "a", "2": "b"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="labels must differ in name, got a, a, b"):
        load_text_model(str(tmp_path))
