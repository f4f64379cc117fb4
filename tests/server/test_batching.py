"""What runs together, in which order, and what is not run at all."""

import asyncio
import time

import pytest

from nlparch.server.admission import TURN_WORDS, Load
from nlparch.server.batching import Batcher, Job
from nlparch.server.errors import RequestError
from nlparch.server.metrics import Metrics


@pytest.fixture
def run(fakes):
    """Runs a coroutine function on a model, and on a function that submits texts to a batcher of it."""

    def runner(use, *, seconds=0.0, **settings):
        async def main():
            load, metrics, model = Load(max_wait=1, max_total=1), Metrics(), fakes.FakeTagger(seconds=seconds)
            batcher = Batcher(load, metrics, **{"max_batch_words": 1000, "max_words": 10_000} | settings)

            def submit(*texts, timeout=60.0):
                deadline = time.perf_counter() + timeout
                renders = [lambda prediction: prediction.text.encode()] * len(texts)
                job = Job(model, texts, renders, ticket=load.enter(100), deadline=deadline)
                batcher.submit(job)
                return job.answers

            batcher.start()
            try:
                return await use(model, submit)
            finally:
                await asyncio.to_thread(batcher.close)

        return asyncio.run(main())

    return runner


async def until(is_so):
    while not is_so():
        await asyncio.sleep(0.001)


def test_texts_that_wait_together_run_together(run):
    async def use(model, submit):
        first = submit("first")
        await until(lambda: model.batches)
        others = [submit(f"text {i}") for i in range(20)]
        await asyncio.gather(first, *others)
        return model.batches

    batches = run(use, seconds=0.05)
    assert list(map(len, batches)) == [1, 20]


def test_a_lone_text_does_not_wait_for_company(run):
    async def use(model, submit):
        started = time.perf_counter()
        await submit("a text")
        return time.perf_counter() - started

    assert run(use) < 0.5
    assert run(use, max_delay=0.5) >= 0.5


def test_a_full_batch_waits_no_longer(run):
    async def use(model, submit):
        jobs = [submit("x " * 20) for _ in range(20)]  # of 100 bytes each, by their tickets
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        return model.batches

    assert len(run(use, max_delay=600.0, max_batch_words=100)[0]) == 5


def test_a_short_request_passes_a_long_one(run):
    async def use(model, submit):
        long = submit(*["x " * TURN_WORDS] * 20)
        await until(lambda: model.batches)
        await submit("short")
        assert not long.done()
        assert len(await long) == 20

    run(use, seconds=0.01, max_batch_words=TURN_WORDS)


def test_a_batch_has_few_enough_words_when_all_are_padded_to_its_longest(run):
    async def use(model, submit):
        await submit(*["x " * n for n in (400, 1, 2, 3, 400, 20, 20, 1200)])
        return model.batches

    sizes = [[len(text.split()) for text in batch] for batch in run(use, max_batch_words=1000)]
    assert all(len(batch) * max(batch) <= 1000 for batch in sizes if len(batch) > 1)
    assert sorted(sum(sizes, [])) == [1, 2, 3, 20, 20, 400, 400, 1200]
    assert len(sizes) == 3


def test_what_its_client_gave_up_is_not_run(run):
    async def use(model, submit):
        first, second, third = submit("first"), submit("second"), submit("third")
        await until(lambda: model.batches)
        second.cancel()
        await asyncio.gather(first, third)
        return [text for batch in model.batches for text in batch]

    assert run(use, seconds=0.05, max_batch_words=1) == ["first", "third"]


def test_what_is_past_its_deadline_is_not_run(run):
    async def use(model, submit):
        first = submit("first")
        late = submit("late", timeout=0.01)
        with pytest.raises(RequestError, match="time was up") as caught:
            await late
        await first
        return caught.value.status, [text for batch in model.batches for text in batch]

    assert run(use, seconds=0.05, max_batch_words=1) == (503, ["first"])


def test_a_text_of_too_many_words_fails_alone(run):
    async def use(model, submit):
        return await submit("x x", "x x x", "x")

    short, long, shorter = run(use, max_words=2)
    assert (short, shorter) == (b"x x", b"x")
    assert (long.status, long.error_type) == (422, "too_many_words")
