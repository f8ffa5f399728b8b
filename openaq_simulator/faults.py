"""Faults to switch on: bad days of the API and the network."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from .rows import HOUR, Period, Row, Summary
from .values import unix

#: Each fault by name, with its effect.
FAULTS: Mapping[str, str] = {
    "500": "500 text/plain, at each request",
    "500once": "500 text/plain at the first request of each URL, then the answer",
    "502html": "502 with an HTML page",
    "503": "503 with the gateway's JSON",
    "504": "504 with the gateway's JSON",
    "403": "403, as for a blocked address",
    "db_error": "500 with the database's text as JSON",
    "timeout_408": "408 from offset 4000 on (after_offset=), or for windows over window_days=",
    "timeout": "no answer for 30 s (seconds=), then the connection closes",
    "slow": "the answer comes after 1 s (seconds=)",
    "truncate": "half of the body, then the connection closes",
    "reset_connection": "the connection is reset instead of an answer",
    "not_json": "200 with an HTML page",
    "429burst": "429 for the first 3 requests (times=), with reset 1 (value=)",
    "no_rate_headers": "no x-ratelimit headers",
    "reset_minus2": "x-ratelimit-reset: -2 (value=)",
    "found_string": 'meta.found is always a string such as ">100"',
    "duplicate_page": "every page is page 1 again",
    "pretty": "pretty-printed JSON",
    "stale900": "answers up to 900 s old (seconds=)",
    "null_flagged": "some values are null with hasFlags true (at= or every=)",
    "minus999": "some values are -999 (at= or every=)",
    "missing_hour": "some hours have no row (at= or every=)",
    "late_row": "some rows come 6 h late (at= or every=, seconds=)",
    "corrected_hour": "some hourly means are half until 6 h later (at= or every=, seconds=)",
    "renamed": "locations have another name (location=, to=)",
    "vanished": "locations are gone: 404 and not listed (location= or sensor=)",
}
ALIASES: Mapping[str, str] = {
    "408": "timeout_408", "429": "429burst", "null": "null_flagged", "502": "502html",
    "reset": "reset_connection", "stale": "stale900",
}  # fmt: skip  # a table of many short cells
#: The defaults of options.
_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "500once": {"times": 1}, "429burst": {"times": 3, "value": 1}, "reset_minus2": {"value": -2},
    "timeout": {"seconds": 30.0}, "slow": {"seconds": 1.0}, "stale900": {"seconds": 900.0},
    **{name: {"every": 12} for name in ("null_flagged", "minus999", "missing_hour")},
    **{name: {"every": 6, "seconds": 6.0 * HOUR} for name in ("late_row", "corrected_hour")},
}  # fmt: skip  # a table of many short cells
#: Faults that change rows; the others change answers.
ROW_FAULTS = frozenset({"null_flagged", "minus999", "missing_hour", "late_row"})


@dataclass(frozen=True)
class Fault:
    """A fault: its name, the requests it strikes, how often, and its measure.

    It strikes requests of a `sensor`, a `location` or a part of the `path`. It strikes `times` for each URL,
    or in all for 429burst.
    """

    name: str
    sensor: int | None = None
    location: int | None = None
    path: str | None = None
    times: int | None = None
    after_offset: int | None = None
    window_days: float | None = None
    at: str | None = None
    every: int | None = None
    seconds: float | None = None
    value: int | None = None
    to: str | None = None

    def __post_init__(self) -> None:
        name = ALIASES.get(self.name, self.name)
        if name not in FAULTS:
            raise ValueError(f"there is no fault {self.name!r}. Choose one of: {', '.join(FAULTS)}")
        object.__setattr__(self, "name", name)
        for option, value in _DEFAULTS.get(name, {}).items():
            if getattr(self, option) is None and not (option == "every" and self.at):
                object.__setattr__(self, option, value)

    def strikes(self, path: str, sensor: int | None, location: int | None) -> bool:
        """Return whether a request for this path, sensor and location is struck."""
        here = self.sensor in (None, sensor) and self.location in (None, location)
        return here and (self.path is None or self.path in path)

    def chooses(self, end: int) -> bool:
        """Return whether a row with this period end is struck."""
        if self.at is not None:
            return end == unix(self.at)
        return (end // HOUR) % (self.every or 1) == 0


def parse_fault(text: str) -> Fault:
    """Read `name[:key=value[,key=value]]`, e.g. `500:sensor=90000003` or `late_row:every=4`.

    Options may also stand between semicolons, for lists of faults that are split at commas.
    """
    name, _, options = text.strip().partition(":")
    Fault(name)
    given: dict[str, Any] = {}
    for option in filter(None, options.replace(";", ",").split(",")):
        key, _, value = option.partition("=")
        given[key.strip()] = _option(text, key.strip(), value.strip())
    return Fault(name, **given)


def _option(text: str, key: str, value: str) -> object:
    kinds = {field.name: str(field.type) for field in fields(Fault) if field.name != "name"}
    if key not in kinds:
        raise ValueError(f"fault {text!r}: there is no option {key!r}. Choose one of: {', '.join(kinds)}")
    try:
        if key == "at" and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError(value)
        return (int if "int" in kinds[key] else float if "float" in kinds[key] else str)(value)
    except ValueError:
        raise ValueError(f"fault {text!r}: {key}={value} is not of type {kinds[key]}") from None


class Switches:
    """The faults that are switched on, and the number of times that each has struck."""

    def __init__(self, faults: Iterable[Fault | str]) -> None:
        self.faults = [parse_fault(each) if isinstance(each, str) else each for each in faults]
        self._strikes: Counter[tuple[Fault, str]] = Counter()

    def strike(self, path: str, target: str, sensor: int | None, location: int | None) -> dict[str, Fault]:
        """Return the faults that strike a request, by name, and count those with `times`."""
        return {
            fault.name: fault
            for fault in list(self.faults)
            if fault.strikes(path, sensor, location) and self._has_turn(fault, target)
        }

    def _has_turn(self, fault: Fault, target: str) -> bool:
        """Count a strike, for each URL or in all; return whether the fault strikes again."""
        if fault.times is None:
            return True
        counted = fault, "" if fault.name == "429burst" else target
        self._strikes[counted] += 1
        return self._strikes[counted] <= fault.times


def struck_rows(rows: Iterator[Row], faults: Iterable[Fault], now: int) -> Iterator[Row]:
    """Return rows as the row faults leave them at the time `now`."""
    for fault in faults:
        rows = _strike(rows, fault, now)
    return rows


def _strike(rows: Iterator[Row], fault: Fault, now: int) -> Iterator[Row]:
    for row in rows:
        if not fault.chooses(row.end):
            yield row
        elif fault.name == "null_flagged":
            yield Row(row.end, None, True)
        elif fault.name == "minus999":
            yield Row(row.end, -999.0)
        elif fault.name == "late_row" and now >= row.end + (fault.seconds or 0):
            yield row


def corrected(periods: Iterator[Period], fault: Fault, now: int) -> Iterator[Period]:
    """Return hourly means; those that are chosen are halved until the time of their correction."""
    for period in periods:
        late = now < period.end + (fault.seconds or 0)
        if late and period.summary and period.value is not None and fault.chooses(period.end):
            half = Summary(*(n and n / 2 for n in period.summary))  # type: ignore[arg-type]  # a summary holds numbers only
            yield period._replace(value=period.value / 2, summary=half)
        else:
            yield period
