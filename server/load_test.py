"""A load generator of fixed arrival rates: ``python -m nlparch.server.load_test --rates 500 1000``.

It is an open loop: requests leave when they are due, whether or not earlier ones were answered, and latency counts from
when a request was due. A generator that waits for answers would slow down with the server and never see it overloaded.
It measures itself as well: a run in which the generator was the slower of the two says so, and counts for nothing.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

WORDS = "Yesterday Ann Lee flew from Oslo to New Delhi and met the president of a bank in the old town".split()
_GIVE_UP_SECONDS = 5.0
_TICK_SECONDS = 0.001
# Above this share of a core the generator itself may be what is slow.
_MAX_CPU = 0.9


@dataclass(frozen=True)
class Figures:
    """What came of one rate; times are in milliseconds, from when a request was due to the end of its answer."""

    rate: float
    """Requests a second that were due."""
    goodput: float
    """Answers a second with status 200."""
    refused: int
    """Answers with status 429."""
    errors: int
    """Other statuses, lost connections, and answers that did not come."""
    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None
    refused_p99: float | None
    own_cpu: float
    """Share of a core that the generator took."""
    own_limit: float
    """Requests a second that the generator could send and read on a whole core."""
    is_limited: bool
    """Whether the generator was too busy for the run to count."""


@dataclass
class _Tally:
    """The requests of a run: those due and unsent, the connections, and when which status came."""

    request: bytes
    waiting: deque[float] = field(default_factory=deque)
    idle: list["_Connection"] = field(default_factory=list)
    open: set["_Connection"] = field(default_factory=set)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def note(self, status: str, due: float) -> None:
        self.seconds.setdefault(status, []).append(time.perf_counter() - due)

    def send(self) -> None:
        """Sends what is due, as far as connections are free."""
        while self.waiting and self.idle:
            self.idle.pop().ask(self.waiting.popleft())


class _Connection(asyncio.Protocol):
    """An open connection, and the request on it that awaits its answer."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._due: float | None = None
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._tally.idle.append(self)
        self._tally.open.add(self)

    def ask(self, due: float) -> None:
        """Sends the request that was due then."""
        self._due, self._answer = due, b""
        self.transport.write(self._tally.request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if end and len(body) >= _content_length(head) and self._due is not None:
            self._tally.note(head[9:12].decode(), self._due)
            self._due = None
            self._tally.idle.append(self)
            self._tally.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._tally.open.discard(self)
        if self._due is not None:
            self._tally.note("lost", self._due)
        elif self in self._tally.idle:
            self._tally.idle.remove(self)


async def measure(
    host: str, port: int, *, rate: float, seconds: float, n_words: int = 20, n_connections: int = 256, seed: int = 0
) -> Figures:
    """Sends one text a request at a rate, its arrivals as random as those of many clients.

    Args:
        host: The server's address.
        port: The server's port.
        rate: Requests a second.
        seconds: How long.
        n_words: Words of the text.
        n_connections: Connections that are opened beforehand.
        seed: Of the arrivals.
    """
    tally = _Tally(_request(host, n_words))
    loop = asyncio.get_running_loop()
    await asyncio.gather(
        *(loop.create_connection(lambda: _Connection(tally), host, port) for _ in range(n_connections))
    )
    gc.freeze()  # a collection would be taken for the server's
    cpu, started = time.process_time(), time.perf_counter()
    n_due = await _send_all(tally, rate, seconds, random.Random(seed))
    own_cpu = (time.process_time() - cpu) / (time.perf_counter() - started)
    give_up = time.perf_counter() + _GIVE_UP_SECONDS
    while sum(map(len, tally.seconds.values())) < n_due and time.perf_counter() < give_up:
        await asyncio.sleep(0.01)
    for connection in list(tally.open):
        connection.transport.abort()
    await asyncio.sleep(0)
    return _figures(tally, rate, seconds, n_due, own_cpu)


async def _send_all(tally: _Tally, rate: float, seconds: float, arrivals: random.Random) -> int:
    """Sends requests as they come due; returns how many did."""
    started = due = time.perf_counter()
    n_due = 0
    while due < started + seconds:
        while due <= time.perf_counter():
            tally.waiting.append(due)
            n_due += 1
            due += arrivals.expovariate(rate)
        tally.send()
        await asyncio.sleep(_TICK_SECONDS)
    return n_due


def _figures(tally: _Tally, rate: float, seconds: float, n_due: int, own_cpu: float) -> Figures:
    good, refused = sorted(tally.seconds.get("200", [])), sorted(tally.seconds.get("429", []))
    return Figures(
        rate=rate,
        goodput=round(len(good) / seconds, 1),
        refused=len(refused),
        errors=n_due - len(good) - len(refused),
        p50=_percentile(good, 0.5),
        p90=_percentile(good, 0.9),
        p99=_percentile(good, 0.99),
        longest=_percentile(good, 1.0),
        refused_p99=_percentile(refused, 0.99),
        own_cpu=round(own_cpu, 3),
        own_limit=round(n_due / seconds / max(own_cpu, 0.01)),
        is_limited=own_cpu > _MAX_CPU,
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None


def _request(host: str, n_words: int) -> bytes:
    text = " ".join(WORDS[i % len(WORDS)] for i in range(n_words))
    body = json.dumps({"text": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _content_length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length: ")
    return int(after.partition(b"\r\n")[0] or 0)


def main(args: Sequence[str] | None = None) -> None:
    """Prints a line of JSON for each rate."""
    parser = argparse.ArgumentParser(description="Measures a server that runs, at fixed arrival rates.")
    parser.add_argument("--host", default="127.0.0.1", help="address of the server")
    parser.add_argument("--port", type=int, default=8000, help="port of the server")
    parser.add_argument("--rates", type=float, nargs="+", default=[500.0], help="requests a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate lasts")
    parser.add_argument("--n_words", type=int, default=20, help="words of a text")
    parser.add_argument("--n_connections", type=int, default=256, help="connections, opened beforehand")
    given = vars(parser.parse_args(args))
    for rate in given.pop("rates"):
        figures = uvloop.run(measure(**given, rate=rate))
        sys.stdout.write(json.dumps(asdict(figures)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
