"""Query checking with the OpenAQ API's own three shapes of 422 and its plain-text 500."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from .readers import READERS, Problem, Value, Wrong, problem_of, read_country_id, read_integer
from .routes import Match

BBOX = r"-?\d{1,3}\.?\d*,-?\d{1,2}\.?\d*,-?\d{1,3}\.?\d*,-?\d{1,2}\.?\d*"


@dataclass(frozen=True)
class Refusal(Exception):
    """A request the API does not answer: status, body and whether the body is plain text."""

    status: int
    body: bytes
    plain: bool = False


@dataclass(frozen=True)
class Parsed:
    """A checked request: its path id and the values of the parameters that were sent."""

    id: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """Rows per page; 100 unless asked."""
        return int(self.values.get("limit", 100))

    @property
    def page(self) -> int:
        """Page number; 1 unless asked."""
        return int(self.values.get("page", 1))

    @property
    def offset(self) -> int:
        """Rows before this page; beyond any table it does not matter how far."""
        return min((self.page - 1) * self.limit, 1 << 40)


def compact(value: object) -> bytes:
    """Give compact JSON with unescaped UTF-8, as the API writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def refuse(status: int, detail: str) -> Refusal:
    """Make the API's `{"detail": ...}` refusal."""
    return Refusal(status, compact({"detail": detail}))


#: What the API answers when its own code raises: 21 bytes of plain text.
BROKEN = Refusal(500, b"Internal Server Error", plain=True)
#: What it answers when its database needs more than six seconds.
TIMED_OUT = refuse(
    408,
    "Connection timed out: Try to provide more specific query parameters or a smaller time frame.",
)


def check(match: Match, query: Mapping[str, str]) -> Parsed:
    """Give the typed request, or raise the `Refusal` the API would answer."""
    path_id, values = _check_types(match, query)
    _check_together(values)
    _check_ranges(match, path_id, values)
    _check_order(values)
    return Parsed(path_id or 0, values)


def _check_types(match: Match, query: Mapping[str, str]) -> tuple[int | None, dict[str, Value]]:
    """Convert the path id and known parameters; wrong types are refused all at once."""
    path_id: int | None = None
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    name = match.route.path_id
    if name and match.id_text is not None:
        reader = read_country_id if name == "countries_id" else read_integer
        try:
            path_id = reader(match.id_text, ("path", name))
        except Wrong as wrong:
            problems.extend(wrong.problems)
    for known in match.route.query:
        if known in query:
            try:
                values[known] = READERS[known](query[known], ("query", known))
            except Wrong as wrong:
                problems.extend(wrong.problems)
    if problems:
        _refuse_text(str(problems))
    return path_id, values


def _refuse_text(message: str) -> NoReturn:
    raise Refusal(422, compact(message))


def _check_together(values: Mapping[str, Value]) -> None:
    """Refuse combinations for which the API's own code raises."""
    spatial = "coordinates" in values or "radius" in values
    if "bbox" in values and spatial:
        raise BROKEN
    if ("coordinates" in values) != ("radius" in values):
        raise BROKEN
    if "iso" in values and "countries_id" in values:
        raise BROKEN


def _check_ranges(match: Match, path_id: int | None, values: dict[str, Value]) -> None:
    problems: list[Problem] = []
    broken = False
    name = match.route.path_id
    names = list(match.route.query)
    if name:
        names = [*names, name] if match.route.id_last else [name, *names]
    for known in names:
        value = path_id if known == name else values.get(known)
        if value is None:
            continue
        problem, raises = _range_problem(known, value, known == name, values)
        problems += [problem] if problem else []
        broken = broken or raises
    if broken:
        raise BROKEN
    if problems:
        detail = [_with_url(problem) for problem in problems]
        raise Refusal(422, compact({"detail": detail}))


def _with_url(problem: Problem) -> Problem:
    return problem | {"url": f"https://errors.pydantic.dev/2.11/v/{problem['type']}"}


def _range_problem(
    name: str, value: Value, is_id: bool, values: dict[str, Value]
) -> tuple[Problem | None, bool]:
    """Check one value: a problem to report, and whether the API's own code raises on it."""
    loc = ("query", name)
    if is_id:
        msg = "Input should be greater than or equal to 1"
        return (
            problem_of("greater_than_equal", loc, msg, value, ge=1) if value < 1 else None
        ), False
    if name in ("limit", "page"):
        return _paging_problem(name, value), False
    if name in ("iso", "coordinates", "bbox"):
        return _text_problem(name, value, values)
    return None, False


def _paging_problem(name: str, value: int) -> Problem | None:
    loc = ("query", name)
    if name == "limit" and value > 1000:
        msg = "Input should be less than or equal to 1000"
        return problem_of("less_than_equal", loc, msg, value, le=1000)
    if value <= 0:
        return problem_of("greater_than", loc, "Input should be greater than 0", value, gt=0)
    return None


def _text_problem(name: str, value: str, values: dict[str, Value]) -> tuple[Problem | None, bool]:
    loc = ("query", name)
    text = value.strip()
    if not text:
        msg = "String should have at least 1 character"
        return problem_of("string_too_short", loc, msg, value, min_length=1), False
    if name == "bbox" and not re.search(BBOX, text):
        msg = f"String should match pattern '{BBOX}'"
        return problem_of("string_pattern_mismatch", loc, msg, value, pattern=BBOX), False
    if name == "iso":
        values[name] = text
        return None, False
    numbers = _bounded(text, name)
    values[name] = numbers
    return None, numbers is None


def _bounded(text: str, name: str) -> tuple[float, ...] | None:
    """Read coordinates or a box cut to 4 decimals; None where the API's code raises."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
        cut = tuple(_cut(number) for number in numbers)
    except (ValueError, IndexError):
        return None
    if name == "coordinates":
        fits = len(numbers) == 2 and abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180
    else:
        fits = len(numbers) == 4 and _is_box(*numbers)
    return cut if fits else None


def _is_box(west: float, south: float, east: float, north: float) -> bool:
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90


def _cut(number: float) -> float:
    whole, decimals = str(number).split(".")
    return float(f"{whole}.{decimals[:4]}")


def _check_order(values: Mapping[str, Value]) -> None:
    for kind, what in (("datetime", "Date/time"), ("date", "Date")):
        start, end = values.get(f"{kind}_from"), values.get(f"{kind}_to")
        if start is None or end is None:
            continue
        if (start.tzinfo is None) != (end.tzinfo is None):
            raise BROKEN
        if end <= start:
            than = "date/time to" if kind == "datetime" else "date to"
            _refuse_text(f"{what} from must be older than the {than}. User passed {start} - {end}")
