"""HTTP as uvicorn reads it, with a bound on headers: the parser alone keeps all that a client sends."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """Closes the connection of a request whose line and headers do not end."""

    _is_in_headers = False
    _n_bytes = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_headers:
            self._n_bytes += len(data)
            if self._n_bytes > MAX_HEADER_BYTES:
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_headers, self._n_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._is_in_headers = False
        super().on_headers_complete()
