"""The OpenAPI document tells the truth: schemathesis asks what it allows, and what it does not."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from nlparch.server.app import create_app

PREDICT = ["/v1/models/{name}:predict", "/predict"]
# Of these nothing is asked that could be asked wrongly.
OTHERS = ["/v1/models/{name}/predict:stream", "/predict:stream", "/v1/models", "/health", "/ready", "/metrics"]
CASES = [(path, GenerationMode.POSITIVE) for path in PREDICT + OTHERS] + [
    (path, GenerationMode.NEGATIVE) for path in PREDICT
]


@pytest.mark.parametrize(("path", "mode"), CASES, ids=lambda value: getattr(value, "value", value))
def test_the_server_keeps_to_its_document(new_service, path, mode):
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(new_service()))
    assert set(PREDICT + OTHERS) == set(schema)
    for operation in schema[path].values():

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate()

        ask()
