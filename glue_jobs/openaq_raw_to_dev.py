"""Raw objects of the asked days -> one Snappy Parquet file per day, on Spark, by a recipe.

``--operation`` is a bound Transform as ``openaq_assets.operations.to_json`` prints it. The job knows no
asset: where the rows are, what the columns are and which row wins is all in the recipe. It gives the
rows, types and quarantine that Polars gives (``platforms/recipe_polars.py``; tests/spark compares them),
and imports nothing of that package, so that this one file is all Glue needs.

    raw objects -> decode, in parallel -> latest per key -> staged aside -> each day replaced in one step

Runs on Glue 5.1 (Spark 3.5) and 6.0 (Spark 4.1), and as ``python openaq_raw_to_dev.py`` with pyspark. No
bookmarks: a day is always rebuilt from all its raw objects. Whatever fails, the old day stays.
"""

import argparse
import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Recipe = Mapping[str, Any]
RECIPE_FIELDS = {
    "rows", "columns", "unique", "sort", "partition_by", "on_bad_row", "format", "partition_by_end",
    "spread", "free_text",
}  # fmt: skip
SPARK_TYPES = {
    "varchar": "string", "bigint": "bigint", "integer": "int", "double": "double",
    "boolean": "boolean", "timestamp": "timestamp_ntz", "date": "date",
}  # fmt: skip
# What every decoded row carries besides its columns: whose day it is, its place in the order of
# retrieval, and, for what does not fit, the line that quarantine keeps.
CARRIED = "_day string, _retrieved string, _object string, _position int, _bad string"
AT_A_TIME = 64  # objects of one task; their bodies are in memory together


class BadRow(ValueError):
    """A row that does not fit the recipe; the text is the reason."""


class RowsDoNotFit(Exception):
    """The recipe says that a row that does not fit fails the day."""


def main(argv: Sequence[str]) -> None:
    """Carry out the operation; the facts of each day go to standard output and ``--facts-uri``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--operation", default="", help="a bound Transform as JSON")
    parser.add_argument("--operation-uri", default="", help="the object that holds it")
    parser.add_argument("--facts-uri", default="", help="where to put the facts")
    parser.add_argument("--TempDir", default="", help="where to stage; beside the table if not given")
    options, _ = parser.parse_known_args(argv)  # Glue adds arguments of its own
    if bool(options.operation) == bool(options.operation_uri):
        parser.error("give --operation or --operation-uri")
    uri = options.operation_uri
    operation = json.loads(options.operation or store(uri).get(uri))
    if operation.get("operation") != "Transform" or operation["recipe"].keys() != RECIPE_FIELDS:
        parser.error("this is not a Transform whose recipe this job can read")
    facts = json.dumps(transform(session(argv), operation, options.TempDir), indent=1)
    if options.facts_uri:
        store(options.facts_uri).put(options.facts_uri, facts.encode())
    print(facts)


def session(argv: Sequence[str]) -> "SparkSession":
    """A Spark session that means the same on every version; Glue's own where Glue runs the job."""
    from pyspark.sql import SparkSession

    if any(one == "--JOB_NAME" or one.startswith("--JOB_NAME=") for one in argv):
        from awsglue.context import GlueContext
        from pyspark import SparkContext

        spark: SparkSession = GlueContext(SparkContext.getOrCreate()).spark_session
    else:
        spark = SparkSession.builder.appName("openaq_raw_to_dev").getOrCreate()
    for name, value in {
        "spark.sql.ansi.enabled": "true",  # 4.x does it unasked; 3.5 would make NULL of what is wrong
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",  # 3.5 refuses old dates otherwise
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    }.items():
        spark.conf.set(name, value)
    return spark


def transform(spark: "SparkSession", operation: Mapping[str, Any], aside: str) -> dict[str, Any]:
    """Rebuild every asked day; facts by day. No day is replaced before all of them are staged."""
    recipe, into, days = operation["recipe"], operation["into"], operation["into"]["partitions"]
    staging = f"{aside.rstrip('/') or parent(into['uri']) + '/_staging'}/{into['asset']}-{uuid.uuid4().hex}"
    near = {day: around(day, recipe["spread"]) for day in days}
    objects = raw_objects(operation["source"], sorted({one for day in days for one in near[day]}))
    decoded = decode(spark, recipe, days, objects).persist()
    try:
        bad = stage_quarantine(decoded.where("_bad IS NOT NULL"), f"{staging}/bad")
        files = stage_table(decoded.where("_bad IS NULL"), recipe, len(days), f"{staging}/table")
        table = spark.read.schema(f"{schema(recipe)}, _day string").parquet(literal(f"{staging}/table"))
        rows = counts(table)
        if len(files) < len(days):
            empty = stage_empty(spark, recipe, f"{staging}/empty")
            files = {day: files.get(day, empty) for day in days}
        versions = spark.sparkContext.parallelize(sorted(set(files.values()))).mapPartitions(version)
        version_of = dict(versions.collect())
        publish_quarantine(operation["quarantine"]["uri"], days, by_day(f"{staging}/bad"))
        if bad and recipe["on_bad_row"] == "fail":
            told = ", ".join(f"{day}: {count}" for day, count in sorted(bad.items()))
            where = operation["quarantine"]["uri"]
            raise RowsDoNotFit(f"{into['asset']}: rows do not fit ({told}). See {where}.")
        publish_table(into["uri"], files)
    finally:
        decoded.unpersist()
        store(staging).forget(staging)
    read = objects_read(objects, near)
    return {
        day: {"rows": rows.get(day, 0), "objects": read[day], "quarantined": bad.get(day, 0)}
        | version_of[files[day]]
        for day in days
    }


# --- days and raw objects --------------------------------------------------------------------------

KEY = re.compile(
    r"(?P<asset>[a-z][a-z0-9_]*?)__(?P<parts>(?:[a-z]+=[A-Za-z0-9.,:-]+__)*)"
    r"(?P<retrieved>\d{8}T\d{6}Z)__(?P<digest>[0-9a-f]{12})\.(?:json|csv\.gz)\Z",
    re.ASCII,
)


def around(day: str, away: int) -> list[str]:
    """The day and as many before and after it."""
    middle = dt.date.fromisoformat(day)
    return [(middle + dt.timedelta(days=one)).isoformat() for one in range(-away, away + 1)]


def folder(uri: str, day: str) -> str:
    """Where a day of an asset lies."""
    year, month, date = day.split("-")
    return f"{uri}/year={year}/month={month}/day={date}"


def parse_key(uri: str) -> dict[str, str] | None:
    """What an object's name says: its asset, the parts of the question, retrieval and digest."""
    name = uri.rsplit("/", 1)[-1]
    found = KEY.match(name)
    if not found:
        return None
    try:
        retrieved = dt.datetime.strptime(found["retrieved"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    said = dict(part.split("=", 1) for part in found["parts"].split("__") if part)
    own = {"retrieved": retrieved.isoformat(), "object": name, "digest": found["digest"]}
    return {**said, **own, "_asset": found["asset"]}


def raw_objects(source: Mapping[str, Any], days: Iterable[str]) -> list[tuple[str, str]]:
    """The (day, URI) of every raw object of the asset; days share their folder with other assets."""
    there = store(source["uri"])
    return [
        (day, uri)
        for day in days
        for uri in there.list(folder(source["uri"], day))
        if (key := parse_key(uri)) and key["_asset"] == source["asset"]
    ]


def objects_read(
    objects: Iterable[tuple[str, str]], near: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """How many raw objects each day was made from; what two neighbours both hold is one."""
    held: dict[str, set[str]] = {one: set() for some in near.values() for one in some}
    for day, uri in objects:
        held[day].add(uri.rsplit("/", 1)[1])
    others = {day: set().union(*(held[one] for one in near[day] if one != day)) for day in near}
    return {day: len(held[day]) + len(others[day]) for day in near}


# --- decoding: the rules of the recipe, row by row, on the executors -----------------------------------


def decode(
    spark: "SparkSession", recipe: Recipe, days: Sequence[str], objects: Sequence[tuple[str, str]]
) -> "DataFrame":
    """Every row of the asked days, and as ``_bad`` what does not fit them."""
    asked = frozenset(days)

    def rows(some: Iterable[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
        some = list(some)
        if not some:
            return
        get = store(some[0][1]).get
        with ThreadPoolExecutor(16) as threads:
            for (day, uri), body in zip(some, threads.map(get, [uri for _, uri in some])):
                found = decode_object(recipe, day, uri, body)
                yield from (row for row in found if row[0] in asked)

    tasks = max(spark.sparkContext.defaultParallelism, -(-len(objects) // AT_A_TIME))
    found = spark.sparkContext.parallelize(objects, max(1, min(tasks, len(objects)))).mapPartitions(rows)
    return spark.createDataFrame(found, f"{CARRIED}, {schema(recipe)}", verifySchema=False)


def decode_object(recipe: Recipe, day: str, uri: str, body: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of one object in a day's folder, each with the day it is of."""
    key = parse_key(uri) or {}
    name, retrieved = key["object"], key["retrieved"]
    columns = recipe["columns"]
    nothing = (None,) * len(columns)

    def bad(position: int | None, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        line = json.dumps({"object": name, "position": position, **entry}, ensure_ascii=False)
        line = line.encode(errors="backslashreplace").decode()  # half surrogates, as they came
        return (day, retrieved, name, position, line, *nothing)

    try:
        rows = csv_rows(body, recipe["free_text"]) if recipe["format"] == "csv" else json_rows(recipe, body)
        fixed = {one["name"]: from_key(one, key) for one in columns if one["key"]}
    except (ValueError, RecursionError) as error:
        yield bad(None, {"reason": f"unreadable: {error}"})
        return
    for position, row in enumerate(rows):
        try:
            values = {
                one["name"]: fixed[one["name"]] if one["key"] else from_row(recipe, one, row)
                for one in columns
            }
            yield (day_of(recipe, day, values), retrieved, name, position, None, *values.values())
        except BadRow as error:
            yield bad(position, {"reason": str(error), "row": row})


def day_of(recipe: Recipe, day: str, values: Mapping[str, Any]) -> str:
    """The day a row is of; raises BadRow if its object lies in the folder of a day too far away."""
    name = recipe["partition_by"] or recipe["partition_by_end"]
    if not name:
        return day
    stamp = values[name]
    inside = stamp
    if stamp and not recipe["partition_by"] and stamp != dt.datetime.min:
        inside = stamp - dt.timedelta(seconds=1)  # only the end of the period is known
    found = inside.isoformat()[:10] if inside else ""
    if found not in around(day, recipe["spread"]):
        raise BadRow(f"{name}: {stamp} is not of the day {day}")
    return found


def json_rows(recipe: Recipe, body: bytes) -> Sequence[Any]:
    """The list in a JSON answer."""
    found = json.loads(body)
    rows = found.get(recipe["rows"]) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"'{recipe['rows']}' is not a list")
    return rows


def csv_rows(body: bytes, free_text: str) -> Sequence[Any]:
    """The lines of a gzipped CSV file by the names of its header; one of another length as its cells."""
    try:
        text = gzip.decompress(body).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file ({error})") from None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header) or not header:
            raise ValueError("no header, or a column in it twice")
        return [named(header, cells, free_text) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV ({error})") from None


def named(header: list[str], cells: list[str], free_text: str) -> Any:
    """A line by the names of the header; commas that nobody quoted can only be in the free text."""
    surplus = len(cells) - len(header)
    if surplus > 0 and free_text in header:
        at = header.index(free_text)
        end = at + surplus + 1
        cells = [*cells[:at], ",".join(cells[at:end]), *cells[end:]]
    return dict(zip(header, cells)) if len(cells) == len(header) else cells


BITS = {"bigint": 64, "integer": 32}
WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity", re.ASCII)


def from_row(recipe: Recipe, column: Mapping[str, Any], row: Any) -> Any:
    """The value at the first of the column's paths that has one."""
    for path in column["paths"]:
        if recipe["format"] == "csv":
            if not isinstance(row, dict):
                raise BadRow(f"{len(row)} cells, which is not what the header has")
            found = typed_cell(column["type"], row.get(path) or None)
        else:
            found = at_path(path, row)
        if found is not None:
            return typed(column, found)
    if not column["nullable"]:
        raise BadRow(f"{column['name']}: no value at {' or '.join(column['paths'])}")
    return None


def at_path(path: str, found: Any) -> Any:
    """Fields of objects and positions in lists, step by step; None where there is nothing."""
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def typed_cell(kind: str, text: str | None) -> Any:
    """A cell as the JSON value it is written as, if it is one of that type; else its text."""
    if text is None:
        return None
    if kind in BITS:
        return int(text) if WHOLE.fullmatch(text) else text
    if kind == "double":
        return float(text) if NUMBER.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def from_key(column: Mapping[str, Any], key: Mapping[str, str]) -> Any:
    """The value of a part of the object's name."""
    text = key.get(column["key"])
    if text is not None:
        return typed(column, typed_part(column["type"], text))
    if not column["nullable"]:
        raise BadRow(f"{column['name']}: no '{column['key']}' in the name")
    return None


def typed_part(kind: str, text: str) -> Any:
    """A part of a name as the JSON value it stands for, if it stands for one of that type."""
    if kind in BITS and WHOLE.fullmatch(text):
        return int(text)
    try:
        if kind == "double" and "_" not in text:
            return float(text)
        if kind == "timestamp" and dt.datetime.fromisoformat(text).tzinfo is None:
            return dt.datetime.fromisoformat(text).isoformat() + "+00:00"
    except ValueError:
        pass
    return {"true": True, "false": False}.get(text.lower(), text) if kind == "boolean" else text


def typed(column: Mapping[str, Any], found: Any) -> Any:
    """A JSON value as the column's type; raises BadRow if it is not one: nothing becomes NULL."""
    kind = column["type"]
    try:
        return as_type(kind, found)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRow(f"{column['name']}: {found!r:.80} is not {kind} ({error})") from None


def as_type(kind: str, found: Any) -> Any:
    """The value, if JSON says it as one of that type; half surrogates are no text."""
    if kind == "boolean":
        if not isinstance(found, bool):
            raise TypeError("not true or false")
        return found
    if kind == "double":
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise TypeError("not a number")
        return float(found)
    if kind in BITS:
        if isinstance(found, bool) or not isinstance(found, int):
            raise TypeError("not a whole number")
        if not -(2 ** (BITS[kind] - 1)) <= found < 2 ** (BITS[kind] - 1):
            raise OverflowError(f"more than {BITS[kind]} bits")
        return found
    if not isinstance(found, str):
        raise TypeError("not text")
    found.encode()
    if kind == "timestamp":
        stamp = dt.datetime.fromisoformat(found)
        if stamp.tzinfo is None:
            raise ValueError("no offset from UTC")
        return stamp.astimezone(dt.UTC).replace(tzinfo=None)
    return dt.date.fromisoformat(found) if kind == "date" else found


# --- the table: latest retrieval of each key, in order, staged ----------------------------------------


def schema(recipe: Recipe) -> str:
    """The table's columns and types."""
    return ", ".join(f"`{one['name']}` {SPARK_TYPES[one['type']]}" for one in recipe["columns"])


def stage_table(rows: "DataFrame", recipe: Recipe, days: int, place: str) -> dict[str, str]:
    """Write the days' rows aside, one file per day; the files by day."""
    from pyspark.sql import Window, functions

    together = settled(rows, days)
    if recipe["unique"]:
        latest = [functions.desc(name) for name in ("_retrieved", "_object", "_position")]
        key = Window.partitionBy("_day", *recipe["unique"]).orderBy(*latest)
        together = together.withColumn("_rank", functions.row_number().over(key)).where("_rank = 1")
    order = [*recipe["sort"], *(one for one in recipe["unique"] if one not in recipe["sort"])]
    table = in_order(together, order).select("_day", *(one["name"] for one in recipe["columns"]))
    table.write.partitionBy("_day").parquet(place, compression="snappy")
    return by_day(place)


def stage_empty(spark: "SparkSession", recipe: Recipe, place: str) -> str:
    """A file with the columns and no rows: what a day without rows is."""
    spark.createDataFrame([], schema(recipe)).coalesce(1).write.parquet(place, compression="snappy")
    (file,) = parts(place)
    return file


def stage_quarantine(bad: "DataFrame", place: str) -> dict[str, int]:
    """Write what does not fit aside, one line each; how many of each day."""
    found = counts(bad)
    if found:
        lines = in_order(settled(bad, len(found)), ()).selectExpr("_day", "_bad AS value")
        lines.write.partitionBy("_day").text(place)
    return found


def settled(rows: "DataFrame", days: int) -> "DataFrame":
    """Each day in one task: the one shuffle there is."""
    tasks = 4 * rows.sparkSession.sparkContext.defaultParallelism
    return rows.repartition(max(1, min(days, tasks)), "_day")


def in_order(rows: "DataFrame", order: Sequence[str]) -> "DataFrame":
    """Each day by these columns, NULLs last, then as it was retrieved."""
    from pyspark.sql import functions

    columns = [functions.asc_nulls_last(name) for name in order]
    return rows.sortWithinPartitions("_day", *columns, "_retrieved", "_object", "_position")


def counts(rows: "DataFrame") -> dict[str, int]:
    """How many rows each day has."""
    return {row["_day"]: row["count"] for row in rows.groupBy("_day").count().collect()}


def literal(path: str) -> str:
    """A path to read, in which no character means a pattern."""
    return re.sub(r"([\\\[\]{}*?])", r"\\\1", path)


def parts(place: str) -> list[str]:
    """The files Spark wrote."""
    return [uri for uri in store(place).list(place) if uri.rsplit("/", 1)[1].startswith("part-")]


def by_day(place: str) -> dict[str, str]:
    """The one file of each day."""
    found = parts(place)
    files = {uri.rsplit("/_day=", 1)[1][:10]: uri for uri in found}
    if len(files) != len(found):
        raise RuntimeError(f"{len(found)} files for {len(files)} days in {place}")
    return files


def version(uris: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The size of each file, and the first digits of its digest."""
    there = None
    for uri in uris:
        there = there or store(uri)
        body = there.get(uri)
        yield uri, {"bytes": len(body), "version": hashlib.sha256(body).hexdigest()[:12]}


# --- places: files, and objects in S3 ------------------------------------------------------------------


def publish_table(uri: str, files: Mapping[str, str]) -> None:
    """Each day's file replaces the one under the same name in one step; then the strays go."""
    there = store(uri)
    for day, staged in sorted(files.items()):
        target = f"{folder(uri, day)}/part-0.parquet"
        there.copy(staged, target)
        for other in [one for one in there.list(folder(uri, day)) if one != target]:
            there.delete(other)


def publish_quarantine(uri: str, days: Iterable[str], files: Mapping[str, str]) -> None:
    """Each day's quarantine is what did not fit this time; a day that fits has none."""
    there = store(uri)
    for day in days:
        target = f"{folder(uri, day)}/part-0.jsonl"
        if day in files:
            there.copy(files[day], target)
        else:
            there.delete(target)


def parent(uri: str) -> str:
    """The folder around."""
    return uri.rstrip("/").rpartition("/")[0]


class Files:
    """Paths of this machine. What begins with a dot is nobody's object."""

    def list(self, prefix: str) -> list[str]:
        """Every file below a folder, in order."""
        walked = os.walk(prefix, onerror=raised)
        found = [f"{at}/{one}" for at, _, names in walked for one in names]
        return sorted(one for one in found if not one.rsplit("/", 1)[1].startswith("."))

    def get(self, uri: str) -> bytes:
        """The bytes."""
        return Path(uri).read_bytes()

    def put(self, uri: str, body: bytes) -> None:
        """Write aside, then rename."""
        self._replace(uri, lambda path: Path(path).write_bytes(body))

    def copy(self, source: str, target: str) -> None:
        """The same, from a file."""
        self._replace(target, lambda path: shutil.copyfile(source, path))

    def delete(self, uri: str) -> None:
        """Remove it, if it is there."""
        if os.path.exists(uri):
            os.unlink(uri)

    def forget(self, prefix: str) -> None:
        """Remove a folder and what is hidden in it."""
        shutil.rmtree(prefix, ignore_errors=True)
        if os.path.isdir(parent(prefix)) and not os.listdir(parent(prefix)):
            os.rmdir(parent(prefix))

    def _replace(self, uri: str, write: Callable[[str], Any]) -> None:
        os.makedirs(parent(uri), exist_ok=True)
        aside = f"{parent(uri)}/.{uuid.uuid4().hex}.tmp"
        try:
            write(aside)
            os.replace(aside, uri)
        finally:
            self.delete(aside)


def raised(error: OSError) -> None:
    """A folder that is not there holds nothing; one that cannot be read must not look empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


class Bucket:
    """Objects in S3: writing a key is one step, and there are no folders to forget."""

    def __init__(self) -> None:
        import boto3

        self.s3: Any = boto3.client("s3")

    def list(self, prefix: str) -> list[str]:
        """Every object below a folder, in order."""
        scheme, bucket, key = address(prefix)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [f"{scheme}://{bucket}/{one}" for one in keys if not one.endswith("/")]

    def get(self, uri: str) -> bytes:
        """The bytes."""
        _, bucket, key = address(uri)
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def put(self, uri: str, body: bytes) -> None:
        """Write it."""
        _, bucket, key = address(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def copy(self, source: str, target: str) -> None:
        """Copy it, inside S3."""
        _, bucket, key = address(target)
        _, other, name = address(source)
        self.s3.copy({"Bucket": other, "Key": name}, bucket, key)

    def delete(self, uri: str) -> None:
        """Remove it, if it is there."""
        _, bucket, key = address(uri)
        self.s3.delete_object(Bucket=bucket, Key=key)

    def forget(self, prefix: str) -> None:
        """Remove what lies below a prefix; a marker of an empty folder may stay."""
        for uri in self.list(prefix):
            self.delete(uri)


def address(uri: str) -> tuple[str, str, str]:
    """``s3://bucket/key`` in its three parts."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key


def store(uri: str) -> Files | Bucket:
    """Who keeps what has such an address."""
    return Bucket() if re.match("s3[an]?://", uri) else Files()


if __name__ == "__main__":
    main(sys.argv[1:])
