import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlparch.errors import UserError
from nlparch.export.folder import export_model
from nlparch.runtime import load_model, loading
from nlparch.runtime.loading import hash_model


@pytest.fixture
def folder(new_tagger: Any, tmp_path: Path) -> Path:
    export_model(new_tagger(splitter="social")).write(tmp_path / "model")
    return tmp_path / "model"


def test_a_loaded_model_says_what_it_is(folder: Path, new_tagger: Any) -> None:
    model = load_model(str(folder))
    assert model.labels == new_tagger().label_set.tags
    assert (model.task, model.splitter, model.precision) == ("tagging", "social", "fp32")
    assert len(model.model_hash) == 64


def test_the_hash_is_of_what_decides_the_answers(folder: Path) -> None:
    before = hash_model(folder)
    (folder / "README.md").write_text("other words")
    (folder / "metrics.json").write_text("{}")
    assert hash_model(folder) == before
    features = json.loads((folder / "features.json").read_text())
    (folder / "features.json").write_text(json.dumps(features | {"lowercase": False}))
    assert hash_model(folder) != before


def set_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "must hold config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "not an exported model.*nlp-export"),
        (lambda folder: set_config(folder, model_type="bert"), "not an exported model.*nlp-export"),
        (lambda folder: set_config(folder, format_version=99), "format_version must be 1, got 99"),
        (lambda folder: set_config(folder, surprise=1), "surprise"),
        (lambda folder: set_config(folder, kind="parser"), "kind must be one of .*got 'parser'"),
        (lambda folder: set_config(folder, splitter="nonsense"), "a splitter must be one of"),
        (lambda folder: set_config(folder, splitter=5), "splitter must be a name"),
        (lambda folder: set_config(folder, labels="O"), "labels must be a list of tags, got 'O'"),
        (lambda folder: set_config(folder, word_width=7), "broken, or not of one model"),
        (lambda folder: set_config(folder, word_width="7"), "broken, or not of one model"),
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), "not JSON"),
        (lambda folder: shutil.copy(folder / "words.onnx", folder / "context.onnx"), "broken, or not of one model"),
        (lambda folder: (folder / "features.json").unlink(), "features.json"),
        (lambda folder: (folder / "words.onnx").unlink(), "words.onnx"),
        (lambda folder: (folder / "context.onnx").write_bytes(b"nothing"), "context.onnx.*export the model again"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(folder: Path, harm: Any, said: str) -> None:
    harm(folder)
    with pytest.raises(UserError, match=said) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


def test_nothing_heavy_is_loaded(folder: Path) -> None:
    code = f"""
import sys
from nlparch.runtime import load_model
print(load_model({str(folder)!r}).predict(["Ann flew to Oslo."])[0].words[0].text)
print({{"torch", "transformers", "datasets", "tokenizers", "pydantic", "yaml"}} & set(sys.modules))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split("\n")[:2] == ["Ann", "set()"]


def test_a_transformer_loads_tokenizers_and_no_more(new_transformer: Any, tmp_path: Path) -> None:
    export_model(new_transformer()).write(tmp_path)
    code = f"""
import sys
from nlparch.runtime import load_model
load_model({str(tmp_path)!r}).predict(["Ann flew to Oslo."])
print({{"torch", "transformers", "datasets", "tokenizers"}} & set(sys.modules))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == "{'tokenizers'}\n"
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="tokenizer.json: the tokenizer cannot be loaded"):
        load_model(tmp_path)


def test_a_folder_that_changes_while_it_is_read_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = iter(["old", "new", "new", "new"])
    monkeypatch.setattr(loading, "hash_model", lambda folder: next(hashes))
    assert load_model(folder).model_hash == "new"
    numbers = iter(range(100))
    monkeypatch.setattr(loading, "hash_model", lambda folder: str(next(numbers)))
    with pytest.raises(UserError, match="changes while it is read"):
        load_model(folder)
    (folder / "notes.json").mkdir()
    assert len(hash_model(folder)) == 64
