"""Answers with messy rows, and what a recipe makes of them, computed plainly."""

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from openaq_assets.graph.operations import RecipeColumn

DAY = "2026-01-10"

COLUMNS = (
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("period.from",), nullable=False),
    RecipeColumn("value", "double", ("value", "summary.avg")),
    RecipeColumn("whole", "bigint", ("whole",)),
    RecipeColumn("small", "integer", ("list.1",)),
    RecipeColumn("flagged", "boolean", ("flagged",)),
    RecipeColumn("name", "varchar", ("name",)),
    RecipeColumn("since", "date", ("since",)),
)

_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from([2**31, -(2**31), 2**63, -(2**63)]),
    st.integers(399, 400).map(lambda digits: 10**digits), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4), st.sampled_from(["12", "true", "2026-01-10", "\ud800", "\u0000"]),
    st.just([]), st.just({}),
)

@st.composite
def junk(draw: st.DrawFn) -> Any:
    """Return any JSON value."""
    return draw(_JUNK)

@st.composite
def mostly(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> Any:
    """Return valid values mostly, sometimes any JSON."""
    return draw(_JUNK if draw(st.integers(0, 7)) == 7 else good)

ZONES = ("UTC", "Asia/Ho_Chi_Minh", "Europe/Oslo", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")

DAYS = (DAY, "2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01", "2024-02-29", "2026-12-31")

def stamps_of(day: str) -> st.SearchStrategy[Any]:
    """Return times, mostly of the day, with any offset, at its borders and around them, or malformed."""
    start = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00")

    def written(hour: int, zone: str) -> str:
        return (start + dt.timedelta(hours=hour)).astimezone(ZoneInfo(zone)).isoformat()

    before, after = (start + dt.timedelta(seconds=seconds) for seconds in (-1, 86400))
    hours = st.sampled_from([f"{day}T{hour:02d}:00:00Z" for hour in range(4)])
    odd = [
        before.isoformat(), after.isoformat(), f"{day}T00:00:00Z", f"{day}T23:59:59.999999Z", f"{day}T00:00:00+07:00",
        f"{day}T05:00:00.123456Z", f"{day}T05:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", day,
    ]
    local = st.builds(written, st.integers(0, 23), st.sampled_from(ZONES))
    return mostly(st.one_of(hours, hours, local, st.sampled_from(odd)))

NUMBERS = st.one_of(
    st.floats(-1e3, 1e3), st.integers(-999, 999), st.floats(),  # NaN and infinities too, as Python writes them
    st.sampled_from([5e-324, -0.0, 1.7976931348623157e308, -999, 985, 2**53 + 1, 10**308, 10**309]),
)

META_COUNTS = st.sampled_from([7, ">1000", "1,000", None, -1, 10**30, {}, "n/a"])

def answers_of(day: str) -> st.SearchStrategy[Any]:
    """Return the contents of a day's objects: (sensor, hour of retrieval, body)."""
    rows = st.fixed_dictionaries(
        {"period": mostly(st.fixed_dictionaries({"from": stamps_of(day)}))},
        optional={
            "value": mostly(NUMBERS),
            "summary": mostly(st.fixed_dictionaries({"avg": mostly(st.floats(0, 9))}, optional={"max": NUMBERS})),
            "whole": mostly(st.integers(-(2**63), 2**63 - 1)),
            "list": mostly(st.lists(mostly(st.integers(-9, 9)), max_size=3)),
            "flagged": mostly(st.booleans()),
            "name": mostly(st.text(max_size=8)),
            "since": mostly(st.dates().map(str)),
            "extra": junk(),
        },
    )
    meta = st.fixed_dictionaries({"page": st.just(1)}, optional={"found": META_COUNTS, "next": junk()})
    pages = st.fixed_dictionaries({"results": st.lists(mostly(rows), max_size=6)}, optional={"meta": meta})
    bodies = st.one_of(
        pages.map(lambda page: json.dumps(page).encode()),
        pages.map(lambda page: json.dumps(page, indent=1).encode()),
        st.binary(max_size=6),
        junk().map(lambda value: json.dumps({"results": value}).encode()),
    )
    stored = st.tuples(st.integers(1, 3), st.integers(0, 3), bodies)
    return st.lists(stored, max_size=6, unique_by=lambda answer: answer[:2])

class Bad(Exception):
    """A row that does not fit."""

def expected(stored: list[tuple[int, int, bytes]], day: str) -> tuple[dict[Any, tuple[Any, ...]], int]:
    """Return the rows by (sensor, start), and how many entries are in quarantine."""
    rows: dict[Any, tuple[Any, ...]] = {}
    quarantined = 0
    for sensor, _, body in sorted(stored, key=lambda answer: answer[1]):
        try:
            document = json.loads(body)
            results = document["results"]
            assert isinstance(document, dict) and isinstance(results, list)
        except (ValueError, KeyError, TypeError, AssertionError, RecursionError):
            quarantined += 1
            continue
        for entry in results:
            try:
                row = plain_row(sensor, entry, day)
                rows[row[0], row[1]] = row
            except Bad:
                quarantined += 1
    return rows, quarantined

def plain_row(sensor: int, row: Any, day: str) -> tuple[Any, ...]:
    """Return the row of the table that an answer's row must become; raise Bad."""
    if not isinstance(row, dict):
        raise Bad
    period = row.get("period")
    at = plain_stamp(period.get("from") if isinstance(period, dict) else None, day)
    summary = row.get("summary")
    average = summary.get("avg") if isinstance(summary, dict) else None
    some = row.get("list")
    second = some[1] if isinstance(some, list) and len(some) > 1 else None
    return (
        sensor, at, plain_float(row.get("value") if row.get("value") is not None else average),
        plain_int(row.get("whole"), 63), plain_int(second, 31), plain(row.get("flagged"), bool),
        plain_text(row.get("name")), plain_date(row.get("since")),
    )

def plain(value: Any, kind: type) -> Any:
    """Return the value if it is of this type or None; raise Bad."""
    if value is not None and type(value) is not kind:
        raise Bad
    return value

def plain_stamp(value: Any, day: str) -> dt.datetime:
    """Return a timestamp in UTC; raise Bad."""
    if type(value) is not str:
        raise Bad
    try:
        stamp = dt.datetime.fromisoformat(value)
        if stamp.utcoffset() is None:
            raise Bad
        naive = stamp.replace(tzinfo=None) - stamp.utcoffset()
    except (ValueError, OverflowError):
        raise Bad from None
    if str(naive.date()) != day:
        raise Bad
    return naive

def plain_float(value: Any) -> float | None:
    """Return a number as a double; raise Bad."""
    if value is None:
        return None
    if type(value) not in (int, float):
        raise Bad
    try:
        return float(value)
    except OverflowError:
        raise Bad from None

def plain_int(value: Any, bits: int) -> int | None:
    """Return a whole number that fits; raise Bad."""
    plain(value, int)
    if value is not None and not -(2**bits) <= value <= 2**bits - 1:
        raise Bad
    return value

def plain_text(value: Any) -> str | None:
    """Return a text that Parquet can hold; raise Bad."""
    plain(value, str)
    if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Bad
    return value

def plain_date(value: Any) -> dt.date | None:
    """Return a date; raise Bad."""
    plain(value, str)
    try:
        return None if value is None else dt.date.fromisoformat(value)
    except ValueError:
        raise Bad from None
