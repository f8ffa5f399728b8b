"""The OpenAQ API over HTTP: every answer verified, within the limits, byte for byte as it came."""

import asyncio
import datetime as dt
import html
import importlib.metadata
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import httpx

from openaq_assets.openaq import requests as questions
from openaq_assets.openaq.limiter import Limiter, Sleep, limiter_of
from openaq_assets.openaq.requests import LIMIT, Endpoint, Question, Window
from openaq_assets.openaq.retries import Broken, Refused, Throttled, TooMuch, Unanswered, Withdrawn, retrying
from openaq_assets.openaq.settings import Api

#: Offsets from 4000 on end in 408: a window of more rows is cut instead.
_DEEPEST_PAGE = 4
_MAX_PAGES = 200
_SLOWEST = 120.0
_KEPT_HEADERS = ("content-type", "content-encoding", "date", "via", "x-cache")
_REMEDIES = {
    401: "Check OPENAQ_API_KEY.",
    403: "Check OPENAQ_API_KEY; if the address is blocked, wait and write to dev@openaq.org.",
    405: "Check the API's url in conf/environments.yaml.",
    410: "Check the API's url in conf/environments.yaml: it must end with /v3.",
    422: "Check the locations and days that were asked for.",
}
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(frozen=True, slots=True)
class Answer:
    """One page: ``body`` is what came over the wire, byte for byte: no encoding is asked for.

    A server that compresses all the same has only that undone.

    ``url`` holds the parameters and never the key; ``headers`` are those worth keeping; ``window``
    is the one that was asked for in the end; ``rows`` are the parsed ``results``.
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
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


class Client:
    """Answers of one API with one key. Enter it (``async with``) before asking.

    All clients of a key share the ``limiter`` of the process unless given another.
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
                "User-Agent": f"openaq-assets/{_version()}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # the raw layer keeps bytes as received
            },
            timeout=httpx.Timeout(10.0, read=read_timeout, pool=None),
            limits=httpx.Limits(max_connections=api.concurrency, keepalive_expiry=90.0),
            follow_redirects=False,  # the key would go along
            trust_env=url.host not in ("127.0.0.1", "localhost", "::1"),  # no proxy to ourselves
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def locations(self, selector: str) -> AsyncIterator[Answer]:
        """The pages of an inventory: ``country=VN``, ``id=2178``, ``bbox=W,S,E,N``,
        ``near=LAT,LON,METRES``."""
        async for answer in self._whole(questions.about_locations(selector)):
            yield answer

    async def latest(self, location: int) -> AsyncIterator[Answer]:
        """The newest row of each sensor of a location."""
        async for answer in self._whole(questions.about_latest(location)):
            yield answer

    async def sensor_pages(self, endpoint: Endpoint, sensor: int, window: Window) -> AsyncIterator[Answer]:
        """The rows of a sensor with period end in ``(from, to]``, in time order.

        A window too large for the API is halved, down to an hour; each part given is whole.
        """
        ahead = [window]
        while ahead:
            window = ahead.pop()
            question = questions.about_sensor(endpoint, sensor, window)
            try:
                answers = [one async for one in self._pages(question, _DEEPEST_PAGE)]
            except TooMuch as reason:
                parts = questions.halves(window, endpoint)
                if not parts:
                    raise Unanswered(f"{reason} (the window cannot be cut further)") from None
                _log.info("%s: %s; its window is halved", question.path, reason)
                ahead.extend(reversed(parts))
                continue
            for answer in answers:
                yield answer

    async def _whole(self, question: Question) -> AsyncIterator[Answer]:
        try:
            async for answer in self._pages(question, _MAX_PAGES):
                yield answer
        except TooMuch as reason:
            raise Unanswered(str(reason)) from None

    async def _pages(self, question: Question, most: int) -> AsyncIterator[Answer]:
        before: list[Any] = []
        for number in range(1, most + 1):
            answer, size = await self._page(question, number)
            if wrong := questions.disagreement(question, answer.rows, before):
                raise Unanswered(f"an answer not worth storing: {wrong}")
            yield answer
            if not question.paged or len(answer.rows) < size:
                return
            before = answer.rows
        raise TooMuch(f"more than {most} full pages")

    async def _page(self, question: Question, number: int) -> tuple[Answer, int]:
        """The page and how many rows make it full, after all retries."""
        try:
            return await retrying(self._sleep)(self._ask, question, number)
        except (Broken, Throttled) as reason:
            raise Unanswered(reason.told()) from None

    async def _ask(self, question: Question, number: int) -> tuple[Answer, int]:
        params = question.page(number)
        response = await self._send(question.path, params)
        if response.status_code != 200:
            self._decline(response)
        try:
            rows, size = rows_of(response.content, LIMIT)
        except ValueError as reason:
            start = self._clean(response.text)[:60]
            raise Broken(f"{reason}, beginning {start!r}") from None
        headers = {
            name: value
            for name, value in response.headers.items()
            if name in _KEPT_HEADERS or name.startswith("x-ratelimit-")
        }
        url, status, now = str(response.url), response.status_code, self._now()
        window, body = question.window, response.content
        return Answer(url, status, headers, params, number, window, now, body, rows), size

    async def _send(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        await self._limiter.turn(self._sleep)
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(_SLOWEST):  # a body that drips never times out by itself
                response = await self._http.get(path.lstrip("/"), params=params)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as reason:
            said = self._clean(str(reason))
            raise Broken(f"{type(reason).__name__}{said and ': '}{said}") from None
        finally:
            got = (response.headers, response.status_code) if response is not None else ({}, 0)
            self._limiter.landed(got[0], throttled=got[1] == 429)
        _log.debug("%s %s", response.status_code, response.url)
        return response

    def _decline(self, response: httpx.Response) -> NoReturn:
        status = response.status_code
        message = f"HTTP {status}: {self._clean(told(response.text))}"
        if status in _REMEDIES:
            url = response.url
            raise Refused(f"OpenAQ refused GET {url}: {message.rstrip('.')}. {_REMEDIES[status]}")
        if status == 404:
            raise Withdrawn(message)
        if status == 408:
            raise TooMuch(message)
        if status == 429:
            raise Throttled(message)
        if status >= 500:
            raise Broken(message)
        raise Unanswered(message)

    def _clean(self, text: str) -> str:
        return " ".join(text.replace(self._key, "***").split())[:300]


def _sendable(key: str) -> str:
    # Checked here, because the errors of an HTTP library would quote the key.
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        wrong = "is not a key (64 hexadecimal digits)" if key else "is missing"
        raise Refused(f"the OpenAQ API key {wrong}. Check OPENAQ_API_KEY.")
    return key


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as reason:
        raise Refused(f"the API's url {text!r}: {reason}. {_REMEDIES[405]}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(f"the API's url {text!r} is not http(s). {_REMEDIES[405]}")
    return url


def _version() -> str:
    try:
        return importlib.metadata.version("openaq-assets")
    except importlib.metadata.PackageNotFoundError:
        return "0"


Kind = TypeVar("Kind")
_MARKUP = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def rows_of(body: bytes, limit: int) -> tuple[list[Any], int]:
    """The ``results``, and how many make a page full; raises ValueError with what it is instead."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("an answer that is not JSON") from None
    rows = _member(document, "results", list)
    if rows is None:
        raise ValueError("an answer without a list of results")
    said = _member(_member(document, "meta", dict), "limit", int) or 0
    # An API that lowers the limit by itself must not make a full page look like the last one.
    return rows, min(limit, said) if said > 0 else limit


def told(text: str) -> str:
    """What an error body says: ``detail`` or ``message``, a JSON string, plain text or HTML."""
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
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, kind) else None


def _field(error: Any) -> str:
    if not isinstance(error, dict) or "msg" not in error:
        return str(error)
    return f"{'.'.join(map(str, error.get('loc', ())))}: {error['msg']}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
