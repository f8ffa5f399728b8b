"""The source of answers: the real API with a key, or the bundled simulator if the profile allows it.

A lake never mixes the two: the first fetch records the source.
"""

import datetime as dt
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from urllib.parse import urlsplit

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api, api_of
from openaq_assets.platforms import ObjectStore, Work

SIMULATED = "simulator"
KEPT_FOR = dt.timedelta(hours=3)
_SIMULATED_KEY = "0" * 64
_lock = threading.Lock()
log = logging.getLogger(__name__)


def handle_fetch(operation: Fetch, work: Work) -> Mapping[str, Facts]:
    """Carry out a bound ``Fetch`` by its source: the API, or the archive's bucket."""
    environment, store = work.environment, work.platform.objects
    if operation.endpoint == "archive":
        from openaq_assets.openaq.archive import fetch_archive

        if is_synthetic(environment, store) and not api_of(environment).archive_endpoint:
            log.warning(
                "The bundled simulator has no archive: there are no files for %s.", operation.into.asset
            )
            return {day: Facts() for day in operation.into.partitions}
        return fetch_archive(operation, store, archive_of(environment, store), work.progress)
    from openaq_assets.openaq.fetch import fetch

    with answering(environment, store) as api:
        return fetch(operation, store, api, work.progress)


@contextmanager
def answering(environment: Environment, store: ObjectStore) -> Iterator[Api]:
    """Yield the API to send requests to, with its key; start the simulator on loopback if that answers."""
    api = api_of(environment)
    if api.key:
        _claim(store, environment, api.url)
        yield api
    elif api.without_key == "simulate":
        _claim(store, environment, SIMULATED)
        with simulated(api, clock(store, environment.root)) as local:
            yield local
    else:
        raise PlatformError(
            "there is no OpenAQ API key. Set OPENAQ_API_KEY (free at explore.openaq.org/register)."
        )


def archive_of(environment: Environment, store: ObjectStore) -> Api:
    """Return the address of the archive; a lake keeps to one archive.

    OpenAQ's own archive goes only with OpenAQ's own API.
    """
    api, root = api_of(environment), environment.root
    owner = _read(store, f"{root}/source.json").get("api", "")
    if owner and not api.archive_endpoint and _host(owner) != _host(Api().url):
        raise PlatformError(
            f"{root} contains data of {owner}, which must not be mixed with data of the OpenAQ archive. "
            "Set OPENAQ_ARCHIVE_ENDPOINT, or choose another folder with OPENAQ_ROOT."
        )
    _claim(store, environment, api.archive_endpoint or api.archive_bucket, "source_archive.json")
    return api


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


@contextmanager
def simulated(api: Api, now: dt.datetime) -> Iterator[Api]:
    """Yield the bundled simulator on a free port of loopback, with its clock at ``now``."""
    from openaq_simulator import Simulator

    _warn_once()
    with Simulator(now=now, per_minute=None) as server:
        yield replace(api, url=server.url, key=_SIMULATED_KEY, requests_per_minute=0, requests_per_hour=0)


@cache
def _warn_once() -> None:
    log.warning("No OPENAQ_API_KEY: the bundled simulator answers. The data are SYNTHETIC.")


def is_synthetic(environment: Environment, store: ObjectStore) -> bool:
    """Return whether the simulator filled the lake."""
    return _read(store, f"{environment.root}/source.json").get("api") == SIMULATED


def clock(store: ObjectStore, root: str) -> dt.datetime:
    """Return the simulator's time, which moves on after some hours, so that a second run changes nothing."""
    uri = f"{root}/simulator.json"
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    with _lock:
        stood = _read(store, uri).get("now")
        if stood and now - dt.datetime.fromisoformat(stood) < KEPT_FOR:
            return dt.datetime.fromisoformat(stood)
        store.put(uri, json.dumps({"now": now.isoformat()}).encode())
    return now


def _claim(store: ObjectStore, environment: Environment, api: str, file: str = "source.json") -> None:
    """Record the source of answers; refuse another while there are answers of the first."""
    root, body = environment.root, json.dumps({"api": api}).encode()
    uri = f"{root}/{file}"
    store.put_new(uri, body)
    owner = _read(store, uri).get("api")
    if owner == api:
        return
    raw = (store.list(environment.sibling(name).uri("raw")) for name in environment.siblings)
    if any(True for uris in raw for _ in uris):
        raise PlatformError(
            f"{root} contains data of {owner}, but the API is now {api}. "
            "Choose another folder with OPENAQ_ROOT, or remove the old one."
        )
    store.put(uri, body)  # the first source never answered


def _read(store: ObjectStore, uri: str) -> dict[str, str]:
    try:
        values: dict[str, str] = json.loads(store.get(uri))
        return values
    except FileNotFoundError:
        return {}
