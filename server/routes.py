"""Which address is answered by what, and how the OpenAPI document describes it."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, request_response
from starlette.types import Receive, Scope, Send

from nlparch.runtime import RuntimeClassifier

from .handlers import Handlers
from .pages import load_page
from .schemas import (
    ErrorAnswer,
    HubEntity,
    HubLabel,
    ModelAnswer,
    ModelsAnswer,
    PredictAnswer,
    StatusAnswer,
    request_schema,
)
from .service import Service

_REFUSALS = {
    400: "No JSON in UTF-8",
    401: "No API key",
    404: "No such model",
    408: "The body did not come in time",
    413: "The body is too long",
    415: "No JSON, by its Content-Type",
    422: "Not of a form that is served, or too many texts or words",
    429: "Too busy; Retry-After says when to come again",
    503: "The time was up",
}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": "A model's name"}


class PlainRoute(APIRoute):
    """A route of the OpenAPI document whose handler takes the request and gives the answer itself.

    FastAPI's own way from a request to its handler and back takes as long as tagging a sentence does.
    """

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Any]], **settings: Any) -> None:
        super().__init__(path, endpoint, response_model=None, **settings)
        self.app = request_response(endpoint)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Takes HEAD where GET is taken; the OpenAPI document need not say so."""
        match, child = super().matches(scope)
        return (Match.FULL if match == Match.PARTIAL and self._is_head(scope) else match), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers HEAD as GET; the body is left out by whoever sends the answer."""
        await (self.app if self._is_head(scope) else super().handle)(scope, receive, send)

    def _is_head(self, scope: Scope) -> bool:
        return scope["method"] == "HEAD" and "GET" in (self.methods or ())


def routes(service: Service) -> list[BaseRoute]:
    """All routes, the busiest first."""
    return [*_predict_routes(service), *_status_routes(service), *_page_routes()]


def _predict_routes(service: Service) -> list[BaseRoute]:
    options, handlers = service.options, Handlers(service)
    tasks = {model.task for model in service.models.values()}
    schema = request_schema(tasks, max_texts=options.max_texts, max_words=options.max_words)
    shapes = PredictAnswer | list[HubEntity] | list[list[HubEntity]] | list[HubLabel] | list[list[HubLabel]]
    answer = {"model": shapes, "description": "What was found"}
    line = {"description": "An answer or an error for each line", "content": {"application/x-ndjson": {}}}
    body = {"application/json": {"schema": schema}}
    # A stream of one line is JSON too.
    lines: dict[str, Any] = {"application/x-ndjson": {}, "application/json": {}}
    posts = [
        ("/v1/models/{name}:predict", "/predict", handlers.predict, body, answer),
        ("/v1/models/{name}/predict:stream", "/predict:stream", handlers.stream, lines, line),
    ]
    return [
        PlainRoute(
            path,
            handler,
            methods=["POST"],
            tags=["predict"],
            responses={200: found, **_refusals(*_REFUSALS)},
            openapi_extra={
                "parameters": [_NAME] if "{" in path else [],
                "requestBody": {"required": True, "content": content},
            },
        )
        for *paths, handler, content, found in posts
        for path in paths
    ]


def _status_routes(service: Service) -> list[BaseRoute]:
    async def models(request: Request) -> Response:
        """The models, the first of them the one that /predict asks."""
        listed = [
            ModelAnswer(
                name=name,
                model_hash=model.model_hash,
                task=model.task,
                text_task=model.text_labels.task if isinstance(model, RuntimeClassifier) else None,
                has_pairs=model.has_pairs if isinstance(model, RuntimeClassifier) else None,
                labels=list(model.labels),
                splitter=model.splitter,
                precision=model.precision,
            )
            for name, model in service.models.items()
        ]
        return JSONResponse(ModelsAnswer(models=listed).model_dump(exclude_none=True))

    async def health(request: Request) -> Response:
        """Answers as long as the server lives."""
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        """Answers once all models are loaded: the server listens no earlier."""
        return JSONResponse({"status": "ready"})

    async def metrics(request: Request) -> Response:
        """Figures for Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    status = {200: {"model": StatusAnswer, "description": "Yes"}}
    return [
        PlainRoute("/v1/models", models, responses={200: {"model": ModelsAnswer}, **_refusals(401)}, tags=["status"]),
        PlainRoute("/health", health, responses=status, tags=["status"]),
        PlainRoute("/ready", ready, responses=status, tags=["status"]),
        PlainRoute("/metrics", metrics, responses={**_text("text/plain"), **_refusals(401)}, tags=["status"]),
    ]


def _page_routes() -> list[BaseRoute]:
    pages = {"/": load_page("index.html"), "/docs": load_page("docs.html")}

    def show(path: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            return pages[path]

        return page

    return [PlainRoute(path, show(path), include_in_schema=False) for path in pages]


def _text(content_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "Text", "content": {content_type: {"schema": {"type": "string"}}}}}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": _REFUSALS[status]} for status in statuses}
