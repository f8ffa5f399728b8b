"""Recorded answers, each with the rows that a plain reading of it gives: what every engine must make of them."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from openaq_assets.graph.operations import Transform
from openaq_assets.project.project import load
from support.projects import REPOSITORY
from support.runner_fixtures import Lake, put_raw

SHARED = REPOSITORY.parent / "shared" / "openaq"
RETRIEVED = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
SNAPSHOT = "2026-10-01"
Row = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A recorded answer, its table, and the location and sensor of its request."""

    name: str
    asset: str
    body: bytes
    location: int = 0
    sensor: int = 0
    hour: int = 0

    @property
    def retrieved(self) -> dt.datetime:
        """Return when it was stored in these tests."""
        return RETRIEVED + dt.timedelta(hours=self.hour)


def answers() -> Iterator[Recorded]:
    """Yield every recorded answer about locations, hours and measurements; none if the records are missing."""
    for folder in ("recorded_vn", "wire_form"):
        for name in ("locations__iso_VN__2025-12-22", "sensors_7772024_measurements__no_params__2025-12-22"):
            path = SHARED / folder / f"{name}.json"
            if path.exists() and name.startswith("locations"):
                yield Recorded(f"{folder} locations", "locations", path.read_bytes())
            elif path.exists():
                yield Recorded(f"{folder} measurements", "measurements", path.read_bytes(), 2161292, 7772024)
    for name, rows in _rows_only():
        yield Recorded(name, "measurements", json.dumps({"results": rows}, ensure_ascii=False).encode(), 1, 2)
    for path in sorted(SHARED.glob("from_docs/*.json")):
        asset = {"locations": "locations", "quick-start": "locations", "measurements": "measurements"}
        if kind := asset.get(path.name.split("__")[0]):
            payload = json.loads(path.read_bytes())["payload"]
            yield Recorded(f"docs {path.name}", kind, json.dumps(payload, ensure_ascii=False).encode(), 3, 4)
    for path in SHARED.glob("derived_from_api_source/ok_and_ratelimit_headers.json"):
        for exchange in json.loads(path.read_bytes()):
            if exchange["status"] == 200 and "/sensors/" in exchange["request"] and json.loads(exchange["body"])["results"]:
                title, _, url = exchange["request"].rpartition(" ")
                yield Recorded(f"derived {url.rsplit('/')[-1]} {title}", "measurements", exchange["body"].encode(), 7, 8)
    for path in sorted(SHARED.glob("api_local_deployment_vcr/*.yml")):
        for at in yaml.safe_load(path.read_text(encoding="utf-8"))["http_interactions"]:
            steps = at["request"]["uri"].split("?")[0].split("/v3/")[1].split("/")
            kind = {"locations": "locations", "measurements": "measurements"}.get(steps[-1])
            if kind or (steps[0] == "locations" and len(steps) == 2):
                body = at["response"]["body"]["string"].encode()
                yield Recorded(f"local {path.stem}", kind or "locations", body, 5, 6)


def _rows_only() -> Iterator[tuple[str, list[Any]]]:
    """Yield rows that were recorded without the page around them."""
    for path in sorted(SHARED.glob("recorded_vn/sensors_*_hours__excerpt__*.json")):
        yield "excerpt of hours", json.loads(path.read_bytes())["results"]
    for path in sorted(SHARED.glob("recorded_other/measurements_hourly_gap_bucket__*.json")):
        row = json.loads(path.read_bytes())
        row.pop("_source")
        yield "an hour without a value", [row]
    for path in sorted(SHARED.glob("issue_fragments/*.json")):
        for title, fragment in json.loads(path.read_bytes()).items():
            rows = [fragment[key] for key in ("hours", "measurements_hourly") if key in fragment]
            rows += fragment.get("fragment", {}).get("results", [])
            if rows:
                yield title.split(" ")[0], rows


# --- a plain reading ----------------------------------------------------------------------------------


def _utc(moment: Mapping[str, str] | None) -> dt.datetime | None:
    return dt.datetime.strptime(moment["utc"], "%Y-%m-%dT%H:%M:%SZ") if moment else None


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _measurement(row: Mapping[str, Any], answer: Recorded) -> Row:
    period, coverage, parameter = row["period"], row["coverage"], row["parameter"]
    return {
        "location_id": answer.location, "sensor_id": answer.sensor,
        "parameter_id": parameter["id"], "parameter": parameter["name"], "unit": parameter["units"],
        "value": _float(row["value"]), "average": _float((row["summary"] or {}).get("avg")),
        "has_flags": row.get("flagInfo", {}).get("hasFlags"),
        "period_from": _utc(period["datetimeFrom"]), "period_to": _utc(period["datetimeTo"]),
        "period_from_local": period["datetimeFrom"]["local"],
        "expected_count": coverage["expectedCount"], "observed_count": coverage["observedCount"],
        "percent_coverage": _float(coverage.get("percentCoverage")),
        "retrieved_at": answer.retrieved.replace(tzinfo=None),
    }


def _location(row: Mapping[str, Any], answer: Recorded) -> Row:
    licence: Mapping[str, Any] = (row["licenses"] or [{}])[0]
    return {
        "location_id": row["id"], "name": row["name"], "locality": row["locality"], "timezone": row["timezone"],
        "country": row["country"]["code"], "owner": row["owner"]["name"], "provider": row["provider"]["name"],
        "license": licence.get("name"), "attribution": (licence.get("attribution") or {}).get("name"),
        "latitude": _float(row["coordinates"]["latitude"]), "longitude": _float(row["coordinates"]["longitude"]),
        "is_monitor": row["isMonitor"], "is_mobile": row["isMobile"],
        "first_at": _utc(row["datetimeFirst"]), "last_at": _utc(row["datetimeLast"]),
        "retrieved_at": answer.retrieved.replace(tzinfo=None),
    }


def expected(answer: Recorded) -> tuple[dict[str, list[Row]], int]:
    """Return the rows of each day, in order, and the number of rows with too few fields."""
    days: dict[str, list[Row]] = {}
    short = 0
    for entry in json.loads(answer.body)["results"]:
        if answer.asset == "locations":
            days.setdefault(SNAPSHOT, []).append(_location(entry, answer))
        elif "parameter" not in entry:
            short += 1
            days.setdefault(entry["period"]["datetimeFrom"]["utc"][:10], [])
        else:
            row = _measurement(entry, answer)
            days.setdefault(f"{row['period_from']:%Y-%m-%d}", []).append(row)
    order = "location_id" if answer.asset == "locations" else "period_from"
    return {day: sorted(rows, key=lambda row: row[order]) for day, rows in sorted(days.items())}, short


# --- what an engine makes of it -----------------------------------------------------------------------


@cache
def _project() -> Any:
    return load(REPOSITORY, strict=False)


def stored(lake: Lake, answer: Recorded) -> Transform:
    """Store the answer, every byte, in each day it has rows of; the project's own operation for these days."""
    graph = _project().graph
    asset = graph[answer.asset]
    days = tuple(expected(answer)[0])
    for day in days:
        put_raw(
            lake.platform, lake.home, day, answer.body, asset=asset.spec.source, retrieved=answer.retrieved,
            location=str(answer.location), sensor=str(answer.sensor),
        )
    (operation,) = asset.kind.operations(asset, graph, days, ())
    assert isinstance(operation, Transform)
    return operation
