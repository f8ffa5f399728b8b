"""The charts of the page as PNG, without a browser: for a README, an e-mail or an alert."""

import datetime as dt
import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from openaq_assets.openaq.dashboard import charts, payload
from openaq_assets.openaq.dashboard.page import bands, style_sheet, texts
from openaq_assets.openaq.dashboard.payload import Overview, Row, Serving

DAYS = 30
SCALE = 2.0
_COLOUR = re.compile(r"--([\w-]+):\s*(#[0-9A-Fa-f]{3,8})")
_MAP_SIZE = (420, 740)
_DAY = 86_400_000
_TITLE = {
    "anchor": "start", "frame": "group", "offset": 12, "zindex": 1, "color": "var(--ink)", "fontSize": 18,
    "subtitleColor": "var(--muted)", "subtitleFontSize": 13, "subtitlePadding": 4,
}  # fmt: skip  # a table of many short cells


def pictures(overview: Overview, environment: str, language: str = "en") -> Mapping[str, bytes]:
    """Return PNG files by name: headline and map, and those of trend, heat map and hours with data."""
    serving = overview.environments[environment]
    drawn = {"headline": _headline(overview, serving, language), "map": _map(serving)}
    days = payload.window(overview.generated_at, overview.timezone, DAYS)
    lines = _lines(serving, days)
    if lines:
        drawn["trend"] = _trend(lines, days)
        drawn["heatmap"] = _heatmap(lines, days)
    pattern = payload.hours(serving.hours, payload.stations_of(serving.daily))["all"]
    if any(mean is not None for mean in pattern):
        drawn["hours"] = _hours(pattern)
    titles = _titles(overview, lines, texts()[language])
    common = {"dayFormat": "%-d/%-m" if language == "vi" else "%-d %b"}
    return {
        name: _png(name, titles.get(name, {}), rows, {**common, **signals})
        for name, (rows, signals) in drawn.items()
    }


def _titles(
    overview: Overview, lines: Sequence[tuple[str, Any]], words: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """Return a title and a second line for every picture except the headline, which has its own."""
    mark = f" · {words['mark']}" if overview.synthetic else ""
    at = _local(overview.generated_at, overview.timezone)
    highest = words["highest"].format(city=lines[0][0]) if lines else ""
    titles = {
        "map": (words["map"].format(index=words["us"]), at),
        "trend": (words["trend"], f"{words['trendUnit']} · {highest}"),
        "heatmap": (words["heat"], words["heatUnit"].format(index=words["us"])),
        "hours": (words["hoursTitle"], words["hoursUnit"]),
    }
    return {name: {"text": text, "subtitle": about + mark} for name, (text, about) in titles.items()}


Drawn = tuple[Mapping[str, Sequence[Mapping[str, Any]]], Mapping[str, Any]]


def _png(name: str, title: Mapping[str, str], rows: Mapping[str, Any], signals: Mapping[str, Any]) -> bytes:
    """Draw a specification with its rows, in the light colours of the style sheet."""
    import vl_convert

    spec = charts.specification(name)
    spec |= _frame(name, spec, title)
    own = {side: signals[side] for side in ("width", "height") if side in signals}
    for layer in (spec, *spec.get("layer", ())):
        if isinstance(layer.get("data"), dict) and layer["data"].get("name") in rows:
            layer["data"] = {"values": rows[layer["data"]["name"]]}
    for source in spec["data"] if isinstance(spec.get("data"), list) else ():
        if source["name"] in rows:
            source["values"] = rows[source["name"]]
    for signal in (*spec.get("params", ()), *spec.get("signals", ())):
        signal["value"] = signals.get(signal["name"], signal.get("value"))
    text = _coloured(json.dumps({**spec, **own}))
    draw = vl_convert.vegalite_to_png if "vega-lite" in spec["$schema"] else vl_convert.vega_to_png
    body: bytes = draw(text, scale=SCALE)
    return body


def _frame(name: str, spec: dict[str, Any], title: Mapping[str, str]) -> dict[str, Any]:
    """Return the background, the margin and the title of a picture."""
    if name != "map":
        titled = {"title": {**_TITLE, **title}} if title else {}
        return {"background": "var(--card)", "padding": 16, "autosize": "pad", **titled}
    # The map extends beyond the picture, and a title of the chart would be above all of it.
    words = [_text(title["text"], 30, 18, "ink"), _text(title["subtitle"], 52, 13, "muted")]
    # Vega needs a canvas to choose the positions of station names, and there is none here.
    marks = [mark for mark in spec["marks"] if mark.get("name") != "label"]
    return {"background": "var(--sea)", "marks": marks + words}


def _text(words: str, y: int, size: int, colour: str) -> dict[str, Any]:
    look: dict[str, Any] = {"x": 16, "y": y, "text": words, "fontSize": size, "fill": f"var(--{colour})"}
    look["fontWeight"] = "bold" if colour == "ink" else "normal"
    return {"type": "text", "encode": {"enter": {name: {"value": value} for name, value in look.items()}}}


def _coloured(text: str) -> str:
    """Return the text with each CSS variable replaced by its first value: the light, standard colours."""
    colours: dict[str, str] = {}
    for name, colour in _COLOUR.findall(style_sheet()):
        colours.setdefault(name, colour)
    return re.sub(r"var\(--([\w-]+)\)", lambda hole: colours[hole[1]], text)


def _band(index: int) -> int:
    return next(n for n, band in enumerate(bands()["us"]) if band["to"] is None or index <= band["to"])


def _is_live(row: Row) -> bool:
    return row["is_current"] is True and row["us_aqi"] is not None


# --- the headline and the map


def _headline(overview: Overview, serving: Serving, language: str) -> Drawn:
    words, live = texts()[language], list(filter(_is_live, serving.latest))
    index = payload.half_up([int(str(row["us_aqi"])) for row in live])
    where = f"{len(live)} / {words['stations.other'].format(count=len(serving.latest))}"
    stamp = words["mark"] if overview.synthetic else ""
    if index is None:
        word, advice = (words["noCurrent"], words["noCurrentWhy"].format(where=words["inEnvironment"]))
        colour, ink, number = "var(--card)", "var(--muted)", "–"
    else:
        band = _band(index)
        word, advice = bands()["us"][band][language]
        colour, ink, number = f"var(--aqi-{band})", f"var(--ink-{band})", str(index)
    newest = max((str(row["as_of"]) for row in live), default="")
    about = " · ".join(filter(None, (words["us"], where, _local(newest, overview.timezone), stamp)))
    row = {
        "number": number,
        "word": word,
        "advice": textwrap.wrap(advice, 62),
        "about": about,
        "colour": colour,
        "ink": ink,
    }
    return {"headline": [row]}, {}


def _local(instant: str, timezone: str) -> str:
    if not instant:
        return ""
    return f"{dt.datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def _map(serving: Serving) -> Drawn:
    outline = json.loads(charts.resource("outline.json"))
    land = [
        {
            "type": "Feature",
            "home": kind == "focus",
            "geometry": {"type": "Polygon", "coordinates": [_ring(flat)]},
        }
        for kind in ("land", "focus")
        for flat in outline[kind]
    ]
    located = [row for row in serving.latest if _number(row["longitude"]) and _number(row["latitude"])]
    box = _box(located)
    rows = sorted((_disc(row) for row in located), key=lambda disc: disc["index"])
    width, height = _MAP_SIZE
    signals = {"width": width, "height": height, "box": box, "radius": 13}
    return {"land": land, "stations": rows, "frames": [], "scalebar": []}, signals


def _ring(flat: Sequence[float]) -> list[tuple[float, float]]:
    points = list(zip(flat[::2], flat[1::2], strict=True))
    return [*points, points[0]]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _box(rows: Sequence[Row]) -> list[float]:
    """Return west, south, east, north: Viet Nam if every station lies there."""
    home = [101.7, 8.0, 110.0, 23.7]
    points = [(float(str(row["longitude"])), float(str(row["latitude"]))) for row in rows]
    if all(home[0] <= x <= home[2] and home[1] <= y <= home[3] for x, y in points):
        return [*home[:3], 25.2]  # room for the title above the land
    xs, ys = zip(*points, strict=True)
    half = max(1.0, max(xs) - min(xs), max(ys) - min(ys)) * 0.66
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    return [x - half, max(-80.0, y - half), x + half, min(80.0, y + half)]


def _disc(row: Row) -> dict[str, Any]:
    live = _is_live(row)
    index = int(str(row["us_aqi"])) if live else -1
    return {
        "longitude": row["longitude"],
        "latitude": row["latitude"],
        "index": index,
        "small": False,
        "numbered": live,
        "label": "",
        "number": str(index) if live else "",
        "colour": f"var(--aqi-{_band(index)})" if live else "var(--card)",
        "ink": f"var(--ink-{_band(index)})" if live else None,
    }


# --- lines and cells


def _lines(serving: Serving, days: Sequence[str]) -> list[tuple[str, list[payload.Day | None]]]:
    """Return every city with its days, the highest mean first; a city of one station is that station."""
    stations = payload.stations_of(serving.daily)
    together = payload.cities(stations)
    alone = {
        station.city or None: station.days for station in stations if (station.city or None) not in together
    }
    cut = {str(city or "–"): [line.get(day) for day in days] for city, line in {**together, **alone}.items()}
    return sorted(
        ((city, line) for city, line in cut.items() if _means(line)),
        key=lambda entry: -math.fsum(_means(entry[1])) / len(_means(entry[1])),
    )


def _means(line: Sequence[payload.Day | None]) -> list[float]:
    return [day.mean for day in line if day is not None and day.mean is not None]


def _utc(day: str) -> int:
    return (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days * _DAY


def _trend(lines: Sequence[tuple[str, list[payload.Day | None]]], days: Sequence[str]) -> Drawn:
    rows = []
    for city, line in reversed(lines):
        chosen = city == lines[0][0]
        colour = "var(--accent)" if chosen else "var(--other)"
        for name, day in zip(days, line, strict=True):
            hollow = day is not None and day.incomplete
            rows.append(
                {
                    "series": city,
                    "day": _utc(name),
                    "mean": day and day.mean,
                    "chosen": chosen,
                    "dot": chosen or hollow,
                    "dotSize": 34 if chosen else 14,
                    "dotStroke": colour,
                    "dotFill": "var(--card)" if hollow else colour,
                }
            )
    limits = [
        {"value": limit["value"], "label": f"{limit['name']} {limit['value']}"} for limit in bands()["limits"]
    ]
    return {"lines": rows, "limits": limits, "hover": []}, {"width": 760, "height": 320}


def _heatmap(lines: Sequence[tuple[str, list[payload.Day | None]]], days: Sequence[str]) -> Drawn:
    rows = [
        {
            "row": city,
            "day": _utc(name),
            "kind": _kind(day),
            "colour": "var(--other)" if day is None or day.us is None else f"var(--aqi-{_band(day.us)})",
        }
        for city, line in lines
        for name, day in zip(days, line, strict=True)
    ]
    ticks = [_utc(name) for name in days[2::5]]
    return {"cells": rows}, {"width": 760, "ticks": ticks, "rows": [city for city, _ in lines]}


def _kind(day: payload.Day | None) -> str:
    if day is None or (day.us is None and day.mean is None):
        return "none"
    return "part" if day.incomplete or day.us is None else "full"


def _hours(pattern: Sequence[float | None]) -> Drawn:
    known = [(hour, mean) for hour, mean in enumerate(pattern) if mean is not None]
    peaks = {hour for hour, _ in sorted(known, key=lambda pair: -pair[1])[:3]}
    rows = [{"hour": hour, "mean": mean, "chosen": True, "peak": hour in peaks} for hour, mean in known]
    limits = [{"value": bands()["limits"][0]["value"]}]
    return {"hours": rows, "limits": limits}, {"width": 560, "height": 280}
