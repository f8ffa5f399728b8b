"""Overviews of a year with values that no two days share."""

from __future__ import annotations

import random

from openaq_assets.openaq.dashboard.payload import Overview, Row, Serving


def latest(number: int = 1, **more: object) -> Row:
    """Return one row of `view_latest_aqi`."""
    row: dict[str, object] = {
        "location_id": number, "location": f"Station {number}", "city": "Huế", "country": "VN",
        "provider": "AirGradient", "license": "CC BY 4.0", "latitude": 16.4637123, "longitude": 107.59087,
        "timezone": "Asia/Ho_Chi_Minh", "is_monitor": False, "as_of": "2026-11-22T23:00:00Z",
        "age_minutes": 30, "is_current": True, "qc_version": "1",
    }
    for scheme, index in (("us", 101), ("vn", 71)):
        facts = {"aqi": index, "pollutant": "pm25", "concentration": 35.4449, "unit": "µg/m³", "method": "nowcast",
                 "hours_used": 12, "reason": None}
        row |= {f"{scheme}_{name}": value for name, value in facts.items()}
    return row | more

def daily(number: int = 1, day: str = "2026-11-22", **more: object) -> Row:
    """Return one row of `view_daily_average`."""
    return {
        "location_id": number, "location": f"Station {number}", "city": "Huế", "local_day": day,
        "avg_pm25": 21.46, "hours": 20, "is_incomplete": False, "us_aqi": 72, "vn_aqi": 43, **more,
    }

def hour(number: int = 1, at: int = 7, mean: float = 20.0, hours: int = 30) -> Row:
    """Return one row of `view_hour_of_day`."""
    return {"location_id": number, "hour": at, "avg_pm25": mean, "hours": hours}

def year_of(stations: int, cities: int) -> Overview:
    """Return an overview of a year with values that no two days share."""
    from openaq_assets.openaq.dashboard.payload import window

    chance, now = random.Random(1), "2026-11-22T23:30:00Z"

    def serving_of() -> Serving:
        rows = tuple(
            latest(n, location=f"Trạm quan trắc tự động số {n}", city=f"Thành phố {n % cities}")
            for n in range(stations)
        )
        days = tuple(
            daily(n, day, city=f"Thành phố {n % cities}", avg_pm25=chance.uniform(3, 160), us_aqi=chance.randrange(12, 220),
                  vn_aqi=chance.randrange(12, 210), hours=chance.randrange(12, 25))
            for n in range(stations) for day in window(now, "Asia/Ho_Chi_Minh", 365)
        )
        hours = tuple(
            hour(n, at, chance.uniform(3, 90)) for n in range(stations) for at in range(24)
        )
        return Serving(rows, days, hours)

    return Overview(now, environments={"dev": serving_of(), "prod": serving_of()})
