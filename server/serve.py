"""``nlp-serve``: loads the models, listens, serves until told to end."""

import gc
import logging
import os
import socket
import sys

import uvicorn

from nlparch.errors import UserError

from .app import create_app
from .models import Models, parse_folders
from .options import ServeOptions
from .protocol import BoundedProtocol
from .service import Service

_log = logging.getLogger(__name__)
# The batch thread and the event loop take turns at the interpreter. By default a turn may last 5 ms, as long as a
# request should take.
_SWITCH_SECONDS = 0.0001
# How long an answer may lie unread by its client.
_UNREAD_MILLISECONDS = 60_000


def run(options: ServeOptions) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        UserError: A folder holds no model, or the address cannot be had.
    """
    folders = parse_folders(options.model_dirs)
    # First of all, for an address that is taken should be told at once.
    with _listen(options.host, options.port) as listener:
        service = Service(Models(folders, n_threads=options.threads), options)
        app = create_app(service, api_key=os.environ.get("NLPARCH_API_KEY"))
        _log.info("serving %s at %s", ", ".join(service.models), _address(listener))
        sys.setswitchinterval(_SWITCH_SECONDS)
        # What is loaded now stays: to look through it for garbage would hold up every request.
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=options.drain_seconds,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; who connects before the models are loaded waits."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UserError(f"cannot listen on --host {host} --port {port}: {error.strerror}") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it: an answer that nobody reads is not held for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MILLISECONDS)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
