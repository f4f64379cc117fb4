"""NDJSON in, NDJSON out: a stream of any length, answered line by line, in order, in constant memory.

Lines that arrive together run together. While a batch of lines runs the next is read, and no further: a client that
does not read its answers is not read from either.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from nlparch.runtime import AnyModel

from .batching import Answer
from .bodies import Work, parse
from .errors import RequestError
from .service import Service

_LINES = 64
# A client that neither sends nor reads for so long is taken for gone.
_IDLE_SECONDS = 60.0
_HEADERS = [(b"content-type", b"application/x-ndjson")]

Line = bytes | RequestError
_Batches = asyncio.Queue["asyncio.Task[bytes] | None"]


class StreamAnswer:
    """Answers a stream, as an ASGI application of one request.

    Args:
        service: What runs the lines.
        model: The model.
        request: The request, its body unread.
    """

    def __init__(self, service: Service, model: AnyModel, request: Request) -> None:
        self._service = service
        self._model = model
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._service.n_streams += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async with asyncio.TaskGroup() as group:
                # What has been read and is not yet sent: a batch that runs, one that waits, one that is being read.
                batches: _Batches = asyncio.Queue(maxsize=1)
                group.create_task(self._read(group, batches))
                while (batch := await batches.get()) is not None:
                    await _send(send, await batch)
            await send({"type": "http.response.body", "body": b""})
        except* (ClientDisconnect, TimeoutError):
            self._service.metrics.shed.labels("gone").inc()
        finally:
            self._service.n_streams -= 1

    async def _read(self, group: asyncio.TaskGroup, batches: _Batches) -> None:
        async for lines in read_lines(self._request, max_bytes=self._service.options.max_body_bytes):
            await batches.put(group.create_task(self._run(lines)))
        await batches.put(None)

    async def _run(self, lines: Sequence[Line]) -> bytes:
        """The answers to some lines: an empty line has none, a bad one has its error."""
        parsed = [_parse(line, self._model) for line in lines]
        works = [work for work in parsed if isinstance(work, Work)]
        n_bytes = sum(len(line) for line in lines if isinstance(line, bytes))
        try:
            answers: list[Answer] = await self._service.run(
                self._model,
                [work.items[0] for work in works],
                [work.render for work in works],
                n_bytes=n_bytes,
                deadline=self._service.deadline(),
            )
        except RequestError as error:
            answers = [error] * len(works)
        ran = iter(answers)
        told = [next(ran) if isinstance(work, Work) else work for work in parsed]
        return b"".join(_to_line(answer) for answer in told)


async def read_lines(request: Request, *, max_bytes: int) -> AsyncIterator[list[Line]]:
    """Reads lines as they arrive, some dozens at a time; one that is too long becomes an error and is not kept.

    Raises:
        ClientDisconnect: The client has gone.
        TimeoutError: The client sends nothing any more.
    """
    too_long = RequestError(413, "too_large", f"a line may have {max_bytes} bytes")
    rest, is_skipping = b"", False
    async for chunk in _chunks(request):
        *lines, rest = (rest + chunk).split(b"\n")
        if is_skipping and lines:
            lines, is_skipping = lines[1:], False
        elif is_skipping:
            rest = b""
        found: list[Line] = [line if len(line) <= max_bytes else too_long for line in lines if line.strip()]
        if len(rest) > max_bytes:
            found.append(too_long)
            rest, is_skipping = b"", True
        for start in range(0, len(found), _LINES):
            yield found[start : start + _LINES]
    if rest.strip():
        yield [rest]


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk


async def _send(send: Send, answers: bytes) -> None:
    async with asyncio.timeout(_IDLE_SECONDS):
        await send({"type": "http.response.body", "body": answers, "more_body": True})


def _parse(line: Line, model: AnyModel) -> Work | RequestError:
    if isinstance(line, RequestError):
        return line
    try:
        work = parse(line, model, max_texts=1)
    except RequestError as error:
        return error
    return work if work.is_single else RequestError(422, "invalid", "a line of a stream must hold one text, got a list")


def _to_line(answer: Answer) -> bytes:
    return (answer.to_json() if isinstance(answer, RequestError) else answer) + b"\n"
