"""The OpenAPI document tells the truth: schemathesis asks what it allows, and what it does not."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from nlparch.server.app import create_app

PATHS = ["/v1/models/{name}:predict", "/predict", "/v1/models", "/health", "/ready", "/metrics"]
STREAMS = ["/v1/models/{name}/predict:stream", "/predict:stream"]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("path", PATHS + STREAMS)
def test_the_server_keeps_to_its_document(new_client, path, mode):
    app = create_app(new_client().service)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    assert set(PATHS + STREAMS) == set(schema)
    for operation in schema[path].values():

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate()

        ask()
