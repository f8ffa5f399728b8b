"""A day of a whole country with the rate limit lifted: our extraction, a serial httpx loop, the official client."""

import http.client
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import httpx
import openaq

from benchmarks.harness import Row, compare
from openaq_assets.graph.operations import Ref
from openaq_assets.openaq.fetch import fetch
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api
from openaq_assets.platforms.files import FileStore
from openaq_simulator import Simulator

NOW = datetime(2026, 1, 20, tzinfo=UTC)
DAY, KEY = "2026-01-15", "0" * 64
WINDOW = {"datetime_from": "2026-01-15T00:00:00Z", "datetime_to": "2026-01-16T00:00:00Z", "limit": "1000"}


def _serve(latency: float, pipe: Connection) -> None:
    faults = (f"slow:seconds={latency}",) if latency else ()
    # The official client takes missing rate headers for an exhausted limit, so there must be one.
    with Simulator(now=NOW, per_minute=10**9, faults=faults) as server:
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def api_with(latency: float) -> Iterator[str]:
    """Yield the URL of a simulator in a process of its own, each answer ``latency`` seconds late."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(latency, there))
    server.start()
    try:
        yield here.recv()
    finally:
        here.send("stop")
        server.join(5)


def ours(url: str) -> Callable[[], object]:
    """Return our fetch: the inventory and every sensor of the day, verified and stored with its metadata."""

    def work() -> None:
        api = Api(url=url, key=KEY, requests_per_minute=0, requests_per_hour=0, concurrency=8)
        with tempfile.TemporaryDirectory() as folder:
            uri = f"{folder}/raw"
            inventory = Ref("locations_raw", "raw", (DAY,), uri=uri)
            fetch(Fetch("locations", ("country=VN",), inventory), FileStore(), api, now=lambda: NOW)
            into = Ref("measurements_raw", "raw", (DAY,), uri=uri)
            fetch(Fetch("hours", ("country=VN",), into, inventory), FileStore(), api, now=lambda: NOW)

    return work


def serial_httpx(url: str) -> Callable[[], object]:
    """Return the loop most people write: one keep-alive client, one request after another, files at the end."""

    def work() -> None:
        with httpx.Client(headers={"X-API-Key": KEY}) as client, tempfile.TemporaryDirectory() as folder:
            answer = client.get(f"{url}/locations", params={"iso": "VN", "limit": "1000"})
            for sensor in alive(answer.json()["results"]):
                body = client.get(f"{url}/sensors/{sensor}/hours", params=WINDOW).content
                with open(os.path.join(folder, f"{sensor}.json"), "wb") as file:
                    file.write(body)

    return work


def official(url: str) -> Callable[[], object]:
    """Return the official ``openaq`` client, one request after another."""

    def work() -> None:
        os.environ["HOME"] = tempfile.gettempdir()
        http.client.HTTPSConnection = http.client.HTTPConnection
        with openaq.OpenAQ(api_key=KEY, base_url=url + "/", auto_wait=False) as client:
            places = client.locations.list(iso="VN", limit=1000).dict()["results"]
            for sensor in alive(places, last="datetime_last"):
                client.measurements.list(
                    sensor, data="hours", limit=1000,
                    datetime_from=WINDOW["datetime_from"], datetime_to=WINDOW["datetime_to"],
                )

    return work


def alive(places: list[dict], last: str = "datetimeLast") -> list[int]:
    """Return the sensors that our fetch requests, too: those of locations with data within two weeks."""
    return [
        sensor["id"]
        for station in places
        if station[last] and station[last]["utc"] >= "2026-01-01"
        for sensor in station["sensors"]
    ]


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield every comparison of extraction."""
    for latency in (0.05,) if quick else (0.0, 0.05, 0.2):
        with api_with(latency) as url:
            peers = {"serial httpx": serial_httpx(url), "official openaq": official(url)}
            yield from compare(
                f"country day, {latency * 1000:.0f} ms latency", ours(url), peers, 1 if quick else 3
            )
