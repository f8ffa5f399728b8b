"""Answers about a sensor's rows: windows, calendar periods, pages."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .errors import Broken, timed_out
from .faults import corrected
from .parameters import Criteria
from .render import Page, coverage_text, period_text, raw_text, total_of
from .rows import DAY, HOUR, Period, Row, as_row, factors_of, hours_of, periods_of
from .values import Sensor
from .world import View, raw_rows, sensor_of

#: Later than any row.
FOREVER = 1 << 40
#: A trend expects this many periods at most before its query takes too long.
LONGEST_TREND = 600_000
#: The bounds of calendars: in any time zone these have a date.
_EARLIEST, _LAST_DAY = -62_100_000_000, date(9000, 1, 1)


class Query(NamedTuple):
    """The values that decide a page: equal queries have equal pages."""

    view: View
    sensor: Sensor
    name: str
    after: int
    until: int
    offset: int
    limit: int


class Shape(NamedTuple):
    """The names of an endpoint's periods, and their calendar period."""

    label: str
    interval: str
    calendar: str


SHAPES = {
    "measurements/hourly": Shape("1 hour", "01:00:00", "hour"),
    "measurements/daily": Shape("1 day", "24:00:00", "day"),
    "hours": Shape("1hour", "01:00:00", "hour"),
    "hours/daily": Shape("1 day", "24:00:00", "day"),
    "hours/monthly": Shape("1 month", "1month", "month"),
    "hours/yearly": Shape("1 year", "1year", "year"),
    "days": Shape("1day", "24:00:00", "day"),
    "days/monthly": Shape("1 month", "1 month", "month"),
    "days/yearly": Shape("1 year", "1year", "year"),
    "years": Shape("1year", "1 year", "year"),
}
#: Recurring factors: strftime format and the interval's name.
FACTORS = {"hourofday": ("%H", "hour"), "dayofweek": ("%u", "day"), "monthofyear": ("%m", "month")}
#: Endpoints whose `found` is the true total.
COUNTED = frozenset(SHAPES) - {"hours", "days", "years"}


def page_of(name: str, view: View, criteria: Criteria) -> Page:
    """Answer one data endpoint of a sensor; an unknown sensor has no rows."""
    sensor = sensor_of(view, criteria.id)
    if sensor is None:
        return Page((), 0)
    after, until = _window(view, sensor, name, criteria)
    view = view.of(sensor)
    if not any(fault.name in ("late_row", "corrected_hour") for fault in view.faults):
        view = replace(view, now=_settled(view, sensor, name, until))
    limit = criteria.limit if name.rpartition("/")[2] not in FACTORS else 1000
    return _page(Query(view, sensor, name, after, until, criteria.offset, limit))


def _settled(view: View, sensor: Sensor, name: str, until: int) -> int:
    """Return a `now` that is the same for all moments that show the same rows."""
    past = until < view.now and name.partition("/")[0] in ("measurements", "hours")
    moment = until if past and name.rpartition("/")[2] not in FACTORS else view.now
    return moment if past else moment // sensor.step * sensor.step


def _window(view: View, sensor: Sensor, name: str, criteria: Criteria) -> tuple[int, int]:
    """Return the window `(after, until]` in Unix seconds of period ends."""
    if name.startswith(("days", "years")):
        return _dates(sensor.timezone, name, criteria)
    start, end = criteria.values.get("datetime_from"), criteria.values.get("datetime_to")
    after = 0 if start is None else seconds(start, sensor.timezone)
    return after, FOREVER if end is None else seconds(end, sensor.timezone)


def seconds(moment: datetime, zone: str) -> int:
    """Return whole Unix seconds; a naive moment is local time of `zone`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return max(int(aware.timestamp() // 1), _EARLIEST)


def _midnight(day: date, zone: str) -> int:
    return seconds(datetime(day.year, day.month, day.day), zone)


def _dates(zone: str, name: str, criteria: Criteria) -> tuple[int, int]:
    """Turn inclusive local dates into a window on period ends; years count by 1 January."""
    start, end = criteria.values.get("date_from"), criteria.values.get("date_to")
    after, until = 0, FOREVER
    if start is not None:
        first = min(start.date(), _LAST_DAY)
        if name == "years" and (first.month, first.day) != (1, 1):
            first = date(first.year + 1, 1, 1)
        after = _midnight(first, zone)
    if end is not None:
        last = min(end.date(), _LAST_DAY)
        later = date(last.year + 1, 1, 1) if name == "years" else last + timedelta(days=1)
        until = _midnight(later, zone)
    return after, until


def hourly(view: View, sensor: Sensor, after: int, until: int) -> Iterator[Period]:
    """Return the complete clock hours whose end lies in `(after, until]`."""
    until = min(until, view.now) // HOUR * HOUR
    periods = hours_of(raw_rows(view, sensor, after // HOUR * HOUR, until))
    for fault in view.faults:
        if fault.name == "corrected_hour":
            periods = corrected(periods, fault, view.now)
    return periods


@lru_cache(maxsize=65536)
def _bounds(zone: str, calendar: str, quarter: int) -> tuple[int, int]:
    """Return the calendar period around a quarter of an hour, in Unix seconds."""
    moment = quarter * 900
    if calendar == "hour":
        return moment // HOUR * HOUR, moment // HOUR * HOUR + HOUR
    day = datetime.fromtimestamp(moment, ZoneInfo(zone)).date()
    if calendar == "day":
        return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    first = day.replace(day=1) if calendar == "month" else day.replace(month=1, day=1)
    later = first + timedelta(days=31 if calendar == "month" else 366)
    return _midnight(first, zone), _midnight(later.replace(day=1), zone)


def _calendar(rows: Iterable[Row], sensor: Sensor, calendar: str) -> Iterator[Period]:
    return periods_of(rows, lambda moment: _bounds(sensor.timezone, calendar, moment // 900))


def daily(view: View, sensor: Sensor, after: int, until: int) -> Iterator[Period]:
    """Return the complete local days inside the window."""
    until = min(until, _bounds(sensor.timezone, "day", view.now // 900)[0])
    return _calendar(map(as_row, hourly(view, sensor, after, until)), sensor, "day")


def _periods(query: Query) -> Iterator[Period]:
    """Return the summarised periods that an endpoint answers with."""
    view, sensor, name, after, until, *_ = query
    calendar = SHAPES[name].calendar
    if name.startswith("measurements/"):
        return _calendar(raw_rows(view, sensor, after, until), sensor, calendar)
    if name in ("hours", "days"):
        return (hourly if name == "hours" else daily)(view, sensor, after, until)
    source = daily if name.startswith("days/") else hourly
    return _calendar(map(as_row, source(view, sensor, after, until)), sensor, calendar)


def _text(period: Period, sensor: Sensor, name: str) -> str:
    shape = SHAPES[name]
    step = sensor.step if name == "hours" or name.startswith("measurements") else HOUR
    before = HOUR if name == "hours" else step if name.startswith("measurements") else 0
    if name.startswith("days/"):
        step = before = DAY
    first, last = period.first - before, period.last
    duration = period.end - period.start
    coverage = coverage_text(period.observed, step, duration, first, last, sensor.timezone)
    return period_text(period, sensor, shape.label, shape.interval, coverage)


@lru_cache(maxsize=128)  # a full page of 1000 rows takes some 700 KB
def _page(query: Query) -> Page:
    """Render a page; immutable pages are rendered once."""
    view, sensor, name, _, _, offset, limit = query
    if (sensor.id, name) in view.world.replay:
        return _replayed(query)
    if name.rpartition("/")[2] in FACTORS:
        return _trend(query)
    if name in COUNTED:
        periods = list(_periods(query))
        shown = periods[offset : offset + limit]
        return Page([_text(period, sensor, name) for period in shown], len(periods) if shown else 0)
    texts = list(islice(_texts(query), offset, offset + limit))
    return Page(texts, total_of(len(texts), limit))


def _texts(query: Query) -> Iterator[str]:
    view, sensor, name, after, until, *_ = query
    if name == "measurements":
        for row in raw_rows(view, sensor, after, until):
            if row.value is None and view.null_raw_breaks:
                raise Broken
            yield raw_text(row, sensor)
    else:
        for period in _periods(query):
            yield _text(period, sensor, name)


def _replayed(query: Query) -> Page:
    """Answer recorded rows byte for byte, those in the window."""
    recorded = query.view.world.replay[query.sensor.id, query.name]
    until = min(query.until, query.view.now)
    texts = [body.decode() for end, body in recorded if query.after < end <= until]
    shown = texts[query.offset : query.offset + query.limit]
    return Page(shown, total_of(len(shown), query.limit))


def _trend(query: Query) -> Page:
    """Summarise by hour of day, day of week or month of year; expectation covers a year."""
    view, sensor, name, after, until, *_ = query
    family, _, factor = name.partition("/")
    form, interval = FACTORS[factor]
    step = HOUR if family == "hours" else DAY
    source = hourly if family == "hours" else daily
    rows = map(as_row, source(view, sensor, after, until))
    zone = ZoneInfo(sensor.timezone)

    def label(moment: int) -> str:
        return datetime.fromtimestamp(moment, zone).strftime(form)

    last = min(until, view.now)
    if after and last - after > LONGEST_TREND * step:
        raise timed_out()
    ends = range((after or last - 365 * DAY) + step, last + 1, step)
    expected = Counter(label(end - 1) for end in ends)
    texts = []
    for factor_label, of_label in factors_of(rows, label):
        whole = step * max(1, expected[factor_label])
        period = of_label._replace(start=of_label.first - step, end=of_label.last)
        coverage = coverage_text(period.observed, step, whole, period.first, period.last, sensor.timezone)
        texts.append(period_text(period, sensor, factor_label, interval, coverage))
    return Page(texts, len(texts))
