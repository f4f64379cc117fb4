"""What answers the requests that tag or classify."""

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from nlparch.runtime import AnyModel

from .answers import join_answers, join_for_hub
from .batching import Answer
from .bodies import check_content_type, parse, read_body
from .errors import RequestError
from .service import Service
from .streaming import StreamAnswer


class Handlers:
    """The handlers of a service.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def predict(self, request: Request) -> Response:
        """Tags or classifies a text or a list of texts."""
        service, started = self._service, time.perf_counter()
        deadline = service.deadline()
        check_content_type(request, "application/json")
        name, model = self._find_model(request)
        body = await read_body(request, max_bytes=service.options.max_body_bytes, timeout=service.timeout)
        work = parse(body, model, max_texts=service.options.max_texts)
        answers = await service.run(
            model,
            work.items,
            [work.render] * len(work.items),
            n_bytes=len(body),
            deadline=deadline,
            receive=request.receive,
        )
        done = [_unless_refused(answer) for answer in answers]
        if work.is_hub:
            content = join_for_hub(done, is_single=work.is_single)
        else:
            content = join_answers(done, model=name, model_hash=model.model_hash)
        timing = {"server-timing": f"total;dur={1000 * (time.perf_counter() - started):.2f}"}
        return Response(content, headers=timing, media_type="application/json")

    async def stream(self, request: Request) -> ASGIApp:
        """Answers a text a line, for as long as lines come; a bad line is answered by its error, in its place."""
        check_content_type(request, "application/x-ndjson", "application/jsonl", "application/json")
        _, model = self._find_model(request)
        max_streams = self._service.options.max_streams
        if self._service.n_streams >= max_streams:
            self._service.metrics.shed.labels("streams").inc()
            message = f"{max_streams} streams may be open at once; try again after Retry-After seconds"
            raise RequestError(429, "overloaded", message, headers={"retry-after": "1"})
        return StreamAnswer(self._service, model, request)

    def _find_model(self, request: Request) -> tuple[str, AnyModel]:
        """The model that a request names, or the first."""
        models = self._service.models
        name = request.path_params.get("name", models.default)
        return name, models.find(name)


def _unless_refused(answer: Answer) -> bytes:
    if isinstance(answer, RequestError):
        raise answer
    return answer
