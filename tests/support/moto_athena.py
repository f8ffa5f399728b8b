"""Athena as these tests have it: its wire protocol in front, DuckDB behind, over the Parquet in S3.

It sees only what Athena sees: tables and views of the Glue catalog, and of a partitioned table the
registered partitions. Views are stored and checked as Athena does, stale ones included.
"""

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import re
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import duckdb
import sqlglot
from sqlglot import exp

from openaq_assets.graph.contracts import trino_type
from openaq_assets.sql import parse as athena_sql
from support.refused import Refused

Body = dict[str, Any]
PRESTO_OF_HIVE = {"string": "varchar", "int": "integer"}
HIVE_OF_PRESTO = {"varchar": "string", "integer": "int"}
DUCKDB_OF_PRESTO = {"varchar": "VARCHAR", "bigint": "BIGINT", "integer": "INTEGER", "double": "DOUBLE",
                    "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE"}
# What Athena reads of a Parquet file whose type is not the declared one.
WIDENED = {("INTEGER", "bigint"), ("FLOAT", "double")}


class Failed(Exception):
    """A query that fails, in Athena's words."""


@dataclass
class Execution:
    """A statement, and what became of it."""

    id: str
    sql: str
    output: str
    state: str = "RUNNING"
    reason: str = ""
    category: int = 2
    scanned: int = 0
    polls: int = 0
    columns: tuple[tuple[str, str], ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)


class DuckAthena:
    """The actions of Athena that this package uses. ``wait`` polls are answered RUNNING first."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._folder = tempfile.TemporaryDirectory(prefix="athena-")
        self._lock = threading.RLock()
        self.forget()
        self.actions = {
            "Athena.StartQueryExecution": self.start,
            "Athena.GetQueryExecution": self.get,
            "Athena.GetQueryResults": self.results,
            "Athena.StopQueryExecution": self.stop,
        }

    def forget(self) -> None:
        """Forget all statements."""
        self.executions: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[str, Body]] = {}
        self._sound: set[str] = set()
        self.wait = 1
        self.cutoff = 10**15  # less than the 10 MB that a work group takes at least
        self.fails: list[tuple[str, str, int]] = []  # (state, reason, category) of the next statements

    def close(self) -> None:
        """Remove the copies of files."""
        self._folder.cleanup()

    # --- actions

    def start(self, body: Body) -> Body:
        token = body.pop("ClientRequestToken", "")
        with self._lock:
            if token in self._tokens:
                known, before = self._tokens[token]
                if before != body:
                    raise Refused("InvalidRequestException", "Idempotent parameters do not match")
                return {"QueryExecutionId": known}
            output = body.get("ResultConfiguration", {}).get("OutputLocation", "")
            if not output:
                raise Refused("InvalidRequestException", "No output location provided.")
            execution = Execution(str(uuid.uuid4()), body["QueryString"], output)
            self.executions[execution.id] = execution
            self._tokens[token] = (execution.id, body)
            cutoff = min(self.cutoff, self._cutoff(body.get("WorkGroup", "primary")))
            self._carry_out(execution, cutoff)
        return {"QueryExecutionId": execution.id}

    def _cutoff(self, group: str) -> int:
        try:
            settings = self._client("athena").get_work_group(WorkGroup=group)["WorkGroup"]
        except Exception:
            raise Refused("InvalidRequestException", f"WorkGroup {group} is not found.") from None
        return int(settings.get("Configuration", {}).get("BytesScannedCutoffPerQuery") or 10**15)

    def _carry_out(self, execution: Execution, cutoff: int) -> None:
        if self.fails:
            execution.state, execution.reason, execution.category = self.fails.pop(0)
            return
        try:
            with Session(self._client, Path(self._folder.name), self._sound) as session:
                execution.columns, execution.rows = session.answer(execution.sql)
                execution.scanned = session.scanned
        except Failed as error:
            execution.state, execution.reason = "FAILED", str(error)
            return
        except duckdb.Error as error:
            execution.state, execution.reason = "FAILED", _as_athena(error)
            return
        except Exception as error:
            execution.state, execution.reason, execution.category = "FAILED", f"GENERIC_INTERNAL_ERROR: {error!r}", 1
            return
        if execution.scanned > cutoff:
            execution.state, execution.reason = "CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded"
            return
        execution.state = "SUCCEEDED"
        self._store(execution)

    def _store(self, execution: Execution) -> None:
        """Write the CSV that Athena writes to the result location."""
        bucket, _, key = execution.output.removeprefix("s3://").partition("/")
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerow([name for name, _ in execution.columns])
        writer.writerows([[_cell(value) for value in row] for row in execution.rows])
        self._client("s3").put_object(Bucket=bucket, Key=f"{key}{execution.id}.csv", Body=text.getvalue().encode())

    def _of(self, body: Body) -> Execution:
        if body["QueryExecutionId"] not in self.executions:
            raise Refused("InvalidRequestException", f"QueryExecution {body['QueryExecutionId']} was not found")
        return self.executions[body["QueryExecutionId"]]

    def get(self, body: Body) -> Body:
        execution = self._of(body)
        execution.polls += 1
        state = execution.state if execution.polls > self.wait or execution.state == "CANCELLED" else "RUNNING"
        status: Body = {"State": state, "SubmissionDateTime": dt.datetime.now(dt.UTC)}
        if state in ("FAILED", "CANCELLED"):
            status["StateChangeReason"] = execution.reason
        if state == "FAILED":
            error = {"ErrorCategory": execution.category, "Retryable": execution.category == 1, "ErrorMessage": execution.reason}
            status["AthenaError"] = error
        return {
            "QueryExecution": {
                "QueryExecutionId": execution.id, "Query": execution.sql, "Status": status,
                "ResultConfiguration": {"OutputLocation": f"{execution.output}{execution.id}.csv"},
                "Statistics": {"DataScannedInBytes": execution.scanned},
            }
        }

    def results(self, body: Body) -> Body:
        execution, most = self._of(body), body.get("MaxResults", 1000)
        if execution.state != "SUCCEEDED":
            raise Refused("InvalidRequestException", f"Query has not yet finished. Current state: {execution.state}")
        if most > 1000:
            raise Refused("InvalidRequestException", "MaxResults is more than maximum allowed length 1000.")
        everything: list[Body] = []
        if execution.columns:
            everything.append({"Data": [{"VarCharValue": name} for name, _ in execution.columns]})
        everything += [{"Data": [_datum(value) for value in row]} for row in execution.rows]
        first = int(body.get("NextToken") or 0)
        answer: Body = {
            "ResultSet": {
                "Rows": everything[first : first + most],
                "ResultSetMetadata": {"ColumnInfo": [_info(name, kind) for name, kind in execution.columns]},
            }
        }
        if first + most < len(everything):
            answer["NextToken"] = str(first + most)
        return answer

    def stop(self, body: Body) -> Body:
        execution = self._of(body)
        if execution.polls <= self.wait:
            execution.state, execution.reason = "CANCELLED", "Query was cancelled by the user"
        return {}


def _info(name: str, kind: str) -> Body:
    info: Body = {"CatalogName": "hive", "Name": name, "Label": name, "Type": kind, "Nullable": "UNKNOWN"}
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
        info |= {"Type": "decimal", "Precision": int(match[1]), "Scale": int(match[2])}
    return info


def _datum(value: Any) -> Body:
    return {} if value is None else {"VarCharValue": _cell(value)}


def _cell(value: Any) -> str:
    """Return a value as Athena writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        zone = " UTC" if value.tzinfo else ""
        return value.replace(tzinfo=None).isoformat(" ", "milliseconds") + zone
    if isinstance(value, float):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value).replace("e", "E"))
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


def _as_athena(error: duckdb.Error) -> str:
    """Return an error of DuckDB with the name that Athena has for it."""
    text = str(error).split("\n")[0]
    if isinstance(error, duckdb.CatalogException):
        return f"FUNCTION_NOT_FOUND: line 1:8: {text}"
    if isinstance(error, duckdb.BinderException):
        return f"COLUMN_NOT_FOUND: line 1:8: {text}"
    return f"GENERIC_USER_ERROR: {text}"


class Session:
    """One statement: a DuckDB in which the tables and views it reads exist."""

    def __init__(self, client: Callable[[str], Any], folder: Path, sound: set[str]) -> None:
        self._glue, self._s3, self._folder = client("glue"), client("s3"), folder
        self._sound = sound  # views that were found not to be stale, with all they read
        self.scanned = 0
        self._made: dict[str, str] = {}  # what was made, by name: its definition and what that reads

    def __enter__(self) -> Self:
        self._duckdb = duckdb.connect(":memory:", config={"threads": 2})
        self._duckdb.execute("SET TimeZone='UTC'")
        return self

    def __exit__(self, *error: object) -> None:
        self._duckdb.close()

    def answer(self, text: str) -> tuple[tuple[tuple[str, str], ...], list[tuple[Any, ...]]]:
        """Return columns with Trino types, and rows; CREATE VIEW makes the view."""
        try:
            tree = sqlglot.parse_one(text, dialect="athena")
        except sqlglot.ParseError as error:
            raise Failed(f"line 1:1: mismatched input ({str(error).splitlines()[0]})") from None
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            self._create_view(tree)
            return (), []
        self._need(tree)
        query = athena_sql.qualified(text, {}, "duckdb")
        columns = self._described(query)
        return columns, self._duckdb.execute(query).fetchall()

    def _described(self, query: str) -> tuple[tuple[str, str], ...]:
        rows = self._duckdb.execute(f"DESCRIBE {query}").fetchall()
        return tuple((str(row[0]), trino_type(str(row[1]))) for row in rows)

    # --- the catalog

    def _definition(self, name: str) -> Body:
        database, _, table = name.partition(".")
        try:
            definition: Body = self._glue.get_table(DatabaseName=database, Name=table)["Table"]
        except self._glue.exceptions.EntityNotFoundException as error:
            if "Database" in str(error):
                raise Failed(f"SCHEMA_NOT_FOUND: line 1:15: Schema '{database}' does not exist.") from None
            what = f"Table 'awsdatacatalog.{name}' does not exist"
            raise Failed(f"TABLE_NOT_FOUND: line 1:15: {what}") from None
        return definition

    def _need(self, tree: exp.Expr, within: tuple[str, ...] = ()) -> None:
        """Make every table and view that a query names, after what those read."""
        for table in tree.find_all(exp.Table):
            if not table.db:
                continue  # of a WITH
            name = f"{table.db}.{table.name}"
            if name in within:
                raise Failed(f"INVALID_VIEW: line 1:15: Statement would create a recursive view: {name}")
            if name not in self._made:
                self._make(name, self._definition(name), (*within, name))

    def _make(self, name: str, definition: Body, within: tuple[str, ...]) -> None:
        database, table = name.split(".")
        if definition["TableType"] == "VIRTUAL_VIEW":
            body = self._view(name, definition, within)
        else:
            body = self._table(definition)
            self._made[name] = str(definition["StorageDescriptor"]["Columns"])
        self._duckdb.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        self._duckdb.execute(f'CREATE VIEW "{database}"."{table}" AS {body}')

    def _view(self, name: str, definition: Body, within: tuple[str, ...]) -> str:
        encoded = definition["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
        try:
            view = json.loads(base64.b64decode(encoded))
        except ValueError:
            raise Failed(f"INVALID_VIEW: Invalid view JSON: {encoded}") from None
        reads = sqlglot.parse_one(view["originalSql"], dialect="athena")
        self._need(reads, within)
        below = sorted(self._made[f"{table.db}.{table.name}"] for table in reads.find_all(exp.Table) if table.db)
        known = hashlib.sha256(f"{definition['ViewOriginalText']}{below}".encode()).hexdigest()
        self._made[name] = known
        query = athena_sql.qualified(view["originalSql"], {}, "duckdb")
        kept = tuple((column["name"], column["type"]) for column in view["columns"])
        if known not in self._sound:
            self._refuse_stale(name, query, kept)
            self._sound.add(known)
        columns = ", ".join(f'CAST("{n}" AS {DUCKDB_OF_PRESTO.get(kind, kind)}) AS "{n}"' for n, kind in kept)
        return f"SELECT {columns} FROM ({query})"

    def _refuse_stale(self, name: str, query: str, kept: tuple[tuple[str, str], ...]) -> None:
        """Raise Failed if a view's columns are no longer those of its SQL."""
        is_stale = f"INVALID_VIEW: line 1:15: View 'awsdatacatalog.{name}' is stale or in invalid state: "
        try:
            now = self._described(query)
        except duckdb.Error as error:
            raise Failed(is_stale + _as_athena(error)) from None
        for position, (was, new) in enumerate(zip(kept, now)):
            if was != new:
                raise Failed(
                    f"{is_stale}column [{new[0]}] of type {new[1]} projected from query view at position {position}"
                    f" cannot be coerced to column [{was[0]}] of type {was[1]} stored in view definition"
                )
        if len(kept) != len(now):
            raise Failed(f"{is_stale}stored view column count ({len(kept)}) does not match column count ({len(now)})")

    def _table(self, table: Body) -> str:
        keys = [key["Name"] for key in table.get("PartitionKeys", ())]
        names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        kinds = [column["Type"] for column in table["StorageDescriptor"]["Columns"]]
        declared = {n: PRESTO_OF_HIVE.get(kind, kind) for n, kind in zip(names, kinds)} | dict.fromkeys(keys, "varchar")
        nothing = ", ".join(f'CAST(NULL AS {DUCKDB_OF_PRESTO[kind]}) AS "{n}"' for n, kind in declared.items())
        nothing = f"SELECT {nothing} WHERE false"
        files = [f"'{file}'" for file in self._files(table, keys)]
        if not files:
            return nothing
        hive = "true, hive_types_autocast=false" if keys else "false"
        scan = f"read_parquet([{', '.join(files)}], hive_partitioning={hive}, union_by_name=true)"
        self._refuse_others(scan, declared)
        columns = ", ".join(f'CAST("{n}" AS {DUCKDB_OF_PRESTO[kind]}) AS "{n}"' for n, kind in declared.items())
        return f"SELECT {columns} FROM (SELECT * FROM {scan} UNION ALL BY NAME {nothing})"

    def _refuse_others(self, scan: str, declared: dict[str, str]) -> None:
        for name, kind, *_ in self._duckdb.execute(f"DESCRIBE FROM {scan}").fetchall():
            if name in declared and DUCKDB_OF_PRESTO[declared[name]] != kind and (kind, declared[name]) not in WIDENED:
                raise Failed(f"HIVE_BAD_DATA: Field {name}'s type {kind} in parquet file is incompatible with type {declared[name]} defined in table schema")

    def _files(self, table: Body, keys: list[str]) -> Iterator[Path]:
        """Yield local copies of a table's files; for a partitioned table, of registered partitions."""
        if not keys:
            yield from self._copies(table["StorageDescriptor"]["Location"], "")
            return
        pages = self._glue.get_paginator("get_partitions")
        for page in pages.paginate(DatabaseName=table["DatabaseName"], TableName=table["Name"]):
            for partition in page["Partitions"]:
                folder = "/".join(f"{key}={value}" for key, value in zip(keys, partition["Values"]))
                yield from self._copies(partition["StorageDescriptor"]["Location"], folder)

    def _copies(self, location: str, folder: str) -> Iterator[Path]:
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                name = entry["Key"].rsplit("/", 1)[1]
                if not name or name[0] in "._":
                    continue
                version = hashlib.sha256(f"{bucket}/{entry['Key']}{entry['ETag']}".encode()).hexdigest()[:24]
                copy = self._folder / version / folder / "file.parquet"
                if not copy.exists():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(self._s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
                self.scanned += entry["Size"]
                yield copy

    def _create_view(self, tree: exp.Create) -> None:
        target, query = tree.this, tree.expression
        name = f"{target.db}.{target.name}"
        self._need(query, (name,))
        # Athena stores its own print of the query, not the text that was given.
        text = query.sql(dialect="athena", comments=False)
        columns = [
            (name, f"varchar({len(item.unalias().name)})" if isinstance(item.unalias(), exp.Literal) and kind == "varchar" else kind)
            for (name, kind), item in zip(self._described(athena_sql.qualified(text, {}, "duckdb")), query.selects)
        ]  # the type of a text that is written out has its length
        definition = {
            "originalSql": text, "catalog": "awsdatacatalog", "schema": target.db,
            "columns": [{"name": n, "type": kind} for n, kind in columns],
        }
        encoded = base64.b64encode(json.dumps(definition).encode()).decode()
        table = {
            "Name": target.name, "TableType": "VIRTUAL_VIEW", "PartitionKeys": [],
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "ViewOriginalText": f"/* Presto View: {encoded} */", "ViewExpandedText": "/* Presto View */",
            "StorageDescriptor": {
                "Columns": [{"Name": n, "Type": HIVE_OF_PRESTO.get(kind, kind)} for n, kind in columns],
                "Location": "", "SerdeInfo": {},
            },
        }
        self._write(target.db, table, bool(tree.args.get("replace")))

    def _write(self, database: str, table: Body, replace: bool) -> None:
        try:
            self._glue.create_table(DatabaseName=database, TableInput=table)
        except self._glue.exceptions.EntityNotFoundException:
            raise Failed(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist") from None
        except self._glue.exceptions.AlreadyExistsException:
            if not replace:
                raise Failed(f"View already exists: {database}.{table['Name']}") from None
            self._glue.update_table(DatabaseName=database, TableInput=table)


