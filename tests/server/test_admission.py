"""How much is taken on."""

import asyncio
import time

import pytest

from nlparch.server.admission import REQUEST_BYTES, TURN_WORDS, Load


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def load(clock):
    return Load(max_wait=0.05, max_total=1.0, clock=clock)


def work(load, clock, *, n_bytes, seconds):
    """Takes a request on and works it off in some seconds."""
    ticket = load.enter(n_bytes)
    clock.now += seconds
    load.advance(ticket, n_bytes)
    load.leave(ticket)


def test_requests_are_taken_on_until_a_new_one_would_wait_too_long(load):
    n = 0
    while not load.is_full():
        load.enter(100)
        n += 1
    assert load.wait > 0.05 >= load.wait * (n - 1) / n


def test_all_that_was_taken_on_is_let_go(load):
    tickets = [load.enter(n) for n in (10, 333, 10_000)]
    load.advance(tickets[1], 111.1)
    for ticket in tickets:
        load.leave(ticket)
    assert (load.n_requests, load.wait, load.total) == (0, 0.0, 0.0)


def test_a_large_request_delays_others_by_its_turn(load):
    load.enter(200_000)
    assert not load.is_full()
    assert load.wait < 2 * (6 * TURN_WORDS + REQUEST_BYTES) / 300_000
    assert load.total > 0.5


def test_no_more_is_taken_on_than_can_be_done_in_time(load):
    load.enter(200_000)
    load.enter(200_000)
    assert load.wait < 0.05
    assert load.is_full()


def test_the_wait_follows_the_speed_that_is_measured(load, clock):
    for _ in range(100):
        work(load, clock, n_bytes=744, seconds=0.1)  # 10,000 bytes a second
    load.enter(744)
    assert load.wait == pytest.approx(0.1, rel=0.01)
    load.leave(load.enter(0))


def test_time_without_requests_is_no_slowness(load, clock):
    work(load, clock, n_bytes=30_000, seconds=0.1)
    before = load.enter(1000)
    wait = load.wait
    load.leave(before)
    clock.now += 1000
    load.enter(1000)
    assert load.wait == pytest.approx(wait, rel=0.02)


def test_an_idle_server_takes_on_whatever_comes_however_slow_it_was(load, clock):
    work(load, clock, n_bytes=10, seconds=1000)
    assert not load.is_full()


@pytest.mark.parametrize(("n_requests", "is_refused"), [(1, False), (16, True)])
def test_a_busy_server_takes_on_nothing_while_the_event_loop_is_late(n_requests, is_refused):
    load = Load(max_wait=0.05, max_total=1.0)
    for _ in range(n_requests):
        load.enter(1)

    async def main():
        beat = asyncio.create_task(load.watch_lag())
        await asyncio.sleep(0.01)
        time.sleep(0.1)
        is_full = False
        for _ in range(5):  # in one of these turns of the event loop the delay is noticed
            await asyncio.sleep(0)
            is_full = is_full or load.is_full()
        for _ in range(1000):  # and once it has caught up, all is as before
            if not load.is_full():
                break
            await asyncio.sleep(0.005)
        beat.cancel()
        return is_full, load.is_full()

    assert asyncio.run(main()) == (is_refused, False)
