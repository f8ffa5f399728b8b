"""Rows as the serving views give them, for a country with two crowded cities."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from openaq_assets.dashboard.page import Overview, Row, Serving

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
BANDS = (
    (9.0, 0, 50, "Good", "#00E400"),
    (35.4, 51, 100, "Moderate", "#FFFF00"),
    (55.4, 101, 150, "Unhealthy for Sensitive Groups", "#FF7E00"),
    (125.4, 151, 200, "Unhealthy", "#FF0000"),
    (225.4, 201, 300, "Very Unhealthy", "#8F3F97"),
    (1000.0, 301, 500, "Hazardous", "#7E0023"),
)


def station(
    number: int, city: str | None, *, value: float = 20.0, hours: int = 0, **more: object
) -> Row:
    """Return one row of `view_latest_aqi`, stale from three hours; `more` replaces columns."""
    minutes = 60 * hours + now().minute
    current = hours < 3
    aqi, category, colour = index_of(value) if current else (None, None, None)
    as_of = now() - timedelta(hours=hours)
    return {
        "location_id": number, "location": f"{city} {number}", "city": city, "country": "Việt Nam",
        "provider": "AirGradient", "latitude": 16.0, "longitude": 108.0,
        "as_of": f"{as_of:%Y-%m-%dT%H:00:00Z}", "age_minutes": minutes, "is_current": current,
        "pollutant": "pm25", "concentration": value if current else None, "unit": "µg/m³",
        "aqi": aqi, "category": category, "colour": colour,
        "reason": None if current else f"Last valid hour is {hours} h old",
        **more,
    }  # fmt: skip


def day(number: int, city: str | None, ago: int, value: float | None, hours: int = 24) -> Row:
    """Return one row of `view_daily_average`, `ago` days before today in Viet Nam."""
    local = now() + timedelta(hours=7) - timedelta(days=ago)
    return {
        "location_id": number, "location": f"{city} {number}", "city": city,
        "local_day": f"{local:%Y-%m-%d}", "avg_pm25": value, "hours": hours, "coverage": hours / 24,
        "is_incomplete": hours < 12, "valid_75": hours >= 18,
    }  # fmt: skip


def overview(scale: float = 0.8, **more: object) -> Overview:
    """Return `prod` with 21 stations, three of them stale, and `dev` with 19 and other values."""
    arguments: dict[str, object] = {
        "generated_at": f"{now():%Y-%m-%dT%H:%M:%SZ}",
        "sources": ("OpenAQ API v3", "AirGradient", "Trung tâm Quan trắc môi trường miền Bắc"),
        "environments": {"dev": serving(seed=2, scale=scale, drop=2), "prod": serving(seed=1)},
    }
    return Overview(**(arguments | more))  # type: ignore[arg-type]


def serving(*, seed: int, scale: float = 1.0, drop: int = 0, spread: float = 0.05) -> Serving:
    """Return one environment's rows; the last `drop` stations are left out."""
    chance = random.Random(seed)
    latest, daily = [], []
    places = [place for place in CITIES for _ in range(place[3])]
    for number, (city, longitude, latitude, _, usual) in enumerate(places[: len(places) - drop], 1):
        value = round(max(2.0, chance.gauss(usual * scale * 1.25, usual * 0.45)), 1)
        hours = 9 if number % 7 == 5 else chance.randrange(2)
        where = {
            "longitude": longitude + chance.gauss(0, spread),
            "latitude": latitude + chance.gauss(0, spread),
        }
        latest.append(station(number, city, value=value, hours=hours, **where))
        daily += month(number, city, usual * scale, chance)
    return Serving(tuple(latest), tuple(daily))


def month(number: int, city: str, usual: float, chance: random.Random) -> list[Row]:
    """Return 30 days: a four-day gap in the first city, some half-empty days, today unfinished."""
    rows = []
    for ago in range(30):
        if city == CITIES[0][0] and 11 <= ago <= 14:
            continue
        hours = 9 if ago == 0 or (ago == 20 and number <= 7) else chance.randrange(15, 25)
        wave = 1 + 0.45 * math.sin(ago / 4 + len(city)) + chance.gauss(0, 0.12)
        rows.append(day(number, city, ago, round(max(1.0, usual * wave), 2), hours))
    return rows


def index_of(value: float) -> tuple[int, str, str]:
    """Return index, category and colour by the US EPA 2024 table; good enough to fill a sample."""
    low = 0.0
    for high, first, last, category, colour in BANDS:
        if value <= high:
            return round(first + (last - first) * (value - low) / (high - low)), category, colour
        low = high
    return 500, BANDS[-1][3], BANDS[-1][4]


def now() -> datetime:
    """Return the present: the page compares its own age with the clock."""
    return datetime.now(UTC)
