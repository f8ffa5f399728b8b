"""Days of a Transform, one after another and, if there are enough, in two processes.

Only one day is in memory at a time, so a year needs no more memory than a day. Decoding runs in Python on one
core, so a second process takes days as well. It shares only the files; a day that fails there is done again
here, where errors are reported. This module is the program of the second process, too.
"""

import gc
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import msgspec

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Ref, Transform, from_json, to_json
from openaq_assets.graph.partitions import around, segment
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress
from openaq_assets.platforms.files import FileStore, LocalStore
from openaq_assets.platforms.results import version_of
from openaq_assets.platforms.transform import reference_decoder as reference
from openaq_assets.platforms.transform.fast_decoder import RawObject, compiled, table_of
from openaq_assets.platforms.transform.polars_loading import uncollected
from openaq_assets.platforms.transform.schema_drift import record

WORKER = (sys.executable, "-P", "-m", "openaq_assets.platforms.transform.days")
WORTH_SECONDS = 3.0  # of work left; to start a process takes almost one second


def transformed(store: LocalStore, operation: Transform, progress: Progress) -> Mapping[str, Facts]:
    """Rebuild every day of the operation and return facts by day; raise PlatformError if a day fails."""
    days = operation.into.partitions
    waiting, facts = deque(days), dict[str, Facts]()
    second: threading.Thread | None = None
    started = time.monotonic()
    try:
        while waiting:
            progress(f"Transform {operation.into.asset}", len(facts), len(days))
            with suppress(IndexError):  # the second process took the last day
                day = waiting.popleft()
                facts[day] = rebuilt(store, operation, day)
            if not second and _is_worth_it(store, time.monotonic() - started, len(facts), len(waiting)):
                second = threading.Thread(target=_second_process, args=(operation, waiting, facts))
                second.start()
    finally:
        waiting.clear()  # after an error no other day begins
        if second:
            second.join()
    done = {day: facts.get(day) or rebuilt(store, operation, day) for day in days}
    progress(f"Transform {operation.into.asset}", len(done), len(days))
    return done


def rebuilt(store: LocalStore, operation: Transform, day: str) -> Facts:
    """Rebuild one day from all its raw objects; return its facts."""
    recipe, uri = operation.recipe, f"{operation.into.uri}/{segment(day)}"
    # Without the lock, of two runs at once the one with older raw objects could write last.
    with store.alone(uri), uncollected():
        own = _named(store, operation.source, (day,))
        near = [each for each in around(day, recipe.spread) if each != day]
        others = _named(store, operation.source, near)
        others = {name: others[name] for name in others.keys() - own.keys()}  # a copy counts once
        if compiled(recipe):
            rows, decoded = table_of(recipe, day, _bodies(store, own))
        else:
            decoded = reference.decode(recipe, day, _pairs(store, own), _pairs(store, others))
            rows = reference.rows_frame(recipe, decoded.rows)
        _quarantine(store, operation, day, decoded)
        table = reference.settled(recipe, rows)
        notices = record(store, operation, day, decoded.new)
        body = reference.parquet(table)
        store.put(f"{uri}/part-0.parquet", body)
        count = len(own) + len(others)
        return Facts(table.height, len(body), count, version_of(body), len(decoded.bad), notices=notices)


def _named(store: LocalStore, source: Ref, days: Iterable[str]) -> dict[str, tuple[RawKey, str]]:
    """Return the keys and URIs of the raw objects of an asset and some days, by name."""
    return {
        uri.rsplit("/", 1)[1]: (key, uri)
        for day in days
        for uri in store.list(f"{source.uri}/{segment(day)}")
        if (key := parse_raw_key(uri)) and key.asset == source.asset
    }


def _bodies(store: LocalStore, named: Mapping[str, tuple[RawKey, str]]) -> Iterator[RawObject]:
    """Yield the objects, oldest retrieval first; each is read when it is needed."""
    order = sorted(named, key=lambda name: (named[name][0].retrieved, name))
    return ((named[name][0], name, store.get(named[name][1])) for name in order)


def _pairs(store: LocalStore, named: Mapping[str, tuple[RawKey, str]]) -> Iterator[tuple[str, bytes]]:
    return ((name, store.get(uri)) for name, (_, uri) in named.items())


def _quarantine(store: LocalStore, operation: Transform, day: str, decoded: reference.Decoded) -> None:
    """Write the rows that do not fit to quarantine; raise PlatformError if the recipe allows none."""
    uri = f"{operation.quarantine.uri}/{segment(day)}/part-0.jsonl"
    if not decoded.bad:
        store.delete(uri)
        return
    store.put(uri, reference.quarantine(decoded))
    if operation.recipe.on_bad_row == "fail":
        first, number = decoded.bad[0], len(decoded.bad)
        text = f"{number} rows are not valid, the first in {first['object']}: {first['reason']}."
        raise PlatformError(f"{operation.into.asset} {day}: {text} See {uri}.")


# --- a second process -------------------------------------------------------------------------------


def _is_worth_it(store: LocalStore, seconds: float, done: int, waiting: int) -> bool:
    left = seconds / done * waiting if done else 0.0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return isinstance(store, FileStore) and left > WORTH_SECONDS and (cores or 1) > 1


def _second_process(operation: Transform, waiting: "deque[str]", facts: dict[str, Facts]) -> None:
    """Let another process rebuild days until none are left; days that fail there are not in ``facts``."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    with (
        suppress(OSError, IndexError, ValueError),
        subprocess.Popen(
            WORKER,
            env=environment,
            encoding="utf-8",
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        _answer(process, to_json(operation))
        while True:
            day = waiting.popleft()
            facts[day] = msgspec.json.decode(_answer(process, day), type=Facts)


def _answer(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin and process.stdout
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def serve() -> None:
    """Run as the second process: read an operation from the first line of input, then a day per line.

    Write a line for each: the facts of the day, or ``null`` if it failed. The process ends when the input
    ends, also if the first process was killed.
    """
    operation = from_json(sys.stdin.readline())
    assert isinstance(operation, Transform)
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer = msgspec.json.encode(rebuilt(FileStore(), operation, line.strip())).decode()
        except Exception:  # noqa: BLE001 - the day is done again by the first process, which reports it
            answer = "null"
        print(answer, flush=True)


if __name__ == "__main__":
    gc.freeze()  # loaded modules stay: do not search them for garbage at the end
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # both are files
    serve()
