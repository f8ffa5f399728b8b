"""A client of the OpenAQ API over HTTP, within the rate limits, that verifies every answer."""

import asyncio
import datetime as dt
import html
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self, TypeVar

import httpx

from openaq_assets import __version__
from openaq_assets.openaq import requests
from openaq_assets.openaq.limiter import Limiter, Sleep, limiter_of
from openaq_assets.openaq.requests import LIMIT, ApiRequest, Endpoint, Window
from openaq_assets.openaq.retries import Broken, Refused, Throttled, TooMuch, Unanswered, Withdrawn, retrying
from openaq_assets.openaq.settings import Api

#: The API answers 408 to offsets from 4000 on, so a window of more rows is cut.
_DEEPEST_PAGE = 4
_MAX_PAGES = 200
_SLOWEST = 120.0
_KEPT_HEADERS = ("content-type", "content-encoding", "date", "via", "x-cache")
_REMEDIES = {
    401: "Check OPENAQ_API_KEY.",
    403: "Check OPENAQ_API_KEY; if the address is blocked, wait and write to dev@openaq.org.",
    405: "Check the API's url in conf/environments.yaml.",
    410: "Check the API's url in conf/environments.yaml: it must end with /v3.",
    422: "Check the locations and days that were requested.",
}
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of an answer: ``body`` is what came over the wire, byte for byte.

    No encoding is asked for. If a server compresses all the same, only that is undone.

    ``url`` holds the parameters and never the key; ``headers`` are those worth keeping; ``window`` is the one
    that was requested in the end; ``rows`` are the parsed ``results``.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    params: Mapping[str, str]
    page: int
    window: Window | None
    retrieved: dt.datetime
    body: bytes = field(repr=False)
    rows: list[Any] = field(repr=False)


def utcnow() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(dt.UTC)


class Client:
    """A client of one API with one key; enter it (``async with``) before sending requests.

    All clients of a key share the ``limiter`` of the process unless they are given another.
    """

    def __init__(
        self,
        api: Api,
        limiter: Limiter | None = None,
        *,
        now: Callable[[], dt.datetime] = utcnow,
        sleep: Sleep = asyncio.sleep,
        read_timeout: float = 30.0,
    ) -> None:
        self._key = _sendable(api.key)
        self._limiter = limiter or limiter_of(api)
        self._now, self._sleep = now, sleep
        url = _url(api.url)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={
                "X-API-Key": self._key,
                "User-Agent": f"openaq-assets/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # the raw layer keeps bytes as received
            },
            timeout=httpx.Timeout(10.0, read=read_timeout, pool=None),
            limits=httpx.Limits(max_connections=api.concurrency, keepalive_expiry=90.0),
            follow_redirects=False,  # a redirect would receive the key
            trust_env=url.host not in ("127.0.0.1", "localhost", "::1"),  # no proxy to ourselves
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def locations(self, selector: str) -> AsyncIterator[Answer]:
        """Yield the pages of an inventory.

        ``selector`` is ``country=VN``, ``id=2178``, ``bbox=W,S,E,N`` or ``near=LAT,LON,METRES``.
        """
        async for answer in self._whole(requests.about_locations(selector)):
            yield answer

    async def latest(self, location: int) -> AsyncIterator[Answer]:
        """Yield the newest row of each sensor of a location."""
        async for answer in self._whole(requests.about_latest(location)):
            yield answer

    async def sensor_pages(self, endpoint: Endpoint, sensor: int, window: Window) -> AsyncIterator[Answer]:
        """Yield the rows of a sensor with period end in ``(from, to]``, in time order.

        A window too large for the API is halved, down to an hour; each part that is yielded is complete.
        """
        ahead = [window]
        while ahead:
            window = ahead.pop()
            request = requests.about_sensor(endpoint, sensor, window)
            try:
                answers = [answer async for answer in self._pages(request, _DEEPEST_PAGE)]
            except TooMuch as reason:
                parts = requests.halves(window, endpoint)
                if not parts:
                    raise Unanswered(f"{reason} (the time window cannot be made smaller)") from None
                _log.info("%s: %s; its time window is halved", request.path, reason)
                ahead.extend(reversed(parts))
                continue
            for answer in answers:
                yield answer

    async def _whole(self, request: ApiRequest) -> AsyncIterator[Answer]:
        try:
            async for answer in self._pages(request, _MAX_PAGES):
                yield answer
        except TooMuch as reason:
            raise Unanswered(str(reason)) from None

    async def _pages(self, request: ApiRequest, most: int) -> AsyncIterator[Answer]:
        before: list[Any] = []
        for number in range(1, most + 1):
            answer, size = await self._page(request, number)
            if wrong := requests.disagreement(request, answer.rows, before):
                raise Unanswered(f"the answer cannot be used: {wrong}")
            yield answer
            if not request.paged or len(answer.rows) < size:
                return
            before = answer.rows
        raise TooMuch(f"the answer has more than {most} full pages")

    async def _page(self, request: ApiRequest, number: int) -> tuple[Answer, int]:
        """Return the page and the number of rows of a full page, after all retries."""
        try:
            return await retrying(self._sleep)(self._ask, request, number)
        except (Broken, Throttled) as reason:
            raise Unanswered(reason.after_all_tries()) from None

    async def _ask(self, request: ApiRequest, number: int) -> tuple[Answer, int]:
        params = request.page(number)
        response = await self._send(request.path, params)
        if response.status_code != 200:
            self._decline(response)
        try:
            rows, size = rows_of(response.content, LIMIT)
        except ValueError as reason:
            start = self._clean(response.text)[:60]
            raise Broken(f"{reason}; it begins with {start!r}") from None
        headers = {
            name: value
            for name, value in response.headers.items()
            if name in _KEPT_HEADERS or name.startswith("x-ratelimit-")
        }
        url, now, body = str(response.url), self._now(), response.content
        answer = Answer(url, 200, headers, params, number, request.window, now, body, rows)
        return answer, size

    async def _send(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        await self._limiter.turn(self._sleep)
        headers, status = httpx.Headers(), 0
        try:
            async with asyncio.timeout(_SLOWEST):  # a slow body never times out by itself
                response = await self._http.get(path.lstrip("/"), params=params)
            headers, status = response.headers, response.status_code
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as reason:
            text = self._clean(str(reason))
            raise Broken(f"{type(reason).__name__}{text and ': '}{text}") from None
        finally:
            self._limiter.landed(headers, throttled=status == 429)
        _log.debug("%s %s", status, response.url)
        return response

    def _decline(self, response: httpx.Response) -> NoReturn:
        status = response.status_code
        message = f"HTTP {status}: {self._clean(error_text(response.text))}"
        if status in _REMEDIES:
            url = response.url
            raise Refused(f"OpenAQ refused GET {url}: {message.rstrip('.')}. {_REMEDIES[status]}")
        kinds = {404: Withdrawn, 408: TooMuch, 429: Throttled}
        raise kinds.get(status, Broken if status >= 500 else Unanswered)(message)

    def _clean(self, text: str) -> str:
        return " ".join(text.replace(self._key, "***").split())[:300]


def _sendable(key: str) -> str:
    # Checked here, because the errors of an HTTP library would quote the key.
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        wrong = "is not valid (it must be 64 hexadecimal digits)" if key else "is missing"
        raise Refused(f"the OpenAQ API key {wrong}. Check OPENAQ_API_KEY.")
    return key


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as reason:
        raise Refused(f"the API's url {text!r}: {reason}. {_REMEDIES[405]}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(f"the API's url {text!r} does not begin with http:// or https://. {_REMEDIES[405]}")
    return url


Kind = TypeVar("Kind")
_MARKUP = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def rows_of(body: bytes, limit: int) -> tuple[list[Any], int]:
    """Return the ``results`` and the number of rows of a full page; raise ValueError for another body."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    rows = _member(document, "results", list)
    if rows is None:
        raise ValueError("the answer has no list of results")
    lowered = _member(_member(document, "meta", dict), "limit", int) or 0
    # If the API lowers the limit by itself, a full page must not look like the last page.
    return rows, min(limit, lowered) if lowered > 0 else limit


def error_text(text: str) -> str:
    """Return the message of an error body: ``detail`` or ``message``, a JSON string, plain text or HTML."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return html.unescape(_MARKUP.sub(" ", text))
    if isinstance(body, dict):
        body = body.get("detail", body.get("message", body))
    if isinstance(body, list):
        body = "; ".join(map(_field, body))
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _member(document: Any, name: str, kind: type[Kind]) -> Kind | None:
    member = document.get(name) if isinstance(document, dict) else None
    return member if isinstance(member, kind) else None


def _field(error: Any) -> str:
    if not isinstance(error, dict) or "msg" not in error:
        return str(error)
    return f"{'.'.join(map(str, error.get('loc', ())))}: {error['msg']}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
