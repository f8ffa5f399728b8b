"""Query texts read as numbers, flags, words and moments, with pydantic's words on failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .moments import MomentError, parse_moment

Value = Any
Loc = tuple[str | int, ...]
Problem = dict[str, Any]

TRUE_WORDS = {"1", "on", "t", "true", "y", "yes"}
FALSE_WORDS = {"0", "off", "f", "false", "n", "no"}
#: More digits are refused, as Python and pydantic do.
LONGEST_NUMBER = 4300
_INT = re.compile(r"\s*([+-]?\d+(?:_\d+)*)(?:\.0+)?\s*", re.ASCII)


class Wrong(Exception):
    """A text of the wrong type; its argument lists the problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


def problem_of(kind: str, loc: Loc, msg: str, given: object, **ctx: object) -> Problem:
    """Make an error entry as pydantic words it."""
    problem = {"type": kind, "loc": loc, "msg": msg, "input": given}
    return problem | ({"ctx": ctx} if ctx else {})


def read_integer(text: str, loc: Loc) -> int:
    """Read a whole number; `1.0` and `1_000` are numbers to pydantic too."""
    found = _INT.fullmatch(text)
    if not found:
        msg = "Input should be a valid integer, unable to parse string as an integer"
        raise Wrong(problem_of("int_parsing", loc, msg, text))
    if len(found[1].lstrip("+-0_")) > LONGEST_NUMBER:
        msg = "Unable to parse input string as an integer, exceeded maximum size"
        raise Wrong(problem_of("int_parsing_size", loc, msg, text))
    return int(found[1])


def _integers(text: str, loc: Loc) -> list[int]:
    numbers: list[int] = []
    problems: list[Problem] = []
    for index, item in enumerate(text.split(",")):
        try:
            numbers.append(read_integer(item.strip(), (*loc, index)))
        except Wrong as wrong:
            problems.extend(wrong.problems)
    if problems:
        raise Wrong(*problems)
    return numbers


def _boolean(text: str, loc: Loc) -> bool:
    word = text.lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    msg = "Input should be a valid boolean, unable to interpret input"
    raise Wrong(problem_of("bool_parsing", loc, msg, text))


def _radius(text: str, loc: Loc) -> int:
    number = read_integer(text, loc)
    if number > 25000:
        msg = "Input should be less than or equal to 25000"
        raise Wrong(problem_of("less_than_equal", loc, msg, text, le=25000))
    if number <= 0:
        raise Wrong(problem_of("greater_than", loc, "Input should be greater than 0", text, gt=0))
    return number


def read_country_id(text: str, loc: Loc) -> int:
    """Check a country id: the one path whose lower bound is checked with its type."""
    number = read_integer(text, loc)
    if number < 1:
        msg = "Input should be greater than or equal to 1"
        raise Wrong(problem_of("greater_than_equal", loc, msg, text, ge=1))
    return number


def _one_of(*words: str) -> Callable[[str, Loc], str]:
    expected = " or ".join(f"'{word}'" for word in words)

    def check(text: str, loc: Loc) -> str:
        if text in words:
            return text
        msg = f"Input should be {expected}"
        raise Wrong(problem_of("enum", loc, msg, text, expected=expected))

    return check


def _moment(text: str, loc: Loc) -> datetime:
    try:
        return parse_moment(text)
    except MomentError as error:
        date, clock = error.as_date, error.as_datetime
    if date.startswith("year 0"):
        kinds = ("datetime_parsing", "date_parsing")
        first = f"Input should be a valid datetime, {date}"
        second = f"Input should be a valid date in the format YYYY-MM-DD, {clock}"
    else:
        kinds = ("datetime_from_date_parsing", "date_from_datetime_parsing")
        first = f"Input should be a valid datetime or date, {date}"
        second = f"Input should be a valid date or datetime, {clock}"
    raise Wrong(
        problem_of(kinds[0], (*loc, "datetime"), first, text, error=date),
        problem_of(kinds[1], (*loc, "date"), second, text, error=clock),
    )


def _text(text: str, loc: Loc) -> str:
    return text


READERS: Mapping[str, Callable[[str, Loc], Value]] = {
    **dict.fromkeys(("limit", "page"), read_integer),
    **dict.fromkeys(("datetime_from", "datetime_to", "datetime_min"), _moment),
    **dict.fromkeys(("date_from", "date_to"), _moment),
    **dict.fromkeys(("providers_id", "parameters_id", "owner_contacts_id"), _integers),
    **dict.fromkeys(("manufacturers_id", "licenses_id", "instruments_id"), _integers),
    **dict.fromkeys(("coordinates", "bbox", "iso"), _text),
    **dict.fromkeys(("monitor", "mobile"), _boolean),
    "countries_id": _integers,
    "radius": _radius,
    "order_by": _one_of("id"),
    "sort_order": _one_of("asc", "desc"),
    "parameter_type": _one_of("pollutant", "meteorological"),
}
