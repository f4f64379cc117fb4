from collections.abc import Iterator

import pytest

from nlparch.procedures import lesson


@pytest.fixture(scope="session", autouse=True)
def without_int8() -> Iterator[None]:
    """Students are not exported to measure them in int8, which would take seconds each: `test_int8.py` does that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "add_int8", lambda run, model: None)
        yield
