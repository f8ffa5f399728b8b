"""Recorded answers of the API as tables, by Polars: exactly the rows of a plain reading, and no new field."""

import io
from pathlib import Path

import polars as pl
import pytest
from support.recorded_tables import Recorded, answers, expected, stored
from support.runner_fixtures import Lake, environment_on

from openaq_assets.graph.partitions import segment
from openaq_assets.platforms.local.platform import open_local

ANSWERS = list(answers())
needs_shared = pytest.mark.skipif(not ANSWERS, reason="the recorded answers are not beside this")


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_recorded_answers_become_these_rows(answer: Recorded, tmp_path: Path) -> None:
    """Each day's table has exactly its rows, in order; those of other days and too short ones are set aside."""
    home = environment_on("local", str(tmp_path / "lake"))
    lake = Lake(open_local(home), home)
    facts = lake.good(stored(lake, answer)).facts
    days, short = expected(answer)
    total = sum(map(len, days.values())) + short
    for day, rows in days.items():
        (body,) = lake.bodies("processed", answer.asset, *segment(day).split("/")).values()
        assert pl.read_parquet(io.BytesIO(body)).to_dicts() == rows
        assert (facts[day].rows, facts[day].quarantined) == (len(rows), total - len(rows))
        assert facts[day].notices == ()


@needs_shared
def test_there_is_much_to_read() -> None:
    """The plain reading finds the rows that are known to be in the whole answers, and some of each kind."""
    counted = {answer.name: {day: len(rows) for day, rows in expected(answer)[0].items()} for answer in ANSWERS}
    assert counted["recorded_vn locations"] == counted["wire_form locations"] == {"2026-10-01": 53}
    assert sum(counted["recorded_vn measurements"].values()) == 100
    days = counted["wire_form measurements"]
    assert (min(days), max(days)) == ("2024-01-29", "2024-02-04")
    assert counted["excerpt of hours"] == {"2026-06-08": 9}
    assert counted["an hour without a value"] == {"2024-01-03": 1}
    assert len(counted) >= 13


@needs_shared
def test_some_rows_written_out() -> None:
    """The plain reading gives the values that a person reads in the files."""
    by_name = {answer.name: answer for answer in ANSWERS}
    first = expected(by_name["excerpt of hours"])[0]["2026-06-08"][0]
    names = ("parameter", "unit", "value", "average", "period_from_local", "observed_count", "percent_coverage")
    assert [first[name] for name in names] == ["pm25", "µg/m³", 32.9, 32.9, "2026-06-08T07:00:00+07:00", 1, 100.0]
    (gap,) = expected(by_name["an hour without a value"])[0]["2024-01-03"]
    assert (gap["value"], gap["average"], gap["percent_coverage"], gap["has_flags"]) == (None, None, None, False)
