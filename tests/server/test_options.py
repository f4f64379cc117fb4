"""Every option changes what it says. Those not here are seen to in the tests of what they are about."""

import dataclasses
import re
from pathlib import Path

import httpx
import pytest

from nlparch.server.models import Models
from nlparch.server.options import ServeOptions

# Where the others are tested; a new option has to be tested somewhere.
ELSEWHERE = {
    "model_dirs": "conftest.py",
    "port": "test_process.py",
    "max_delay_ms": "test_options.py",
    "max_body_bytes": "test_limits.py",
    "max_streams": "test_streaming.py",
    "drain_seconds": "test_process.py",
    "watch": "test_process.py",
    "cors_origins": "test_limits.py",
    "timeout_ms": "test_limits.py",
    "max_words": "test_streaming.py",
    "max_texts": "test_options.py",
    "max_wait_ms": "test_options.py",
    "max_batch_words": "test_options.py",
    "threads": "test_options.py",
    "host": "test_options.py",
}


def test_every_option_is_tested():
    assert set(ELSEWHERE) == {field.name for field in dataclasses.fields(ServeOptions)}
    for name, file in ELSEWHERE.items():
        assert re.search(rf"\b{name}\b", (Path(__file__).parent / file).read_text()), name


def test_threads_reach_the_model(new_service, new_folder):
    new_service()
    assert Models({"names": new_folder()}, n_threads=3)["names"].n_threads == 3


def test_host_is_where_it_listens(new_server, new_folder):
    server = new_server(new_folder(), "--host", "127.0.0.1")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{server.port}/health")
    server = new_server(new_folder(), "--host", "0.0.0.0")
    assert httpx.get(f"http://127.0.0.2:{server.port}/health").status_code == 200


def test_max_texts_bounds_the_texts_of_a_request(new_client):
    client = new_client(max_texts=2)
    statuses = [client.post("/predict", json={"text": ["Ann"] * n}).status_code for n in (2, 3)]
    assert statuses == [200, 422]


def test_max_wait_ms_says_when_a_request_is_refused(new_service):
    def n_accepted(service):
        while not service.load.is_full():
            service.load.enter(100)
        return service.load.n_requests

    assert n_accepted(new_service(max_wait_ms=30.0)) == pytest.approx(2 * n_accepted(new_service()), abs=2)


@pytest.mark.parametrize(("settings", "n"), [({}, 2), ({"max_batch_words": 5}, 6)])
def test_max_batch_words_bounds_what_runs_together(new_client, settings, n):
    client = new_client(**settings)
    model = client.service.models["names"]
    client.post("/predict", json={"text": ["x x x x x"] * 5})
    assert len(model.batches) == n  # one of them the first, which warms the model up


def test_max_delay_ms_makes_a_text_wait_for_company(new_client):
    answer = new_client(max_delay_ms=200.0, max_wait_ms=1000.0).post("/predict", json={"text": "Ann"})
    assert float(answer.headers["server-timing"].partition("dur=")[2]) >= 200
