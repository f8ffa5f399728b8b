"""Checks before a request is answered: the firewall, its key, the rate limit, faults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import HTTPException, Request, Response

from .errors import Broken, Intercepted
from .faults import Fault
from .state import KEY, State, Usage, key_hash

NO_KEY = "Unauthorized. A valid API key must be provided in the X-API-Key header."
GONE = (
    "Gone. Version 1 and Version 2 API endpoints are retired and no longer available. "
    "Please migrate to Version 3 endpoints."
)
BLOCKED = "Forbidden. violation of rate limit policy. Contact dev@openaq.org"
HTML = "<html>\r\n<body>\r\n<center><h1>{}</h1></center>\r\n</body>\r\n</html>\r\n"
#: Faults that replace the real answer: status, type, body.
GATEWAYS: Mapping[str, tuple[int, str, str]] = {
    "502html": (502, "text/html", HTML.format("502 Bad Gateway")),
    "503": (503, "application/json", '{"message":"Service Unavailable"}'),
    "504": (504, "application/json", '{"message":"Endpoint request timed out"}'),
    "403": (403, "application/json", json.dumps({"message": BLOCKED})),
    "not_json": (200, "text/html", HTML.format("Maintenance")),
}


@dataclass(frozen=True)
class Admission:
    """The result of the checks: the faults that strike a request, and its rate headers."""

    struck: Mapping[str, Fault]
    rate_headers: Mapping[str, str]


def key_of(request: Request) -> str:
    """Return the API key that was sent, or an empty text."""
    return request.headers.get("x-api-key", "").strip()


def firewall(request: Request) -> Response | None:
    """Return the answer of the firewall in front of the API; None if it lets the request pass."""
    path = request.scope["path"]
    if request.scope["http_version"] > "1.1":
        headers = {"content-type": "text/plain; charset=utf-8", "connection": "close"}
        return Response("Invalid HTTP request received.", 400, headers)
    if not request.state.simulator.edge:
        return None
    if "/v3/" in path and not key_of(request):
        status, message = 401, NO_KEY
    elif "/v1/" in path or "/v2/" in path:
        status, message = 410, GONE
    else:
        return None
    body = json.dumps({"message": message})
    return Response(body, status, {"content-type": "application/json"})


async def admit(request: Request) -> Admission:
    """Check the key, count the request, and apply the faults that need no parameters."""
    simulator: State = request.state.simulator
    key = key_of(request)
    if not _accepts(simulator, key):
        raise HTTPException(401, "Invalid credentials")
    struck = _struck(simulator, request)
    usage = _usage(simulator, key, struck, request.state.now.timestamp())
    headers = usage.headers if usage and "no_rate_headers" not in struck else {}
    if usage and usage.refused:
        raise HTTPException(429, "Too many requests", headers)
    for name, answer in GATEWAYS.items():
        if name in struck:
            raise Intercepted(*answer)
    if struck.keys() & {"500", "500once"}:
        raise Broken
    return Admission(struck, headers)


def _accepts(simulator: State, key: str) -> bool:
    """Return whether the key is a known one, or has the shape of one."""
    if simulator.keys is not None:
        return key in simulator.keys
    return bool(key) if simulator.lenient else bool(KEY.fullmatch(key))


def _struck(simulator: State, request: Request) -> dict[str, Fault]:
    """Return the faults that strike this request, by name."""
    name, text = next(iter(request.path_params.items()), ("", ""))
    text = text.strip()
    number = int(text) if text.isdecimal() and len(text) < 20 else None
    sensor = number if name in ("sensors_id", "sensor_id") else None
    location = number if name == "locations_id" else None
    if sensor is not None and (known := simulator.world.sensors.get(sensor)):
        location = known.location_id
    return simulator.switches.strike(request.scope["path"], target_of(request), sensor, location)


def target_of(request: Request) -> str:
    """Return a request's path and query in one order of its parameters."""
    return f"{request.scope['path']}?{sorted(request.query_params.items())}"


def _usage(simulator: State, key: str, struck: Mapping[str, Fault], now: float) -> Usage | None:
    """Count the request against its key; return the usage, which faults may change."""
    usage = simulator.counters.count(key_hash(key), now) if "429burst" not in struck else None
    if burst := struck.get("429burst"):
        usage = Usage(60, 60, burst.value or 1, refused=True)
    if usage and (fault := struck.get("reset_minus2")):
        usage = replace(usage, reset=-2 if fault.value is None else fault.value)
    return usage
