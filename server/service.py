"""What the routes share: the models, the queue, and how a request waits for its answers."""

import asyncio
import time
from collections.abc import Sequence

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from nlparch.runtime import AnyModel

from .admission import Load
from .batching import Answer, Batcher, Item, Job, Render
from .metrics import Metrics
from .models import Models
from .options import ServeOptions


class Service:
    """A set of models with the queue before them.

    Args:
        models: The models.
        options: The options of the server.
    """

    def __init__(self, models: Models, options: ServeOptions) -> None:
        self.models = models
        self.options = options
        self.timeout = options.timeout_ms / 1000
        self.metrics = Metrics()
        self.load = Load(max_wait=options.max_wait_ms / 1000, max_total=self.timeout)
        self.metrics.watch(models, self.load)
        self.batcher = Batcher(
            self.load,
            self.metrics,
            max_batch_words=options.max_batch_words,
            max_words=options.max_words,
            max_delay=options.max_delay_ms / 1000,
        )
        self.n_streams = 0

    def deadline(self) -> float:
        """When a request that has just arrived is given up."""
        return time.perf_counter() + self.timeout

    async def run(
        self,
        model: AnyModel,
        items: Sequence[Item],
        renders: Sequence[Render],
        *,
        n_bytes: int,
        deadline: float,
        receive: Receive | None = None,
    ) -> list[Answer]:
        """Runs texts, in turns with those of other requests. Whoever stops awaiting it stops the work.

        Args:
            model: The model.
            items: The texts.
            renders: For each text, what writes its prediction.
            n_bytes: The size of the request, a measure of the work.
            deadline: When it is given up.
            receive: The request's channel once its body is read: all that can still come is that the client has gone.

        Raises:
            RequestError: The time was up.
            ClientDisconnect: The client has gone.
        """
        if not items:
            return []
        ticket = self.load.enter(n_bytes)
        job = Job(model, items, renders, ticket=ticket, deadline=deadline)
        self.batcher.submit(job)
        try:
            return await (job.answers if receive is None else _while_connected(job, receive))
        finally:
            self.load.leave(ticket)


async def _while_connected(job: Job, receive: Receive) -> list[Answer]:
    gone = asyncio.ensure_future(receive())
    gone.add_done_callback(lambda _: job.answers.cancel())
    try:
        return await job.answers
    except asyncio.CancelledError:
        if gone.done():
            raise ClientDisconnect from None
        raise
    finally:
        gone.cancel()
