"""Served answers are those of the model that was exported, through the real command."""

import json
from pathlib import Path

import httpx
import pytest

from nlparch.cli import export
from nlparch.runtime import load_model

COMMAND = ("-c", "import sys; from nlparch.cli import serve; sys.exit(serve())")


@pytest.fixture
def folders(tmp_path, new_tagger, decided):
    tagger = decided(new_tagger(), by=3.0)
    tagger.save_pretrained(tmp_path / "trained")
    assert export([str(tmp_path / "trained"), str(tmp_path / "exported")]) == 0
    return tmp_path


def words_and_tags(prediction):
    return [(word["text"], word["tag"]) for word in prediction["words"]]


def test_what_is_served_is_what_the_model_predicts(folders, rows, new_server):
    texts = [" ".join(words) for words, _ in rows] + ["", "naïve 👩‍👧 日本語"]
    model = load_model(folders / "exported")
    expected = [words_and_tags(prediction.to_dict()) for prediction in model.predict(texts)]
    server = new_server(folders / "exported", command=COMMAND)

    answer = httpx.post(f"{server.url}/predict", json={"text": texts}).json()
    assert answer["model_hash"] == model.model_hash
    assert [words_and_tags(prediction) for prediction in answer["predictions"]] == expected

    lines = "\n".join(json.dumps({"text": text}) for text in texts)
    headers = {"content-type": "application/x-ndjson"}
    streamed = httpx.post(f"{server.url}/predict:stream", content=lines, headers=headers).text.splitlines()
    assert [words_and_tags(json.loads(line)) for line in streamed] == expected

    assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_a_folder_that_is_no_exported_model_is_told_in_one_line(folders, capsys):
    from nlparch.cli import serve

    assert serve([str(folders / "trained"), "--port", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
