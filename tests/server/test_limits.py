"""What is refused before it is read."""

import asyncio
import json

import pytest

from nlparch.server.app import create_app

LINES = {"content-type": "application/x-ndjson"}


def call(app, *, path="/predict", method="POST", headers=(), messages=()):
    """Calls an application; returns the status, headers and body of its answer, and how much of the body it read."""
    remaining, sent = list(messages), []

    async def receive():
        return remaining.pop(0) if remaining else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body or b"null"), len(messages) - len(remaining)


BODY = {"type": "http.request", "body": b'{"text": "Ann"}', "more_body": False}


def test_when_there_is_no_time_a_request_is_refused_unread(new_service):
    service = new_service()
    while not service.load.is_full():
        service.load.enter(1000)
    status, headers, answer, n_read = call(create_app(service), messages=[BODY])
    assert (status, headers[b"retry-after"], answer["error_type"], n_read) == (429, b"1", "overloaded", 0)
    assert service.metrics.registry.get_sample_value("nlparch_shed_requests_total", {"reason": "overloaded"}) == 1


def test_a_busy_server_still_says_how_it_is(new_client):
    client = new_client()
    while not client.service.load.is_full():
        client.service.load.enter(1000)
    assert client.post("/predict", json={"text": "Ann"}).status_code == 429
    assert [client.get(path).status_code for path in ("/health", "/ready", "/metrics", "/v1/models", "/")] == [200] * 5


def test_a_request_that_says_it_is_too_long_is_refused_unread(new_service):
    app = create_app(new_service(max_body_bytes=10))
    status, headers, answer, n_read = call(app, headers=[(b"content-length", b"11")], messages=[BODY])
    assert (status, headers[b"connection"], answer["error_type"], n_read) == (413, b"close", "too_large", 0)


def test_an_upgrade_that_would_lose_the_body_is_refused(new_service):
    status, headers, answer, n_read = call(create_app(new_service()), headers=[(b"upgrade", b"h2c")])
    assert (status, answer["error_type"], headers[b"connection"], n_read) == (400, "upgrade", b"close", 0)


def test_a_body_that_does_not_come_is_not_waited_for(new_service):
    part = {"type": "http.request", "body": b'{"text":', "more_body": True}
    status, headers, answer, _ = call(create_app(new_service(timeout_ms=50)), messages=[part])
    assert (status, headers[b"connection"], answer["error_type"]) == (408, b"close", "slow_body")


def test_a_client_that_goes_is_not_run_for(new_service, fakes):
    service = new_service(model={"seconds": 0.2})
    model = service.models["names"]
    model.batches.clear()
    app = create_app(service)

    async def main():
        service.batcher.start()
        first = asyncio.create_task(service.run(model, ["first"], [lambda _: b""], n_bytes=5, deadline=1e9))
        while not model.batches:
            await asyncio.sleep(0.01)
        gone = {"type": "http.disconnect"}
        await asyncio.to_thread(lambda: call(app, messages=[BODY, gone]))
        await first
        await asyncio.to_thread(service.batcher.close)

    asyncio.run(main())
    assert model.batches == [["first"]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "secret"}, 401),
        ({"authorization": "Bearer sécret".encode()}, 401),
        ({"authorization": "Bearer secret"}, 200),
    ],
)
def test_a_key_is_asked_for(new_client, headers, status):
    client = new_client(api_key="secret")
    assert client.post("/predict", json={"text": "Ann"}, headers=headers).status_code == status
    assert client.get("/v1/models", headers=headers).status_code == status
    assert client.get("/metrics", headers=headers).status_code == status
    assert [client.get(path).status_code for path in ("/health", "/ready", "/")] == [200, 200, 200]


def test_pages_of_other_origins_are_let_in_only_if_named(new_client):
    mine = {"origin": "https://mine.example"}
    asks = mine | {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    closed = new_client()
    assert "access-control-allow-origin" not in closed.get("/health", headers=mine).headers
    assert closed.options("/predict", headers=asks).status_code == 405
    opened = new_client(cors_origins=("https://mine.example",), api_key="secret")
    assert opened.options("/predict", headers=asks).status_code == 200
    refused = opened.post("/predict", headers=mine)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://mine.example")
    other = opened.options("/predict", headers=asks | {"origin": "https://other.example"})
    assert other.status_code == 400
