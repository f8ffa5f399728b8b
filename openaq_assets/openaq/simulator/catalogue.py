"""Answers that list names: parameters, countries, providers, owners, instruments, licences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .places import dated, filtered, maker, places
from .render import text_of, utc_text
from .series import Page, View, found_of
from .stations import POLLUTANTS
from .validation import Parsed, refuse
from .values import unix
from .world import Json

_LICENSES = (
    (30, "CC BY-SA 4.0 DEED", (True, True, True, True, True),
     "https://creativecommons.org/licenses/by-sa/4.0/"),
    (33, "US Public Domain", (True, False, False, True, True),
     "http://www.usa.gov/publicdomain/label/1.0/"),
    (38, "CC0 1.0 DEED", (True, False, False, True, True),
     "https://creativecommons.org/publicdomain/zero/1.0/deed.ca"),
    (41, "CC BY 4.0 DEED", (True, True, True, True, True),
     "https://creativecommons.org/licenses/by/4.0/"),
)  # fmt: skip
_RIGHTS = (
    "commercialUseAllowed", "attributionRequired", "shareAlikeRequired", "modificationAllowed",
    "redistributionAllowed",
)  # fmt: skip


def _sliced(items: Iterable[Json], parsed: Parsed, counted: bool) -> Page:
    """Give a page of objects by id; `counted` answers give the true total."""
    listed = sorted(items, key=lambda item: int(item["id"]))
    if parsed.values.get("sort_order") == "desc":
        listed.reverse()
    shown = listed[parsed.offset : parsed.offset + parsed.limit]
    found = (len(listed) if shown else 0) if counted else found_of(len(shown), parsed.limit)
    return Page([text_of(item) for item in shown], found)


def parameters(view: View, values: Mapping[str, Any]) -> list[Json]:
    """Give the parameters measured at the chosen locations."""
    kind = values.get("parameter_type")
    measured: dict[int, Json] = {}
    for place in filtered(view, values):
        for entry in place["sensors"]:
            measured[entry["parameter"]["id"]] = entry["parameter"]
    listed = []
    for key, shown in measured.items():
        known = POLLUTANTS.get(key)
        meteorological = bool(known and known.meteorological)
        if kind is None or meteorological == (kind == "meteorological"):
            listed.append(shown | {"description": known.description if known else None})
    return listed


def _span(view: View, here: Iterable[Json]) -> Json:
    """Give the first and last datetimes of some locations as plain strings."""
    stamps = [dated(view, place) for place in here]
    first = [p["datetimeFirst"]["utc"] for p in stamps if p["datetimeFirst"]]
    last = [p["datetimeLast"]["utc"] for p in stamps if p["datetimeLast"]]
    return {
        "datetimeFirst": utc_text(min(map(unix, first))) if first else None,
        "datetimeLast": utc_text(max(map(unix, last))) if last else None,
    }


def _measured(here: Iterable[Json]) -> list[Json]:
    found = {e["parameter"]["id"]: e["parameter"] for place in here for e in place["sensors"]}
    return [found[key] | {"displayName": None} for key in sorted(found)]


def _grouped(view: View, values: Mapping[str, Any], key: str) -> dict[int, list[Json]]:
    groups: dict[int, list[Json]] = {}
    for place in filtered(view, values):
        groups.setdefault(place[key]["id"], []).append(place)
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
    east = [place["coordinates"]["longitude"] for place in here]
    north = [place["coordinates"]["latitude"] for place in here]
    (w, e), (s, n) = (min(east), max(east)), (min(north), max(north))
    box = {"type": "Polygon", "coordinates": [[[w, s], [w, n], [e, n], [e, s], [w, s]]]}
    prefix = "".join(c if c.isalnum() else "-" for c in known["name"].lower()).strip("-")
    described: Json = known | {
        "sourceName": known["name"], "exportPrefix": prefix,
        "datetimeAdded": "2024-01-01T00:00:00Z",
    } | _span(view, here) | {
        "entitiesId": here[0]["owner"]["id"], "parameters": _measured(here), "bbox": box,
    }  # fmt: skip
    return described


def _owners(view: View, values: Mapping[str, Any]) -> list[Json]:
    return list({place["owner"]["id"]: place["owner"] for place in places(view)}.values())


def _instruments(view: View, values: Mapping[str, Any]) -> list[Json]:
    found = {}
    for place in places(view):
        for entry in place["instruments"]:
            found[entry["id"]] = entry | {
                "isMonitor": place["isMonitor"], "manufacturer": maker(place, entry),
            }  # fmt: skip
    return list(found.values())


def _manufacturers(view: View, values: Mapping[str, Any]) -> list[Json]:
    found: dict[int, Json] = {}
    for entry in sorted(_instruments(view, {}), key=lambda item: int(item["id"])):
        maker = entry["manufacturer"]
        made = found.setdefault(maker["id"], maker | {"instruments": []})
        made["instruments"].append({"id": entry["id"], "name": entry["name"]})
    return list(found.values())


def _licenses(view: View, values: Mapping[str, Any]) -> list[Json]:
    return [
        {"id": key, "name": name, **dict(zip(_RIGHTS, rights, strict=True)), "sourceUrl": url}
        for key, name, rights, url in _LICENSES
    ]


def manufacturer_instruments(view: View, parsed: Parsed) -> Page:
    """Answer /manufacturers/{id}/instruments."""
    made = [i for i in _instruments(view, {}) if i["manufacturer"]["id"] == parsed.id]
    return _sliced(made, parsed, counted=False)


#: Lists by name: how they are made, whether `found` counts, what a missing id is called.
LISTS: Mapping[str, tuple[Callable[[View, Mapping[str, Any]], list[Json]], bool, str | None]] = {
    "parameters": (parameters, True, "Parameter"),
    "countries": (_countries, True, "Country"),
    "providers": (_providers, True, "Provider"),
    "owners": (_owners, False, None),
    "instruments": (_instruments, False, None),
    "manufacturers": (_manufacturers, True, None),
    "licenses": (_licenses, False, None),
}


def listed(view: View, name: str, parsed: Parsed) -> Page:
    """Answer one of the lists."""
    make, counted, _ = LISTS[name]
    return _sliced(make(view, parsed.values), parsed, counted)


def by_id(view: View, name: str, parsed: Parsed) -> Page:
    """Answer one object of a list, or 404 where the API has one."""
    make, _, missing = LISTS[name]
    found = [item for item in make(view, {}) if item["id"] == parsed.id]
    if not found and missing:
        raise refuse(404, f"{missing} not found")
    return Page([text_of(item) for item in found], len(found))
