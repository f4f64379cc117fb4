"""Streams: a text a line, an answer a line."""

import json
import socket

import httpx
import pytest

LINES = {"content-type": "application/x-ndjson"}


def answers(answer):
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def lines(*trees):
    return b"".join(json.dumps(tree).encode() + b"\n" for tree in trees)


def test_lines_are_answered_in_order(new_client):
    texts = [f"Ann {i}" for i in range(1000)]
    body = lines(*({"text": text} for text in texts))
    found = answers(new_client().post("/predict:stream", content=body, headers=LINES))
    assert [prediction["text"] for prediction in found] == texts


@pytest.mark.parametrize("size", [1, 7, 50])
def test_lines_need_not_arrive_whole(new_client, size):
    body = lines(*({"text": f"Ann é {i}"} for i in range(40))).rstrip()  # and the last has no end
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    found = answers(new_client().post("/predict:stream", content=chunks, headers=LINES))
    assert [prediction["text"] for prediction in found] == [f"Ann é {i}" for i in range(40)]


def test_each_line_has_its_own_options(new_client, new_folder):
    client = new_client(folders={"a": new_folder("a"), "b": new_folder("b", label="ORG")})
    body = lines({"text": "Ann", "entities_only": True}, {"inputs": "Ann"}, {"words": ["Ann"]})
    first, second, third = answers(client.post("/v1/models/b/predict:stream", content=body, headers=LINES))
    assert list(first) == ["text", "entities"]
    assert second[0]["entity_group"] == "ORG"
    assert third["words"][0]["text"] == "Ann"


def test_a_bad_line_is_answered_by_its_error_in_its_place(new_client):
    client = new_client(max_body_bytes=100, max_words=3)
    good = b'{"text": "Ann"}'
    bad = {
        b"{": "bad_json",
        b'{"text": "\xff"}': "bad_json",
        b'{"text": 5}': "invalid",
        b'{"text": ["Ann"]}': "invalid",
        b'{"text": "x x x x"}': "too_many_words",
        b'{"text": "' + b"x" * 500 + b'"}': "too_large",
    }
    for size in (1, 30, 10_000):
        body = b"\r\n".join([good, *(line for pair in bad for line in (pair, b"", good))])
        chunks = (body[start : start + size] for start in range(0, len(body), size))
        found = answers(client.post("/predict:stream", content=chunks, headers=LINES))
        expected = ["Ann", *(told for error_type in bad.values() for told in (error_type, "Ann"))]
        assert [answer.get("error_type") or answer["text"] for answer in found] == expected


def test_only_so_many_streams_are_open_at_once(new_client):
    client = new_client(max_streams=1)
    assert client.post("/predict:stream", content=b"", headers=LINES).status_code == 200
    client.service.n_streams = 1
    refusal = client.post("/predict:stream", content=b"", headers=LINES)
    assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "1")


def test_a_stream_says_that_it_is_one(new_client):
    client = new_client()
    assert client.post("/predict:stream", data={"text": "Ann"}).status_code == 415
    assert client.post("/predict:stream", json={"text": "Ann"}).json()["text"] == "Ann"


class RawStream:
    """A stream over a socket: clients of HTTP read no answer before they have sent all."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        head = "POST /predict:stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n"
        self.socket.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        self.answers = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.answers.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def next_answer(self):
        while not (line := self.answers.readline()).startswith(b"{"):
            assert line
        return json.loads(line)


def test_a_line_is_answered_before_the_next_is_sent(new_server, new_folder):
    with RawStream(new_server(new_folder()).port) as stream:
        for text in ("Ann", "Bo"):
            stream.send(lines({"text": text}))
            assert stream.next_answer()["text"] == text


def test_a_client_that_does_not_read_is_not_read_from(new_server, new_folder):
    server = new_server(new_folder())
    many = lines(*[{"text": "Ann " * 200}] * 10)
    with RawStream(server.port) as stream:
        stream.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            for _ in range(20_000):
                stream.send(many)
        assert server.predict().status_code == 200


def test_a_stream_that_breaks_off_leaves_nothing_behind(new_server, new_folder):
    server = new_server(new_folder(seconds=0.2), "--max_streams", "1")
    with RawStream(server.port) as stream:
        stream.send(lines({"text": "Ann"}))
        stream.next_answer()
        stream.send(lines(*({"text": f"Ann {i}"} for i in range(50))))
    server.wait(lambda: "nlparch_pending_requests 0.0" in httpx.get(f"{server.url}/metrics").text)
    with RawStream(server.port) as stream:
        stream.send(lines({"text": "Bo"}))
        assert stream.next_answer()["text"] == "Bo"
