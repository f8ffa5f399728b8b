"""Recorded answers of the API, replayed over HTTP: every byte passes into the raw layer."""

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from support.scripted_server import Clock, Objects, Reply, Request, Scripted, page, zipped

from openaq_assets.graph.operations import Ref
from openaq_assets.openaq.client import Answer, Client
from openaq_assets.openaq.fetch import fetch
from openaq_assets.openaq.limiter import Limiter
from openaq_assets.openaq.operations import Fetch

SHARED = Path(__file__).resolve().parents[3] / "shared" / "openaq"
RAW = "memory://lake/raw"
DAY = "2026-01-10"
WHOLE = sorted(SHARED.glob("wire_form/*.json")) + sorted(SHARED.glob("recorded_vn/*.json"))
ANSWERS = [name for name in WHOLE if "results" in json.loads(name.read_bytes())]
EXAMPLES = {
    "latest__v3_locations_2178_latest": lambda client: client.latest(2178),
    "locations__v3_locations_2178": lambda client: client.locations("id=2178"),
    "quick-start__v3_locations_8118": lambda client: client.locations("id=8118"),
}
needs_shared = pytest.mark.skipif(not ANSWERS, reason="the recorded answers are not beside this")


def span(body: bytes) -> tuple[dt.datetime, dt.datetime]:
    """Return a window around all rows of an answer."""
    rows = [row["period"]["datetimeTo"]["utc"] for row in json.loads(body)["results"]]
    first, last = (dt.datetime.fromisoformat(row) for row in (min(rows), max(rows)))
    return first - dt.timedelta(hours=1), last


def answers(reply: Reply, ask: Any) -> list[Answer]:
    """Return the client's answers if this is the API's only answer."""
    clock = Clock()

    async def collect() -> list[Answer]:
        async with Client(server.api, Limiter(clock=clock), sleep=clock.sleep) as client:
            return [answer async for answer in ask(client)]

    with Scripted(
        lambda request, number: reply if request.query.get("page", "1") == "1" else page([])
    ) as server:
        return asyncio.run(collect())


@needs_shared
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", ANSWERS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_recorded_answers_pass_through_client_and_store(path: Path, compress: bool) -> None:
    """Each recorded answer comes out of the client and lies in the raw layer byte for byte."""
    body = path.read_bytes()
    reply = zipped(Reply(200, body)) if compress else Reply(200, body)
    if path.stem.startswith("locations"):
        received = answers(reply, lambda client: client.locations("country=VN"))
        assert received[0].body == body
        store = Objects()
        operation = Fetch("locations", ("country=VN",), Ref("a_raw", "raw", (DAY,), uri=RAW))
        with Scripted(lambda request, number: reply) as server:
            fetch(operation, store, server.api, limiter=Limiter())
        assert list(store.bodies.values()) == [body]
        return
    endpoint: Any = "hours" if "_hours_" in path.stem else "measurements"
    received = answers(reply, lambda client: client.sensor_pages(endpoint, 7772024, span(body)))
    assert received[0].body == body and received[0].rows == json.loads(body)["results"]


@needs_shared
def test_recorded_rows_are_stored_byte_for_byte_day_by_day() -> None:
    """The bytes of a recorded page reach the store through ``fetch`` as the server wrote them."""
    inventory = (SHARED / "wire_form/locations__iso_VN__2025-12-22.json").read_bytes()
    name = "wire_form/sensors_7772024_measurements__no_params__2025-12-22.json"
    rows = json.loads((SHARED / name).read_bytes())["results"]
    sent: dict[str, bytes] = {}

    def script(request: Request, number: int) -> Reply:
        if request.path == "/v3/locations":
            return Reply(200, inventory)
        first, last = request.query["datetime_from"], request.query["datetime_to"]
        inside = [row for row in rows if first < row["period"]["datetimeTo"]["utc"] <= last]
        page_rows = inside if request.path.startswith("/v3/sensors/7772024/") else []
        text = json.dumps(
            {"meta": {"found": ">100"}, "results": page_rows}, ensure_ascii=False, indent=1
        )
        sent[request.url] = text.encode()
        return zipped(Reply(200, sent[request.url]))

    days = tuple(sorted({row["period"]["datetimeFrom"]["utc"][:10] for row in rows}))
    store = Objects()
    at = Ref("places_raw", "raw", days[-1:], uri=RAW)
    into = Ref("answers_raw", "raw", days, uri=RAW)
    with Scripted(script) as server:
        fetch(Fetch("locations", ("country=VN",), at), store, server.api, limiter=Limiter())
        operation = Fetch("measurements", ("country=VN",), into, at, parameters=("co",))
        facts = fetch(operation, store, server.api, limiter=Limiter())
    stored = [body for uri, body in store.bodies.items() if "answers_raw" in uri]
    assert sorted(stored) == sorted(sent.values())
    assert sum(facts_of_day.rows for facts_of_day in facts.values()) == len(rows) == 100


@needs_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_documentation_are_understood(name: str) -> None:
    """The examples of locations and latest values in the API's documentation pass every check."""
    payload = json.loads((SHARED / f"from_docs/{name}.json").read_bytes())["payload"]
    body = json.dumps(payload, ensure_ascii=False).encode()
    received = answers(Reply(200, body), EXAMPLES[name])
    assert received[0].body == body and received[0].rows
