"""The paths of the OpenAQ v3 API, each with the query parameters it reads, in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PAGING = ("limit", "page")
SORTING = ("order_by", "sort_order")
GEOGRAPHY = ("coordinates", "radius", "bbox", "iso", "countries_id")
TIMES = ("datetime_to", "datetime_from")
DATES = ("date_to", "date_from")


@dataclass(frozen=True)
class Route:
    """One path: a regular expression, the answer's name, its path id and query parameters."""

    pattern: re.Pattern[str]
    name: str
    path_id: str | None
    query: tuple[str, ...]
    #: Order in which the model checks ranges; the id of `latest` and `flags` comes last there.
    id_last: bool = False


@dataclass(frozen=True)
class Match:
    """A route with the text found at its id."""

    route: Route
    id_text: str | None


def _route(path: str, name: str, *query: str, id_last: bool = False) -> Route:
    found = re.search(r"\{(\w+)\}", path)
    pattern = re.sub(r"\{\w+\}", "([^/]+)", path)
    return Route(re.compile(pattern), name, found[1] if found else None, query, id_last)


_LOCATION_FILTERS = (
    "coordinates", "radius", "providers_id", "parameters_id", *PAGING, "owner_contacts_id",
    "manufacturers_id", *SORTING, "licenses_id", "monitor", "mobile", "instruments_id", "iso",
    "countries_id", "bbox",
)  # fmt: skip


def _data_routes() -> list[Route]:
    """Give the routes under /v3/sensors/{id} that answer rows or trends."""
    base = "/v3/sensors/{sensors_id}/"
    paged = [
        *(("measurements", TIMES), ("measurements/hourly", TIMES), ("measurements/daily", TIMES)),
        *(("hours", TIMES), ("hours/daily", TIMES), ("hours/monthly", TIMES)),
        *(("hours/yearly", TIMES), ("days", DATES), ("days/monthly", DATES)),
        *(("days/yearly", DATES), ("years", DATES)),
    ]
    trends = [
        *(("hours/hourofday", TIMES), ("hours/dayofweek", TIMES), ("hours/monthofyear", TIMES)),
        *(("days/dayofweek", DATES), ("days/monthofyear", DATES)),
    ]
    return [
        *(_route(base + name, name, *bounds, *PAGING) for name, bounds in paged),
        *(_route(base + name, name, *bounds) for name, bounds in trends),
    ]


def _catalogue_routes() -> list[Route]:
    """Give the list and by-id routes of owners, instruments, manufacturers and licences."""
    routes = []
    for name in ("owners", "instruments", "manufacturers", "licenses"):
        routes.append(_route(f"/v3/{name}", name, *SORTING, *PAGING))
        routes.append(_route(f"/v3/{name}/{{{name}_id}}", f"{name}/id"))
    return routes


ROUTES: tuple[Route, ...] = (
    _route("/ping", "ping"),
    _route("/v3/locations", "locations", *_LOCATION_FILTERS),
    _route("/v3/locations/{locations_id}", "locations/id"),
    _route(
        "/v3/locations/{locations_id}/latest", "locations/latest", *PAGING, "datetime_min",
        id_last=True,
    ),
    _route("/v3/locations/{locations_id}/sensors", "locations/sensors"),
    _route(
        "/v3/locations/{locations_id}/flags", "locations/flags", *PAGING, "datetime_from",
        "datetime_to", id_last=True,
    ),
    _route("/v3/sensors/{sensors_id}", "sensors/id"),
    _route(
        "/v3/sensors/{sensor_id}/flags", "sensors/flags", *PAGING, "datetime_from",
        "datetime_to", id_last=True,
    ),
    *_data_routes(),
    _route(
        "/v3/parameters", "parameters", *SORTING, "parameter_type", *GEOGRAPHY, *PAGING
    ),
    _route("/v3/parameters/{parameters_id}", "parameters/id"),
    _route(
        "/v3/parameters/{parameters_id}/latest", "parameters/latest", *PAGING, "datetime_min",
        id_last=True,
    ),
    _route("/v3/countries", "countries", *SORTING, "providers_id", "parameters_id", *PAGING),
    _route("/v3/countries/{countries_id}", "countries/id"),
    _route(
        "/v3/providers", "providers", *SORTING, "parameters_id", "monitor", "iso",
        "countries_id", "bbox", "coordinates", "radius", *PAGING,
    ),
    _route("/v3/providers/{providers_id}", "providers/id"),
    _route("/v3/manufacturers/{manufacturers_id}/instruments", "manufacturers/instruments"),
    *_catalogue_routes(),
)  # fmt: skip

_EXACT: Mapping[str, Route] = {r.pattern.pattern: r for r in ROUTES if r.path_id is None}


def find_route(path: str) -> Match | None:
    """Give the route of `path`, or None; a trailing slash is another, unknown path."""
    if path in _EXACT:
        return Match(_EXACT[path], None)
    for route in ROUTES:
        if route.path_id and (found := route.pattern.fullmatch(path)):
            return Match(route, found[1])
    return None
