"""The paths of the OpenAQ v3 API, each with its answer and its parameters in their order."""

from collections.abc import Callable, Mapping
from functools import partial

from . import catalogue, inventory
from .parameters import Criteria
from .render import Page
from .series import page_of
from .world import View

Answer = Callable[[View, Criteria], Page]

PAGING = ("limit", "page")
SORTING = ("order_by", "sort_order")
TIMES = ("datetime_to", "datetime_from")
DATES = ("date_to", "date_from")

#: The answers under /v3/sensors/{sensors_id}: those in pages, and those by recurring factors.
SERIES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("measurements", "measurements/hourly", "measurements/daily"), TIMES + PAGING),
    **dict.fromkeys(("hours", "hours/daily", "hours/monthly", "hours/yearly"), TIMES + PAGING),
    **dict.fromkeys(("days", "days/monthly", "days/yearly", "years"), DATES + PAGING),
    **dict.fromkeys(("hours/hourofday", "hours/dayofweek", "hours/monthofyear"), TIMES),
    **dict.fromkeys(("days/dayofweek", "days/monthofyear"), DATES),
}
#: The parameters of the lists.
LISTS: Mapping[str, tuple[str, ...]] = {
    "parameters": (
        *SORTING,
        "parameter_type",
        "coordinates",
        "radius",
        "bbox",
        "iso",
        "countries_id",
        *PAGING,
    ),
    "countries": (*SORTING, "providers_id", "parameters_id", *PAGING),
    "providers": (
        *SORTING,
        "parameters_id",
        "monitor",
        "iso",
        "countries_id",
        "bbox",
        "coordinates",
        "radius",
        *PAGING,
    ),
    **dict.fromkeys(("owners", "instruments", "manufacturers", "licenses"), SORTING + PAGING),
}

#: Each path: its answer and its parameters in the order in which the API checks them.
ROUTES: Mapping[str, tuple[Answer, tuple[str, ...]]] = {
    "/v3/locations": (inventory.locations, (
        "coordinates", "radius", "providers_id", "parameters_id", *PAGING, "owner_contacts_id",
        "manufacturers_id", *SORTING, "licenses_id", "monitor", "mobile", "instruments_id", "iso",
        "countries_id", "bbox",
    )),
    "/v3/locations/{locations_id}": (inventory.location, ("locations_id",)),
    "/v3/locations/{locations_id}/latest": (
        inventory.location_latest, (*PAGING, "datetime_min", "locations_id"),
    ),
    "/v3/locations/{locations_id}/sensors": (inventory.location_sensors, ("locations_id",)),
    "/v3/locations/{locations_id}/flags": (
        inventory.location_flags, (*PAGING, "datetime_from", "datetime_to", "locations_id"),
    ),
    "/v3/sensors/{sensors_id}": (inventory.sensor, ("sensors_id",)),
    "/v3/sensors/{sensor_id}/flags": (
        inventory.sensor_flags, (*PAGING, "datetime_from", "datetime_to", "sensor_id"),
    ),
    "/v3/parameters/{parameters_id}/latest": (
        inventory.parameter_latest, (*PAGING, "datetime_min", "parameters_id"),
    ),
    "/v3/manufacturers/{manufacturers_id}/instruments": (
        catalogue.manufacturer_instruments, ("manufacturers_id",),
    ),
    **{
        f"/v3/sensors/{{sensors_id}}/{name}": (partial(page_of, name), ("sensors_id", *names))
        for name, names in SERIES.items()
    },
    **{f"/v3/{name}": (partial(catalogue.listed, name), names) for name, names in LISTS.items()},
    **{
        f"/v3/{name}/{{{name}_id}}": (partial(catalogue.by_id, name), (f"{name}_id",))
        for name in LISTS
    },
}  # fmt: skip  # a table of many short cells
