"""What the page shows, as values: rows of the serving views, by environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from openaq_assets.openaq.dashboard.series import Row


@dataclass(frozen=True)
class Serving:
    """What one environment serves, or the problem why it serves nothing.

    `latest` are rows of `view_latest_aqi`, `daily` of `view_daily_average`, `hours` of
    `view_hour_of_day`.
    """

    latest: tuple[Row, ...] = ()
    daily: tuple[Row, ...] = ()
    hours: tuple[Row, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Overview:
    """Everything the page shows; `generated_at` is ISO 8601 in UTC, `timezone` an IANA name.

    Without a `title` the page has the one of its language.
    """

    generated_at: str
    title: str = ""
    synthetic: bool = False
    timezone: str = "Asia/Ho_Chi_Minh"
    sources: tuple[str, ...] = ()
    default_environment: str = "prod"
    environments: Mapping[str, Serving] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.default_environment not in self.environments:
            known = ", ".join(self.environments) or "none"
            asked = self.default_environment
            raise ValueError(f"default_environment: no environment '{asked}' (given: {known}).")
