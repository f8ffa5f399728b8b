"""Days of a Transform, one after another and, where it pays, in two processes.

A day is all that is held at once, so the memory of a year is that of a day. Decoding is Python's and
keeps to one core, so a second process takes days as well: it shares nothing but the files, and
whatever it could not do is done here again, where errors are told.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Ref, Transform, to_json
from openaq_assets.graph.partitions import around, segment
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress
from openaq_assets.platforms.local.files import FileStore, LocalStore
from openaq_assets.platforms.transform.fast_decoder import RawObject, compiled, table_of
from openaq_assets.platforms.transform.polars_loading import uncollected
from openaq_assets.platforms.transform.reference_decoder import (
    Decoded,
    decode,
    frame,
    parquet,
    quarantine,
    settled,
)
from openaq_assets.platforms.transform.schema_drift import record

WORKER = (sys.executable, "-P", "-m", "openaq_assets.platforms.transform.worker")
WORTH_SECONDS = 3.0  # of work still to do: starting a process takes most of one


def transformed(store: LocalStore, operation: Transform, progress: Progress) -> Mapping[str, Facts]:
    """Every day of the operation rebuilt; raises PlatformError at the first that cannot be."""
    days = operation.into.partitions
    waiting, facts = deque(days), dict[str, Facts]()
    second: threading.Thread | None = None
    started = time.monotonic()
    try:
        while waiting:
            progress(f"Transform {operation.into.asset}", len(facts), len(days))
            with suppress(IndexError):  # the second process took the last one
                day = waiting.popleft()
                facts[day] = rebuilt(store, operation, day)
            if not second and _is_worth_it(store, time.monotonic() - started, facts, waiting):
                second = threading.Thread(target=_second_process, args=(operation, waiting, facts))
                second.start()
    finally:
        waiting.clear()  # after an error nothing more is begun
        if second:
            second.join()
    for day in days:
        if day not in facts:
            facts[day] = rebuilt(store, operation, day)
    progress(f"Transform {operation.into.asset}", len(facts), len(days))
    return {day: facts[day] for day in days}


def rebuilt(store: LocalStore, operation: Transform, day: str) -> Facts:
    """One day made from all its raw objects."""
    # Alone, or the files of two runs at once could end older than the newest raw object.
    with store.alone(f"{operation.into.uri}/{segment(day)}"), uncollected():
        return _rebuilt(store, operation, day)


def _rebuilt(store: LocalStore, operation: Transform, day: str) -> Facts:
    recipe = operation.recipe
    ours = _named(store, operation.source, (day,))
    near = [one for one in around(day, recipe.spread) if one != day]
    around_it = _named(store, operation.source, near)
    others = {name: around_it[name] for name in around_it.keys() - ours.keys()}  # copies are one
    if compiled(recipe):
        table, decoded = table_of(recipe, day, _bodies(store, ours))
        _set_aside(store, operation, day, decoded)
        table = settled(recipe, table)
    else:
        decoded = decode(recipe, day, _pairs(store, ours), _pairs(store, others))
        _set_aside(store, operation, day, decoded)
        table = frame(recipe, decoded)
    notices = record(store, operation, day, decoded.new)
    body = parquet(table)
    store.put(f"{operation.into.uri}/{segment(day)}/part-0.parquet", body)
    version = hashlib.sha256(body).hexdigest()[:12]
    count = len(ours) + len(others)
    return Facts(table.height, len(body), count, version, len(decoded.bad), notices=notices)


def _named(store: LocalStore, source: Ref, days: Iterable[str]) -> dict[str, tuple[RawKey, str]]:
    """The keys and URIs of an asset's raw objects of some days, by name."""
    return {
        uri.rsplit("/", 1)[1]: (key, uri)
        for day in days
        for uri in store.list(f"{source.uri}/{segment(day)}")
        if (key := parse_raw_key(uri)) and key.asset == source.asset
    }


def _bodies(store: LocalStore, named: Mapping[str, tuple[RawKey, str]]) -> Iterator[RawObject]:
    """The objects, oldest retrieval first, each read when it is its turn."""
    order = sorted(named, key=lambda name: (named[name][0].retrieved, name))
    return ((named[name][0], name, store.get(named[name][1])) for name in order)


def _pairs(store: LocalStore, named: Mapping[str, tuple[RawKey, str]]) -> Iterator[tuple[str, bytes]]:
    return ((name, store.get(uri)) for name, (_, uri) in named.items())


def _set_aside(store: LocalStore, operation: Transform, day: str, decoded: Decoded) -> None:
    """What does not fit, kept beside the table; raises PlatformError if the recipe allows none."""
    aside = f"{operation.quarantine.uri}/{segment(day)}/part-0.jsonl"
    if not decoded.bad:
        store.delete(aside)
        return
    store.put(aside, quarantine(decoded))
    if operation.recipe.on_bad_row == "fail":
        first = decoded.bad[0]
        raise PlatformError(
            f"{operation.into.asset} {day}: {len(decoded.bad)} rows do not fit, the first in "
            f"{first['object']}: {first['reason']}. See {aside}."
        )


# --- a second process -------------------------------------------------------------------------------


def _is_worth_it(
    store: LocalStore, seconds: float, facts: Mapping[str, Facts], waiting: "deque[str]"
) -> bool:
    left = seconds / len(facts) * len(waiting) if facts else 0.0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return isinstance(store, FileStore) and left > WORTH_SECONDS and (cores or 1) > 1


def _second_process(operation: Transform, waiting: "deque[str]", facts: dict[str, Facts]) -> None:
    """Have days done by another process until none are left, or it fails: then they are not in facts."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    with (
        suppress(OSError, IndexError, ValueError),
        subprocess.Popen(
            WORKER, env=environment, encoding="utf-8", stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        _answer(process, to_json(operation))
        while True:
            day = waiting.popleft()
            facts[day] = facts_from(_answer(process, day))


def _answer(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin and process.stdout
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def facts_to(facts: Facts) -> str:
    """Facts as one line."""
    return json.dumps(asdict(facts))


def facts_from(line: str) -> Facts:
    """The facts of a line; raises ValueError if it says none."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("no facts")
    return Facts.of(found)
