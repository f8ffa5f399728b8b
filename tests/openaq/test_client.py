"""The client against a real HTTP server: scripted for broken bytes, simulated for the rest."""

import asyncio
import datetime as dt
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_server import KEY, Clock, Reply, Request, Script, Scripted, page, row, zipped

from openaq_assets.errors import PlatformError
from openaq_assets.openaq.client import Answer, Client, error_text
from openaq_assets.openaq.limiter import Limiter
from openaq_assets.openaq.requests import Window, halves
from openaq_assets.openaq.retries import Refused, Unanswered, Withdrawn
from openaq_assets.openaq.settings import Api
from openaq_simulator import Simulator, World

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "openaq"
DAY = (dt.datetime(2026, 1, 9, tzinfo=dt.UTC), dt.datetime(2026, 1, 10, tzinfo=dt.UTC))
ROW = row("2026-01-09T05:00:00Z")
Ask = Callable[[Client], AsyncIterator[Answer]]


def hours(sensor: int = 7, window: Window = DAY) -> Ask:
    """Return a request for the hours of a sensor."""
    return lambda client: client.sensor_pages("hours", sensor, window)


def answers(api: Api, ask: Ask, clock: Clock | None = None, timeout: float = 5.0) -> list[Answer]:
    """Return all answers to a request, with a clock that only sleeping moves."""
    clock = clock or Clock()

    async def collect() -> list[Answer]:
        limiter = Limiter(clock=clock, wall=lambda: 2e9)
        async with Client(api, limiter, sleep=clock.sleep, read_timeout=timeout) as client:
            return [answer async for answer in ask(client)]

    return asyncio.run(collect())


def recorded(name: str) -> bytes:
    """Return a recorded answer, or skip the test without one."""
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"the recorded answer {name} is not beside this repository")
    return path.read_bytes()


def always(reply: Reply) -> Script:
    """Return a script with a single answer."""
    return lambda request, number: reply


# --- what is sent ---------------------------------------------------------------------------------


def test_an_inventory_is_read_to_the_short_page() -> None:
    """A country is asked for page by page until one is short; the key is only in its header."""
    places = [{"id": n, "country": {"code": "VN"}} for n in range(1, 1501)]

    def script(request: Request, number: int) -> Reply:
        start = (int(request.query["page"]) - 1) * 1000
        return page(places[start : start + 1000])

    with Scripted(script) as server:
        received = answers(server.api, lambda client: client.locations("country=VN"))
    assert [len(answer.rows) for answer in received] == [1000, 500]
    assert [request.query["page"] for request in server.log] == ["1", "2"]
    assert server.log[0].query == {"iso": "VN", "limit": "1000", "page": "1"}
    headers = {name.lower(): value for name, value in server.log[0].headers.items()}
    assert headers["x-api-key"] == KEY and headers["user-agent"].startswith("openaq-assets/")
    assert not any(KEY in request.url for request in server.log)


@pytest.mark.parametrize(
    ("selector", "url"),
    [
        ("id=2178", "/v3/locations/2178"),
        (
            "bbox=105.7,20.9,106.0,21.2",
            "/v3/locations?bbox=105.7%2C20.9%2C106.0%2C21.2&limit=1000&page=1",
        ),
        (
            "near=21.02,105.8,5000",
            "/v3/locations?coordinates=21.02%2C105.8&radius=5000&limit=1000&page=1",
        ),
    ],
)
def test_each_selector_has_its_request(selector: str, url: str) -> None:
    """Ids, boxes and circles become exactly the request that the API understands."""
    with Scripted(always(page([]))) as server:
        answers(server.api, lambda client: client.locations(selector))
    assert [url] == [request.url for request in server.log]


@pytest.mark.parametrize(
    ("endpoint", "first", "last"),
    [
        (
            "hours",
            ("datetime_from", "2026-01-09T00:00:00Z"),
            ("datetime_to", "2026-01-10T00:00:00Z"),
        ),
        (
            "measurements",
            ("datetime_from", "2026-01-09T00:00:00Z"),
            ("datetime_to", "2026-01-10T00:00:00Z"),
        ),
        ("days", ("date_from", "2026-01-09"), ("date_to", "2026-01-10")),
    ],
)
@pytest.mark.parametrize("zone", [0, 7])
def test_windows_are_sent_in_utc(
    endpoint: Any, first: tuple[str, str], last: tuple[str, str], zone: int
) -> None:
    """Each endpoint gets its own parameter names, in UTC with Z whatever zone the window is in."""
    there = dt.timezone(dt.timedelta(hours=zone))
    window = (DAY[0].astimezone(there), DAY[1].astimezone(there))
    with Scripted(always(page([]))) as server:
        answers(server.api, lambda client: client.sensor_pages(endpoint, 7, window))
    assert dict([first, last]) | {"limit": "1000", "page": "1"} == server.log[0].query


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.locations("country=vn"),
        lambda client: client.locations("country=VNM"),
        lambda client: client.locations("id=0"),
        lambda client: client.locations("id=2147483648"),
        lambda client: client.locations("id=٣"),
        lambda client: client.locations("bbox=106,21,105,20"),
        lambda client: client.locations("near=21,105,25001"),
        lambda client: client.locations("near=91,105,5"),
        lambda client: client.locations("city=Hanoi"),
        lambda client: client.latest(-1),
        lambda client: client.sensor_pages("hourly", 7, DAY),
        hours(0),
        hours(7, (DAY[1], DAY[0])),
        hours(7, (DAY[0], DAY[0])),
        hours(7, (DAY[0].replace(tzinfo=None), DAY[1].replace(tzinfo=None))),
        lambda client: client.sensor_pages("days", 7, (DAY[0], DAY[0] + dt.timedelta(hours=5))),
    ],
)
def test_what_the_api_cannot_answer_is_never_sent(ask: Ask) -> None:
    """Wrong arguments raise an error before any request."""
    with Scripted(always(page([]))) as server, pytest.raises(PlatformError):
        answers(server.api, ask)
    assert server.log == []


@pytest.mark.parametrize("key", ["", "  ", "a b", "schlüssel", "a\nb"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    """A missing or unsendable key stops at once, and the message does not quote it."""
    with pytest.raises(Refused) as caught:
        Client(Api("http://127.0.0.1:1/v3", key))
    assert "Check OPENAQ_API_KEY." in str(caught.value)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://x/v3", "api.openaq.org/v3", "http://x:y/v3", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """The error for a wrong URL in the configuration names the place to correct it."""
    with pytest.raises(Refused, match=r"conf/environments\.yaml"):
        Client(Api(url, KEY))


# --- what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("recorded_vn/locations__iso_VN__2025-12-22.json", lambda c: c.locations("country=VN")),
        ("wire_form/locations__iso_VN__2025-12-22.json", lambda c: c.locations("country=VN")),
        (
            "wire_form/sensors_7772024_measurements__no_params__2025-12-22.json",
            lambda client: client.sensor_pages(
                "measurements",
                7772024,
                (dt.datetime(2024, 1, 29, tzinfo=dt.UTC), dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
            ),
        ),
    ],
)
def test_recorded_answers_keep_every_byte(name: str, ask: Ask, compress: bool) -> None:
    """Real answers come out unchanged, compressed for transport or not."""
    body = recorded(name)

    def script(request: Request, number: int) -> Reply:
        reply = Reply(200, body) if request.query["page"] == "1" else page([])
        return zipped(reply) if compress else reply

    with Scripted(script) as server:
        received = answers(server.api, ask)
    assert body == received[0].body
    assert json.loads(body)["results"] == received[0].rows


def test_an_answer_says_what_was_asked_and_when() -> None:
    """Url, parameters, page, window, status, headers of interest and time of retrieval are kept."""
    reply = replace(page([ROW]), headers={"X-RateLimit-Remaining": "59", "Set-Cookie": "no"})
    with Scripted(always(reply)) as server:
        (received,) = answers(server.api, hours())
    assert received.url.endswith("/v3/sensors/7/hours?" + received.url.partition("?")[2])
    assert server.log[0].query == dict(received.params)
    assert (received.page, received.window, received.status) == (1, DAY, 200)
    assert received.headers["x-ratelimit-remaining"] == "59" and "set-cookie" not in received.headers
    assert dt.timedelta(0) == received.retrieved.utcoffset()


def test_connections_are_kept_alive() -> None:
    """Many requests in a row use one connection."""
    with Scripted(always(page([]))) as server:
        answers(server.api, lambda client: _repeated(client, 20))
    assert len(server.log) == 20 and len({request.connection for request in server.log}) == 1


async def _repeated(client: Client, times: int) -> AsyncIterator[Answer]:
    for _ in range(times):
        async for answer in client.latest(1):
            yield answer


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (page([row("2026-01-09T00:00:00Z")]), "outside the requested time window"),
        (page([row("2019-01-14T05:00:00Z")]), "outside the requested time window"),
        (page([row("2026-01-10T00:00:01Z")]), "outside the requested time window"),
        (page([ROW, row("2026-01-09T06:00:00Z", parameter=4)]), "the rows have parameters [2, 4]"),
        (page([ROW] * 1001), "1001 rows"),
        (page([7]), "not a JSON object"),
        (page([{"value": 1.0}]), "an unexpected structure"),
        (page([ROW | {"period": None}]), "an unexpected structure"),
    ],
)
def test_rows_that_were_not_asked_for_are_refused(reply: Reply, why: str) -> None:
    """An answer to another request (an ignored parameter) is refused, and not requested again."""
    with Scripted(always(reply)) as server, pytest.raises(Unanswered) as caught:
        answers(server.api, hours())
    assert why in str(caught.value)
    assert len(server.log) == 1


def test_both_ends_of_the_window_are_as_the_api_has_them() -> None:
    """A row ending just after the start or exactly at the end belongs to the window."""
    rows = [row("2026-01-09T00:00:01Z"), row("2026-01-10T00:00:00+00:00")]
    with Scripted(always(page(rows))) as server:
        assert rows == answers(server.api, hours())[0].rows


@pytest.mark.parametrize(
    ("ask", "rows"),
    [
        (lambda client: client.locations("country=VN"), [{"id": 1, "country": {"code": "GH"}}]),
        (lambda client: client.locations("id=2178"), [{"id": 2179}]),
        (lambda client: client.latest(2178), [{"locationsId": 2179}]),
    ],
)
def test_another_place_is_refused(ask: Ask, rows: list[Any]) -> None:
    """Rows of another country or location than the requested one are refused."""
    with Scripted(always(page(rows))) as server, pytest.raises(Unanswered, match="requested"):
        answers(server.api, ask)


def test_the_same_page_again_is_refused() -> None:
    """A server that repeats a full page does not make an endless or doubled answer."""
    places = [{"id": n, "country": {"code": "VN"}} for n in range(1000)]
    with Scripted(always(page(places))) as server, pytest.raises(Unanswered, match="same page"):
        answers(server.api, lambda client: client.locations("country=VN"))
    assert len(server.log) == 2


def test_a_server_that_lowers_the_limit_is_read_to_the_end() -> None:
    """A page as long as the server's own limit is not taken for the last page."""
    rows = [row(f"2026-01-09T{n:02d}:00:00Z") for n in range(1, 6)]

    def script(request: Request, number: int) -> Reply:
        start = (int(request.query["page"]) - 1) * 2
        return page(rows[start : start + 2], limit=2)

    with Scripted(script) as server:
        received = answers(server.api, hours())
    assert rows == [row for answer in received for row in answer.rows]


# --- errors, one by one ---------------------------------------------------------------------------

REFUSALS = [
    (401, b'{"message": "Unauthorized. A valid API key must be provided."}', "A valid API key"),
    (401, b'{"detail":"Invalid credentials"}', "Invalid credentials. Check OPENAQ_API_KEY."),
    (403, b'{"message": "Forbidden. violation of rate limit policy."}', "violation of rate limit"),
    (403, b"<html><title>ERROR</title><p>Blocked &amp; out</p></html>", "ERROR Blocked & out."),
    (405, b'{"detail":"Method Not Allowed"}', "Method Not Allowed"),
    (410, b'{"message": "Gone. Please migrate to Version 3 endpoints."}', "Version 3"),
    (422, b"\"[{'type': 'int_parsing'}]\"", "int_parsing"),
    (422, b'{"detail":[{"loc":["query","limit"],"msg":"Too much"}]}', "query.limit: Too much"),
]


@pytest.mark.parametrize(("status", "body", "told_as"), REFUSALS)
def test_a_refusal_stops_with_its_message(status: int, body: bytes, told_as: str) -> None:
    """401, 403, 405, 410 and 422 are not retried; one line has the message and the remedy."""
    with Scripted(always(Reply(status, body))) as server, pytest.raises(Refused) as caught:
        answers(server.api, hours())
    assert told_as in str(caught.value) and f"HTTP {status}" in str(caught.value)
    assert "Check " in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.log) == 1 and not caught.value.retryable


def test_404_is_a_withdrawal() -> None:
    """An unknown location is reported as withdrawn, after one request."""
    gone = Reply(404, b'{"detail":"Location not found"}')
    with Scripted(always(gone)) as server, pytest.raises(Withdrawn, match="Location not found"):
        answers(server.api, lambda client: client.locations("id=9"))
    assert len(server.log) == 1


@pytest.mark.parametrize("status", [302, 400, 418])
def test_other_statuses_fail_the_request_alone(status: int) -> None:
    """Any other status is not retried, not followed, and does not affect other requests."""
    reply = Reply(status, b"odd", {"Location": "http://127.0.0.1:1/"})
    with Scripted(always(reply)) as server, pytest.raises(Unanswered, match=f"HTTP {status}: odd"):
        answers(server.api, hours())
    assert len(server.log) == 1


BROKEN = {
    "500": Reply(500, b"Internal Server Error", {"Content-Type": "text/plain"}),
    "502": Reply(502, b"<html><h1>502 Bad Gateway</h1></html>"),
    "503": Reply(503, b'{"message":"Service Unavailable"}'),
    "truncated": replace(page([ROW]), fault="truncate"),
    "truncated gzip": Reply(200, zipped(page([ROW])).body[:-40], {"Content-Encoding": "gzip"}),
    "no gzip": Reply(200, b"plain", {"Content-Encoding": "gzip"}),
    "reset": Reply(fault="reset"),
    "silence": Reply(fault="silence"),
    "html": Reply(200, b"<html>Please wait</html>"),
    "empty": Reply(200, b""),
    "NaN": Reply(200, b'{"results":[NaN]}'),
    "a list": Reply(200, b"[]"),
    "no results": Reply(200, b'{"message":"Internal server error"}'),
    "results of another type": Reply(200, b'{"results":{}}'),
    "not UTF-8": Reply(200, b'{"results":["\xff"]}'),
    "too deep": Reply(200, b"[" * 100_000),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_answer_is_tried_again(fault: str) -> None:
    """After server errors and incomplete answers, another try succeeds."""
    with Scripted(lambda request, n: BROKEN[fault] if n < 3 else page([ROW])) as server:
        received = answers(server.api, hours(), timeout=0.15)
    assert received[0].rows == [ROW] and len(server.log) == 3


@pytest.mark.parametrize("fault", BROKEN)
def test_what_stays_broken_fails_after_five_tries(fault: str) -> None:
    """The failure is one retryable line with the number of tries; the waits differ (jitter)."""
    clock = Clock()
    with Scripted(always(BROKEN[fault])) as server, pytest.raises(Unanswered) as caught:
        answers(server.api, hours(), clock, timeout=0.15)
    assert len(server.log) == 5 and "after 5 tries" in str(caught.value)
    assert caught.value.retryable and "\n" not in str(caught.value)
    assert len(set(clock.slept)) == 4 and max(clock.slept) <= 20


def test_the_message_of_a_server_error_reads_well() -> None:
    """The message of a failed request is exactly this text."""
    with Scripted(always(BROKEN["500"])) as server, pytest.raises(Unanswered) as caught:
        answers(server.api, hours())
    assert str(caught.value) == "HTTP 500 after 5 tries: Internal Server Error"


@pytest.mark.parametrize(
    ("reset", "wait"), [("7", 7), ("0", 1), ("-2", 1), (None, 60), ("2000000009", 9), ("x", 60)]
)
def test_429_waits_for_the_reset(reset: str | None, wait: float) -> None:
    """A throttled request waits as long as the server says, at least a second, and then succeeds."""
    clock = Clock()
    headers = {"x-ratelimit-reset": reset, "x-ratelimit-remaining": "0"} if reset else {}
    throttled = Reply(429, b'{"detail":"Too many requests"}', headers)
    with Scripted(lambda request, n: throttled if n == 1 else page([ROW])) as server:
        assert answers(server.api, hours(), clock)[0].rows == [ROW]
    assert wait <= clock.now < wait + 1 and len(server.log) == 2


def test_429_is_not_waited_for_without_end() -> None:
    """A server that always throttles fails the request after ten waits."""
    throttled = Reply(429, b'{"detail":"Too many requests"}', {"x-ratelimit-reset": "30"})
    with Scripted(always(throttled)) as server, pytest.raises(Unanswered, match="429 after 10"):
        answers(server.api, hours())
    assert len(server.log) == 10


SLOW = Reply(408, b'{"detail":"Connection timed out: Try a smaller time frame."}')


def span(request: Request) -> Window:
    """The window of a request."""
    first, last = request.query["datetime_from"], request.query["datetime_to"]
    return dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last)


def test_408_once_is_asked_again() -> None:
    """A single 408 is followed by the same request after a pause."""
    clock = Clock()
    with Scripted(lambda request, n: SLOW if n == 1 else page([ROW])) as server:
        (received,) = answers(server.api, hours(), clock)
    assert received.window == DAY and len(server.log) == 2 and clock.now >= 1


@pytest.mark.parametrize("longest", [1, 3, 5, 12])
def test_408_halves_the_window(longest: int) -> None:
    """Windows that are too long for the server are halved until it answers; together they are the day."""

    def script(request: Request, number: int) -> Reply:
        first, last = span(request)
        long = last - first > dt.timedelta(hours=longest)
        return SLOW if long else page([row(f"{last:%Y-%m-%dT%H:%M:%SZ}")])

    with Scripted(script) as server:
        windows = [answer.window for answer in answers(server.api, hours())]
    assert DAY[0] == windows[0][0] and DAY[1] == windows[-1][1]
    assert all(pair[1] == other[0] for pair, other in itertools.pairwise(windows))
    assert len({request.url for request in server.log}) * 2 >= len(server.log)


def test_408_for_an_hour_is_a_failure() -> None:
    """If even one hour is too much, the request fails with the server's message."""
    with Scripted(always(SLOW)) as server, pytest.raises(Unanswered, match="Connection timed out"):
        answers(server.api, hours())
    assert len(server.log) == 10  # 24 h, 12, 6, 3 and 1, each twice


def test_no_page_beyond_four_is_asked() -> None:
    """A window of more than 4000 rows is cut instead: deep pages end in 408."""
    step = dt.timedelta(seconds=15)
    rows = [DAY[0] + step * n for n in range(1, 5761)]

    def script(request: Request, number: int) -> Reply:
        first, last = span(request)
        inside = [row(f"{end:%Y-%m-%dT%H:%M:%SZ}") for end in rows if first < end <= last]
        start = (int(request.query["page"]) - 1) * 1000
        return page(inside[start : start + 1000])

    with Scripted(script) as server:
        received = answers(server.api, hours())
    assert len({row["period"]["datetimeTo"]["utc"] for a in received for row in a.rows}) == 5760
    assert max(int(request.query["page"]) for request in server.log) == 4


WINDOWS = st.tuples(
    st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2030, 1, 1)), st.integers(1, 3_000_000)
).map(
    lambda pair: (
        pair[0].replace(microsecond=0, tzinfo=dt.UTC),
        pair[0].replace(microsecond=0, tzinfo=dt.UTC) + dt.timedelta(seconds=pair[1]),
    )
)


@given(WINDOWS, st.sampled_from(["hours", "days"]))
def test_halving_windows_partitions_them(window: Window, endpoint: str) -> None:
    """Halved until nothing is left to halve, the parts meet exactly and none is longer than a unit."""
    unit = dt.timedelta(days=1) if endpoint == "days" else dt.timedelta(hours=1)
    done: list[Window] = []
    ahead = [window]
    while ahead and len(done) < 2000:
        part = ahead.pop()
        parts = halves(part, endpoint)
        assert not parts or (part[0], part[1]) == (parts[0][0], parts[1][1])
        assert all(first < last for first, last in parts)
        ahead.extend(reversed(parts))
        done += [] if parts else [part]
    assert window[0] == done[0][0]
    assert all(
        pair[1] == other[0] and pair[1] - pair[0] <= unit for pair, other in itertools.pairwise(done)
    )
    assert ahead or window[1] == done[-1][1]


# --- the key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 401, 404, 418, 500])
def test_the_key_is_never_shown(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """The key is in no message and no log of any level, even if the server quotes it."""
    caplog.set_level(logging.DEBUG)
    reply = Reply(status, f"no such key: {KEY}".encode())
    with Scripted(always(reply)) as server, pytest.raises(PlatformError) as caught:
        answers(server.api, hours())
    error: BaseException | None = caught.value
    while error:
        assert KEY[:16] not in f"{error!r} {error}"
        error = error.__cause__
    assert KEY not in repr(server.api)
    assert not any(KEY in record.getMessage() for record in caplog.records)
    assert not any(KEY in request.url for request in server.log)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"detail":"Invalid credentials"}', "Invalid credentials"),
        ('{"message": "Gone."}', "Gone."),
        ('"Date from must be older"', "Date from must be older"),
        ('{"detail":[{"loc":["query","page"],"msg":"A"},{"msg":"B"}]}', "query.page: A; : B"),
        ('{"other":1}', '{"other": 1}'),
        ("17", "17"),
        ("Internal Server Error", "Internal Server Error"),
    ],
)
def test_error_bodies_of_every_form_are_read(body: str, message: str) -> None:
    """The message is read from objects with detail or message, JSON strings and plain text."""
    assert message == error_text(body)


# --- the simulator --------------------------------------------------------------------------------

NOW = dt.datetime(2026, 1, 12, 12, tzinfo=dt.UTC)


def a_live_sensor(world: World) -> int:
    """A sensor of the world with data on the day."""
    after, until = (int(moment.timestamp()) for moment in DAY)
    return next(key for key, sensor in world.sensors.items() if any(world.raw_rows(sensor, after, until)))


@pytest.mark.parametrize("endpoint", ["hours", "measurements", "days"])
def test_the_simulated_api_answers_a_day(endpoint: Any) -> None:
    """Against the faithful simulator each endpoint gives rows that pass every check."""
    with Simulator(now=NOW, per_minute=None) as simulator:
        api = Api(simulator.url, KEY, requests_per_minute=0)
        sensor = a_live_sensor(simulator.world)
        received = answers(api, lambda client: client.sensor_pages(endpoint, sensor, DAY))
        places = answers(api, lambda client: client.locations("country=VN"))
        newest = answers(api, lambda client: client.latest(places[0].rows[0]["id"]))
    assert len(received) == 1 and len(received[0].rows) >= 1
    assert places[0].rows and len(newest) == 1


def test_the_simulators_limit_is_never_exceeded() -> None:
    """A client of 60 a minute meets no 429 from a server of 60 a minute and waits no longer."""
    with Simulator(now=NOW, per_minute=60) as simulator:
        api = Api(simulator.url, KEY)
        clock = Clock()

        async def collect() -> None:
            limiter = Limiter(60, clock=clock)

            async def sleep(seconds: float) -> None:
                simulator.advance(dt.timedelta(seconds=seconds))
                await clock.sleep(seconds)

            async with Client(api, limiter, sleep=sleep) as client:
                for _ in range(150):
                    async for _ in client.sensor_pages("hours", 1, DAY):
                        pass

        asyncio.run(collect())
        minutes = [record.time.replace(second=0, microsecond=0) for record in simulator.log]
    assert {200} == {record.status for record in simulator.log}
    assert max(minutes.count(minute) for minute in minutes) <= 60
    assert 120 <= clock.now < 123


def test_no_encoding_is_asked_for() -> None:
    """The client requests no encoding, so the stored bytes are those on the wire."""
    with Scripted(always(page([ROW]))) as server:
        answers(server.api, hours())
    assert {request.headers["Accept-Encoding"] for request in server.log} == {"identity"}
