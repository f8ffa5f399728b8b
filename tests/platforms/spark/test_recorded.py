"""Recorded answers of the API as tables, by Spark: exactly the rows of a plain reading, and what Polars makes of them."""

from dataclasses import replace

import pytest
from support.recorded_tables import answers, expected, stored
from support.sparks import Spark, Twins

from openaq_assets.graph.operations import Transform
from openaq_assets.graph.partitions import segment

ANSWERS = list(answers())


@pytest.mark.skipif(not ANSWERS, reason="the recorded answers are not beside this")
@pytest.mark.parametrize("asset", ["locations", "measurements"])
def test_recorded_answers_become_these_rows(spark: Spark, twins: Twins, asset: str) -> None:
    """Of all answers together, each day's table has exactly the rows, in order of the key, and no field is new."""
    wanted: dict[str, dict[tuple[int, ...], str]] = {}
    operations: list[Transform] = []
    for number, answer in enumerate(answer for answer in ANSWERS if answer.asset == asset):
        own = replace(answer, sensor=number, hour=number)  # the same sensors and stations were recorded twice
        operations.append(stored(twins.lake, own))
        for day, rows in expected(own)[0].items():
            known = wanted.setdefault(day, {})
            for row in rows:
                key = (row["location_id"], number, row.get("period_from")) if asset == "measurements" else (row["location_id"],)
                known[key] = repr(tuple(row.values()))
    days = tuple(sorted(wanted))
    first = operations[0]
    operation = replace(
        first, source=replace(first.source, partitions=days), into=replace(first.into, partitions=days),
        quarantine=replace(first.quarantine, partitions=days),
    )
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    for day in days:
        table = twins.table(twins.other / f"processed/{asset}/{segment(day)}/part-0.parquet")
        assert table["rows"] == [wanted[day][key] for key in sorted(wanted[day])], day
        assert facts[day]["notices"] == []
