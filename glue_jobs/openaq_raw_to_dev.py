"""Transform the raw objects of days into one Snappy Parquet file per day, on Spark, by a recipe.

``--operation`` is a bound Transform as ``openaq_assets.graph.operations.to_json`` writes it. The job knows no
asset: the recipe says where rows are, what columns are and which row wins. The job makes the same tables as
``openaq_assets/platforms/transform/reference_decoder.py`` (``tests/platforms/spark`` compares them) and does
not import it, because Glue gets only this file.

    raw objects -> decode, in parallel -> latest per key -> staged -> each day replaced in one step

It runs on Glue 5.1 (Spark 3.5) and 6.0 (Spark 4.1), and as ``python openaq_raw_to_dev.py`` with pyspark.
There are no bookmarks: a day is always rebuilt from all its raw objects. If anything fails, the old day
stays. Every run lists the raw objects again at its end, so of two runs at once the last to publish has read
all of them.
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
Steps = tuple[str, ...]  # steps to a field; the first is '/' in the page around the rows, '' in a row
RECIPE_FIELDS = {
    "rows", "columns", "unique", "sort", "partition_by", "on_bad_row", "format", "partition_by_end",
    "spread", "free_text", "on_new_field", "known",
}  # fmt: skip  # a table of many short cells
SPARK_TYPES = {
    "varchar": "string", "bigint": "bigint", "integer": "int", "double": "double",
    "boolean": "boolean", "timestamp": "timestamp_ntz", "date": "date",
}  # fmt: skip  # a table of many short cells
# The fields of every decoded row besides its columns: its day, its position in the order of retrieval, and,
# if it is not a row of the table, a line for quarantine or a new field.
CARRIED = "_day string, _retrieved string, _object string, _position int, _bad string, _new string"
AT_A_TIME = 64  # objects of one task; their bodies are in memory together
MOST_NEW, MOST_SAMPLE = 100, 200  # new fields of a day, characters of a sample
STAMP = "%Y%m%dT%H%M%SZ"


class BadRow(ValueError):
    """A row does not fit the recipe; the message is the reason."""


class RowsDoNotFit(Exception):
    """Rows do not fit, and the recipe says that they fail the day."""


class NewFields(Exception):
    """There are new fields, and the recipe says that they fail the day."""


def main(argv: Sequence[str]) -> None:
    """Carry out the operation; write the facts of each day to standard output and ``--facts-uri``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--operation", default="", help="a bound Transform as JSON")
    parser.add_argument("--operation-uri", default="", help="the object that holds it")
    parser.add_argument("--facts-uri", default="", help="where to put the facts")
    parser.add_argument("--TempDir", default="", help="where to stage; beside the table if not given")
    options, _ = parser.parse_known_args(argv)  # Glue adds its own arguments
    if bool(options.operation) == bool(options.operation_uri):
        parser.error("give --operation or --operation-uri")
    operation = json.loads(options.operation or store(options.operation_uri).get(options.operation_uri))
    if operation.get("operation") != "Transform" or operation["recipe"].keys() != RECIPE_FIELDS:
        parser.error("the operation is not a Transform that this version of the job can read")
    facts = json.dumps(transform(session(argv), operation, options.TempDir), indent=1)
    if options.facts_uri:
        store(options.facts_uri).put(options.facts_uri, facts.encode())
    print(facts)


def session(argv: Sequence[str]) -> "SparkSession":
    """Return a Spark session with the same semantics on every version; in Glue, Glue's own session."""
    from pyspark.sql import SparkSession

    if any(argument == "--JOB_NAME" or argument.startswith("--JOB_NAME=") for argument in argv):
        from awsglue.context import GlueContext
        from pyspark import SparkContext

        spark: SparkSession = GlueContext(SparkContext.getOrCreate()).spark_session
    else:
        spark = SparkSession.builder.appName("openaq_raw_to_dev").getOrCreate()
    for name, value in {
        "spark.sql.ansi.enabled": "true",  # the default of 4.x; otherwise 3.5 makes NULL of wrong values
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",  # 3.5 refuses old dates otherwise
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    }.items():
        spark.conf.set(name, value)
    return spark


def transform(spark: "SparkSession", operation: Mapping[str, Any], staging_uri: str) -> dict[str, Any]:
    """Rebuild every day of the operation, again if raw objects arrived meanwhile; return facts by day."""
    source, into = operation["source"], operation["into"]
    near = {day: around(day, operation["recipe"]["spread"]) for day in into["partitions"]}
    base = staging_uri.rstrip("/") or f"{os.path.dirname(into['uri'])}/_staging"
    sweep(base, into["asset"])
    notices: dict[str, list[str]] = {day: [] for day in near}
    for _ in range(3):  # while raw objects keep arriving
        objects = raw_objects(source, near)
        staging = f"{base}/{into['asset']}-{dt.datetime.now(dt.UTC):{STAMP}}-{uuid.uuid4().hex}"
        try:
            facts = rebuilt(spark, operation, objects, staging)
        finally:
            store(staging).remove(staging)
        names = {day: {os.path.basename(uri) for _, uri in of} for day, of in groupby(objects, itemgetter(0))}
        for day, sources in near.items():  # copies of an object under several days count once
            read = set().union(*(names.get(source_day, ()) for source_day in sources))
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
    """Rebuild the days and return facts by day; no day is replaced before all of them are staged."""
    recipe, into, quarantined = operation["recipe"], operation["into"], operation["quarantine"]["uri"]
    days = into["partitions"]
    decoded = decode(spark, recipe, days, objects).persist()
    try:
        files = stage(decoded.where("_bad IS NULL AND _new IS NULL"), recipe, days, staging)
        table = re.sub(r"([\\\[\]{}*?])", r"\\\1", f"{staging}/table")  # escapes the characters of patterns
        rows = counts(spark.read.schema("_day string").parquet(table))
        bad = quarantine(decoded.where("_bad IS NOT NULL"), quarantined, days)
        new = new_fields(decoded.where("_new IS NOT NULL"), days)
    finally:
        decoded.unpersist()
    if bad and recipe["on_bad_row"] == "fail":
        numbers = ", ".join(f"{day}: {count}" for day, count in sorted(bad.items()))
        raise RowsDoNotFit(f"{into['asset']}: rows are not valid ({numbers}). See {quarantined}.")
    notices = record(quarantined, new)
    for day, (first, *more) in ((day, fields) for day, fields in new.items() if fields):
        if recipe["on_new_field"] == "fail":
            others = f" and {len(more)} more (openaq-assets status)" if more else ""
            hint = "Add a column that reads it, or add its path to 'known'."
            raise NewFields(f"{into['asset']} {day}: {notice_of(first)}{others}. {hint}")
    tables = store(into["uri"])
    with ThreadPoolExecutor(16) as threads:
        published = threads.map(lambda day: publish(tables, files[day], folder(into["uri"], day)), days)
        return {
            day: {"rows": rows.get(day, 0), "quarantined": bad.get(day, 0), "notices": notices[day], **facts}
            for day, facts in zip(days, published)
        }


def sweep(base: str, asset: str) -> None:
    """Remove staged files of runs that began over a day ago: they were killed, as no run takes so long."""
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
    """Return the day with as many days before and after it."""
    return [f"{dt.date.fromisoformat(day) + dt.timedelta(days=offset)}" for offset in range(-away, away + 1)]


def folder(uri: str, day: str) -> str:
    """Return the folder of a day of an asset."""
    return "{}/year={}/month={}/day={}".format(uri, *day.split("-"))


def parse_key(uri: str) -> dict[str, str] | None:
    """Return the parts of an object's name: asset, request, retrieval, digest; None for another name."""
    name = os.path.basename(uri)
    match = KEY.match(name)
    if not match:
        return None
    try:
        retrieved = dt.datetime.strptime(match["retrieved"], STAMP).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    request = dict(part.split("=", 1) for part in match["parts"].split("__") if part)
    own = {"retrieved": retrieved.isoformat(), "object": name, "digest": match["digest"]}
    return {**request, **own, "_asset": match["asset"]}


def raw_objects(source: Mapping[str, Any], near: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return (day, URI) of every raw object of the asset; its folders hold other assets' objects, too."""
    raw = store(source["uri"])
    return [
        (day, uri)
        for day in sorted({day for days in near.values() for day in days})
        for uri in raw.list(folder(source["uri"], day))
        if (key := parse_key(uri)) and key["_asset"] == source["asset"]
    ]


# --- decoding: the rules of the recipe, row by row, on the executors -----------------------------------
def decode(
    spark: "SparkSession", recipe: Recipe, days: Sequence[str], objects: Sequence[tuple[str, str]]
) -> "DataFrame":
    """Return every row of the days; ``_bad`` holds what does not fit, ``_new`` new fields."""
    wanted = frozenset(days)

    def rows(part: Iterable[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
        part, watch = list(part), watcher(recipe)
        if not part:
            return
        get = store(part[0][1]).get
        with ThreadPoolExecutor(16) as threads:
            for (day, uri), body in zip(part, threads.map(get, [uri for _, uri in part])):
                decoded = decode_object(recipe, watch, day, uri, body)
                yield from (row for row in decoded if row[0] in wanted)

    tasks = max(spark.sparkContext.defaultParallelism, -(-len(objects) // AT_A_TIME))
    decoded = spark.sparkContext.parallelize(objects, max(1, min(tasks, len(objects)))).mapPartitions(rows)
    return spark.createDataFrame(decoded, f"{CARRIED}, {schema(recipe)}", verifySchema=False)


def decode_object(
    recipe: Recipe, watch: Callable[..., list[str]], day: str, uri: str, body: bytes
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of one object in a day's folder, each with its own day."""
    key = parse_key(uri) or {}
    name, retrieved, columns = key["object"], key["retrieved"], recipe["columns"]
    nothing = (None,) * len(columns)

    def bad(position: int | None, entry: Mapping[str, Any]) -> tuple[Any, ...]:
        line = json.dumps({"object": name, "position": position, **entry}, ensure_ascii=False)
        line = line.encode(errors="backslashreplace").decode()  # half surrogates stay escaped
        return (day, retrieved, name, position, line, None, *nothing)

    try:
        page, rows = opened(recipe, body)
        for position, new in enumerate(watch(page, rows)):
            yield (day, retrieved, name, position, None, new, *nothing)
        fixed = {column["name"]: value_of(recipe, column, key) for column in columns if column["key"]}
    except (ValueError, RecursionError) as error:
        yield bad(None, {"reason": f"unreadable: {error}"})
        return
    for position, row in enumerate(rows):
        try:
            values = {
                column["name"]: fixed[column["name"]] if column["key"] else value_of(recipe, column, row)
                for column in columns
            }
            own = day_of(recipe, day, values)
            yield (own, retrieved, name, position, None, None, *values.values())
        except BadRow as error:
            yield bad(position, {"reason": str(error), "row": row})


def day_of(recipe: Recipe, day: str, values: Mapping[str, Any]) -> str:
    """Return the day of a row; raise BadRow if it is too far from the day of its object's folder."""
    name = recipe["partition_by"] or recipe["partition_by_end"]
    if not name:
        return day
    stamp = inside = values[name]
    if stamp and not recipe["partition_by"] and stamp != dt.datetime.min:
        inside = stamp - dt.timedelta(seconds=1)  # only the end of the period is known
    own_day = inside.isoformat()[:10] if inside else ""
    if own_day not in around(day, recipe["spread"]):
        raise BadRow(f"{name}: {stamp} is not of the day {day}")
    return own_day


def opened(recipe: Recipe, body: bytes) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Return an object and its rows: a list in JSON, or the lines of a gzipped CSV file."""
    if recipe["format"] == "csv":
        return {}, csv_rows(body, recipe["free_text"])
    page = json.loads(body)
    rows = page.get(recipe["rows"]) if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"'{recipe['rows']}' is not a list")
    return page, rows


def csv_rows(body: bytes, free_text: str) -> Sequence[Any]:
    """Return the lines of a file as mappings by its header; a line of another length as its cells."""
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
    """Return a line as a mapping by the header; commas without quotes can only be in the free text."""
    surplus = len(cells) - len(header)
    if surplus > 0 and free_text in header:
        at, end = header.index(free_text), header.index(free_text) + surplus + 1
        cells = [*cells[:at], ",".join(cells[at:end]), *cells[end:]]
    return dict(zip(header, cells)) if len(cells) == len(header) else cells


BITS = {"bigint": 64, "integer": 32}
WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity", re.ASCII)


def value_of(recipe: Recipe, column: Mapping[str, Any], source: Any) -> Any:
    """Return the value at the first path of a column that has one, or the part of a name that it reads."""
    for path in column["paths"] or [column["key"]]:
        if column["key"] or recipe["format"] == "csv":
            if not isinstance(source, dict):
                raise BadRow(f"{len(source)} cells, which is not what the header has")
            value = typed_text(column["type"], source.get(path) or None)
        else:
            value = at_path(path, source)
        if value is not None:
            return typed(column, value)
    if not column["nullable"]:
        paths, key = " or ".join(column["paths"]), column["key"]
        raise BadRow(f"{column['name']}: " + (f"no value at {paths}" if paths else f"no '{key}' in the name"))
    return None


def at_path(path: str, value: Any) -> Any:
    """Return the value at a path of fields of objects and positions in lists; None if there is none."""
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def typed_text(kind: str, text: str | None) -> Any:
    """Return text as a JSON value of a type if it is written as one; else the text."""
    if text is None:
        return None
    if kind in BITS:
        return int(text) if WHOLE.fullmatch(text) else text
    if kind == "double":
        return float(text) if NUMBER.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def typed(column: Mapping[str, Any], value: Any) -> Any:
    """Return a JSON value as a value of the column; raise BadRow if it does not fit."""
    kind = column["type"]
    try:
        kinds, otherwise = JSON_TYPES.get(kind, (str, "not text"))
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind != "boolean"):
            raise TypeError(otherwise)
        if kind in BITS and not -(2 ** (BITS[kind] - 1)) <= value < 2 ** (BITS[kind] - 1):
            raise OverflowError(f"more than {BITS[kind]} bits")
        if isinstance(value, str):
            value.encode()  # raises for half of a surrogate pair
        return CONVERTERS[kind](value) if kind in CONVERTERS else value
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRow(f"{column['name']}: {value!r:.80} is not {kind} ({error})") from None


def utc(text: str) -> dt.datetime:
    """Return a time with an offset as a time of UTC; raise ValueError if it has no offset."""
    stamp = dt.datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError("no offset from UTC")
    return stamp.astimezone(dt.UTC).replace(tzinfo=None)


JSON_TYPES: Mapping[str, Any] = {
    "boolean": (bool, "not true or false"),
    "double": ((int, float), "not a number"),
    "bigint": (int, "not a whole number"),
    "integer": (int, "not a whole number"),
}
CONVERTERS: Mapping[str, Any] = {"double": float, "timestamp": utc, "date": dt.date.fromisoformat}


# --- new fields: fields of an object that no column reads and the recipe does not name ------------------
def step(name: str) -> str:
    """Return the name of a field as a step of a path, with '.' and '*' escaped."""
    return "\\u002a" if name == "*" else name.replace(".", "\\u002e")


def watcher(recipe: Recipe) -> Callable[..., list[str]]:
    """Return a function that returns the new fields of an object: path and sample, as two lines of JSON."""
    paths = [path for column in recipe["columns"] for path in column["paths"]]
    read = [("", *([step(path)] if recipe["format"] == "csv" else path.split("."))) for path in paths]
    declared = [("/" * path.startswith("/"), *path.removeprefix("/").split(".")) for path in recipe["known"]]
    known = [("/", step(recipe["rows"])), *read, *declared]  # each with all that it holds
    known = [steps[: max(n for n, part in enumerate(steps, 1) if part != "*")] for steps in known]

    def beyond(steps: Steps) -> list[Steps] | None:  # known fields below; None if the steps are known
        matches = [
            path
            for path in known
            if all(a in ("*", b) or (b == "*" and a.isdecimal()) for a, b in zip(path, steps))
        ]
        return None if any(len(path) <= len(steps) for path in matches) else matches

    def look(value: Any, steps: Steps, names: dict[Any, Any], new: dict[Steps, Any]) -> None:
        if isinstance(value, dict):
            for name, child in value.items():
                if name not in names:  # computed once, for all objects
                    below = (*steps, step(name))
                    names[name] = below, beyond(below), {}
                below, onward, further = names[name]
                if onward and child is not None:
                    look(child, below, further, new)
                elif onward == []:
                    new.setdefault(below, child)
        elif isinstance(value, list) and (onward := beyond((*steps, "*"))) != []:
            for item in value if onward else ():
                if item is not None:
                    look(item, (*steps, "*"), names.setdefault(0, {}), new)
        else:  # a value where there should be fields below
            new.setdefault(steps, value)

    whole: dict[str, dict[Any, Any]] = {start: {} for start in ("/", "") if beyond((start,)) is not None}

    def watch(page: Any, rows: Iterable[Any]) -> list[str]:
        new: dict[Steps, Any] = {}
        for value, start in [(page, "/"), *((row, "") for row in rows if isinstance(row, dict))]:
            if start in whole:
                look(value, (start,), whole[start], new)
        values = {start + ".".join(steps): value for (start, *steps), value in new.items()}
        samples = (
            (path, json.dumps(value, ensure_ascii=False)[:MOST_SAMPLE]) for path, value in values.items()
        )
        return [f"{json.dumps(path)}\n{json.dumps(sample)}" for path, sample in samples][:MOST_NEW]

    return watch if recipe["on_new_field"] != "ignore" else lambda page, rows: []


def new_fields(rows: "DataFrame", days: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Return the new fields of each day, each as it was first retrieved."""
    from pyspark.sql import functions

    path = functions.substring_index("_new", "\n", 1)
    first = functions.min(functions.struct("_retrieved", "_object", "_position", "_new"))
    fields: dict[str, list[dict[str, str]]] = {day: [] for day in days}
    for day, seen in sorted((day, seen) for day, _, seen in rows.groupBy("_day", path).agg(first).collect()):
        name, sample = map(json.loads, seen["_new"].split("\n"))
        field = {"path": name, "first_seen": seen["_retrieved"], "object": seen["_object"], "sample": sample}
        fields[day] += [field] if len(fields[day]) < MOST_NEW else []
    return fields


def record(uri: str, new: dict[str, list[dict[str, str]]]) -> dict[str, list[str]]:
    """Record new fields; return by day a line for each first record."""
    notices: dict[str, list[str]] = {day: [] for day in new}
    recorded = set(store(uri).list(f"{uri}/new_fields")) if any(new.values()) else set()
    for day, field in [(day, field) for day, fields in new.items() for field in fields]:
        digest = hashlib.sha256(field["path"].encode(errors="backslashreplace")).hexdigest()[:12]
        name = f"{re.sub('[^A-Za-z0-9]+', '-', field['path'])[:60].strip('-')}__{digest}.json"
        body = json.dumps(field, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
        if (at := f"{uri}/new_fields/{name}") not in recorded and store(uri).put(at, body, new=True):
            notices[day].append(notice_of(field))
        recorded.add(at)
    return notices


def notice_of(field: Mapping[str, str]) -> str:
    """Return a new field as one line."""
    sample = field["sample"] if len(field["sample"]) <= 60 else f"{field['sample'][:57]}..."
    return f"new field {json.dumps(field['path'])} in {field['object']}: {sample}"


# --- the table: latest retrieval of each key, in order, staged ----------------------------------------
def schema(recipe: Recipe) -> str:
    """Return the columns and types of the table for Spark."""
    return ", ".join(f"`{column['name']}` {SPARK_TYPES[column['type']]}" for column in recipe["columns"])


def stage(rows: "DataFrame", recipe: Recipe, days: Sequence[str], uri: str) -> dict[str, str]:
    """Write one file per day below a URI, and one for days without rows; return the files by day."""
    from pyspark.sql import Window, functions

    together = gathered(rows, len(days))
    if recipe["unique"]:
        latest = [functions.desc(name) for name in ("_retrieved", "_object", "_position")]
        key = Window.partitionBy("_day", *recipe["unique"]).orderBy(*latest)
        together = together.withColumn("_rank", functions.row_number().over(key)).where("_rank = 1")
    elif recipe["spread"]:  # neighbours may hold copies of one answer
        together = together.dropDuplicates(["_day", "_object", "_position"])
    names = [*recipe["sort"], *(name for name in recipe["unique"] if name not in recipe["sort"])]
    order = [functions.asc_nulls_last(name) for name in names]
    table = together.sortWithinPartitions("_day", *order, "_retrieved", "_object", "_position")
    table = table.select("_day", *(column["name"] for column in recipe["columns"]))
    table.write.partitionBy("_day").parquet(f"{uri}/table", compression="snappy")
    written = store(uri).list(f"{uri}/table")
    files = {file.rsplit("/_day=", 1)[1][:10]: file for file in written if "/_day=" in file}
    if len(files) < len(days):
        none = rows.sparkSession.createDataFrame([], schema(recipe)).coalesce(1)
        none.write.parquet(f"{uri}/empty", compression="snappy")
        (empty,) = (file for file in store(uri).list(f"{uri}/empty") if "/part-" in file)
        files = {day: files.get(day, empty) for day in days}
    return files


def quarantine(bad: "DataFrame", uri: str, days: Sequence[str]) -> dict[str, int]:
    """Write the rows that do not fit as JSON lines, one file per day; return their number by day."""

    def keep(rows: Iterable[Any]) -> None:
        order = sorted(rows, key=itemgetter("_day", "_retrieved", "_object", "_position"))
        for day, of_day in groupby(order, itemgetter("_day")):
            body = "".join(f"{row['_bad']}\n" for row in of_day).encode()
            store(uri).put(f"{folder(uri, day)}/part-0.jsonl", body)

    numbers = counts(bad)
    gathered(bad, len(numbers)).foreachPartition(keep)
    for day in set(days) - numbers.keys():  # an earlier run may have left a file
        store(uri).remove(f"{folder(uri, day)}/part-0.jsonl")
    return numbers


def gathered(rows: "DataFrame", days: int) -> "DataFrame":
    """Return the rows with each day in one task, by the only shuffle of the job."""
    tasks = min(days, 4 * rows.sparkSession.sparkContext.defaultParallelism)
    return rows.repartition(max(1, tasks), "_day")


def counts(rows: "DataFrame") -> dict[str, int]:
    """Return the number of rows by day."""
    return {row["_day"]: row["count"] for row in rows.groupBy("_day").count().collect()}


# --- stores: files, and objects in S3 ------------------------------------------------------------------
def publish(tables: "Files | Bucket", staged: str, day_uri: str) -> dict[str, Any]:
    """Replace the file of a day by the staged one in one step, remove others; return size and digest."""
    body = tables.get(staged)
    tables.put(f"{day_uri}/part-0.parquet", body)
    for uri in {*tables.list(day_uri)} - {f"{day_uri}/part-0.parquet"}:
        tables.remove(uri)
    return {"bytes": len(body), "version": hashlib.sha256(body).hexdigest()[:12]}


class Files:
    """Objects as files of this machine; hidden files are no objects."""

    def list(self, prefix: str) -> list[str]:
        """Return every file below a folder, in order."""
        walked = os.walk(prefix, onerror=raised)
        return sorted(f"{at}/{name}" for at, _, names in walked for name in names if name[0] != ".")

    def get(self, uri: str) -> bytes:
        """Return the bytes of an object."""
        return Path(uri).read_bytes()

    def put(self, uri: str, body: bytes, new: bool = False) -> bool:
        """Write an object in one step, with ``new`` only if there is none; return whether it was written."""
        os.makedirs(os.path.dirname(uri), exist_ok=True)
        hidden = f"{os.path.dirname(uri)}/.{uuid.uuid4().hex}.tmp"
        try:
            Path(hidden).write_bytes(body)
            (os.link if new else os.replace)(hidden, uri)
        except FileExistsError:
            return False
        finally:
            self.remove(hidden)
        return True

    def remove(self, uri: str) -> None:
        """Remove a file, or a folder with its hidden files; do nothing if there is none."""
        if not os.path.isdir(uri):
            Path(uri).unlink(missing_ok=True)
            return
        shutil.rmtree(uri, ignore_errors=True)
        if not os.listdir(os.path.dirname(uri)):
            os.rmdir(os.path.dirname(uri))


def raised(error: OSError) -> None:
    """Raise an error of listing, except for a missing folder: an unreadable one must not look empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


class Bucket:
    """Objects in S3, where an object is written in one step and there are no folders."""

    def __init__(self) -> None:
        import boto3

        self.s3: Any = boto3.client("s3")
        self.condition: dict[str, str] = {}  # a header, as Glue's boto3 may not know the parameter
        events, put = self.s3.meta.events, "before-call.s3.PutObject"
        events.register(put, lambda params, **_: params["headers"].update(self.condition))

    def list(self, prefix: str) -> list[str]:
        """Return every object below a folder, in order."""
        scheme, bucket, key = address(prefix)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return [f"{scheme}://{bucket}/{name}" for name in keys if not name.endswith("/")]

    def get(self, uri: str) -> bytes:
        """Return the bytes of an object."""
        _, bucket, key = address(uri)
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, uri: str, body: bytes, new: bool = False) -> bool:
        """Write an object, with ``new`` only if there is none; return whether it was written."""
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
        """Remove an object and all objects below it; a marker of an empty folder may stay."""
        for entry in (uri, *self.list(uri)):
            _, bucket, key = address(entry)
            self.s3.delete_object(Bucket=bucket, Key=key)


def address(uri: str) -> tuple[str, str, str]:
    """Return the scheme, bucket and key of ``s3://bucket/key``."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key


def store(uri: str) -> Files | Bucket:
    """Return the store of a URI: S3 for ``s3://``, ``s3a://`` and ``s3n://``, else files."""
    return Bucket() if re.match("s3[an]?://", uri) else Files()


if __name__ == "__main__":
    main(sys.argv[1:])
