"""What a request may be refused with: a status, a word for programs, a sentence for people."""

from pydantic_core import to_json


class RequestError(Exception):
    """A request that cannot be served.

    Args:
        status: The HTTP status.
        error_type: One word or two, the same for every refusal of this kind.
        message: The rule, the value, and the remedy.
        headers: Headers that the answer carries besides.
    """

    def __init__(self, status: int, error_type: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.headers = headers or {}

    def to_json(self) -> bytes:
        """The body of the answer."""
        return to_json({"error": str(self), "error_type": self.error_type})
