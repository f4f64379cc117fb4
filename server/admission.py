"""How much the server has taken on, and whether there is time for more.

Work is counted in bytes of text, the one measure known before a request is read. Requests take turns at the model, a
few hundred words each, so a new one waits for one turn of every other before its first words run; a large request
delays its neighbours by a turn, not by its length.
"""

import time
from collections.abc import Callable
from math import exp

# What a request costs beside its text: about as much as this much text takes to tag.
REQUEST_BYTES = 256
# Words of one turn; the batcher keeps to it.
TURN_WORDS = 256
_TURN_BYTES = 6 * TURN_WORDS
# The speed is measured over this many seconds of work, and assumed for as long when the server starts.
_MEMORY_SECONDS = 0.5
_ASSUMED_SPEED = 300_000.0


class Ticket:
    """A request that was taken on: the bytes of it that are still to be run."""

    __slots__ = ("left", "turn")

    def __init__(self, n_bytes: int) -> None:
        self.left = float(n_bytes)
        self.turn = min(n_bytes, _TURN_BYTES) + REQUEST_BYTES


class Load:
    """The requests taken on and not yet answered, and the speed at which they are worked off.

    The speed is that of the whole server: bytes finished in a second in which there was something to do, whatever
    held it up, model or event loop.

    Args:
        max_wait: Seconds that a request may wait for its first turn.
        max_total: Seconds that all work taken on may last.
        clock: What time it is.
    """

    def __init__(self, *, max_wait: float, max_total: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._max_wait = max_wait
        self._max_total = max_total
        self._clock = clock
        self._turns = self._left = 0.0
        self._seconds = _MEMORY_SECONDS
        self._done = _ASSUMED_SPEED * _MEMORY_SECONDS
        self._measured_at = 0.0
        self.n_requests = 0

    @property
    def wait(self) -> float:
        """Seconds until a request that comes now would have its first turn."""
        return self._turns * self._seconds / self._done

    @property
    def total(self) -> float:
        """Seconds until all that was taken on would be done."""
        return self._left * self._seconds / self._done

    def is_full(self) -> bool:
        """Whether a request that comes now would wait too long."""
        return self.wait > self._max_wait or self.total > self._max_total

    def enter(self, n_bytes: int) -> Ticket:
        """Takes a request on."""
        ticket = Ticket(n_bytes)
        if not self.n_requests:
            self._measured_at = self._clock()
        self.n_requests += 1
        self._turns += ticket.turn
        self._left += ticket.left
        return ticket

    def advance(self, ticket: Ticket, n_bytes: float) -> None:
        """Notes that some of a request has run."""
        ticket.left -= n_bytes
        self._left -= n_bytes
        self._measure(n_bytes)

    def leave(self, ticket: Ticket) -> None:
        """Lets a request go, whether it was answered or given up."""
        self._measure(REQUEST_BYTES)
        self.n_requests -= 1
        # Rounding must not add up over a year.
        self._turns = self._turns - ticket.turn if self.n_requests else 0.0
        self._left = self._left - ticket.left if self.n_requests else 0.0

    def _measure(self, done: float) -> None:
        now = self._clock()
        passed, self._measured_at = now - self._measured_at, now
        kept = exp(-passed / _MEMORY_SECONDS)
        self._seconds = self._seconds * kept + passed
        self._done = self._done * kept + done
