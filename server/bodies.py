"""From the bytes of a request to the texts that are run, and to what the answer shall look like."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.requests import Request

from nlparch.names import suggest
from nlparch.runtime import AnyModel

from .answers import render_classification, render_for_hub, render_labels_for_hub, render_prediction
from .batching import Item, Render
from .errors import RequestError
from .schemas import (
    ClassifyRequest,
    HubClassifyParameters,
    HubClassifyRequest,
    HubParameters,
    HubRequest,
    TextPair,
    TextRequest,
    WordsRequest,
)

_Request = TextRequest | WordsRequest | HubRequest | ClassifyRequest | HubClassifyRequest
_KINDS: dict[str, dict[str, type[_Request]]] = {
    "tagging": {"text": TextRequest, "words": WordsRequest, "inputs": HubRequest},
    "classification": {"text": ClassifyRequest, "inputs": HubClassifyRequest},
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a request asks for."""

    items: Sequence[Item]
    """Raw texts, texts that are split already, or pairs of texts."""
    render: Render
    """Writes the prediction of a text as the request wants it."""
    is_hub: bool
    """Whether the answer is in the shape of the Hugging Face inference API."""
    is_single: bool
    """Whether one text was given and not a list."""


def check_content_type(request: Request, *expected: str) -> None:
    """Refuses what does not say that it is JSON in UTF-8.

    A page of another origin cannot send this content type without asking first, so it is asked for strictly.
    """
    given = request.headers.get("content-type", "")
    if given in expected:
        return
    kind, _, parameters = given.lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() not in expected or charset not in ("", "charset=utf-8"):
        raise RequestError(415, "content_type", f"Content-Type must be {' or '.join(expected)}, got {given or 'none'}")


async def read_body(request: Request, *, max_bytes: int, timeout: float) -> bytes:
    """Reads a body, no further than its limit.

    Raises:
        RequestError: It is too long, or does not come in time.
        ClientDisconnect: The client has gone.
    """
    try:
        async with asyncio.timeout(timeout):
            chunks, n_bytes = [], 0
            async for chunk in request.stream():
                n_bytes += len(chunk)
                if n_bytes > max_bytes:
                    raise too_large(max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise RequestError(408, "slow_body", "the body did not come in time", headers={"connection": "close"}) from None
    return b"".join(chunks)


def too_large(max_bytes: int) -> RequestError:
    """The refusal of a body that is too long; what of it is still to come is not waited for."""
    return RequestError(
        413, "too_large", f"a body may have {max_bytes} bytes; send less at a time", headers={"connection": "close"}
    )


def parse(body: bytes, model: AnyModel, *, max_texts: int) -> Work:
    """Reads a request to a model.

    Raises:
        RequestError: It is no JSON, or not of a form that the model answers.
    """
    try:
        tree = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(400, "bad_json", f"the body must be JSON in UTF-8: {error}") from None
    request = _check(tree, _KINDS[model.task])
    items, is_single = _items(request)
    if len(items) > max_texts:
        message = f"a request may have {max_texts} texts, got {len(items)}; send less at a time, or a stream"
        raise RequestError(422, "too_many_texts", message)
    wanted = getattr(model, "has_pairs", None)
    if wanted is not None and any(isinstance(item, str) == wanted for item in items):
        remedy = "pairs of texts: give text_pair too" if wanted else "single texts: leave out text_pair"
        raise _invalid(f"this model reads {remedy}")
    return Work(items, _rendering(request), isinstance(request, HubRequest | HubClassifyRequest), is_single)


def _items(request: _Request) -> tuple[Sequence[Any], bool]:
    """The texts of a request, and whether one was given and not a list."""
    if isinstance(request, WordsRequest):
        is_single = not (request.words and isinstance(request.words[0], list))
        return ([request.words] if is_single else request.words), is_single
    given = request.inputs if isinstance(request, HubRequest | HubClassifyRequest) else request.text
    is_single = not isinstance(given, list)
    items: list[Any] = given if isinstance(given, list) else [given]
    if isinstance(request, ClassifyRequest) and request.text_pair is not None:
        seconds = request.text_pair if isinstance(request.text_pair, list) else [request.text_pair]
        if is_single == isinstance(request.text_pair, list) or len(seconds) != len(items):
            raise _invalid(f"text_pair must be {ClassifyRequest.model_fields['text_pair'].description}")
        items = list(zip(items, seconds, strict=True))
    return [(item.text, item.text_pair) if isinstance(item, TextPair) else item for item in items], is_single


def _rendering(request: _Request) -> Render:
    if isinstance(request, HubRequest):
        return partial(render_for_hub, ignored=frozenset(request.parameters.ignore_labels))
    if isinstance(request, HubClassifyRequest):
        return partial(render_labels_for_hub, top_k=request.parameters.top_k)
    if isinstance(request, ClassifyRequest):
        return render_classification
    return partial(render_prediction, entities_only=request.entities_only, min_score=request.min_score)


def _check(tree: object, kinds: Mapping[str, type[_Request]]) -> _Request:
    given = [name for name in kinds if isinstance(tree, dict) and name in tree]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise _invalid(f"a request must be an object with one of {', '.join(kinds)}, got {found}")
    kind = kinds[given[0]]
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise _invalid(_word_complaint(kind, error.errors(include_url=False, include_input=False)[0])) from None


def _word_complaint(kind: type[BaseModel], error: ErrorDetails) -> str:
    """What is wrong with a request, in the words of the field's own description."""
    last, *inner = [str(part) for part in error["loc"]]
    name = last
    if last == "parameters" and inner:
        kind, last = HubParameters if kind is HubRequest else HubClassifyParameters, inner[0]
        name = f"parameters.{last}"
    if error["type"] == "extra_forbidden":
        return f"{name}: no such key; {suggest(last, kind.model_fields)}"
    return f"{name} must be {kind.model_fields[last].description}"


def _invalid(message: str) -> RequestError:
    return RequestError(422, "invalid", message)
