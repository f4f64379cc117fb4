"""What the server says of itself."""

import pytest

import nlparch


def test_the_models_are_listed_with_what_one_must_know_of_them(new_client, new_folder):
    client = new_client(folders={"a": new_folder("a", label="LOC", hash="h"), "b": new_folder("b")})
    first, second = client.get("/v1/models").json()["models"]
    assert first == {
        "name": "a",
        "model_hash": "h",
        "task": "tagging",
        "labels": ["B-LOC", "O"],
        "splitter": "spaces",
        "precision": "fp32",
    }
    assert second["name"] == "b"


def test_it_is_alive_and_ready(new_client):
    client = new_client()
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_the_metrics_count_what_was_done(new_client):
    client = new_client()
    client.post("/predict", json={"text": ["Ann met Bo", "Cy"]})
    client.post("/predict", json={})
    figures = client.get("/metrics").text
    for line in (
        'nlparch_model_info{hash="one",model="names",precision="fp32",task="tagging"} 1.0',
        "nlparch_words_total 4.0",
        "nlparch_batch_words_sum 4.0",
        "nlparch_batch_texts_sum 2.0",
        "nlparch_request_seconds_count 2.0",
        "nlparch_queue_seconds_count 1.0",
        "nlparch_tokenise_seconds_count 1.0",
        "nlparch_infer_seconds_count 1.0",
        "nlparch_postprocess_seconds_count 1.0",
        'nlparch_responses_total{code="200"} 1.0',
        'nlparch_responses_total{code="422"} 1.0',
        "nlparch_pending_requests 0.0",
        "process_resident_memory_bytes",
    ):
        assert line in figures, line


def test_the_openapi_document_names_every_address_and_the_limits(new_client):
    document = new_client(max_texts=7, max_words=9).get("/openapi.json").json()
    assert document["info"]["version"] == nlparch.__version__
    assert set(document["paths"]) == {
        "/v1/models/{name}:predict",
        "/predict",
        "/v1/models/{name}/predict:stream",
        "/predict:stream",
        "/v1/models",
        "/health",
        "/ready",
        "/metrics",
    }
    post = document["paths"]["/predict"]["post"]
    raw, split, _ = post["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert raw["properties"]["text"]["anyOf"][1]["maxItems"] == 7
    assert split["properties"]["words"]["anyOf"][0]["maxItems"] == 9
    assert set(post["responses"]) == {"200", "400", "401", "404", "408", "413", "415", "422", "429", "503"}


def test_the_pages_need_nothing_from_elsewhere(new_client):
    client = new_client()
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; connect-src 'self'")
        assert "unsafe" not in page.headers["content-security-policy"]
        assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page.text
        assert "innerHTML" not in page.text


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/ready", "/metrics", "/", "/docs"])
def test_head_is_answered_as_get_without_a_body(new_client, path):
    client = new_client()
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200 and head.content == b"" != get.content
    assert head.headers["content-type"] == get.headers["content-type"]
    assert client.head("/predict").status_code == 405
