"""The API as a FastAPI application: its routes, and how refusals are worded."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from .answers import JSON, answer, json_response
from .errors import Intercepted
from .gates import Admission, admit
from .parameters import Criteria, criteria_reader, request_model
from .render import text_of
from .routes import ROUTES, Answer

Endpoint = Callable[..., Awaitable[Response]]
Admitted = Annotated[Admission, Depends(admit)]


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
    """Make the function that answers a path."""
    read = Depends(criteria_reader(request_model(path, names)))

    async def respond(request: Request, admitted: Admitted, criteria: Criteria = read) -> Response:
        return answer(request, admitted, make, criteria)

    return respond


async def _ping(request: Request, admitted: Admitted) -> Response:
    """Answer that the API is there."""
    request.state.endings = admitted.struck
    return json_response(request, 200, '{"ping":"pong!"}', JSON | dict(admitted.rate_headers))


def _application() -> FastAPI:
    """Make the application; it keeps no state, so one serves every simulator."""
    handlers: dict[int | type[Exception], Any] = {
        HTTPException: _refuse, RequestValidationError: _refuse_types, Intercepted: _intercept,
    }  # fmt: skip
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers=handlers)
    app.add_api_route("/ping", _ping, response_model=None)
    for path, (make, names) in ROUTES.items():
        app.add_api_route(path, _endpoint(path, make, names), response_model=None)
    return app


API = _application()
