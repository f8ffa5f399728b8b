"""Answers that list names: parameters, countries, providers, owners, instruments, licences."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .errors import not_found
from .inventory import dated, filtered, maker, visible
from .parameters import Criteria
from .render import Page, sliced, text_of, utc_text
from .stations import POLLUTANTS
from .values import unix
from .world import Json, View

_LICENSES = (
    (
        30,
        "CC BY-SA 4.0 DEED",
        (True, True, True, True, True),
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ),
    (33, "US Public Domain", (True, False, False, True, True), "http://www.usa.gov/publicdomain/label/1.0/"),
    (
        38,
        "CC0 1.0 DEED",
        (True, False, False, True, True),
        "https://creativecommons.org/publicdomain/zero/1.0/deed.ca",
    ),
    (41, "CC BY 4.0 DEED", (True, True, True, True, True), "https://creativecommons.org/licenses/by/4.0/"),
)
_RIGHTS = (
    "commercialUseAllowed",
    "attributionRequired",
    "shareAlikeRequired",
    "modificationAllowed",
    "redistributionAllowed",
)


def _sorted(items: Iterable[Json], criteria: Criteria) -> list[Json]:
    """Sort objects by id, in the order sent."""
    backwards = criteria.values.get("sort_order") == "desc"
    return sorted(items, key=lambda item: int(item["id"]), reverse=backwards)


def _parameters(here: Iterable[Json]) -> dict[int, Json]:
    """Return the parameters measured at some locations, by id."""
    entries = (entry for location in here for entry in location["sensors"])
    return {entry["parameter"]["id"]: entry["parameter"] for entry in entries}


def parameters(view: View, values: Mapping[str, Any]) -> list[Json]:
    """Return the parameters measured at the chosen locations."""
    kind = values.get("parameter_type")
    shown = []
    for key, entry in _parameters(filtered(view, values)).items():
        known = POLLUTANTS.get(key)
        if kind is None or bool(known and known.meteorological) == (kind == "meteorological"):
            shown.append(entry | {"description": known and known.description})
    return shown


def _span(view: View, here: Iterable[Json]) -> Json:
    """Return the first and last datetimes of some locations as plain strings."""
    stamps = [dated(view, location) for location in here]
    first = [p["datetimeFirst"]["utc"] for p in stamps if p["datetimeFirst"]]
    last = [p["datetimeLast"]["utc"] for p in stamps if p["datetimeLast"]]
    return {
        "datetimeFirst": utc_text(min(map(unix, first))) if first else None,
        "datetimeLast": utc_text(max(map(unix, last))) if last else None,
    }


def _measured(here: Iterable[Json]) -> list[Json]:
    measured = _parameters(here)
    return [measured[key] | {"displayName": None} for key in sorted(measured)]


def _grouped(view: View, values: Mapping[str, Any], key: str) -> dict[int, list[Json]]:
    groups: dict[int, list[Json]] = {}
    for location in filtered(view, values):
        groups.setdefault(location[key]["id"], []).append(location)
    return groups


def _countries(view: View, values: Mapping[str, Any]) -> list[Json]:
    return [
        here[0]["country"] | _span(view, here) | {"parameters": _measured(here)}
        for here in _grouped(view, values, "country").values()
    ]


def _providers(view: View, values: Mapping[str, Any]) -> list[Json]:
    return [_provider(view, here) for here in _grouped(view, values, "provider").values()]


def _provider(view: View, here: list[Json]) -> Json:
    known = here[0]["provider"]
    east = [location["coordinates"]["longitude"] for location in here]
    north = [location["coordinates"]["latitude"] for location in here]
    (w, e), (s, n) = (min(east), max(east)), (min(north), max(north))
    box = {"type": "Polygon", "coordinates": [[[w, s], [w, n], [e, n], [e, s], [w, s]]]}
    prefix = "".join(c if c.isalnum() else "-" for c in known["name"].lower()).strip("-")
    described: Json = (
        known
        | {"sourceName": known["name"], "exportPrefix": prefix, "datetimeAdded": "2024-01-01T00:00:00Z"}
        | _span(view, here)
        | {"entitiesId": here[0]["owner"]["id"], "parameters": _measured(here), "bbox": box}
    )
    return described


def _owners(view: View, values: Mapping[str, Any]) -> list[Json]:
    return list({location["owner"]["id"]: location["owner"] for location in visible(view)}.values())


def _instruments(view: View, values: Mapping[str, Any]) -> list[Json]:
    instruments = {}
    for location in visible(view):
        for entry in location["instruments"]:
            instruments[entry["id"]] = entry | {
                "isMonitor": location["isMonitor"],
                "manufacturer": maker(location, entry),
            }
    return list(instruments.values())


def _manufacturers(view: View, values: Mapping[str, Any]) -> list[Json]:
    makers: dict[int, Json] = {}
    for entry in sorted(_instruments(view, {}), key=lambda item: int(item["id"])):
        maker = entry["manufacturer"]
        made = makers.setdefault(maker["id"], maker | {"instruments": []})
        made["instruments"].append({"id": entry["id"], "name": entry["name"]})
    return list(makers.values())


def _licenses(view: View, values: Mapping[str, Any]) -> list[Json]:
    return [
        {"id": key, "name": name, **dict(zip(_RIGHTS, rights, strict=True)), "sourceUrl": url}
        for key, name, rights, url in _LICENSES
    ]


def manufacturer_instruments(view: View, criteria: Criteria) -> Page:
    """Answer /manufacturers/{id}/instruments."""
    made = [i for i in _instruments(view, {}) if i["manufacturer"]["id"] == criteria.id]
    return sliced(_sorted(made, criteria), criteria, counted=False)


#: Lists by name: their function, whether `found` is the total, and the noun of a missing id.
LISTS: Mapping[str, tuple[Callable[[View, Mapping[str, Any]], list[Json]], bool, str | None]] = {
    "parameters": (parameters, True, "Parameter"),
    "countries": (_countries, True, "Country"),
    "providers": (_providers, True, "Provider"),
    "owners": (_owners, False, None),
    "instruments": (_instruments, False, None),
    "manufacturers": (_manufacturers, True, None),
    "licenses": (_licenses, False, None),
}


def listed(name: str, view: View, criteria: Criteria) -> Page:
    """Answer one of the lists."""
    make, counted, _ = LISTS[name]
    return sliced(_sorted(make(view, criteria.values), criteria), criteria, counted=counted)


def by_id(name: str, view: View, criteria: Criteria) -> Page:
    """Answer one object of a list, or 404 where the API has one."""
    make, _, missing = LISTS[name]
    matches = [item for item in make(view, {}) if item["id"] == criteria.id]
    if not matches and missing:
        raise not_found(missing)
    return Page([text_of(item) for item in matches], len(matches))
