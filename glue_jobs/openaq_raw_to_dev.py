"""Raw objects of the asked days -> one Snappy Parquet file per day, on Spark, by a recipe.

``--operation`` is a bound Transform as ``openaq_assets.graph.operations.to_json`` prints it. The job knows no
asset: where rows are, what columns are and which row wins is all in the recipe. It gives what Polars gives
(``platforms/recipe_polars.py``; tests/spark compares them) and imports nothing of it: Glue needs this file.

    raw objects -> decode, in parallel -> latest per key -> staged aside -> each day replaced in one step

Runs on Glue 5.1 (Spark 3.5) and 6.0 (Spark 4.1), and as ``python openaq_raw_to_dev.py`` with pyspark. No
bookmarks: a day is always rebuilt from all its raw objects. Whatever fails, the old day stays. Of two runs
at once the last to publish has read every raw object: each looks afterwards whether more have arrived.
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
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Recipe = Mapping[str, Any]
Place = tuple[str, ...]  # steps to a field; the first is '/' in the page around the rows, '' in a row
RECIPE_FIELDS = {
    "rows", "columns", "unique", "sort", "partition_by", "on_bad_row", "format", "partition_by_end",
    "spread", "free_text", "on_new_field", "known",
}  # fmt: skip
SPARK_TYPES = {
    "varchar": "string", "bigint": "bigint", "integer": "int", "double": "double",
    "boolean": "boolean", "timestamp": "timestamp_ntz", "date": "date",
}  # fmt: skip
# What every decoded row carries besides its columns: whose day it is, its place in the order of
# retrieval, and, if it is none, the line that quarantine keeps or a new field.
CARRIED = "_day string, _retrieved string, _object string, _position int, _bad string, _new string"
AT_A_TIME = 64  # objects of one task; their bodies are in memory together
MOST_NEW, MOST_SAMPLE = 100, 200  # new fields of a day, characters of a sample
STAMP = "%Y%m%dT%H%M%SZ"


class BadRow(ValueError):
    """A row that does not fit the recipe; the text is the reason."""


class RowsDoNotFit(Exception):
    """The recipe says that a row that does not fit fails the day."""


class NewFields(Exception):
    """The recipe says that a field nobody knows fails the day."""


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
    operation = json.loads(options.operation or store(options.operation_uri).get(options.operation_uri))
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
    """Rebuild every asked day, again if raw objects arrived meanwhile; facts by day."""
    source, into = operation["source"], operation["into"]
    near = {day: around(day, operation["recipe"]["spread"]) for day in into["partitions"]}
    base = aside.rstrip("/") or f"{os.path.dirname(into['uri'])}/_staging"
    sweep(base, into["asset"])
    notices: dict[str, list[str]] = {day: [] for day in near}
    for _ in range(3):  # while raw objects keep arriving
        objects = raw_objects(source, near)
        staging = f"{base}/{into['asset']}-{dt.datetime.now(dt.UTC):{STAMP}}-{uuid.uuid4().hex}"
        try:
            facts = rebuilt(spark, operation, objects, staging)
        finally:
            store(staging).remove(staging)
        held = {day: {os.path.basename(uri) for _, uri in of} for day, of in groupby(objects, itemgetter(0))}
        for day, some in near.items():  # copies of an answer under several days are one
            read = set().union(*(held.get(one, ()) for one in some))
            notices[day] += facts[day]["notices"]
            facts[day] |= {"objects": len(read), "notices": notices[day]}
        if raw_objects(source, near) == objects:
            return facts
    raise RuntimeError(
        f"{into['asset']}: new raw objects kept arriving during the run. Run it again when no more arrive."
    )


def rebuilt(
    spark: "SparkSession", operation: Mapping[str, Any], objects: Sequence[tuple[str, str]], staging: str
) -> dict[str, Any]:
    """What is true of each day. No day is replaced before all of them are staged."""
    recipe, into, aside = operation["recipe"], operation["into"], operation["quarantine"]["uri"]
    days = into["partitions"]
    decoded = decode(spark, recipe, days, objects).persist()
    try:
        files = stage(decoded.where("_bad IS NULL AND _new IS NULL"), recipe, days, staging)
        table = re.sub(r"([\\\[\]{}*?])", r"\\\1", f"{staging}/table")  # no character means a pattern
        rows = counts(spark.read.schema("_day string").parquet(table))
        bad = quarantine(decoded.where("_bad IS NOT NULL"), aside, days)
        new = new_fields(decoded.where("_new IS NOT NULL"), days)
    finally:
        decoded.unpersist()
    if bad and recipe["on_bad_row"] == "fail":
        told = ", ".join(f"{day}: {count}" for day, count in sorted(bad.items()))
        raise RowsDoNotFit(f"{into['asset']}: rows are not valid ({told}). See {aside}.")
    notices = record(aside, new)
    for day, (first, *more) in ((day, fields) for day, fields in new.items() if fields):
        if recipe["on_new_field"] == "fail":
            others = f" and {len(more)} more (openaq-assets status)" if more else ""
            hint = "Add a column that reads it, or add its path to 'known'."
            raise NewFields(f"{into['asset']} {day}: {told_of(first)}{others}. {hint}")
    there = store(into["uri"])
    with ThreadPoolExecutor(16) as threads:
        published = threads.map(lambda day: publish(there, files[day], folder(into["uri"], day)), days)
        return {
            day: {"rows": rows.get(day, 0), "quarantined": bad.get(day, 0), "notices": notices[day], **facts}
            for day, facts in zip(days, published)
        }


def sweep(base: str, asset: str) -> None:
    """Forget what runs left that were killed a day ago or earlier: none takes so long."""
    for name in sorted({uri.removeprefix(f"{base}/").split("/")[0] for uri in store(base).list(base)}):
        left = re.fullmatch(rf"{asset}-(\w{{16}})-[0-9a-f]{{32}}", name)
        if left and left[1] < f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=1):{STAMP}}":
            store(base).remove(f"{base}/{name}")


# --- days and raw objects --------------------------------------------------------------------------

KEY = re.compile(
    r"(?P<asset>[a-z][a-z0-9_]*?)__(?P<parts>(?:[a-z]+=[A-Za-z0-9.,:-]+__)*)"
    r"(?P<retrieved>\d{8}T\d{6}Z)__(?P<digest>[0-9a-f]{12})\.(?:json|csv\.gz)\Z",
    re.ASCII,
)


def around(day: str, away: int) -> list[str]:
    """The day and as many before and after it."""
    return [f"{dt.date.fromisoformat(day) + dt.timedelta(days=one)}" for one in range(-away, away + 1)]


def folder(uri: str, day: str) -> str:
    """Where a day of an asset lies."""
    return "{}/year={}/month={}/day={}".format(uri, *day.split("-"))


def parse_key(uri: str) -> dict[str, str] | None:
    """What an object's name says: its asset, the parts of the question, retrieval and digest."""
    name = os.path.basename(uri)
    found = KEY.match(name)
    if not found:
        return None
    try:
        retrieved = dt.datetime.strptime(found["retrieved"], STAMP).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    said = dict(part.split("=", 1) for part in found["parts"].split("__") if part)
    own = {"retrieved": retrieved.isoformat(), "object": name, "digest": found["digest"]}
    return {**said, **own, "_asset": found["asset"]}


def raw_objects(source: Mapping[str, Any], near: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The (day, URI) of every raw object of the asset; days share their folder with other assets."""
    there = store(source["uri"])
    return [
        (day, uri)
        for day in sorted({one for some in near.values() for one in some})
        for uri in there.list(folder(source["uri"], day))
        if (key := parse_key(uri)) and key["_asset"] == source["asset"]
    ]


# --- decoding: the rules of the recipe, row by row, on the executors -----------------------------------
def decode(
    spark: "SparkSession", recipe: Recipe, days: Sequence[str], objects: Sequence[tuple[str, str]]
) -> "DataFrame":
    """Every row of the asked days; as ``_bad`` what does not fit them, as ``_new`` what is new."""
    asked = frozenset(days)

    def rows(some: Iterable[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
        some, watch = list(some), watcher(recipe)
        if not some:
            return
        get = store(some[0][1]).get
        with ThreadPoolExecutor(16) as threads:
            for (day, uri), body in zip(some, threads.map(get, [uri for _, uri in some])):
                found = decode_object(recipe, watch, day, uri, body)
                yield from (row for row in found if row[0] in asked)

    tasks = max(spark.sparkContext.defaultParallelism, -(-len(objects) // AT_A_TIME))
    found = spark.sparkContext.parallelize(objects, max(1, min(tasks, len(objects)))).mapPartitions(rows)
    return spark.createDataFrame(found, f"{CARRIED}, {schema(recipe)}", verifySchema=False)


def decode_object(
    recipe: Recipe, watch: Callable[..., list[str]], day: str, uri: str, body: bytes
) -> Iterator[tuple[Any, ...]]:
    """The rows of one object in a day's folder, each with the day it is of."""
    key = parse_key(uri) or {}
    name, retrieved, columns = key["object"], key["retrieved"], recipe["columns"]
    nothing = (None,) * len(columns)

    def bad(position: int | None, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        line = json.dumps({"object": name, "position": position, **entry}, ensure_ascii=False)
        line = line.encode(errors="backslashreplace").decode()  # half surrogates, as they came
        return (day, retrieved, name, position, line, None, *nothing)

    try:
        page, rows = opened(recipe, body)
        for position, new in enumerate(watch(page, rows)):
            yield (day, retrieved, name, position, None, new, *nothing)
        fixed = {one["name"]: value_of(recipe, one, key) for one in columns if one["key"]}
    except (ValueError, RecursionError) as error:
        yield bad(None, {"reason": f"unreadable: {error}"})
        return
    for position, row in enumerate(rows):
        try:
            values = {
                one["name"]: fixed[one["name"]] if one["key"] else value_of(recipe, one, row)
                for one in columns
            }
            own = day_of(recipe, day, values)
            yield (own, retrieved, name, position, None, None, *values.values())
        except BadRow as error:
            yield bad(position, {"reason": str(error), "row": row})


def day_of(recipe: Recipe, day: str, values: Mapping[str, Any]) -> str:
    """The day a row is of; raises BadRow if its object lies in the folder of a day too far away."""
    name = recipe["partition_by"] or recipe["partition_by_end"]
    if not name:
        return day
    stamp = inside = values[name]
    if stamp and not recipe["partition_by"] and stamp != dt.datetime.min:
        inside = stamp - dt.timedelta(seconds=1)  # only the end of the period is known
    found = inside.isoformat()[:10] if inside else ""
    if found not in around(day, recipe["spread"]):
        raise BadRow(f"{name}: {stamp} is not of the day {day}")
    return found


def opened(recipe: Recipe, body: bytes) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """An object and the rows in it: the list in a JSON answer, or the lines of a gzipped CSV file."""
    if recipe["format"] == "csv":
        return {}, csv_rows(body, recipe["free_text"])
    found = json.loads(body)
    rows = found.get(recipe["rows"]) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"'{recipe['rows']}' is not a list")
    return found, rows


def csv_rows(body: bytes, free_text: str) -> Sequence[Any]:
    """The lines of a file by the names of its header; one of another length as its cells."""
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
        at, end = header.index(free_text), header.index(free_text) + surplus + 1
        cells = [*cells[:at], ",".join(cells[at:end]), *cells[end:]]
    return dict(zip(header, cells)) if len(cells) == len(header) else cells


BITS = {"bigint": 64, "integer": 32}
WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity", re.ASCII)


def value_of(recipe: Recipe, column: Mapping[str, Any], source: Any) -> Any:
    """The value at the first of a column's paths in a row that has one, or the part of a name it asks for."""
    for path in column["paths"] or [column["key"]]:
        if column["key"] or recipe["format"] == "csv":
            if not isinstance(source, dict):
                raise BadRow(f"{len(source)} cells, which is not what the header has")
            found = typed_text(column["type"], source.get(path) or None)
        else:
            found = at_path(path, source)
        if found is not None:
            return typed(column, found)
    if not column["nullable"]:
        paths, key = " or ".join(column["paths"]), column["key"]
        raise BadRow(f"{column['name']}: " + (f"no value at {paths}" if paths else f"no '{key}' in the name"))
    return None


def at_path(path: str, found: Any) -> Any:
    """Fields of objects and positions in lists, step by step; None where there is nothing."""
    for name in path.split("."):
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def typed_text(kind: str, text: str | None) -> Any:
    """Text as the JSON value it is written as, if it is one of that type; else the text."""
    if text is None:
        return None
    if kind in BITS:
        return int(text) if WHOLE.fullmatch(text) else text
    if kind == "double":
        return float(text) if NUMBER.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def typed(column: Mapping[str, Any], found: Any) -> Any:
    """A JSON value as the column's type; raises BadRow if it is not one: nothing becomes NULL."""
    kind = column["type"]
    try:
        kinds, otherwise = SAID_AS.get(kind, (str, "not text"))
        if not isinstance(found, kinds) or (isinstance(found, bool) and kind != "boolean"):
            raise TypeError(otherwise)
        if kind in BITS and not -(2 ** (BITS[kind] - 1)) <= found < 2 ** (BITS[kind] - 1):
            raise OverflowError(f"more than {BITS[kind]} bits")
        if isinstance(found, str):
            found.encode()  # half of a surrogate pair is no character
        return MEANT[kind](found) if kind in MEANT else found
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRow(f"{column['name']}: {found!r:.80} is not {kind} ({error})") from None


def utc(text: str) -> dt.datetime:
    """A time with its offset as one of UTC."""
    stamp = dt.datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError("no offset from UTC")
    return stamp.astimezone(dt.UTC).replace(tzinfo=None)


SAID_AS: Mapping[str, Any] = {
    "boolean": (bool, "not true or false"), "double": ((int, float), "not a number"),
    "bigint": (int, "not a whole number"), "integer": (int, "not a whole number"),
}  # fmt: skip
MEANT: Mapping[str, Any] = {"double": float, "timestamp": utc, "date": dt.date.fromisoformat}


# --- new fields: what an object holds that no column reads and the recipe does not know -----------------
def step(name: str) -> str:
    """The name of a field as a step of a path, in which '.' and '*' say something else."""
    return "\\u002a" if name == "*" else name.replace(".", "\\u002e")


def watcher(recipe: Recipe) -> Callable[..., list[str]]:
    """Gives the new fields of objects: of each its path and a sample, as two lines of JSON."""
    paths = [path for one in recipe["columns"] for path in one["paths"]]
    read = [("", *([step(path)] if recipe["format"] == "csv" else path.split("."))) for path in paths]
    said = [("/" * path.startswith("/"), *path.removeprefix("/").split(".")) for path in recipe["known"]]
    known = [("/", step(recipe["rows"])), *read, *said]  # each with all that it holds
    known = [one[: max(n for n, part in enumerate(one, 1) if part != "*")] for one in known]

    def beyond(place: Place) -> list[Place] | None:  # the known places it leads to; None if it is one
        found = [
            some for some in known
            if all(one in ("*", two) or (two == "*" and one.isdecimal()) for one, two in zip(some, place))
        ]  # fmt: skip
        return None if any(len(some) <= len(place) for some in found) else found

    def look(value: Any, place: Place, names: dict[Any, Any], found: dict[Place, Any]) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                if name not in names:  # where it leads is worked out once, for all objects
                    below = (*place, step(name))
                    names[name] = below, beyond(below), {}
                below, onward, further = names[name]
                if onward and one is not None:
                    look(one, below, further, found)
                elif onward == []:
                    found.setdefault(below, one)
        elif isinstance(value, list) and (onward := beyond((*place, "*"))) != []:
            for one in value if onward else ():
                if one is not None:
                    look(one, (*place, "*"), names.setdefault(0, {}), found)
        else:  # a value where there should be fields below
            found.setdefault(place, value)

    whole: dict[str, dict[Any, Any]] = {one: {} for one in ("/", "") if beyond((one,)) is not None}

    def watch(page: Any, rows: Iterable[Any]) -> list[str]:
        found: dict[Place, Any] = {}
        for value, start in [(page, "/"), *((row, "") for row in rows if isinstance(row, dict))]:
            if start in whole:
                look(value, (start,), whole[start], found)
        paths = {start + ".".join(steps): one for (start, *steps), one in found.items()}
        samples = ((path, json.dumps(one, ensure_ascii=False)[:MOST_SAMPLE]) for path, one in paths.items())
        return [f"{json.dumps(path)}\n{json.dumps(sample)}" for path, sample in samples][:MOST_NEW]

    return watch if recipe["on_new_field"] != "ignore" else lambda page, rows: []


def new_fields(rows: "DataFrame", days: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """The new fields of each asked day, as each was first seen."""
    from pyspark.sql import functions

    path = functions.substring_index("_new", "\n", 1)
    first = functions.min(functions.struct("_retrieved", "_object", "_position", "_new"))
    found: dict[str, list[dict[str, str]]] = {day: [] for day in days}
    for day, seen in sorted((day, seen) for day, _, seen in rows.groupBy("_day", path).agg(first).collect()):
        said, sample = map(json.loads, seen["_new"].split("\n"))
        field = {"path": said, "first_seen": seen["_retrieved"], "object": seen["_object"], "sample": sample}
        found[day] += [field] if len(found[day]) < MOST_NEW else []
    return found


def record(uri: str, new: dict[str, list[dict[str, str]]]) -> dict[str, list[str]]:
    """Keep each new field that nobody kept before; a line for each, by day."""
    notices: dict[str, list[str]] = {day: [] for day in new}
    there = set(store(uri).list(f"{uri}/new_fields")) if any(new.values()) else set()
    for day, field in [(one, field) for one in new for field in new[one]]:
        digest = hashlib.sha256(field["path"].encode(errors="backslashreplace")).hexdigest()[:12]
        name = f"{re.sub('[^A-Za-z0-9]+', '-', field['path'])[:60].strip('-')}__{digest}.json"
        body = json.dumps(field, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
        if (at := f"{uri}/new_fields/{name}") not in there and store(uri).put(at, body, new=True):
            notices[day].append(told_of(field))
        there.add(at)
    return notices


def told_of(field: Mapping[str, str]) -> str:
    """A new field in one line."""
    sample = field["sample"] if len(field["sample"]) <= 60 else f"{field['sample'][:57]}..."
    return f"new field {json.dumps(field['path'])} in {field['object']}: {sample}"


# --- the table: latest retrieval of each key, in order, staged ----------------------------------------
def schema(recipe: Recipe) -> str:
    """The table's columns and types."""
    return ", ".join(f"`{one['name']}` {SPARK_TYPES[one['type']]}" for one in recipe["columns"])


def stage(rows: "DataFrame", recipe: Recipe, days: Sequence[str], place: str) -> dict[str, str]:
    """Write the days' rows aside, one file per day, and one without rows if need be; the files by day."""
    from pyspark.sql import Window, functions

    together = gathered(rows, len(days))
    if recipe["unique"]:
        latest = [functions.desc(name) for name in ("_retrieved", "_object", "_position")]
        key = Window.partitionBy("_day", *recipe["unique"]).orderBy(*latest)
        together = together.withColumn("_rank", functions.row_number().over(key)).where("_rank = 1")
    elif recipe["spread"]:  # neighbours may hold copies of one answer
        together = together.dropDuplicates(["_day", "_object", "_position"])
    names = [*recipe["sort"], *(one for one in recipe["unique"] if one not in recipe["sort"])]
    order = [functions.asc_nulls_last(name) for name in names]
    table = together.sortWithinPartitions("_day", *order, "_retrieved", "_object", "_position")
    table = table.select("_day", *(one["name"] for one in recipe["columns"]))
    table.write.partitionBy("_day").parquet(f"{place}/table", compression="snappy")
    found = store(place).list(f"{place}/table")
    files = {uri.rsplit("/_day=", 1)[1][:10]: uri for uri in found if "/_day=" in uri}
    if len(files) < len(days):
        none = rows.sparkSession.createDataFrame([], schema(recipe)).coalesce(1)
        none.write.parquet(f"{place}/empty", compression="snappy")
        (empty,) = (uri for uri in store(place).list(f"{place}/empty") if "/part-" in uri)
        files = {day: files.get(day, empty) for day in days}
    return files


def quarantine(bad: "DataFrame", uri: str, days: Sequence[str]) -> dict[str, int]:
    """Keep what does not fit this time, a line each; a day that fits has none. How many of each day."""

    def keep(rows: Iterable[Any]) -> None:
        order = sorted(rows, key=itemgetter("_day", "_retrieved", "_object", "_position"))
        for day, some in groupby(order, itemgetter("_day")):
            body = "".join(f"{row['_bad']}\n" for row in some).encode()
            store(uri).put(f"{folder(uri, day)}/part-0.jsonl", body)

    found = counts(bad)
    gathered(bad, len(found)).foreachPartition(keep)
    for day in set(days) - found.keys():
        store(uri).remove(f"{folder(uri, day)}/part-0.jsonl")
    return found


def gathered(rows: "DataFrame", days: int) -> "DataFrame":
    """Each day in one task: the one shuffle there is."""
    tasks = min(days, 4 * rows.sparkSession.sparkContext.defaultParallelism)
    return rows.repartition(max(1, tasks), "_day")


def counts(rows: "DataFrame") -> dict[str, int]:
    """How many rows each day has."""
    return {row["_day"]: row["count"] for row in rows.groupBy("_day").count().collect()}


# --- places: files, and objects in S3 ------------------------------------------------------------------
def publish(there: "Files | Bucket", staged: str, place: str) -> dict[str, Any]:
    """The staged file replaces a day's old one in one step, then strays go; its size and digest."""
    body = there.get(staged)
    there.put(f"{place}/part-0.parquet", body)
    for uri in {*there.list(place)} - {f"{place}/part-0.parquet"}:
        there.remove(uri)
    return {"bytes": len(body), "version": hashlib.sha256(body).hexdigest()[:12]}


class Files:
    """Paths of this machine. What begins with a dot is nobody's object."""

    def list(self, prefix: str) -> list[str]:
        """Every file below a folder, in order."""
        walked = os.walk(prefix, onerror=raised)
        return sorted(f"{at}/{one}" for at, _, names in walked for one in names if one[0] != ".")

    def get(self, uri: str) -> bytes:
        """The bytes."""
        return Path(uri).read_bytes()

    def put(self, uri: str, body: bytes, new: bool = False) -> bool:
        """Write aside, then show it in one step; with ``new`` only if there is none. Whether it did."""
        os.makedirs(os.path.dirname(uri), exist_ok=True)
        aside = f"{os.path.dirname(uri)}/.{uuid.uuid4().hex}.tmp"
        try:
            Path(aside).write_bytes(body)
            (os.link if new else os.replace)(aside, uri)
        except FileExistsError:
            return False
        finally:
            self.remove(aside)
        return True

    def remove(self, uri: str) -> None:
        """Remove a file, or a folder with what is hidden in it; what is not there is nothing."""
        if not os.path.isdir(uri):
            Path(uri).unlink(missing_ok=True)
            return
        shutil.rmtree(uri, ignore_errors=True)
        if not os.listdir(os.path.dirname(uri)):
            os.rmdir(os.path.dirname(uri))


def raised(error: OSError) -> None:
    """A folder that is not there holds nothing; one that cannot be read must not look empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


class Bucket:
    """Objects in S3: writing a key is one step, and there are no folders to forget."""

    def __init__(self) -> None:
        import boto3

        self.s3: Any = boto3.client("s3")
        self.condition: dict[str, str] = {}  # a header, for Glue's boto3 may not know the parameter
        events, put = self.s3.meta.events, "before-call.s3.PutObject"
        events.register(put, lambda params, **_: params["headers"].update(self.condition))

    def list(self, prefix: str) -> list[str]:
        """Every object below a folder, in order."""
        scheme, bucket, key = address(prefix)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [f"{scheme}://{bucket}/{one}" for one in keys if not one.endswith("/")]

    def get(self, uri: str) -> bytes:
        """The bytes."""
        _, bucket, key = address(uri)
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, uri: str, body: bytes, new: bool = False) -> bool:
        """Write it; with ``new`` only if there is none. Whether it did."""
        _, bucket, key = address(uri)
        writer = Bucket() if new else self
        writer.condition |= {"If-None-Match": "*"} if new else {}
        try:
            writer.s3.put_object(Bucket=bucket, Key=key, Body=body)
        except writer.s3.exceptions.ClientError as error:
            if not new or error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
            return False
        return True

    def remove(self, uri: str) -> None:
        """Remove it and what lies below it; a marker of an empty folder may stay."""
        for one in (uri, *self.list(uri)):
            _, bucket, key = address(one)
            self.s3.delete_object(Bucket=bucket, Key=key)


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
