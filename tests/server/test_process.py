"""The server as a process: its command, its signals, its end."""

import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from nlparch.cli import serve

REQUEST = (
    b'POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"text": "Ann"}'
)


def label_of(answer):
    return answer.json()["predictions"][0]["entities"][0]["label"]


def in_thread(work):
    """Runs something beside the test; `join` returns what it returned."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()

    def join():
        thread.join()
        return results[0]

    return join


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_what_was_accepted_is_answered_before_the_end(new_server, new_folder, sign):
    server = new_server(new_folder(seconds=0.5))
    answer = in_thread(server.predict)
    server.wait(lambda: "nlparch_pending_requests 1.0" in httpx.get(f"{server.url}/metrics").text)
    server.process.send_signal(sign)
    assert answer().status_code == 200
    server.process.communicate(timeout=10)
    with pytest.raises(httpx.ConnectError):
        server.predict()


def test_what_takes_too_long_to_finish_is_cut_off(new_server, new_folder):
    server = new_server(new_folder(seconds=3), "--drain_seconds", "0")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(REQUEST)
        server.wait(lambda: "nlparch_pending_requests 1.0" in httpx.get(f"{server.url}/metrics").text)
        started = time.monotonic()
        server.process.terminate()
        assert b"200 OK" not in client.recv(1000)
    assert time.monotonic() - started < 2


def test_a_changed_model_is_served_after_sighup(new_server, new_folder):
    server = new_server(new_folder(label="PER"))
    assert label_of(server.predict()) == "PER"
    new_folder(label="ORG", hash="two")
    server.process.send_signal(signal.SIGHUP)
    server.wait(lambda: server.predict().json()["model_hash"] == "two")
    assert label_of(server.predict()) == "ORG"
    assert 'outcome="swapped"' in httpx.get(f"{server.url}/metrics").text
    assert "names: now serving model two" in server.end()


def test_a_changed_model_is_noticed(new_server, new_folder):
    server = new_server(new_folder(label="PER"), "--watch")
    new_folder(label="ORG", hash="two")
    server.wait(lambda: server.predict().json()["model_hash"] == "two")


def test_a_broken_new_model_is_refused_and_the_old_one_stays(new_server, new_folder):
    server = new_server(new_folder(label="PER"))
    (new_folder() / "fake.json").write_text("{")
    server.process.send_signal(signal.SIGHUP)
    server.wait(lambda: 'outcome="refused"' in httpx.get(f"{server.url}/metrics").text)
    assert label_of(server.predict()) == "PER"
    log = server.end()
    assert "is refused, the old one stays" in log
    assert "Traceback" not in log


def test_no_request_fails_while_models_are_swapped(new_server, new_folder):
    server = new_server(new_folder(label="PER", hash="0"))
    is_over = threading.Event()
    found = []

    def ask():
        with httpx.Client() as client:
            while not is_over.is_set():
                answer = client.post(f"{server.url}/predict", json={"text": "Ann"})
                found.append((answer.status_code, answer.json().get("model_hash")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(1, 6):
        new_folder(label="ORG", hash=str(n))
        server.process.send_signal(signal.SIGHUP)
        server.wait(lambda n=n: server.predict().json()["model_hash"] == str(n))
    is_over.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in found} == {200}
    assert len({model_hash for _, model_hash in found}) > 2


def test_a_killed_server_serves_again_at_its_old_address(new_server, new_folder):
    server = new_server(new_folder())
    with httpx.Client() as client:  # a connection that is open when the server dies
        client.get(f"{server.url}/health")
        server.process.kill()
        server.process.communicate()
        again = new_server(new_folder(), port=server.port)
    assert again.predict().status_code == 200


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nhost: ", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 999])
def test_headers_without_end_are_not_kept(new_server, new_folder, start):
    server = new_server(new_folder())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        with pytest.raises(ConnectionError):
            client.sendall(start)
            for _ in range(1000):
                client.sendall(b"x" * 65_536)
    assert server.predict().status_code == 200


def test_an_api_key_is_read_from_the_environment(new_server, new_folder):
    server = new_server(new_folder(), env={"NLPARCH_API_KEY": "secret"})
    assert server.predict().status_code == 401


def test_the_server_loads_nothing_that_trains():
    code = "import sys, nlparch.server.serve; print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout == "set()\n"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ("nowhere", "nowhere"),
        ("a=x a=y", "a model's name must be unique, got 'a' twice; give name=DIR"),
        ("a/b=x", "a model's name has letters, digits, '.', '_' and '-' only, got 'a/b'; give name=DIR"),
        ("x --port 70000", "--port must be from 0 to 65535, got 70000"),
        ("x --max_delay_ms 20", "--max_delay_ms must be below --max_wait_ms"),
        ("x --max_wait_ms 0", "--max_wait_ms must be at least 1, got 0"),
        ("x --threads 0", "--threads must be at least 1, got 0"),
        ("x --host 203.0.113.1", "cannot listen on --host 203.0.113.1 --port 8000"),
        ("", "at least one model must be given, as DIR or name=DIR"),
    ],
)
def test_a_mistake_is_one_line(args, complaint, capsys):
    assert serve(args.split()) == 2
    line = capsys.readouterr().err
    assert complaint in line
    assert line.startswith("error: ") and line.count("\n") == 1


def test_a_taken_port_is_one_line(new_server, new_folder, capsys):
    folder = new_folder()
    server = new_server(folder)
    assert serve([str(folder), "--port", str(server.port)]) == 2
    assert f"--port {server.port}: Address already in use" in capsys.readouterr().err


def test_no_body_follows_the_answer_to_head(new_server, new_folder):
    server = new_server(new_folder())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n")
