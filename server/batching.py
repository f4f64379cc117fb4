"""The queue before the model, and the thread that empties it.

Requests take turns: a batch is filled with a few hundred words of each in the order they came, and what is left of a
request goes to the end of the queue. So a short request waits for a turn of those before it, not for all of their
texts. Nothing waits for company unless it is told to: while one batch runs, the next gathers.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from nlparch.runtime import AnyModel

from .admission import TURN_WORDS, Load, Ticket
from .errors import RequestError
from .metrics import Metrics

_log = logging.getLogger(__name__)

Item = str | Sequence[str]
Render = Callable[[Any], bytes]
# What is sent for a text, or why it could not be tagged.
Answer = bytes | RequestError
# A guess before a text is split, for batches that wait for company.
_BYTES_PER_WORD = 6


class Job:
    """The texts of a request on their way through a model.

    Args:
        model: The model.
        items: The texts.
        renders: For each text, what writes its prediction as it is sent.
        ticket: What the request counts for in the server's load.
        deadline: When it is given up, on the clock of `time.perf_counter`.
    """

    def __init__(
        self,
        model: AnyModel,
        items: Sequence[Item],
        renders: Sequence[Render],
        *,
        ticket: Ticket,
        deadline: float,
    ) -> None:
        self.model = model
        self.items = items
        self.renders = renders
        self.ticket = ticket
        self.share = ticket.left / max(1, len(items))
        self.deadline = deadline
        self.created = time.perf_counter()
        self.n_taken = 0
        self._n_left = len(items)
        self._settled: list[Answer] = [b""] * len(items)
        # What the request awaits. It is cancelled when the client has gone; nothing of the job runs from then on.
        self.answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()

    def settle(self, position: int, answer: Answer) -> None:
        """Notes the answer to one text."""
        self._settled[position] = answer
        self._n_left -= 1
        if not self._n_left:
            self.answers.set_result(self._settled)


class _Piece(NamedTuple):
    """A text of a job, split."""

    job: Job
    position: int
    split: Any


class _Outcome(NamedTuple):
    """What came of a text of a job."""

    job: Job
    position: int
    answer: Answer


class Batcher:
    """Runs jobs in batches, in a thread of its own.

    Args:
        load: Where work done is noted.
        metrics: Where times and sizes are noted.
        max_batch_words: Words of a batch, padding counted.
        max_words: Words of a text.
        max_delay: Seconds that the first text of a batch waits for company.
    """

    def __init__(
        self, load: Load, metrics: Metrics, *, max_batch_words: int, max_words: int, max_delay: float = 0.0
    ) -> None:
        self._load = load
        self._metrics = metrics
        self._max_batch_words = max_batch_words
        self._max_words = max_words
        self._max_delay = max_delay
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_closing = False

    def start(self) -> None:
        """Starts the thread; answers go to the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread once all jobs have run."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the queue."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def _work(self) -> None:
        while self._wait_for_jobs():
            outcomes: list[_Outcome] = []
            for pieces in _groups(self._take_batch(outcomes), self._max_batch_words):
                outcomes += self._run(pieces)
            self._loop.call_soon_threadsafe(self._deliver, outcomes)

    def _wait_for_jobs(self) -> bool:
        """Waits for jobs; False when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._is_closing)
            if self._max_delay and self._jobs:
                waited = time.perf_counter() - self._jobs[0].created
                self._changed.wait_for(self._is_batch_full, timeout=max(0.0, self._max_delay - waited))
            return bool(self._jobs)

    def _is_batch_full(self) -> bool:
        n_bytes = sum(job.ticket.left for job in self._jobs)
        return self._is_closing or n_bytes >= _BYTES_PER_WORD * self._max_batch_words

    def _take_batch(self, outcomes: list[_Outcome]) -> list[_Piece]:
        """Takes turns off the queue until a batch is full; what shall not run leaves it."""
        started = time.perf_counter()
        pieces: list[_Piece] = []
        n_words = 0
        while self._jobs and n_words < self._max_batch_words:
            job = self._jobs.popleft()
            if job.answers.done():
                self._metrics.shed.labels("gone").inc()
            elif started > job.deadline:
                self._metrics.shed.labels("deadline").inc()
                self._loop.call_soon_threadsafe(_give_up, job)
            else:
                n_words += self._take_turn(job, pieces, outcomes)
        self._metrics.tokenise_seconds.observe(time.perf_counter() - started)
        return pieces

    def _take_turn(self, job: Job, pieces: list[_Piece], outcomes: list[_Outcome]) -> int:
        """Splits the next few hundred words of a job; returns their number."""
        if not job.n_taken:
            self._metrics.queue_seconds.observe(time.perf_counter() - job.created)
        n_words = 0
        while job.n_taken < len(job.items) and n_words < TURN_WORDS:
            split = job.model.split(job.items[job.n_taken])
            if len(split.words) > self._max_words:
                message = f"a text may have {self._max_words} words, got {len(split.words)}; send it in parts"
                outcomes.append(_Outcome(job, job.n_taken, RequestError(422, "too_many_words", message)))
            else:
                pieces.append(_Piece(job, job.n_taken, split))
            job.n_taken += 1
            n_words += max(1, len(split.words))
        if job.n_taken < len(job.items):
            self._jobs.append(job)
        return n_words

    def _run(self, pieces: Sequence[_Piece]) -> list[_Outcome]:
        """Runs texts of one model together; if that fails, each alone, so that none falls with its neighbours."""
        try:
            answers = self._infer(pieces)
        except Exception:
            if len(pieces) > 1:
                return [outcome for piece in pieces for outcome in self._run([piece])]
            _log.exception("the model failed on a text of %d words", len(pieces[0].split.words))
            failure = RequestError(500, "model_failed", "the model failed on this text")
            return [_Outcome(pieces[0].job, pieces[0].position, failure)]
        return [_Outcome(piece.job, piece.position, answer) for piece, answer in zip(pieces, answers, strict=True)]

    def _infer(self, pieces: Sequence[_Piece]) -> list[bytes]:
        model, splits = pieces[0].job.model, [piece.split for piece in pieces]
        started = time.perf_counter()
        inferred = model.infer(splits)
        ran = time.perf_counter()
        predictions = model.build(splits, inferred)
        answers = [
            piece.job.renders[piece.position](prediction) for piece, prediction in zip(pieces, predictions, strict=True)
        ]
        metrics, n_words = self._metrics, sum(len(split.words) for split in splits)
        metrics.infer_seconds.observe(ran - started)
        metrics.postprocess_seconds.observe(time.perf_counter() - ran)
        metrics.batch_texts.observe(len(splits))
        metrics.batch_words.observe(n_words)
        metrics.words.inc(n_words)
        return answers

    def _deliver(self, outcomes: Sequence[_Outcome]) -> None:
        """Hands answers to the requests that still await them; runs in the event loop."""
        for job, position, answer in outcomes:
            if not job.answers.done():
                self._load.advance(job.ticket, job.share)
                job.settle(position, answer)


def _give_up(job: Job) -> None:
    if not job.answers.done():
        job.answers.set_exception(RequestError(503, "deadline", "the request's time was up before all of it had run"))


def _groups(pieces: Sequence[_Piece], max_words: int) -> Iterator[list[_Piece]]:
    """Divides texts by model and length, so that a group has few enough words when all are padded to its longest."""
    group: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (id(piece.job.model), -len(piece.split.words))):
        if group and (
            piece.job.model is not group[0].job.model or (len(group) + 1) * len(group[0].split.words) > max_words
        ):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group
