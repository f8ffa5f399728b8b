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
ANSWERS = [one for one in WHOLE if "results" in json.loads(one.read_bytes())]
EXAMPLES = {
    "latest__v3_locations_2178_latest": lambda client: client.latest(2178),
    "locations__v3_locations_2178": lambda client: client.locations("id=2178"),
    "quick-start__v3_locations_8118": lambda client: client.locations("id=8118"),
}
needs_shared = pytest.mark.skipif(not ANSWERS, reason="the recorded answers are not beside this")


def span(body: bytes) -> tuple[dt.datetime, dt.datetime]:
    """A window around all rows of an answer."""
    rows = [one["period"]["datetimeTo"]["utc"] for one in json.loads(body)["results"]]
    first, last = (dt.datetime.fromisoformat(one) for one in (min(rows), max(rows)))
    return first - dt.timedelta(hours=1), last


def answers(reply: Reply, ask: Any) -> list[Answer]:
    """The client's answers when this is all the API ever says."""
    clock = Clock()

    async def collect() -> list[Answer]:
        async with Client(server.api, Limiter(clock=clock), sleep=clock.sleep) as client:
            return [one async for one in ask(client)]

    with Scripted(
        lambda asked, number: reply if asked.query.get("page", "1") == "1" else page([])
    ) as server:
        return asyncio.run(collect())


@needs_shared
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", ANSWERS, ids=lambda one: f"{one.parent.name}/{one.stem}")
def test_recorded_answers_pass_through_client_and_store(path: Path, compress: bool) -> None:
    """Each recorded answer comes out of the client and lies in the raw layer byte for byte."""
    body = path.read_bytes()
    reply = zipped(Reply(200, body)) if compress else Reply(200, body)
    if path.stem.startswith("locations"):
        found = answers(reply, lambda client: client.locations("country=VN"))
        assert found[0].body == body
        store = Objects()
        place = Fetch("locations", ("country=VN",), Ref("a_raw", "raw", (DAY,), uri=RAW))
        with Scripted(lambda asked, number: reply) as server:
            fetch(place, store, server.api, limiter=Limiter())
        assert list(store.bodies.values()) == [body]
        return
    endpoint: Any = "hours" if "_hours_" in path.stem else "measurements"
    found = answers(reply, lambda client: client.sensor_pages(endpoint, 7772024, span(body)))
    assert found[0].body == body and found[0].rows == json.loads(body)["results"]


@needs_shared
def test_recorded_rows_are_stored_byte_for_byte_day_by_day() -> None:
    """The bytes of a recorded page reach the store through ``fetch`` as the server wrote them."""
    inventory = (SHARED / "wire_form/locations__iso_VN__2025-12-22.json").read_bytes()
    name = "wire_form/sensors_7772024_measurements__no_params__2025-12-22.json"
    rows = json.loads((SHARED / name).read_bytes())["results"]
    sent: dict[str, bytes] = {}

    def script(asked: Request, number: int) -> Reply:
        if asked.path == "/v3/locations":
            return Reply(200, inventory)
        first, last = asked.query["datetime_from"], asked.query["datetime_to"]
        inside = [one for one in rows if first < one["period"]["datetimeTo"]["utc"] <= last]
        mine = inside if asked.path.startswith("/v3/sensors/7772024/") else []
        text = json.dumps(
            {"meta": {"found": ">100"}, "results": mine}, ensure_ascii=False, indent=1
        )
        sent[asked.url] = text.encode()
        return zipped(Reply(200, sent[asked.url]))

    days = tuple(sorted({one["period"]["datetimeFrom"]["utc"][:10] for one in rows}))
    store = Objects()
    at = Ref("places_raw", "raw", days[-1:], uri=RAW)
    into = Ref("answers_raw", "raw", days, uri=RAW)
    with Scripted(script) as server:
        fetch(Fetch("locations", ("country=VN",), at), store, server.api, limiter=Limiter())
        asked = Fetch("measurements", ("country=VN",), into, at, parameters=("co",))
        facts = fetch(asked, store, server.api, limiter=Limiter())
    stored = [body for uri, body in store.bodies.items() if "answers_raw" in uri]
    assert sorted(stored) == sorted(sent.values())
    assert sum(one.rows for one in facts.values()) == len(rows) == 100


@needs_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_documentation_are_understood(name: str) -> None:
    """What the API's documentation shows of locations and latest values passes every check."""
    payload = json.loads((SHARED / f"from_docs/{name}.json").read_bytes())["payload"]
    body = json.dumps(payload, ensure_ascii=False).encode()
    found = answers(Reply(200, body), EXAMPLES[name])
    assert found[0].body == body and found[0].rows
