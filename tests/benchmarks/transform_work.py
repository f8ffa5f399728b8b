"""One way to carry out a Transform, as a process of its own: ``python -m benchmarks.transform_work WAY RAW INTO``."""

import json
import os
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

SPARK = {
    "spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
    "spark.sql.session.timeZone": "UTC", "spark.ui.showConsoleProgress": "false",
}
SPARK_FIELDS = (
    "results array<struct<parameter:struct<id:bigint,name:string,units:string>,value:double,summary:struct<avg:double>,"
    "flagInfo:struct<hasFlags:boolean>,period:struct<datetimeFrom:struct<utc:string,local:string>,"
    "datetimeTo:struct<utc:string>>,coverage:struct<expectedCount:bigint,observedCount:bigint,percentCoverage:double>>>"
)


def ours(raw: Path, into: Path) -> None:
    """Carry out the operation of the project on its local platform."""
    from benchmarks.raw_pages import operation
    from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile
    from openaq_assets.platforms.local.platform import open_local

    logical = {"dev": LogicalEnvironment("openaq_dev")}
    home = Environment("dev", Profile("local", str(into)), logical)
    ticket = open_local(home).submit(operation(raw, into))
    if ticket.state != "succeeded" or any(entry.quarantined for entry in ticket.facts.values()):
        raise SystemExit(ticket.message or "rows do not fit")


def duckdb(raw: Path, into: Path) -> None:
    """Use DuckDB at its best: only the needed fields, typed; both cores decode; one sort; one COPY."""
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
    """Use Polars as most people write it: read each file, take the fields, concatenate, write."""
    import polars as pl

    tables = []
    for file in sorted(raw.glob("raw/**/*.json")):
        parts = dict(part.split("=") for part in file.name.split("__") if "=" in part)
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
        ))
    table = pl.concat(tables).sort("retrieved_at").unique(["sensor_id", "period_from"], keep="last")
    table = table.sort("location_id", "sensor_id", "period_from")
    for (day,), rows in table.group_by(pl.col("period_from").dt.date(), maintain_order=True):
        folder = into / f"year={day:%Y}/month={day:%m}/day={day:%d}"
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "part-0.parquet", compression="snappy")


def pandas(raw: Path, into: Path) -> None:
    """Use pandas as most people write it: ``json_normalize`` of each file, one table, ``to_parquet``."""
    import pandas as pd

    names = {
        "parameter.id": "parameter_id", "parameter.name": "parameter", "parameter.units": "unit", "value": "value",
        "summary.avg": "average", "flagInfo.hasFlags": "has_flags", "period.datetimeFrom.utc": "period_from",
        "period.datetimeTo.utc": "period_to", "period.datetimeFrom.local": "period_from_local",
        "coverage.expectedCount": "expected_count", "coverage.observedCount": "observed_count",
        "coverage.percentCoverage": "percent_coverage",
    }
    tables = []
    for file in sorted(raw.glob("raw/**/*.json")):
        parts = dict(part.split("=") for part in file.name.split("__") if "=" in part)
        rows = pd.json_normalize(json.loads(file.read_text(encoding="utf-8"))["results"])
        rows = rows.rename(columns=names)[list(names.values())]
        rows["location_id"], rows["sensor_id"] = int(parts["location"]), int(parts["sensor"])
        rows["retrieved_at"] = file.name.split("__")[-2]
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True)
    for name in ("period_from", "period_to", "retrieved_at"):
        table[name] = pd.to_datetime(table[name]).dt.tz_localize(None)
    table = table.sort_values("retrieved_at").drop_duplicates(["sensor_id", "period_from"], keep="last")
    table = table.sort_values(["location_id", "sensor_id", "period_from"])
    days = table["period_from"].dt.strftime("%Y-%m-%d").str.split("-", expand=True)
    table[["year", "month", "day"]] = days
    table.to_parquet(into, partition_cols=["year", "month", "day"], compression="snappy", index=False)


def pyspark(raw: Path, into: Path) -> None:
    """Use PySpark as most people write it, but with a schema, whose detection would read everything twice."""
    from pyspark.sql import SparkSession, Window
    from pyspark.sql import functions as f

    session = SparkSession.builder.master("local[2]").config("spark.driver.memory", "4g")
    for name, value in SPARK.items():
        session = session.config(name, value)
    spark = session.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    reader = spark.read.schema(SPARK_FIELDS).option("recursiveFileLookup", "true")
    rows = reader.json(str(raw / "raw")).select(f.col("_metadata.file_name").alias("file"), f.explode("results").alias("r"))
    part = lambda name: f.regexp_extract("file", name, 1)
    row = f.col("r")
    utc = lambda side: f.to_timestamp(row["period"][side]["utc"])
    latest = Window.partitionBy("sensor_id", "period_from").orderBy(f.desc("retrieved_at"))
    rows = rows.select(
        part(r"location=(\d+)").cast("long").alias("location_id"), part(r"sensor=(\d+)").cast("long").alias("sensor_id"),
        row["parameter"]["id"].alias("parameter_id"), row["parameter"]["name"].alias("parameter"),
        row["parameter"]["units"].alias("unit"), row["value"].alias("value"), row["summary"]["avg"].alias("average"),
        row["flagInfo"]["hasFlags"].alias("has_flags"), utc("datetimeFrom").alias("period_from"),
        utc("datetimeTo").alias("period_to"), row["period"]["datetimeFrom"]["local"].alias("period_from_local"),
        row["coverage"]["expectedCount"].alias("expected_count"), row["coverage"]["observedCount"].alias("observed_count"),
        row["coverage"]["percentCoverage"].alias("percent_coverage"),
        f.to_timestamp(part(r"__(\d{8}T\d{6}Z)__"), "yyyyMMdd'T'HHmmssX").alias("retrieved_at"),
    )
    rows = rows.withColumn("n", f.row_number().over(latest)).where("n = 1").drop("n")
    for name, pattern in (("year", "yyyy"), ("month", "MM"), ("day", "dd")):
        rows = rows.withColumn(name, f.date_format("period_from", pattern))
    rows = rows.repartition("year", "month", "day").sortWithinPartitions("location_id", "sensor_id", "period_from")
    rows.write.partitionBy("year", "month", "day").mode("overwrite").parquet(str(into))
    spark.stop()


def read(raw: Path, into: Path) -> None:
    """Read the bytes only, as a floor."""
    for file in raw.glob("raw/**/*.json"):
        file.read_bytes()


def parse(raw: Path, into: Path) -> None:
    """Read and decode the needed fields with msgspec on one core, as a floor."""
    import msgspec

    from benchmarks.raw_pages import operation
    from openaq_assets.platforms.transform.fast_decoder import tree_of, type_of

    recipe = operation(raw, into).recipe
    rows = list[type_of(tree_of(recipe))]
    decoder = msgspec.json.Decoder(type_of({recipe.rows: rows}))
    for file in raw.glob("raw/**/*.json"):
        decoder.decode(file.read_bytes())


def write(raw: Path, into: Path) -> None:
    """Write the finished tables again, which ours has made before, as a floor."""
    import polars as pl

    tables = {file: pl.read_parquet(file) for file in into.with_name("written").glob("processed/**/*.parquet")}
    for number, table in enumerate(tables.values()):
        table.write_parquet(into / f"{number}.parquet", compression="snappy")


WAYS = {work.__name__: work for work in (ours, duckdb, polars, pandas, pyspark, read, parse, write)}


def main(way: str, raw: str, into: str) -> None:
    """Carry it out into an empty folder."""
    shutil.rmtree(into, ignore_errors=True)
    Path(into).mkdir(parents=True)
    WAYS[way](Path(raw), Path(into))
    if way == "pandas":
        os._exit(0)  # all is written; Arrow's threads at times abort a process that ends as others do


if __name__ == "__main__":
    main(*sys.argv[1:])
