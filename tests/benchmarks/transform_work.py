"""One way to carry out a Transform, as a process of its own: ``python -m benchmarks.transform_work WAY RAW INTO``."""

import shutil
import sys
from pathlib import Path

FIELDS = (
    '{"results":[{"parameter":{"id":"BIGINT","name":"VARCHAR","units":"VARCHAR"},"value":"DOUBLE",'
    '"summary":{"avg":"DOUBLE"},"flagInfo":{"hasFlags":"BOOLEAN"},"period":{"datetimeFrom":{"utc":"TIMESTAMP",'
    '"local":"VARCHAR"},"datetimeTo":{"utc":"TIMESTAMP"}},"coverage":{"expectedCount":"BIGINT",'
    '"observedCount":"BIGINT","percentCoverage":"DOUBLE"}}]}'
)
DECODED = """
SELECT key.location::BIGINT location_id, key.sensor::BIGINT sensor_id, r.parameter.id parameter_id,
  r.parameter.name parameter, r.parameter.units unit, r.value "value", r.summary.avg average,
  r.flagInfo.hasFlags has_flags, r.period.datetimeFrom.utc period_from, r.period.datetimeTo.utc period_to,
  r.period.datetimeFrom.local period_from_local, r.coverage.expectedCount expected_count,
  r.coverage.observedCount observed_count, r.coverage.percentCoverage percent_coverage,
  strptime(key.retrieved, '%Y%m%dT%H%M%SZ') retrieved_at
FROM (SELECT key, unnest(results) r FROM (
  SELECT from_json(content, '{fields}').results results, regexp_extract(filename,
    'location=(\\d+)__sensor=(\\d+)__.*__(\\d{{8}}T\\d{{6}}Z)__', ['location', 'sensor', 'retrieved']) key
  FROM read_text({files})))
"""


def ours(raw: Path, into: Path) -> None:
    """The operation of the project, carried out by its local platform."""
    from benchmarks.raw_pages import operation
    from openaq_assets.environment import Environment, LogicalEnvironment, Profile
    from openaq_assets.platforms.local import open_local

    logical = {"dev": LogicalEnvironment("openaq_dev")}
    home = Environment("dev", Profile("local", str(into)), logical)
    ticket = open_local(home).submit(operation(raw, into))
    if ticket.state != "succeeded" or any(one.quarantined for one in ticket.facts.values()):
        raise SystemExit(ticket.message or "rows do not fit")


def duckdb(raw: Path, into: Path) -> None:
    """DuckDB at its best: only the needed fields, typed; both cores decode; one sort; one COPY."""
    import duckdb

    files = sorted(map(str, raw.glob("raw/**/*.json")))
    halves = " UNION ALL ".join(
        DECODED.format(fields=FIELDS, files=some) for some in (files[::2], files[1::2]) if some
    )
    duckdb.sql(f"""COPY (
        SELECT *, strftime(period_from, '%Y') "year", strftime(period_from, '%m') "month",
          strftime(period_from, '%d') "day" FROM ({halves})
        QUALIFY lead((sensor_id, period_from)) OVER (ORDER BY location_id, sensor_id, period_from, retrieved_at)
          IS DISTINCT FROM (sensor_id, period_from)
    ) TO '{into}' (FORMAT parquet, COMPRESSION snappy, PARTITION_BY ("year", "month", "day"))""")


def polars(raw: Path, into: Path) -> None:
    """Polars as most people write it: read each file, take the fields, concatenate, write."""
    import polars as pl

    tables = []
    for file in sorted(raw.glob("raw/**/*.json")):
        parts = dict(one.split("=") for one in file.name.split("__") if "=" in one)
        row = pl.col("results").struct
        part = pl.read_json(file).select("results").explode("results").unnest("results")
        row = pl.col
        tables.append(part.select(
            pl.lit(int(parts["location"])).alias("location_id"), pl.lit(int(parts["sensor"])).alias("sensor_id"),
            row("parameter").struct.field("id").alias("parameter_id"),
            row("parameter").struct.field("name").alias("parameter"), row("parameter").struct.field("units").alias("unit"),
            row("value").cast(pl.Float64), row("summary").struct.field("avg").cast(pl.Float64).alias("average"),
            row("flagInfo").struct.field("hasFlags").alias("has_flags"),
            row("period").struct.field("datetimeFrom").struct.field("utc").str.to_datetime("%Y-%m-%dT%H:%M:%SZ").alias("period_from"),
            row("period").struct.field("datetimeTo").struct.field("utc").str.to_datetime("%Y-%m-%dT%H:%M:%SZ").alias("period_to"),
            row("period").struct.field("datetimeFrom").struct.field("local").alias("period_from_local"),
            row("coverage").struct.field("expectedCount").alias("expected_count"),
            row("coverage").struct.field("observedCount").alias("observed_count"),
            row("coverage").struct.field("percentCoverage").cast(pl.Float64).alias("percent_coverage"),
            pl.lit(file.name.split("__")[-2]).str.to_datetime("%Y%m%dT%H%M%SZ").alias("retrieved_at"),
        ))  # fmt: skip
    table = pl.concat(tables).sort("retrieved_at").unique(["sensor_id", "period_from"], keep="last")
    table = table.sort("location_id", "sensor_id", "period_from")
    for (day,), rows in table.group_by(pl.col("period_from").dt.date(), maintain_order=True):
        folder = into / f"year={day:%Y}/month={day:%m}/day={day:%d}"
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "part-0.parquet", compression="snappy")


def read(raw: Path, into: Path) -> None:
    """A floor: the bytes, read and forgotten."""
    for file in raw.glob("raw/**/*.json"):
        file.read_bytes()


def parse(raw: Path, into: Path) -> None:
    """A floor: read, and decoded to the needed fields by msgspec; one core."""
    from benchmarks.raw_pages import operation
    from openaq_assets.platforms.recipe_typed import TypedRecipe

    recipe = TypedRecipe(operation(raw, into).recipe)
    for file in raw.glob("raw/**/*.json"):
        recipe.decoder.decode(file.read_bytes())


def write(raw: Path, into: Path) -> None:
    """A floor: the finished tables (made by ours beforehand) written again."""
    import polars as pl

    tables = {file: pl.read_parquet(file) for file in into.with_name("written").glob("processed/**/*.parquet")}
    for number, table in enumerate(tables.values()):
        table.write_parquet(into / f"{number}.parquet", compression="snappy")


WAYS = {one.__name__: one for one in (ours, duckdb, polars, read, parse, write)}


def main(way: str, raw: str, into: str) -> None:
    """Carry it out into an empty folder."""
    shutil.rmtree(into, ignore_errors=True)
    Path(into).mkdir(parents=True)
    WAYS[way](Path(raw), Path(into))


if __name__ == "__main__":
    main(*sys.argv[1:])
