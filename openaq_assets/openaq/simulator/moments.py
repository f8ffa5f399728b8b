"""Dates and times in query strings, accepted and refused as the OpenAQ API does."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

TOO_SHORT = "input is too short"
EXTRA = "unexpected extra characters at the end of the input"
#: Unix numbers above this are milliseconds, as in the API's parser.
MILLISECONDS_FROM = 20_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MomentError(Exception):
    """A text that is neither a date nor a datetime, with the reason for each reading."""

    as_date: str
    as_datetime: str


class _Unreadable(Exception):
    """One reading failed; its argument is the parser's message."""


def parse_moment(text: str) -> datetime:
    """Give the datetime meant by `text`: naive without an offset, midnight for a bare date."""
    raw = text.encode()
    stamp = _unix(raw)
    if stamp is not None:
        return stamp
    try:
        return _datetime(raw)
    except _Unreadable as failure:
        as_datetime = str(failure)
    try:
        return _date(raw)
    except _Unreadable as failure:
        raise MomentError(str(failure), as_datetime) from None


def _unix(raw: bytes) -> datetime | None:
    """Read seconds (or milliseconds) since 1970; None if the text is not a plain number."""
    body = raw[1:] if raw[:1] in (b"-", b"+") else raw
    if not body or body.count(b".") > 1 or not body.replace(b".", b"", 1).isdigit():
        return None
    number = float(raw)
    if abs(number) > MILLISECONDS_FROM:
        number /= 1000
    try:
        return EPOCH + timedelta(seconds=number)
    except OverflowError:
        side = "after 9999" if number > 0 else "before 0000"
        message = f"dates {side} are not supported as unix timestamps"
        raise MomentError(message, message) from None


def _number(raw: bytes, start: int, width: int, what: str) -> int:
    part = raw[start : start + width]
    if len(part) < width:
        raise _Unreadable(TOO_SHORT)
    if not part.isdigit():
        raise _Unreadable(f"invalid character in {what}")
    return int(part)


def _separator(raw: bytes, at: int, allowed: bytes, message: str) -> None:
    if raw[at : at + 1] not in [allowed[i : i + 1] for i in range(len(allowed))]:
        raise _Unreadable(message)


def _ymd(raw: bytes) -> tuple[int, int, int]:
    if len(raw) < 10:
        raise _Unreadable(TOO_SHORT)
    year = _number(raw, 0, 4, "year")
    _separator(raw, 4, b"-", "invalid date separator, expected `-`")
    month = _number(raw, 5, 2, "month")
    _separator(raw, 7, b"-", "invalid date separator, expected `-`")
    day = _number(raw, 8, 2, "day")
    if not 1 <= month <= 12:
        raise _Unreadable("month value is outside expected range of 1-12")
    if year and not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise _Unreadable("day value is outside expected range")
    if not year:
        raise _Unreadable("year 0 is out of range")
    return year, month, day


def _date(raw: bytes) -> datetime:
    year, month, day = _ymd(raw)
    if len(raw) > 10:
        raise _Unreadable(EXTRA)
    return datetime(year, month, day)


def _datetime(raw: bytes) -> datetime:
    year, month, day = _ymd(raw)
    if len(raw) == 10:
        raise _Unreadable(TOO_SHORT)
    _separator(raw, 10, b"Tt _", "invalid datetime separator, expected `T`, `t`, `_` or space")
    hour, minute, second, micro, end = _clock(raw, 11)
    zone, end = _zone(raw, end)
    if end < len(raw):
        raise _Unreadable(EXTRA)
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=zone)


def _ranged(raw: bytes, at: int, what: str, top: int) -> int:
    number = _number(raw, at, 2, what)
    if number > top:
        raise _Unreadable(f"{what} value is outside expected range of 0-{top}")
    return number


def _clock(raw: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Read HH:MM[:SS[.ffffff]] and say where it ends."""
    if len(raw) - at < 5:
        raise _Unreadable(TOO_SHORT)
    hour = _ranged(raw, at, "hour", 23)
    _separator(raw, at + 2, b":", "invalid time separator, expected `:`")
    minute = _ranged(raw, at + 3, "minute", 59)
    if raw[at + 5 : at + 6] != b":":
        return hour, minute, 0, 0, at + 5
    second = _ranged(raw, at + 6, "second", 59)
    micro, end = _fraction(raw, at + 8)
    return hour, minute, second, micro, end


def _fraction(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at : at + 1] not in (b".", b","):
        return 0, at
    end = at + 1
    while raw[end : end + 1].isdigit():
        end += 1
    if end == at + 1:
        raise _Unreadable("second fraction is missing digits")
    return int(raw[at + 1 : end][:6].ljust(6, b"0")), end


def _zone(raw: bytes, at: int) -> tuple[timezone | None, int]:
    """Read Z or ±HH[:]MM; a text that ends here has no zone."""
    mark = raw[at : at + 1]
    if not mark:
        return None, at
    if mark in b"Zz":
        return UTC, at + 1
    sign, width = (-1, 3) if raw[at : at + 3] == "−".encode() else (-1 if mark == b"-" else 1, 1)
    if width == 1 and mark not in b"+-":
        raise _Unreadable("invalid timezone sign")
    return _offset(raw, at + width, sign)


def _offset(raw: bytes, at: int, sign: int) -> tuple[timezone, int]:
    hours = _zone_part(raw, at, "hour")
    colon = 1 if raw[at + 2 : at + 3] == b":" else 0
    minutes = _zone_part(raw, at + 2 + colon, "minute")
    if minutes > 59:
        raise _Unreadable("timezone minute value is outside expected range of 0-59")
    if hours > 23:
        raise _Unreadable("timezone offset must be less than 24 hours")
    return timezone(sign * timedelta(hours=hours, minutes=minutes)), at + 4 + colon


def _zone_part(raw: bytes, at: int, what: str) -> int:
    part = raw[at : at + 2]
    if len(part) < 2 or not part.isdigit():
        raise _Unreadable(f"invalid timezone {what}")
    return int(part)
