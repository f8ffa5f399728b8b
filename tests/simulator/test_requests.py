"""The simulator answers every request: none drops the connection or breaks the simulator."""

import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openaq_simulator import Simulator, World
from openaq_simulator.routes import ROUTES

KEY = "0123456789abcdef" * 4
NOW = datetime(2026, 6, 15, 3, 20, tzinfo=UTC)
NAMES = sorted({name for _, names in ROUTES.values() for name in names} | {"foo", "", "LIMIT", "é"})
IDS = ["1", "90000001", "9000001", "0", "-1", "2147483648", "9" * 30, "9" * 4301, "abc", "1.0",
       "٣", "%20", "90000001%20", "%2e%2e", "1%2F2", "²", "%00", "%ff"]
VALUES = ["", "0", "1", "-1", "1.5", "1_000", "1000", "1001", "9" * 19, "9" * 30, "9" * 4301, "x" * 5000,
          "true", "nan", "inf", "1e-7", "٣", "VN", "Việt Nam", "1,,2", "21.02,105.82", "nan,nan",
          "105,20,106,21", "106,21,105,20", "2025-12-01", "2025-12-01T00:00:00Z", "0001-01-01",
          "9999-12-31", "9999-12-31T23:59:59-23:59", "-62135596800", "253402300799", "1e10", "asc",
          "\x00", "a\r\nX: y", "🙂", "2024-02-30"]
PATHS = st.one_of(
    st.builds(
        lambda path, identity, end: re.sub(r"\{\w+\}", lambda _: identity, path) + end,
        st.sampled_from(["/ping", *ROUTES]),
        st.sampled_from(IDS),
        st.sampled_from(["", "", "", "/", "//", "/x"]),
    ),
    st.sampled_from(["", "/", "/v3", "/v3/", "/v1/x", "/v2/", "//[", "*", "http://x/v3/locations"]),
    st.text(max_size=12).map(lambda text: "/v3/" + quote(text)),
)
QUERIES = st.lists(
    st.builds(
        lambda name, value, mark: f"{quote(name)}{mark}{quote(value)}",
        st.sampled_from(NAMES),
        st.sampled_from(VALUES) | st.text(max_size=8),
        st.sampled_from(["=", "=", "=", "", "==", "=%zz"]),
    ),
    max_size=5,
).map("&".join)


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    """A simulator of the synthetic world without a limit."""
    with Simulator(World.synthetic(7, [9100001]), now=NOW, per_minute=None) as running:
        yield running


def exchange(api: Simulator, raw: bytes) -> bytes:
    """Send bytes; return all that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET"] * 8 + ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]),
    path=PATHS,
    query=QUERIES,
)
def test_every_request_has_an_answer(
    api: Simulator, caplog: pytest.LogCaptureFixture, method: str, path: str, query: str
) -> None:
    """Odd paths, ids, repeated, empty and endless parameters: a known status and whole JSON."""
    target = f"{path or '/'}?{query}" if query else path or "/"
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n"
    answer = exchange(api, head.encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    status = int(top.split()[1])
    assert status in (200, 400, 401, 404, 405, 408, 410, 422, 500), answer
    assert f"content-length: {len(body)}".encode() in top.lower() or method == "HEAD"
    if status == 200 and b"pong" not in body:
        assert isinstance(json.loads(body)["results"], list)
    assert not caplog.records, caplog.text  # nothing tripped the simulator


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET /ping HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_so(api: Simulator, raw: bytes) -> None:
    """Bytes that are not HTTP get a 400, as from the API's own server."""
    assert exchange(api, raw).startswith(b"HTTP/1.1 400 Bad Request")


LONG = "9" * 4301
EDGES = [
    (f"/sensors/{LONG}/hours", 422), (f"/locations?limit={LONG}", 422),
    ("/sensors/90000001/days?date_to=9999-12-31", 200),
    ("/sensors/90000001/years?date_from=9999-12-31", 200),
    ("/sensors/90000001/hours?page=999999999999999999999&limit=1000", 200),
    ("/sensors/90000001/hours/hourofday?datetime_from=0001-01-02T00:00:00Z", 408),
    ("/sensors/90000001/hours/dayofweek?datetime_from=0001-01-01&datetime_to=0001-01-02", 200),
]


@pytest.mark.parametrize(("target", "status"), EDGES, ids=[edge[0][:60] for edge in EDGES])
def test_the_ends_of_time_and_numbers(api: Simulator, target: str, status: int) -> None:
    """Numbers of 4,301 digits and the first and last days of the calendar are answered at once."""
    answer = httpx.get(api.url + target, headers={"X-API-Key": KEY}, timeout=5)
    assert answer.status_code == status
    if LONG in target:
        assert "int_parsing_size" in answer.text and "exceeded maximum size" in answer.text
