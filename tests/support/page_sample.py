"""Rows as the serving views give them, for a country with two crowded cities."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from openaq_assets.openaq.dashboard.payload import Overview, Row, Serving

# city, longitude, latitude, stations, usual PM2.5
CITIES = (
    ("Hà Nội", 105.84, 21.03, 7, 62.0),
    ("TP. Hồ Chí Minh", 106.69, 10.78, 6, 27.0),
    ("Hải Phòng", 106.68, 20.86, 2, 41.0),
    ("Đà Nẵng", 108.21, 16.06, 2, 17.0),
    ("Huế", 107.59, 16.46, 1, 22.0),
    ("Thái Nguyên", 105.84, 21.59, 1, 55.0),
    ("Cần Thơ", 105.77, 10.04, 1, 14.0),
    ("Nha Trang", 109.19, 12.24, 1, 9.0),
)
US_PM25 = (
    (9.0, 0, 50),
    (35.4, 51, 100),
    (55.4, 101, 150),
    (125.4, 151, 200),
    (225.4, 201, 300),
    (1000.0, 301, 500),
)
VN_PM25 = (
    (25.0, 0, 50),
    (50.0, 51, 100),
    (80.0, 101, 150),
    (150.0, 151, 200),
    (250.0, 201, 300),
    (500.0, 301, 500),
)


def now() -> datetime:
    """Return this minute, in UTC."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def index_of(value: float, bands: tuple[tuple[float, int, int], ...] = US_PM25) -> int:
    """Return an index of a PM2.5 value, near enough for a picture."""
    low = 0.0
    for high, first, last in bands:
        if value <= high:
            return round(first + (last - first) * (value - low) / (high - low))
        low = high
    return 500


def station(
    number: int, city: str | None, *, value: float = 20.0, hours: int = 0, **more: object
) -> Row:
    """Return one row of `view_latest_aqi`, stale from three hours; `more` replaces columns."""
    current = hours < 3
    as_of = now() - timedelta(hours=hours)
    row: dict[str, object] = {
        "location_id": number, "location": f"{city} {number}", "city": city, "country": "VN",
        "provider": "AirGradient", "license": "CC BY 4.0", "latitude": 16.0, "longitude": 108.0,
        "lat_lon": "16.0,108.0", "timezone": "Asia/Ho_Chi_Minh", "is_monitor": number % 3 == 0,
        "as_of": f"{as_of:%Y-%m-%dT%H:00:00Z}", "age_minutes": 60 * hours + now().minute,
        "is_current": current, "qc_version": "1",
    }
    for scheme, bands in (("us", US_PM25), ("vn", VN_PM25)):
        row |= {
            f"{scheme}_aqi": index_of(value, bands) if current else None,
            f"{scheme}_category": None, f"{scheme}_colour": None,
            f"{scheme}_pollutant": "pm25" if current else None,
            f"{scheme}_concentration": value if current else None,
            f"{scheme}_unit": "µg/m³", f"{scheme}_method": "nowcast", f"{scheme}_hours_used": 12,
            f"{scheme}_reason": None if current else f"Last valid hour is {hours} h old",
        }
    return row | more


def day(number: int, city: str | None, ago: int, value: float | None, hours: int = 24) -> Row:
    """Return one row of `view_daily_average`, `ago` days before today in Viet Nam."""
    local = now() + timedelta(hours=7) - timedelta(days=ago)
    return {
        "location_id": number, "location": f"{city} {number}", "city": city,
        "local_day": f"{local:%Y-%m-%d}", "avg_pm25": value, "hours": hours, "coverage": hours / 24,
        "is_incomplete": hours < 12, "valid_75": hours >= 18,
        "us_aqi": None if value is None else index_of(value),
        "vn_aqi": None if value is None else index_of(value, VN_PM25),
    }


def pattern(number: int, usual: float) -> list[Row]:
    """Return the 24 rows of `view_hour_of_day`: traffic in the morning and evening."""
    shape = [
        1 + 0.35 * math.cos((hour - 7) / 24 * 4 * math.pi) - 0.01 * abs(hour - 8)
        for hour in range(24)
    ]
    return [
        {"location_id": number, "hour": hour, "avg_pm25": usual * shape[hour], "hours": 30}
        for hour in range(24)
    ]


def overview(scale: float = 0.8, **more: object) -> Overview:
    """Return `prod` with 21 stations, three of them stale, and `dev` with 19 and other values."""
    arguments: dict[str, object] = {
        "generated_at": f"{now():%Y-%m-%dT%H:%M:%SZ}",
        "sources": ("OpenAQ API v3", "AirGradient", "Trung tâm Quan trắc môi trường miền Bắc"),
        "environments": {"dev": serving(seed=2, scale=scale, drop=2), "prod": serving(seed=1)},
    }
    return Overview(**(arguments | more))


def serving(
    *, seed: int, scale: float = 1.0, drop: int = 0, spread: float = 0.05, days: int = 30,
    cities: Iterable[tuple[str, float, float, int, float]] = CITIES,
) -> Serving:
    """Return one environment's rows; the last `drop` stations are left out."""
    chance = random.Random(seed)
    latest, daily, hours = [], [], []
    stations = [city for city in cities for _ in range(city[3])]
    for number, (city, longitude, latitude, _, usual) in enumerate(stations[: len(stations) - drop], 1):
        value = round(max(2.0, chance.gauss(usual * scale * 1.25, usual * 0.45)), 1)
        old = 9 if number % 7 == 5 else chance.randrange(2)
        where = {
            "longitude": longitude + chance.gauss(0, spread),
            "latitude": latitude + chance.gauss(0, spread),
        }
        latest.append(station(number, city, value=value, hours=old, **where))
        daily += history(number, city, usual * scale, chance, days)
        hours += pattern(number, usual * scale)
    return Serving(tuple(latest), tuple(daily), tuple(hours))


def history(number: int, city: str, usual: float, chance: random.Random, days: int) -> list[Row]:
    """Return its days: a four-day gap in the first city, some half-empty days, today unfinished."""
    rows = []
    for ago in range(days):
        if city == CITIES[0][0] and 11 <= ago <= 14:
            continue
        wave = 1 + 0.45 * math.sin((ago + len(city)) / 3.2) + chance.gauss(0, 0.08)
        hours = 9 if ago == 0 or chance.random() < 0.06 else 24 - chance.randrange(4)
        rows.append(day(number, city, ago, round(max(2.0, usual * wave), 2), hours))
    return rows
