"""From a request to its answer: the edge, the key, the rate limit, the route, the faults."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from . import catalogue, inventory
from .faults import ROW_FAULTS, Fault
from .limits import KEY, Counters, Usage, key_hash
from .places import sensor_of
from .routes import Match, find_route
from .series import Page, View, page_of
from .validation import BROKEN, TIMED_OUT, Parsed, Refusal, check, compact, refuse
from .world import World

JSON = ("content-type", "application/json")
CACHED = ("cache-control", "public, max-age=900")
VARY = ("vary", "Accept-Encoding")
HTML = b"<html>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
NO_KEY = "Unauthorized. A valid API key must be provided in the X-API-Key header."
GONE = (
    "Gone. Version 1 and Version 2 API endpoints are retired and no longer available. "
    "Please migrate to Version 3 endpoints."
)
BLOCKED = "Forbidden. violation of rate limit policy. Contact dev@openaq.org"
#: Faults that put another answer in the place of the real one: status, type, body.
INSTEAD: Mapping[str, tuple[int, str, bytes]] = {
    "502html": (502, "text/html", HTML),
    "503": (503, "application/json", b'{"message":"Service Unavailable"}'),
    "504": (504, "application/json", b'{"message":"Endpoint request timed out"}'),
    "403": (403, "application/json", json.dumps({"message": BLOCKED}).encode()),
    "not_json": (200, "text/html", HTML.replace(b"502 Bad Gateway", b"Maintenance")),
}
#: Route name to answer, for what is not a data endpoint or a list.
ANSWERS: Mapping[str, Callable[[View, Parsed], Page]] = {
    "locations": inventory.locations,
    "locations/id": inventory.location,
    "locations/latest": inventory.location_latest,
    "locations/sensors": inventory.location_sensors,
    "locations/flags": inventory.location_flags,
    "sensors/id": inventory.sensor,
    "sensors/flags": inventory.sensor_flags,
    "parameters/latest": inventory.parameter_latest,
    "manufacturers/instruments": catalogue.manufacturer_instruments,
}
_VIEW_FAULTS = ROW_FAULTS | {"corrected_hour", "renamed", "vanished"}


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def key(self) -> str:
        """The API key sent, or an empty text."""
        return self.headers.get("x-api-key", "").strip()


@dataclass(frozen=True)
class Response:
    """An answer; `ending` says how the connection goes on: keep, truncate, reset, close."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ending: str = "keep"
    delay: float = 0.0


@dataclass
class Application:
    """The API without its socket: answers requests about a world at a moment."""

    world: World
    keys: frozenset[str] | None
    counters: Counters
    lenient: bool = False
    edge: bool = True
    null_raw_breaks: bool = False
    staleness: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    _fired: dict[tuple[Fault, str], int] = field(default_factory=dict)
    _stale: dict[tuple[str, str], tuple[float, bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request, now: float) -> Response:
        """Give the answer to a request at `now` (Unix seconds)."""
        refused = self._edge(request) if self.edge else None
        if refused:
            return refused
        match = find_route(request.path)
        if match is None:
            return _finish(request, 404, compact({"detail": "Not Found"}))
        if request.method != "GET":
            plain = _finish(request, 405, compact({"detail": "Method Not Allowed"}))
            return replace(plain, headers=(("allow", "GET"), *plain.headers))
        if not self._accepts(request.key):
            return _finish(request, 401, compact({"detail": "Invalid credentials"}))
        return self._counted(request, match, now)

    def switch(self, faults: list[Fault]) -> None:
        """Switch on these faults and no others, as if none had struck yet."""
        with self._lock:
            self.faults = faults
            self._fired.clear()
            self._stale.clear()

    def _edge(self, request: Request) -> Response | None:
        """Answer for the firewall in front of the API."""
        if "/v3/" in request.path and not request.key:
            return Response(401, (JSON,), json.dumps({"message": NO_KEY}).encode())
        if "/v1/" in request.path or "/v2/" in request.path:
            return Response(410, (JSON,), json.dumps({"message": GONE}).encode())
        return None

    def _accepts(self, key: str) -> bool:
        if self.keys is not None:
            return key in self.keys
        return bool(key) if self.lenient else bool(KEY.fullmatch(key))

    def _struck(self, request: Request, match: Match) -> dict[str, Fault]:
        """Give the faults that strike this request, by name, counting those with `times`."""
        text = (match.id_text or "").strip()
        number = int(text) if text.isdecimal() and len(text) < 20 else None
        about = match.route.name.partition("/")[0]
        sensor = number if match.route.path_id in ("sensors_id", "sensor_id") else None
        location = number if about == "locations" else None
        if sensor is not None and (known := self.world.sensors.get(sensor)):
            location = known.location_id
        found = {}
        for fault in list(self.faults):
            if fault.strikes(request.path, sensor, location) and self._fires(fault, request):
                found[fault.name] = fault
        return found

    def _fires(self, fault: Fault, request: Request) -> bool:
        if fault.times is None:
            return True
        target = "" if fault.name == "429burst" else _target(request)
        with self._lock:
            fired = self._fired.get((fault, target), 0)
            self._fired[fault, target] = fired + 1
        return fired < fault.times

    def _counted(self, request: Request, match: Match, now: float) -> Response:
        """Count the request against its key, then answer it."""
        struck = self._struck(request, match)
        if burst := struck.get("429burst"):
            usage: Usage | None = Usage(60, 60, burst.value or 1, refused=True)
        else:
            usage = self.counters.count(key_hash(request.key), now)
        told = _told(usage, struck)
        if usage and usage.refused:
            return _finish(request, 429, compact({"detail": "Too many requests"}), told)
        for name, (status, kind, body) in INSTEAD.items():
            if name in struck:
                return Response(status, (("content-type", kind),), body)
        if struck.keys() & {"500", "500once"}:
            return refused(request, BROKEN)
        try:
            body = self._body(request, match, struck, now)
        except Refusal as refusal:
            return refused(request, refusal)
        return _ended(_finish(request, 200, body, told), struck)

    def _body(
        self, request: Request, match: Match, struck: Mapping[str, Fault], now: float
    ) -> bytes:
        if match.route.name == "ping":
            return b'{"ping":"pong!"}'
        parsed = check(match, request.query)
        if "timeout_408" in struck and _times_out(struck["timeout_408"], parsed):
            raise TIMED_OUT
        if "db_error" in struck:
            raise refuse(500, "some database error text")
        stale = struck["stale900"].seconds if "stale900" in struck else self.staleness
        body = self._remembered(request, match, parsed, struck, now, stale or 0.0)
        if "pretty" in struck:
            return json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode()
        return body

    def _remembered(
        self, request: Request, match: Match, parsed: Parsed, struck: Mapping[str, Fault],
        now: float, staleness: float,
    ) -> bytes:  # fmt: skip
        """Give the body, up to `staleness` seconds old."""
        target = (_target(request), "")
        if staleness and target in self._stale and now - self._stale[target][0] < staleness:
            return self._stale[target][1]
        page = self._page(request.path, match, parsed, struck, now)
        body = _document(page, parsed, struck)
        if staleness:
            self._stale[target] = (now, body)
        return body

    def _page(
        self, path: str, match: Match, parsed: Parsed, struck: Mapping[str, Fault], now: float
    ) -> Page:
        if "duplicate_page" in struck:
            parsed = replace(parsed, values={**parsed.values, "page": 1})
        shown = tuple(
            replace(fault, path=None) for fault in list(self.faults)
            if fault.name in _VIEW_FAULTS and (fault.path is None or fault.path in path)
        )  # fmt: skip
        view = View(self.world, int(now // 1), shown, self.null_raw_breaks)
        name = match.route.name
        if name in ANSWERS:
            return ANSWERS[name](view, parsed)
        if name in catalogue.LISTS:
            return catalogue.listed(view, name, parsed)
        family, _, rest = name.partition("/")
        if rest == "id":
            return catalogue.by_id(view, family, parsed)
        return page_of(view, sensor_of(view, parsed.id), name, parsed)


def _target(request: Request) -> str:
    return f"{request.path}?{sorted(request.query.items())}"


def _times_out(fault: Fault, parsed: Parsed) -> bool:
    """Tell whether the query is too deep, or its window too long, for the database."""
    if fault.window_days is not None:
        start, end = parsed.values.get("datetime_from"), parsed.values.get("datetime_to")
        long = start is None or end is None or (end - start).days >= fault.window_days
        return long or (fault.after_offset is not None and parsed.offset >= fault.after_offset)
    return parsed.offset >= (4000 if fault.after_offset is None else fault.after_offset)


def _document(page: Page, parsed: Parsed, struck: Mapping[str, Fault]) -> bytes:
    """Wrap a page's rows in the API's meta."""
    found = f">{parsed.limit}" if "found_string" in struck else page.found
    meta = {
        "name": "openaq-api", "website": "/", "page": parsed.page, "limit": parsed.limit,
        "found": found,
    }  # fmt: skip
    rows = ",".join(page.results)
    return b'{"meta":' + compact(meta) + b',"results":[' + rows.encode() + b"]}"


def _told(usage: Usage | None, struck: Mapping[str, Fault]) -> tuple[tuple[str, str], ...]:
    """Give the rate headers as the faults leave them."""
    if usage is None or "no_rate_headers" in struck:
        return ()
    if fault := struck.get("reset_minus2"):
        usage = replace(usage, reset=-2 if fault.value is None else fault.value)
    return usage.headers


def refused(request: Request, refusal: Refusal) -> Response:
    """Give the answer of a refusal."""
    if refusal.plain:
        length = ("content-length", str(len(refusal.body)))
        kind = ("content-type", "text/plain; charset=utf-8")
        return Response(refusal.status, (length, kind), refusal.body)
    return _finish(request, refusal.status, refusal.body)


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


def _finish(
    request: Request, status: int, body: bytes, told: tuple[tuple[str, str], ...] = ()
) -> Response:
    """Give a JSON answer of the API's program with its headers, in their order."""
    headers = [*told, JSON] if status == 429 else [JSON, *told]
    if status < 500 and request.method in ("GET", "HEAD"):
        headers.append(CACHED)
    headers.append(VARY)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers.append(("content-encoding", "gzip"))
        body = _packed(body)
    return Response(status, tuple(headers), body)


def _ended(response: Response, struck: Mapping[str, Fault]) -> Response:
    """Let the connection end as the faults say."""
    if slow := struck.get("slow"):
        response = replace(response, delay=slow.seconds or 0.0)
    if stuck := struck.get("timeout"):
        return replace(response, ending="close", delay=stuck.seconds or 0.0)
    if "reset_connection" in struck:
        return replace(response, ending="reset")
    if "truncate" in struck:
        return replace(response, ending="truncate")
    return response
