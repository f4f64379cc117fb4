"""How much `nlp-serve` answers, how fast, and what it does when asked for more.

    python benchmarks/serving.py EXPORTED_DIR --soak_minutes 30

Starts a server on the exported model, with the load generator in a process of its own on the same machine. Finds the
peak, which is the highest goodput at any rate tried; offers 0.8, 1.5 and 3 times that, with texts of 20 words and of
400; kills the server under load and starts it again; swaps the model under load; and mixes good and hostile requests
for as long as is asked. Prints the figures, and adds a line of them to `benchmarks/results/serving.jsonl`.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import tyro
from cells import provenance

RESULTS = Path(__file__).parent / "results" / "serving.jsonl"
SERVE = "import sys; from nlparch.cli import serve; sys.exit(serve())"
HEADERS = {"content-type": "application/json"}
GOOD = json.dumps({"text": "Yesterday Ann Lee flew from Oslo to New Delhi and met the president of a bank in town."})
HOSTILE = {
    "broken JSON": b'{"text": ',
    "NUL": b'{"text": "a\\u0000b"}',
    "lone surrogate": b'{"text": "\\ud800"}',
    "wrong type": b'{"text": 5}',
    "deep nesting": b"[" * 50_000,
    "a hundred thousand texts": b'{"text": [' + b'"x",' * 99_999 + b'"x"]}',
    "too many words": b'{"text": "' + b"x " * 20_000 + b'"}',
    "ten megabytes": b'{"text": "' + b"x" * 10_000_000 + b'"}',
}


@dataclass(kw_only=True)
class Options:
    """Measure a server."""

    model_dir: tyro.conf.Positional[str]
    """Exported model."""
    seconds: float = 10.0
    """How long each rate is offered."""
    runs: int = 3
    """Runs of each rate; the median counts."""
    soak_minutes: float = 0.0
    """How long good and hostile requests are mixed."""
    only_soak: bool = False
    """Leave out all else."""


class Server:
    """An `nlp-serve` of its own port."""

    def __init__(self, model_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._model_dir = model_dir
        self.start()

    def start(self) -> float:
        """Starts it; returns the seconds until it answered."""
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, f"model={self._model_dir}", "--port", str(self.port)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        while self.ask(GOOD.encode())[0] != 200:
            time.sleep(0.005)
        return time.perf_counter() - started

    def ask(self, body: bytes, *, method: str = "POST", path: str = "/predict") -> tuple[int, bytes]:
        """One request, on a connection of its own; status 0 where there was no answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.request(method, path, body or None, HEADERS)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()

    def resident_mb(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main(options: Options) -> None:
    """Measures all, prints it and keeps it."""
    with tempfile.TemporaryDirectory() as folder:
        model_dir = Path(folder) / "model"
        shutil.copytree(options.model_dir, model_dir)
        server = Server(model_dir)
        try:
            figures = measure(server, model_dir, options)
        finally:
            server.process.kill()
    line = {"model": Path(options.model_dir).name, "n_cores": os.cpu_count()} | figures | provenance()
    print(json.dumps(line, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def measure(server: Server, model_dir: Path, options: Options) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {"resident_mb_at_start": round(server.resident_mb(), 1)}
    if options.only_soak:
        return figures | {"soak": soak(server, options.soak_minutes)}
    for n_words in (20, 400):
        peak = find_peak(server, n_words, options)
        figures[f"words_{n_words}"] = {"peak": peak} | {
            f"at_{share}": offer(server, share * peak, n_words, options) for share in (0.5, 0.8, 1.5, 3.0)
        }
    figures["restart_seconds"] = kill_under_load(server, options)
    figures["swap"] = swap_under_load(server, model_dir)
    if options.soak_minutes:
        figures["soak"] = soak(server, options.soak_minutes)
    return figures


def find_peak(server: Server, n_words: int, options: Options) -> float:
    """The highest goodput of rates that grow until much of what is offered is refused."""
    rate, best = 20_000 / n_words / 2, 0.0
    while True:
        goodput = offer(server, rate, n_words, options, runs=1)["goodput"]
        best = max(best, goodput)
        if goodput < 0.7 * rate:
            return best
        rate *= 1.25


def offer(server: Server, rate: float, n_words: int, options: Options, *, runs: int | None = None) -> dict[str, Any]:
    """The run with the median goodput at a rate, and what the server did in all of them."""
    found = sorted(
        (generate(server.port, rate, n_words, options.seconds) for _ in range(runs or options.runs)),
        key=lambda figures: figures["goodput"],
    )
    middle = found[len(found) // 2]
    middle["p99_of_runs"] = [figures["p99"] for figures in found]
    print(f"{n_words} words, {rate:.0f}/s: {middle}", flush=True)
    return middle


def generate(port: int, rate: float, n_words: int, seconds: float) -> dict[str, Any]:
    """One run of the load generator."""
    command = [sys.executable, "-m", "nlparch.server.load_test", "--port", str(port), "--rates", str(rate)]
    command += ["--n_words", str(n_words), "--seconds", str(seconds)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    figures: dict[str, Any] = json.loads(shown)
    return figures


def kill_under_load(server: Server, options: Options) -> list[float]:
    """Seconds from a restart to the first answer, after a kill under load."""
    seconds = []
    for _ in range(options.runs):
        load = threading.Thread(target=generate, args=(server.port, 200.0, 20, 3.0))
        load.start()
        time.sleep(1)
        server.process.kill()
        server.process.wait()
        seconds.append(round(server.start(), 2))
        load.join()
    return seconds


def swap_under_load(server: Server, model_dir: Path) -> dict[str, Any]:
    """Statuses of requests that were asked while the model changed ten times, and how often it did."""
    statuses: Counter[int] = Counter()
    hashes: Counter[str] = Counter()

    def ask() -> None:
        status, answer = server.ask(GOOD.encode())
        statuses[status] += 1
        if status == 200:
            hashes[json.loads(answer)["model_hash"]] += 1

    with repeated(ask, n_threads=4):
        for turn in range(10):
            change(model_dir, turn)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.7)
    return {"statuses": dict(statuses), "n_models": len(hashes)}


def change(model_dir: Path, turn: int) -> None:
    """Makes another model of the folder, one that answers alike."""
    config = json.loads((model_dir / "config.json").read_text("utf-8"))
    new = model_dir / "config.json.new"
    new.write_text(json.dumps(config, indent=turn), "utf-8")
    new.replace(model_dir / "config.json")


def soak(server: Server, minutes: float) -> dict[str, Any]:
    """Statuses, and resident memory at the end of the first tenth of the time and at the end of it."""
    statuses: dict[str, Counter[int]] = {name: Counter() for name in ("good", "lost", *HOSTILE)}
    kinds = iter([])

    def attack() -> None:
        nonlocal kinds
        name = next(kinds, None)
        if name is None:
            kinds = iter([*HOSTILE, "lost"])
        elif name == "lost":
            leave_midway(server.port)
        else:
            statuses[name][server.ask(HOSTILE[name])[0]] += 1

    def ask() -> None:
        statuses["good"][server.ask(GOOD.encode())[0]] += 1

    memory = []
    with repeated(ask, n_threads=2), repeated(attack, n_threads=1):
        for _ in range(10):
            time.sleep(6 * minutes)
            memory.append(round(server.resident_mb(), 1))
    told = {name: dict(counts) for name, counts in statuses.items() if counts}
    n_bad = sum(n for counts in statuses.values() for status, n in counts.items() if status >= 500 or not status)
    return {"minutes": minutes, "statuses": told, "n_5xx_or_lost": n_bad, "resident_mb": memory}


def leave_midway(port: int) -> None:
    """Sends half of a request and goes."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )


class repeated:
    """Calls a function again and again in threads, for as long as the context lasts."""

    def __init__(self, call: Callable[[], None], *, n_threads: int) -> None:
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(call,)) for _ in range(n_threads)]

    def _repeat(self, call: Callable[[], None]) -> None:
        while not self._is_over.is_set():
            call()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
