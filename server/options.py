"""The options of ``nlp-serve``. The string under a field is its help."""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

_LOWEST = {
    "threads": 1,
    "max_batch_words": 1,
    "max_delay_ms": 0,
    "max_wait_ms": 1,
    "timeout_ms": 1,
    "max_body_bytes": 1,
    "max_texts": 1,
    "max_words": 1,
    "max_streams": 1,
    "drain_seconds": 0,
}


@dataclass(kw_only=True)
class ServeOptions:
    """Serve exported models over HTTP.

    An API key is asked for if the environment holds one (NLPARCH_API_KEY). SIGTERM finishes what was accepted and
    ends; SIGHUP loads changed models without losing a request.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    model_dirs: tuple[str, ...]
    """Folders that nlp-export wrote, each as DIR or name=DIR; without a name, a model is called like its folder. The
    first answers /predict."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is all of them."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    threads: int = 1
    """Threads in which one batch runs."""
    max_batch_words: int = 1024
    """Words that run together, padding counted; a longer text runs alone."""
    max_delay_ms: float = 0.0
    """How long the first text of a batch waits for company; 0 runs at once what is there."""
    max_wait_ms: float = 15.0
    """A request that would wait longer than this before its first words run is refused with 429."""
    timeout_ms: float = 10_000.0
    """Time from a request's arrival after which it is given up: its body has not come, or its texts have not run."""
    max_body_bytes: int = 2_000_000
    """Size of a request's body, and of a line of a stream; more is refused with 413."""
    max_texts: int = 1000
    """Texts in a request; more are refused with 422."""
    max_words: int = 10_000
    """Words in a text; more are refused with 422."""
    max_streams: int = 8
    """Streams open at once; one more is refused with 429."""
    drain_seconds: int = 30
    """After SIGTERM, how long accepted requests and open streams may take to finish."""
    watch: bool = False
    """Look at the models' folders every second, and load what has changed."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the server from a browser, as https://example.org; by default none."""

    def __post_init__(self) -> None:
        if not self.model_dirs:
            raise ValueError("at least one model must be given, as DIR or name=DIR")
        if not 0 <= self.port < 65_536:
            raise ValueError(f"--port must be from 0 to 65535, got {self.port}")
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            if not (isfinite(value) and value >= lowest):
                raise ValueError(f"--{name} must be at least {lowest}, got {value}")
        if self.max_delay_ms >= self.max_wait_ms:
            raise ValueError(
                f"--max_delay_ms must be below --max_wait_ms ({self.max_wait_ms}), got {self.max_delay_ms}"
            )
