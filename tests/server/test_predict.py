"""What a request asks for, and what it is answered."""

import pytest

JSON = {"content-type": "application/json"}
ANN = {"start": 0, "end": 3, "text": "Ann", "label": "PER", "score": 0.3333}


def test_a_text_is_answered_with_words_and_entities(new_client):
    answer = new_client().post("/predict", json={"text": "Ann is in"})
    assert answer.status_code == 200
    assert answer.json() == {
        "model": "names",
        "model_hash": "one",
        "predictions": [
            {
                "text": "Ann is in",
                "words": [
                    {"text": "Ann", "start": 0, "end": 3, "tag": "B-PER", "score": 0.3333},
                    {"text": "is", "start": 4, "end": 6, "tag": "O", "score": 0.5},
                    {"text": "in", "start": 7, "end": 9, "tag": "O", "score": 0.5},
                ],
                "entities": [ANN],
            }
        ],
    }


def test_a_list_is_answered_in_order(new_client):
    texts = [f"Ann {'x' * i}" for i in range(300)] + ["", " "]
    answer = new_client().post("/predict", json={"text": texts})
    assert [prediction["text"] for prediction in answer.json()["predictions"]] == texts


def test_no_texts_have_no_answers(new_client):
    assert new_client().post("/predict", json={"text": []}).json()["predictions"] == []


@pytest.mark.parametrize(("words", "n"), [(["New York", "is"], 1), ([["Ann"], ["Bo", "x"], []], 3), ([], 1)])
def test_words_are_not_split_again(new_client, words, n):
    predictions = new_client().post("/predict", json={"words": words}).json()["predictions"]
    found = [[word["text"] for word in prediction["words"]] for prediction in predictions]
    assert found == (words if n == 3 else [words])


def test_entities_only_leaves_out_the_words(new_client):
    (prediction,) = new_client().post("/predict", json={"text": "Ann", "entities_only": True}).json()["predictions"]
    assert prediction == {"text": "Ann", "entities": [ANN]}


def test_entities_below_the_lowest_score_are_left_out(new_client):
    request = {"text": "Bo met Annabel", "min_score": 0.4}
    (prediction,) = new_client().post("/predict", json=request).json()["predictions"]
    assert [entity["text"] for entity in prediction["entities"]] == ["Bo"]
    assert len(prediction["words"]) == 3


def test_a_request_of_the_hugging_face_api_is_answered_in_its_shape(new_client):
    client = new_client()
    ann = {"entity_group": "PER", "score": 0.3333, "word": "Ann", "start": 0, "end": 3}
    assert client.post("/predict", json={"inputs": "Ann is"}).json() == [ann]
    assert client.post("/predict", json={"inputs": ["Ann is", "is"]}).json() == [[ann], []]
    request = {"inputs": "Ann", "parameters": {"aggregation_strategy": "max", "ignore_labels": ["PER"]}, "options": {}}
    assert client.post("/predict", json=request).json() == []


def test_each_model_has_its_address_and_the_first_answers_for_all(new_client, new_folder):
    client = new_client(folders={"a": new_folder("a", label="LOC"), "b": new_folder("b", label="ORG")})
    labels = {}
    for path in ("/predict", "/v1/models/a:predict", "/v1/models/b:predict"):
        (prediction,) = client.post(path, json={"text": "Ann"}).json()["predictions"]
        labels[path] = prediction["entities"][0]["label"]
    assert list(labels.values()) == ["LOC", "LOC", "ORG"]
    refusal = client.post("/v1/models/c:predict", json={"text": "Ann"})
    assert (refusal.status_code, refusal.json()["error"]) == (404, "no model 'c'; known: a, b")


BAD_BODIES = {
    "nothing": (b"", 400, "bad_json"),
    "no JSON": (b"text=x", 400, "bad_json"),
    "half of it": (b'{"text": "x"', 400, "bad_json"),
    "two of them": (b'{"text": "x"}{}', 400, "bad_json"),
    "no UTF-8": (b'{"text": "\xff"}', 400, "bad_json"),
    "UTF-16": ('{"text": "x"}'.encode("utf-16"), 400, "bad_json"),
    "a NUL byte": (b'{"text": "a\x00b"}', 400, "bad_json"),
    "a NUL character": (b'{"text": "a\\u0000b"}', 422, "invalid"),
    "a NUL character in a list": (b'{"text": ["x", "a\\u0000b"]}', 422, "invalid"),
    "a lone surrogate": (b'{"text": "\\ud800"}', 400, "bad_json"),
    "a lone surrogate in UTF-8": (b'{"text": "\xed\xa0\x80"}', 400, "bad_json"),
    "deep nesting": (b"[" * 100_000, 400, "bad_json"),
    "deep nesting, closed": (b'{"text": ' + b"[" * 150 + b"]" * 150 + b"}", 422, "invalid"),
    "not a number": (b'{"text": "x", "min_score": NaN}', 400, "bad_json"),
    "a list": (b'["x"]', 422, "invalid"),
    "null": (b"null", 422, "invalid"),
    "an empty object": (b"{}", 422, "invalid"),
    "a number": (b'{"text": 5}', 422, "invalid"),
    "a number in a list": (b'{"text": ["x", 5]}', 422, "invalid"),
    "an empty word": (b'{"words": ["x", ""]}', 422, "invalid"),
    "words and lists": (b'{"words": ["x", ["y"]]}', 422, "invalid"),
    "two kinds": (b'{"text": "x", "inputs": "x"}', 422, "invalid"),
    "a score above 1": (b'{"text": "x", "min_score": 1.5}', 422, "invalid"),
    "a score of text": (b'{"text": "x", "min_score": "0.5"}', 422, "invalid"),
    "a switch of text": (b'{"text": "x", "entities_only": "yes"}', 422, "invalid"),
    "an unknown key": (b'{"text": "x", "entites_only": true}', 422, "invalid"),
    "an unknown parameter": (b'{"inputs": "x", "parameters": {"stride": 1}}', 422, "invalid"),
    "no such grouping": (b'{"inputs": "x", "parameters": {"aggregation_strategy": "none"}}', 422, "invalid"),
    "a hundred thousand texts": (b'{"text": [' + b'"x",' * 99_999 + b'"x"]}', 422, "too_many_texts"),
    "a hundred thousand numbers": (b'{"text": [' + b"1," * 99_999 + b"1]}", 422, "invalid"),
    "too many words": (b'{"text": "' + b"x " * 10_001 + b'"}', 422, "too_many_words"),
    "too many words, split": (b'{"words": [' + b'"x",' * 10_000 + b'"x"]}', 422, "too_many_words"),
    "ten megabytes": (b'{"text": "' + b"x" * 10_000_000 + b'"}', 413, "too_large"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_for_what_it_is(new_client, name):
    body, status, error_type = BAD_BODIES[name]
    client = new_client()
    answer = client.post("/predict", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error_type"]) == (status, error_type)
    assert len(answer.json()["error"]) < 200
    assert client.post("/predict", json={"text": "Ann"}).status_code == 200


def test_a_mistaken_key_is_told_the_nearest(new_client):
    answer = new_client().post("/predict", json={"text": "x", "entites_only": True})
    assert answer.json()["error"].endswith("known: entities_only, min_score, text; did you mean entities_only?")


def test_a_body_without_a_length_is_read_no_further_than_its_limit(new_client):
    answer = new_client(max_body_bytes=5000).post("/predict", content=(b"x" * 1000 for _ in range(99)), headers=JSON)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_only_json_in_utf_8_is_read(new_client, content_type, status):
    answer = new_client().post("/predict", content=b'{"text": "Ann"}', headers={"content-type": content_type})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/predict/", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/v1/models/names", 404),
        ("POST", "/v1/models/%00:predict", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/v1/models/names:predict", 405),
        ("POST", "/health", 405),
    ],
)
def test_unknown_paths_and_methods_are_refused(new_client, method, path, status):
    answer = new_client().request(method, path, headers=JSON)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_type"}
    assert (status == 405) == ("allow" in answer.headers)


def test_a_text_on_which_the_model_fails_does_not_fail_its_neighbours(new_client, caplog):
    client = new_client(model={"fails_on": "boom"})
    assert client.post("/predict", json={"text": ["Ann", "boom", "Bo"]}).status_code == 500
    assert "the model failed on a text of 1 words" in caplog.text
    lines = b'{"text": "Ann"}\n{"text": "boom"}\n{"text": "Bo"}\n'
    answer = client.post("/predict:stream", content=lines, headers={"content-type": "application/x-ndjson"})
    assert ['"error_type":"model_failed"' in line for line in answer.text.splitlines()] == [False, True, False]


def test_the_answer_says_how_long_it_took(new_client):
    assert new_client().post("/predict", json={"text": "Ann"}).headers["server-timing"].startswith("total;dur=")
