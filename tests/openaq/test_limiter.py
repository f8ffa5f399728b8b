"""The limiter, on a simulated clock."""

import asyncio
import heapq
import threading
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.scripted_server import Clock

from openaq_assets.openaq.limiter import Limiter, limiter_of
from openaq_assets.openaq.settings import Api

ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 200, allow_nan=False), st.floats(0, 90, allow_nan=False), st.floats(0, 1)
    ),
    min_size=1,
    max_size=60,
)


def received(
    limiter: Limiter, clock: Clock, arrivals: list[tuple[float, float, float]]
) -> list[float]:
    """Return the times at which a server counts requests: between their sending and their answer."""
    waiting = sorted(arrivals)
    flying: list[float] = []
    counted: list[float] = []
    while waiting or flying:
        while flying and flying[0] <= clock.now:
            heapq.heappop(flying)
            limiter.landed()
        delay = 0.0
        if waiting and waiting[0][0] <= clock.now and not (delay := limiter.take()):
            _, flight, part = waiting.pop(0)
            counted.append(clock.now + flight * part)
            heapq.heappush(flying, clock.now + flight)
            continue
        ahead = [clock.now + delay] if delay else [waiting[0][0]] if waiting else []
        clock.now = min(ahead + flying[:1], default=clock.now)
    return sorted(counted)


def most_within(times: list[float], period: float) -> int:
    """Return the largest number of the times that lie in one half-open window of that length."""
    return max(sum(1 for time in times if start <= time < start + period) for start in times)


@given(ARRIVALS, st.integers(1, 7))
@example([(0.0, 60.0, 1.0), (0.0, 0.0, 0.0)], 1)
def test_no_window_of_the_server_sees_more_than_the_limit(
    arrivals: list[tuple[float, float, float]], limit: int
) -> None:
    """For all arrivals and durations, no 60 seconds of the server hold more requests than the limit."""
    clock = Clock()
    counted = received(Limiter(limit, 0, clock=clock), clock, arrivals)
    assert len(counted) == len(arrivals)
    assert most_within(counted, 59.999999) <= limit


@given(st.integers(1, 40), st.integers(1, 9))
def test_the_allowance_is_used_fully(requests: int, limit: int) -> None:
    """Instant requests take no longer than the limit forces."""
    clock = Clock()
    counted = received(Limiter(limit, 0, clock=clock), clock, [(0.0, 0.0, 0.0)] * requests)
    assert counted == pytest.approx([60.0 * (i // limit) for i in range(requests)], abs=0.1)


def test_the_hour_is_kept_too() -> None:
    """The requests of an hour run out before those of its minutes."""
    clock = Clock()
    counted = received(Limiter(10, 25, clock=clock), clock, [(0.0, 0.0, 0.0)] * 30)
    assert pytest.approx(counted[:25], abs=0.1) == [0.0] * 10 + [60.0] * 10 + [120.0] * 5
    assert pytest.approx(counted[25:], abs=0.1) == [3600.0] * 5


@pytest.mark.parametrize("limit", [0, -1, 10**9])
def test_no_limit_means_no_wait(limit: int) -> None:
    """Zero and very large limits never wait."""
    limiter = Limiter(limit, limit, clock=Clock())
    assert limiter.take() == 0.0
    limiter.landed()
    assert [limiter.take() for _ in range(500)] == [0.0] * 500


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining": "-3", "x-ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-2"}, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2000000009"}, 9.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "999999999"}, 3600.0),
        ({"x-ratelimit-remaining": "0"}, 60.0),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "7"}, 0.0),
        ({"x-ratelimit-remaining": "soon", "x-ratelimit-reset": "nan"}, 0.0),
        ({"x-ratelimit-reset": "7"}, 0.0),
        ({}, 0.0),
        (None, 0.0),
    ],
)
def test_headers_are_obeyed(headers: dict[str, str] | None, wait: float) -> None:
    """The server's own counter delays the next request, in every form it may have."""
    limiter = Limiter(clock=Clock(), wall=lambda: 2e9)
    assert limiter.take() == 0.0
    limiter.landed(headers)
    assert wait == limiter.take()


def test_near_the_end_requests_go_one_by_one() -> None:
    """Running requests may use up the server's rest, so no more are sent than that."""
    clock = Clock()
    limiter = Limiter(clock=clock)
    assert [limiter.take(), limiter.take()] == [0.0, 0.0]
    limiter.landed({"x-ratelimit-remaining": "2", "x-ratelimit-reset": "30"})
    assert limiter.take() == 0.0  # two in flight now: both of the two may be theirs
    assert 0 < limiter.take() < 1
    limiter.landed({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "30"})
    limiter.landed({"x-ratelimit-remaining": "2", "x-ratelimit-reset": "30"})  # overtaken
    assert limiter.take() == 0.0
    limiter.landed({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"})
    assert limiter.take() == 30.0
    clock.now = 30.0
    assert limiter.take() == 0.0


def test_a_new_window_of_the_server_opens_at_once() -> None:
    """If the server's minute changes before its reset, the new numbers replace the old ones."""
    clock = Clock()
    limiter = Limiter(clock=clock)
    limiter.take()
    limiter.landed({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "60"})
    clock.now = 10.0
    limiter.take()
    limiter.landed({"x-ratelimit-remaining": "59", "x-ratelimit-reset": "60"})
    assert [limiter.take() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_429_holds_everyone() -> None:
    """After a 429 no request is sent until its reset, even if an older answer promised more."""
    limiter = Limiter(clock=Clock())
    limiter.take(), limiter.take()
    limiter.landed({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "30"})
    limiter.landed({"x-ratelimit-reset": "30"}, throttled=True)
    assert limiter.take() == 30.0


def test_one_limiter_per_key() -> None:
    """The same key at the same API has one limiter; its limits are the newest; no key is kept."""
    api = Api("http://127.0.0.1:1/v3", "a" * 64, requests_per_minute=1)
    assert limiter_of(api) is limiter_of(replace(api, concurrency=2))
    assert limiter_of(api) is not limiter_of(replace(api, key="b" * 64))
    assert limiter_of(api).take() == 0.0 and limiter_of(api).take() > 0
    limiter_of(api).landed()
    assert limiter_of(replace(api, requests_per_minute=2)).take() == 0.0


def test_threads_and_loops_share_the_allowance() -> None:
    """Four event loops in four threads together get exactly the allowance."""
    limiter, granted = Limiter(40, 0), []

    async def loop() -> None:
        while not limiter.take():
            granted.append(1)
            await asyncio.sleep(0)
            limiter.landed()

    threads = [threading.Thread(target=asyncio.run, args=(loop(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 40


def test_the_first_request_goes_alone() -> None:
    """Until the server has reported its counter only one request runs; without a limit all may."""
    limiter = Limiter(60)
    assert limiter.take() == 0.0 and limiter.take() > 0
    limiter.landed({"x-ratelimit-remaining": "58", "x-ratelimit-reset": "60"})
    assert limiter.take() == limiter.take() == 0.0
    lifted = Limiter()
    assert lifted.take() == lifted.take() == 0.0
