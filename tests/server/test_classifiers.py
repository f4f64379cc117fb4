"""Text classifiers behind the server: answers, pairs, refusals, the page."""

import contextlib
import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from nlparch.export.folder import export_model
from nlparch.runtime import load_model
from nlparch.server.app import create_app
from nlparch.server.models import Models
from nlparch.server.options import ServeOptions
from nlparch.server.service import Service

TEXTS = ["Ann Lee flew to Oslo .", "", "naïve 👩‍👧\n日本語"]


@pytest.fixture
def new_app(tmp_path, new_classifier, new_text_transformer, decided):
    """Makes a server of classifiers: each name with the settings of a model, None for a transformer."""

    def make(**models: Any) -> Any:
        for name, given_settings in models.items():
            model = new_text_transformer() if given_settings is None else new_classifier(**given_settings)
            export_model(decided(model)).write(tmp_path / name)
        folders = {name: tmp_path / name for name in models}
        return create_app(Service(Models(folders), ServeOptions(model_dirs=tuple(models))))

    return make


@pytest.fixture
def new_client(new_app):
    with contextlib.ExitStack() as stack:
        yield lambda **models: stack.enter_context(TestClient(new_app(**models), raise_server_exceptions=False))


@pytest.mark.parametrize("task", ["one_label", "multi_label", "regression"])
def test_texts_are_answered_as_the_model_predicts(new_client, tmp_path, task):
    client = new_client(m={"task": task, "encoder": "cnn"})
    model = load_model(tmp_path / "m")
    expected = [prediction.to_dict() for prediction in model.predict(TEXTS)]
    answer = client.post("/predict", json={"text": TEXTS}).json()
    assert (answer["model"], answer["model_hash"]) == ("m", model.model_hash)
    assert answer["predictions"] == expected
    assert client.post("/predict", json={"text": TEXTS[0]}).json()["predictions"] == expected[:1]
    lines = "\n".join(json.dumps({"text": text}) for text in TEXTS)
    streamed = client.post("/predict:stream", content=lines, headers={"content-type": "application/x-ndjson"})
    assert [json.loads(line) for line in streamed.text.splitlines()] == expected


def test_pairs_are_answered(new_client, tmp_path):
    client = new_client(m={"has_pairs": True})
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    expected = [prediction.to_dict() for prediction in load_model(tmp_path / "m").predict(pairs)]
    assert client.post("/predict", json={"text": TEXTS, "text_pair": TEXTS[::-1]}).json()["predictions"] == expected
    single = client.post("/predict", json={"text": pairs[0][0], "text_pair": pairs[0][1]}).json()["predictions"]
    assert single == expected[:1] and single[0]["text_pair"] == pairs[0][1]
    hub = {"inputs": [{"text": one, "text_pair": other} for one, other in pairs]}
    found = client.post("/predict", json=hub).json()
    assert [labels[0]["label"] for labels in found] == [prediction["label"] for prediction in expected]


def test_a_transformer_reads_single_texts_and_pairs(new_client, tmp_path):
    client = new_client(m=None)
    expected = [prediction.to_dict() for prediction in load_model(tmp_path / "m").predict(["Ann", ("Ann", "Bo")])]
    single, pair = (
        client.post("/predict", json=request).json()["predictions"][0]
        for request in ({"text": "Ann"}, {"text": "Ann", "text_pair": "Bo"})
    )
    assert single["probabilities"] == pytest.approx(expected[0]["probabilities"], abs=1e-3)
    assert pair["probabilities"] == pytest.approx(expected[1]["probabilities"], abs=1e-3)


def test_a_request_of_the_hugging_face_api_is_answered_in_its_shape(new_client, tmp_path):
    client = new_client(m={}, n={"task": "regression"})
    (expected,) = load_model(tmp_path / "m").predict(["Ann"])
    labels = [{"label": label, "score": score} for label, score in expected.to_dict()["probabilities"].items()]
    assert client.post("/predict", json={"inputs": "Ann"}).json() == labels
    for top_k in (1, 1.0):  # JSON knows one kind of number
        top = {"inputs": ["Ann"], "parameters": {"top_k": top_k}, "options": {}}
        assert client.post("/predict", json=top).json() == [labels[:1]]
    most = {"inputs": "Ann", "parameters": {"top_k": 1e300}}
    assert client.post("/predict", json=most).json() == labels
    ((number,),) = client.post("/v1/models/n:predict", json={"inputs": ["Ann"]}).json()
    assert number["label"] == "score"


@pytest.mark.parametrize(
    ("model", "request_", "said"),
    [
        ("single", {"words": ["Ann"]}, "a request must be an object with one of text, inputs, got none of them"),
        ("single", {"text": "Ann", "entities_only": True}, "entities_only: no such key; known: text, text_pair"),
        ("single", {"text": "Ann", "text_pair": "Bo"}, "this model reads single texts: leave out text_pair"),
        ("pairs", {"text": "Ann"}, "this model reads pairs of texts: give text_pair too"),
        ("pairs", {"inputs": ["Ann"]}, "this model reads pairs of texts: give text_pair too"),
        (
            "pairs",
            {"text": ["Ann"], "text_pair": "Bo"},
            "text_pair must be a text, or a list of as many texts as in text",
        ),
        (
            "pairs",
            {"text": ["Ann"], "text_pair": []},
            "text_pair must be a text, or a list of as many texts as in text",
        ),
        ("pairs", {"text": "Ann", "text_pair": 3}, "text_pair must be a text, or a list of as many texts"),
        ("single", {"inputs": "Ann", "parameters": {"top_k": 0}}, "parameters.top_k must be a whole number from 1"),
        ("single", {"inputs": "Ann", "parameters": {"top_k": 1.5}}, "parameters.top_k must be a whole number from 1"),
        ("single", {"inputs": {"text": "Ann"}}, "inputs must be a text, a pair"),
    ],
)
def test_what_a_classifier_does_not_answer_is_refused(new_client, model, request_, said):
    answer = new_client(m={"has_pairs": model == "pairs"}).post("/predict", json=request_)
    assert answer.status_code == 422 and answer.json()["error"].startswith(said), answer.json()


def test_what_a_model_does_is_listed(new_client):
    (listed,) = new_client(m={"has_pairs": True, "task": "multi_label"}).get("/v1/models").json()["models"]
    assert (listed["task"], listed["text_task"], listed["has_pairs"]) == ("classification", "multi_label", True)
    assert listed["labels"] == ["neg", "neutral", "pos"]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_server_keeps_to_its_document(new_app, mode):
    schema = schemathesis.openapi.from_asgi("/openapi.json", new_app(m=None))
    operation = schema["/predict"]["POST"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        body = case.body if isinstance(case.body, dict) else {}
        # That as many second texts are needed as there are first ones, no schema can say.
        if "text_pair" not in body:
            case.call_and_validate()

    ask()
