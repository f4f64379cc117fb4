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
    with pytest.raises(UserError, match="an exported model cannot be trained"):
        load_text_model(str(tmp_path / "out"))
    (tmp_path / "m" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="its files are broken or missing"):
        load_text_model(str(tmp_path / "m"))
