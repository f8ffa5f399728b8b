"""The API as a FastAPI application: its routes, from an admitted request to its answer, and its refusals."""

import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from .admission import Admission, admit, target_of
from .errors import Intercepted, timed_out
from .faults import ROW_FAULTS, Fault
from .parameters import Criteria, criteria_reader, request_model
from .render import text_of
from .routes import ROUTES, Answer
from .state import State
from .world import View

Endpoint = Callable[..., Awaitable[Response]]
Admitted = Annotated[Admission, Depends(admit)]
JSON = {"content-type": "application/json"}
_VIEW_FAULTS = ROW_FAULTS | {"corrected_hour", "renamed", "vanished"}


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


def json_response(request: Request, status: int, body: str, headers: Mapping[str, str] = JSON) -> Response:
    """Return an answer of the API's program: headers of caches follow those given."""
    content, headers = body.encode(), dict(headers)
    if status < 500 and request.method in ("GET", "HEAD"):
        headers["cache-control"] = "public, max-age=900"
    headers["vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        content = _packed(content)
    return Response(content, status, headers)


def answer(request: Request, admission: Admission, make: Answer, criteria: Criteria) -> Response:
    """Answer a request whose parameters are right."""
    struck = admission.struck
    if "timeout_408" in struck and _times_out(struck["timeout_408"], criteria):
        raise timed_out()
    if "db_error" in struck:
        raise HTTPException(500, "some database error text")
    body = _remembered(request, struck, make, criteria)
    if "pretty" in struck:
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    request.state.endings = struck
    return json_response(request, 200, body, JSON | dict(admission.rate_headers))


def _times_out(fault: Fault, criteria: Criteria) -> bool:
    """Return whether the query is too deep, or its window too long, for the database."""
    if fault.window_days is None:
        return criteria.offset >= (4000 if fault.after_offset is None else fault.after_offset)
    start, end = criteria.values.get("datetime_from"), criteria.values.get("datetime_to")
    long = start is None or end is None or (end - start).days >= fault.window_days
    return long or (fault.after_offset is not None and criteria.offset >= fault.after_offset)


def _remembered(request: Request, struck: Mapping[str, Fault], make: Answer, criteria: Criteria) -> str:
    """Return the body, which may be as old as the simulator's cache staleness."""
    simulator: State = request.state.simulator
    now: float = request.state.now.timestamp()
    fault = struck.get("stale900")
    staleness = fault.seconds or 0.0 if fault else simulator.cache_staleness.total_seconds()
    written, body = simulator.cache.get(target_of(request), (now, ""))
    if not body or now - written >= staleness:
        body = _document(request, struck, make, criteria)
        if staleness:
            simulator.cache[target_of(request)] = now, body
    return body


def _document(request: Request, struck: Mapping[str, Fault], make: Answer, criteria: Criteria) -> str:
    """Wrap the rows of a page in the API's meta."""
    shown = criteria
    if "duplicate_page" in struck:
        shown = replace(criteria, values={**criteria.values, "page": 1})
    page = make(_view(request), shown)
    total = f">{criteria.limit}" if "found_string" in struck else page.total
    meta = {
        "name": "openaq-api",
        "website": "/",
        "page": criteria.page,
        "limit": criteria.limit,
        "found": total,
    }
    return f'{{"meta":{text_of(meta)},"results":[{",".join(page.results)}]}}'


def _view(request: Request) -> View:
    """Return the world at this moment, under the faults that change its rows."""
    simulator: State = request.state.simulator
    faults = tuple(
        replace(fault, path=None)
        for fault in list(simulator.faults)
        if fault.name in _VIEW_FAULTS and (fault.path is None or fault.path in request.scope["path"])
    )
    now = int(request.state.now.timestamp() // 1)
    return View(simulator.world, now, faults, simulator.null_raw_breaks)


async def _refuse(request: Request, error: HTTPException) -> Response:
    """Answer `{"detail": ...}`."""
    headers = dict(error.headers or {}) | JSON
    return json_response(request, error.status_code, text_of({"detail": error.detail}), headers)


async def _refuse_types(request: Request, error: RequestValidationError) -> Response:
    """Answer the errors as Python writes them, as one JSON text."""
    return json_response(request, 422, text_of(str(error.errors())))


async def _intercept(request: Request, error: Intercepted) -> Response:
    return error.response


def _endpoint(path: str, make: Answer, names: tuple[str, ...]) -> Endpoint:
    """Return the function that answers a path."""
    read = Depends(criteria_reader(request_model(path, names)))

    async def respond(request: Request, admitted: Admitted, criteria: Criteria = read) -> Response:
        return answer(request, admitted, make, criteria)

    return respond


async def _ping(request: Request, admitted: Admitted) -> Response:
    """Answer that the API is there."""
    request.state.endings = admitted.struck
    return json_response(request, 200, '{"ping":"pong!"}', JSON | dict(admitted.rate_headers))


def _application() -> FastAPI:
    """Return the application; it keeps no state, so one serves every simulator."""
    handlers: dict[int | type[Exception], Any] = {
        HTTPException: _refuse,
        RequestValidationError: _refuse_types,
        Intercepted: _intercept,
    }
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers=handlers)
    app.add_api_route("/ping", _ping, response_model=None)
    for path, (make, names) in ROUTES.items():
        app.add_api_route(path, _endpoint(path, make, names), response_model=None)
    return app


API = _application()
