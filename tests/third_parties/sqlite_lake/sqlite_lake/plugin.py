"""The hook of the SQLite lake."""

from collections.abc import Sequence

from openaq_assets import PlatformType, hookimpl

SQLITE = PlatformType("sqlite", "one SQLite file, Polars and DuckDB", "sqlite_lake.platform:open_sqlite")


@hookimpl
def platforms() -> Sequence[PlatformType]:
    """Return the platform."""
    return [SQLITE]
