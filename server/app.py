"""The application: its layers, what it does while it runs, and how it words refusals."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from nlparch import __version__

from .errors import RequestError
from .limits import Limits
from .routes import routes
from .service import Service

_log = logging.getLogger(__name__)


def create_app(service: Service, *, api_key: str | None = None) -> ASGIApp:
    """The application that serves some models.

    Args:
        service: The models, and the queue before them.
        api_key: The key that requests must bring, if any.
    """
    app = FastAPI(
        title="nlparch",
        version=__version__,
        description="Small taggers and text classifiers behind HTTP. Offsets count Unicode characters.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(service),
        exception_handlers=_HANDLERS,
    )
    app.router.routes.extend(routes(service))
    limited = Limits(app, service, api_key=api_key)
    if not service.options.cors_origins:
        return limited
    # Outside of all, so that a page of another origin can read a refusal too.
    return CORSMiddleware(
        limited,
        allow_origins=service.options.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["retry-after", "server-timing"],
    )


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        # Held here, for the event loop does not keep its tasks alive.
        tasks = {asyncio.create_task(service.load.watch_lag())}

        def reload() -> None:
            task = asyncio.create_task(asyncio.to_thread(service.models.reload, service.metrics))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        # Signals are of the main thread alone; an application under test runs in another.
        with suppress(ValueError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        if service.options.watch:
            tasks.add(asyncio.create_task(service.models.watch(service.metrics)))
        yield
        for task in tasks:
            task.cancel()
        service.batcher.close()

    return lifespan


async def _refuse(request: Request, error: RequestError) -> Response:
    return Response(error.to_json(), error.status, error.headers, media_type="application/json")


async def _refuse_route(request: Request, error: HTTPException) -> Response:
    """Words what the router refuses: unknown paths and methods."""
    known = {
        404: ("not_found", f"nothing is at {request.url.path}; /docs shows what is where"),
        405: ("method", f"{request.url.path} takes another method; Allow names it"),
    }
    error_type, message = known.get(error.status_code, ("http", error.detail))
    headers = dict(error.headers or {})
    return await _refuse(request, RequestError(error.status_code, error_type, message, headers=headers))


async def _fail(request: Request, error: Exception) -> Response:
    """Answers for a bug of ours; the log has it in full."""
    return await _refuse(request, RequestError(500, "internal", "the server failed on this request"))


async def _let_go(request: Request, error: Exception) -> Response:
    """Answers nobody: the client has gone."""
    return Response(status_code=400)


_HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    RequestError: _refuse,
    HTTPException: _refuse_route,
    ClientDisconnect: _let_go,
    Exception: _fail,
}
