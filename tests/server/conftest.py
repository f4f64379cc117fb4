"""Servers over models that take no time to make: in the test's process, and in one of their own."""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from nlparch.server import models as server_models
from nlparch.server.app import create_app
from nlparch.server.models import Models
from nlparch.server.options import ServeOptions
from nlparch.server.service import Service

SCRIPT = Path(__file__).with_name("fake_server.py")


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """The module with the fake tagger: a file of the tests has no name to import it by."""
    spec = importlib.util.spec_from_file_location("fake_server", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def new_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes the folder of a fake model."""

    def write(name: str = "names", **settings: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "fake.json").write_text(json.dumps(settings))
        return folder

    return write


@pytest.fixture
def new_service(
    fakes: ModuleType, new_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Service]:
    """Makes a service of one model, `names`, or of the folders given."""
    monkeypatch.setattr(server_models, "load_model", fakes.load_fake)

    def make(model: dict[str, Any] | None = None, folders: dict[str, Path] | None = None, **options: Any) -> Service:
        folders = folders or {"names": new_folder(**(model or {}))}
        return Service(Models(folders), ServeOptions(model_dirs=("names",), **options))

    return make


@pytest.fixture
def new_client(new_service: Callable[..., Service]) -> Iterator[Callable[..., TestClient]]:
    """Starts a server in this process, and makes a client of it; `client.service` is what is behind."""
    with contextlib.ExitStack() as stack:

        def make(*, api_key: str | None = None, **settings: Any) -> TestClient:
            service = new_service(**settings)
            client = TestClient(create_app(service, api_key=api_key), raise_server_exceptions=False)
            client.service = service
            return stack.enter_context(client)

        yield make


class ServerProcess:
    """A server in a process of its own, once it answers."""

    def __init__(
        self,
        args: list[str],
        *,
        port: int | None = None,
        env: dict[str, str] | None = None,
        command: Sequence[str] = (str(SCRIPT),),
    ) -> None:
        self.port = port or free_port()
        self.process = subprocess.Popen(
            [sys.executable, *command, *args, "--port", str(self.port)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.wait(lambda: httpx.get(f"{self.url}/health", timeout=5).status_code == 200)

    def wait(self, is_so: Callable[[], bool], *, seconds: float = 30) -> None:
        """Waits until something is so."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            with contextlib.suppress(httpx.TransportError):
                if is_so():
                    return
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.02)
        raise AssertionError("it did not come to be so")

    def predict(self, text: str = "Ann met Bo") -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json={"text": text}, timeout=30)

    def end(self) -> str:
        """Ends the server; returns what it logged."""
        self.process.terminate()
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def new_server() -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server in a process of its own."""
    servers: list[ServerProcess] = []

    def start(*args: str | Path, **settings: Any) -> ServerProcess:
        servers.append(ServerProcess(list(map(str, args)), **settings))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.returncode is None:
            server.process.kill()
            server.process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
