"""The serving views over five years of 200 sensors, read warm, beside one big file."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import ROOT, Command, Row, compare, timed

BUILD = ROOT / "build" / "views"
CALLS = 5
SINCE = "date_add('day', -30, current_date)"
VIEWS = {
    "view_latest_aqi": "ORDER BY location_id",
    "view_daily_average": f"WHERE local_day >= {SINCE} ORDER BY local_day, location_id",
}
PEERS = {
    "view_latest_aqi": """
        SELECT location_id, average, period_to FROM read_parquet('{file}')
        WHERE parameter = 'pm25' AND period_from >= current_date - 30
        QUALIFY row_number() OVER (PARTITION BY location_id ORDER BY period_to DESC) = 1 ORDER BY location_id""",
    "view_daily_average": """
        SELECT location_id, substr(period_from_local, 1, 10) AS local_day, avg(average) AS avg_pm25, count(*) AS hours
        FROM read_parquet('{file}') WHERE parameter = 'pm25' AND period_from >= current_date - 31
        GROUP BY ALL ORDER BY local_day, location_id""",
}


def warm(ask: Callable[[], object]) -> float:
    """Return the median of some calls, of which the first does not count."""
    seconds = []
    for _ in range(CALLS + 1):
        started = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def ours(lake: Path, view: str) -> Callable[[], float]:
    """Return a query of every column of a view of prod, as from the dashboard."""

    def work() -> float:
        from openaq_assets.project.project import load
        from openaq_assets.runs.query import ask

        os.environ["OPENAQ_ROOT"] = str(lake)
        project = load(ROOT)
        columns = ", ".join(str(column.name) for column in project.graph.columns(view))
        sql = f"SELECT {columns} FROM {view} {VIEWS[view]}"

        def query() -> None:
            if not ask(project, sql, "prod").rows:
                raise RuntimeError(f"{view} has no rows")

        return warm(query)

    return work


def single_file(file: Path, view: str) -> Callable[[], float]:
    """Return DuckDB over all measurements in one file, sorted by time: part of the rows of the view."""

    def work() -> float:
        import duckdb

        return warm(lambda: duckdb.sql(PEERS[view].format(file=file)).fetchall())

    return work


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield both views; one year instead of five if it is to be quick."""
    years = 1 if quick else 5
    lake, file = BUILD / f"lake-{years}", BUILD / f"measurements-{years}.parquet"
    made = Command((sys.executable, "-m", "benchmarks.view_lake", str(lake), "--years", str(years), "--file", str(file)))
    with timed(f"  a lake of {years} years"):
        made.run()
    for view in VIEWS:
        name = f"{view}, {years} years x 200 sensors hourly"
        yield from compare(name, ours(lake, view), {"duckdb, one file": single_file(file, view)}, 1 if quick else 3)
