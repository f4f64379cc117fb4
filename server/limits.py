"""The outermost layer: what can be refused before a request is read is refused here.

Under overload a refusal must cost less than an answer, or refusals leave no time for answers. So this layer stands
before routing, looks at nothing but the request line and headers, and sends answers that are made beforehand.
"""

import hmac
import time
from collections.abc import Iterable
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .bodies import too_large
from .errors import RequestError
from .service import Service

_OPEN_PATHS = frozenset({"/", "/health", "/ready"})
_OVERLOADED = RequestError(429, "overloaded", "the server is busy; try again after Retry-After seconds").to_json()
_UNKNOWN_KEY = RequestError(
    401,
    "unauthorized",
    "an API key is needed: Authorization: Bearer KEY",
    headers={"www-authenticate": "Bearer"},
)
# The parser takes what follows such a header for another protocol, and the body would be lost.
_UPGRADE = RequestError(
    400, "upgrade", "HTTP/1.1 only: send the request without an Upgrade header", headers={"connection": "close"}
)


class Limits:
    """Refuses requests without a key, those there is no time for, and those that say they are too long.

    Args:
        app: What answers the others.
        service: What the load and the limits are read from.
        api_key: The key, if one is asked for.
    """

    def __init__(self, app: ASGIApp, service: Service, *, api_key: str | None = None) -> None:
        self._app = app
        self._load = service.load
        self._metrics = service.metrics
        self._max_bytes = service.options.max_body_bytes
        self._too_large = too_large(self._max_bytes)
        self._key = None if api_key is None else api_key.encode()
        self._overloaded = service.metrics.shed.labels("overloaded")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._key and not (scope["path"] in _OPEN_PATHS or _has_key(scope["headers"], self._key)):
            await self._refuse(send, _UNKNOWN_KEY)
        elif scope["method"] == "POST" and any(name == b"upgrade" for name, _ in scope["headers"]):
            await self._refuse(send, _UPGRADE)
        elif scope["method"] != "POST" or scope["path"].endswith(":stream"):
            await self._app(scope, receive, self._counting(send))
        elif self._load.is_full():
            await self._refuse_overload(send)
        elif _content_length(scope["headers"]) > self._max_bytes:
            await self._refuse(send, self._too_large)
        else:
            started = time.perf_counter()
            await self._app(scope, receive, self._counting(send))
            self._metrics.request_seconds.observe(time.perf_counter() - started)

    def _counting(self, send: Send) -> Send:
        """Counts the answer that is sent."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.responses.labels(message["status"]).inc()
            await send(message)

        return counted

    async def _refuse_overload(self, send: Send) -> None:
        self._overloaded.inc()
        await self._answer(send, 429, _OVERLOADED, {"retry-after": str(max(1, ceil(self._load.wait)))})

    async def _refuse(self, send: Send, error: RequestError) -> None:
        self._metrics.shed.labels(error.error_type).inc()
        await self._answer(send, error.status, error.to_json(), error.headers)

    async def _answer(self, send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._metrics.responses.labels(status).inc()
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        length = (b"content-length", b"%d" % len(body))
        given += [(b"content-type", b"application/json"), length]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})


def _has_key(headers: Iterable[tuple[bytes, bytes]], key: bytes) -> bool:
    """Whether the request brings the key; the comparison takes the same time wherever keys differ."""
    return any(name == b"authorization" and hmac.compare_digest(value, b"Bearer " + key) for name, value in headers)


def _content_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return next((int(value) for name, value in headers if name == b"content-length" and value.isdigit()), 0)
