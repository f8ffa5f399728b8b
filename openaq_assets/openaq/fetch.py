"""``Fetch`` carried out: answers of the API, each stored once, byte for byte, and the facts of their days."""

import asyncio
import dataclasses
import datetime as dt
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from openaq_assets.errors import PlatformError
from openaq_assets.graph import partitions
from openaq_assets.graph.operations import digest
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key, raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.client import Answer, Client, utcnow
from openaq_assets.openaq.inventory import Sensor, is_requested, sensors_to_fetch
from openaq_assets.openaq.limiter import Limiter, Sleep
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.requests import Endpoint, Window, key_parts
from openaq_assets.openaq.retries import Unanswered, Withdrawn
from openaq_assets.openaq.settings import Api
from openaq_assets.platforms import ObjectStore, Progress, silent

Span = tuple[str, str]
Subject = tuple[str, ...]
Result = TypeVar("Result")
_STAMP = "%Y%m%dT%H%M%SZ"
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(slots=True)
class RawPartition:
    """The raw objects of one asset and day, and the facts that this run adds."""

    store: ObjectStore
    uri: str
    asset: str
    keys: set[RawKey] = field(default_factory=set)
    newest: dict[str, RawKey] = field(default_factory=dict)
    seen: dict[Subject, dict[Span, dt.datetime]] = field(default_factory=dict)
    whole: dict[Subject, dict[Span, dt.datetime]] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    failures: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, store: ObjectStore, operation: Fetch, day: str) -> "RawPartition":
        """Return the partition as it is stored, from one listing."""
        partition = cls(store, f"{operation.into.uri}/{partitions.segment(day)}", operation.into.asset)
        for uri in store.list(partition.uri):
            key = parse_raw_key(uri)
            if key and key.asset == partition.asset:
                partition.note(key)
        return partition

    def note(self, key: RawKey) -> None:
        """Add an object that is stored."""
        self.keys.add(key)
        latest = self.newest.get(key.request, key)
        self.newest[key.request] = max(latest, key, key=lambda known: (known.retrieved, known.digest))
        subject, span = subject_of(key)
        is_whole = key.values.get("page") == "0001"  # stored last: if it is there, the answer is complete
        for known in (self.seen, self.whole) if is_whole else (self.seen,):
            spans = known.setdefault(subject, {})
            spans[span] = max(spans.get(span, key.retrieved), key.retrieved)

    def answered(self, parts: Mapping[str, str], window: Window, since: dt.datetime) -> bool:
        """Return whether a request about a window was answered in full, at or after a moment."""
        subject = tuple(f"{name}={value}" for name, value in parts.items())
        reached, end = _stamps(window)
        for (first, last), moment in sorted(self.whole.get(subject, {}).items()):
            if moment >= since and first <= reached < last:
                reached = last
        return reached >= end

    def key_for(self, answer: Answer, parts: Mapping[str, str], extension: str) -> RawKey | None:
        """Return the name to store an answer under; None if it says nothing new."""
        key = raw_key(self.asset, parts, answer.retrieved, answer.body, extension)
        latest = self.newest.get(key.request)
        known = [latest.retrieved] if latest else []
        rivals = self._rivals(key)
        # The latest row counts. So an old answer must be stored again after a newer answer to another
        # window that says something else about the same hours.
        if latest and latest.digest == key.digest and max(rivals + known) == known[0]:
            return None
        # With two answers in a second, or a clock set back, the newer answer must still be the latest.
        after = [moment + dt.timedelta(seconds=1) for moment in known + rivals]
        return dataclasses.replace(key, retrieved=max([key.retrieved, *after]))

    def _rivals(self, key: RawKey) -> list[dt.datetime]:
        """Return the times at which other windows that overlap this one were last answered."""
        subject, span = subject_of(key)
        spans = self.seen.get(subject, {}).items()
        return [moment for other, moment in spans if other != span and overlap(other, span)]

    async def keep(self, answer: Answer, parts: Mapping[str, str], extension: str = "json") -> None:
        """Store an answer unless it says nothing new; count it either way."""
        if key := self.key_for(answer, parts, extension):
            # In a thread, so that a slow store does not delay the other requests.
            uri = f"{self.uri}/{key}"
            await asyncio.to_thread(self.store.put_new, uri, answer.body, _metadata(answer))
            self.note(key)
        self.rows += len(answer.rows)
        self.bytes += len(answer.body)

    def facts(self) -> Facts:
        """Return the facts of the day as it is stored now."""
        failures = tuple(sorted(self.failures))
        return Facts(self.rows, self.bytes, len(self.keys), version_of(self.keys), failures=failures)


def _stamps(window: Window) -> tuple[str, str]:
    first, last = (moment.astimezone(dt.UTC).strftime(_STAMP) for moment in window)
    return first, last


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one day: the pages of an inventory, or those of one sensor."""

    partition: RawPartition
    about: object
    parts: Mapping[str, str]
    pages: Callable[[], AsyncIterator[Answer]]
    window: Window | None = None

    async def carry_out(self) -> None:
        """Store each page; a page that fails is a failure of the day, a removed sensor a notice."""
        try:
            async for answers in _by_window(self.pages()):
                for answer in reversed(answers):
                    await self.partition.keep(answer, self._parts(answer))
        except Withdrawn as reason:
            _log.warning("%s no longer exists: %s", self.about, reason)
        except Unanswered as reason:
            self.partition.failures.append(f"{self.about}: {reason}")
            _log.error("%s: %s", self.about, reason)

    def _parts(self, answer: Answer) -> dict[str, str]:
        parts = {**self.parts, "page": f"{answer.page:04d}"}
        if answer.window and answer.window != self.window:
            parts["from"], parts["to"] = _stamps(answer.window)
        return parts


async def _by_window(pages: AsyncIterator[Answer]) -> AsyncIterator[list[Answer]]:
    """Yield the pages of each window together, as soon as the window is complete."""
    held: list[Answer] = []
    async for answer in pages:
        if held and answer.window != held[-1].window:
            yield held
            held = []
        held.append(answer)
    if held:
        yield held


def fetch(
    operation: Fetch,
    store: ObjectStore,
    api: Api,
    progress: Progress = silent,
    *,
    now: Callable[[], dt.datetime] = utcnow,
    limiter: Limiter | None = None,
    sleep: Sleep = asyncio.sleep,
    read_timeout: float = 30.0,
) -> Mapping[str, Facts]:
    """Store the answers of a bound ``Fetch``; return the facts of each of its days afterwards.

    ``rows`` and ``bytes`` are of the answers of this run, ``objects`` and ``version`` of all that is stored.
    ``failures`` name the sensors whose requests failed; they keep what they had before. Raises PlatformError
    if every request must fail (a refused key); what was stored stays.
    """

    async def main() -> Mapping[str, Facts]:
        async with Client(api, limiter, now=now, sleep=sleep, read_timeout=read_timeout) as client:
            days = {day: RawPartition.open(store, operation, day) for day in operation.into.partitions}
            if operation.endpoint == "locations":
                requests = _about_locations(operation, client, days)
            else:
                sensors = sensors_to_fetch(operation, store, now().astimezone(dt.UTC).date())
                requests = _requests_of_sensors(operation, client, days, sensors)
            tasks = [request.carry_out for request in requests]
            await run_all(tasks, api.concurrency, partial(progress, f"Fetch {operation.endpoint}"))
        return {day: partition.facts() for day, partition in days.items()}

    return in_a_loop(main())


def _about_locations(operation: Fetch, client: Client, days: Mapping[str, RawPartition]) -> list[Request]:
    if len(days) != 1:
        raise PlatformError(
            f"the list of locations can be fetched only for the current day, not for {len(days)} days."
        )
    (partition,) = days.values()
    return [
        Request(partition, selector, key_parts(selector), partial(client.locations, selector))
        for selector in operation.locations
    ]


def _requests_of_sensors(
    operation: Fetch, client: Client, days: Mapping[str, RawPartition], sensors: Sequence[Sensor]
) -> list[Request]:
    """Return the requests that have no final answer yet, so that a killed run continues there."""
    requests = []
    for day, partition in days.items():
        window = partitions.window(day)
        final = window[1] + dt.timedelta(hours=operation.settled_after_hours)
        for sensor in sensors:
            parts = {"location": str(sensor.location), "sensor": str(sensor.id)}
            if not is_requested(operation, sensor, day):
                continue
            if operation.again or not partition.answered(parts, window, final):
                pages = partial(client.sensor_pages, cast(Endpoint, operation.endpoint), sensor.id, window)
                requests.append(Request(partition, sensor, parts, pages, window))
    return requests


async def run_all(
    tasks: Sequence[Callable[[], Awaitable[None]]], concurrency: int, progress: Callable[[int, int], None]
) -> None:
    """Carry out all tasks, some at a time; raise the first error that must stop the run."""
    if not tasks:
        return
    ahead, done = iter(tasks), 0
    progress(0, len(tasks))

    async def work() -> None:
        nonlocal done
        for task in ahead:
            await task()
            done += 1
            progress(done, len(tasks))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(tasks))):
                group.create_task(work())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


def in_a_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, also if the caller is inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, main).result()


def _metadata(answer: Answer) -> dict[str, str]:
    """Return the facts of an answer beside its body, fit for the headers of an object store."""
    return {
        "url": answer.url,
        "status": str(answer.status),
        "retrieved": answer.retrieved.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        **{name: value.encode("ascii", "replace").decode() for name, value in answer.headers.items()},
    }


def subject_of(key: RawKey) -> tuple[Subject, Span]:
    """Return the subject of an object, and its window as two stamps; a whole day is wider than any."""
    parts = dict(key.parts)
    parts.pop("page", None)
    span = (parts.pop("from", ""), parts.pop("to", "~"))
    return tuple(f"{name}={value}" for name, value in parts.items()), span


def overlap(first: Span, second: Span) -> bool:
    """Return whether two windows have hours in common."""
    return first[0] < second[1] and second[0] < first[1]


def version_of(keys: Iterable[RawKey]) -> str:
    """Return the version of a day: a digest of every answer that had something new.

    The latest row counts, so an answer is new again after an answer about the same hours with another window.
    Two extractions at the same time may store an answer twice, which changes nothing here.
    """
    answers: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
    latest: dict[Subject, dict[str, tuple[Span, str]]] = {}
    for key in sorted(keys, key=lambda key: (key.retrieved, str(key))):
        subject, span = subject_of(key)
        known = latest.setdefault(subject, {})
        rivals = sorted(
            (request, content)
            for request, (other, content) in known.items()
            if other != span and overlap(other, span)
        )
        news = answers.setdefault(key.request, [])
        if not news or news[-1] != (key.digest, rivals):
            news.append((key.digest, rivals))
        known[key.request] = span, key.digest
    return digest(answers)
