"""Tables, partitions and views as the Glue catalog keeps them."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import CreateView, Ref, Table, digest
from openaq_assets.graph.partitions import COLUMNS, key_of
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.errors import asking, code_of

AT_ONCE = 100  # the most partitions of one request
HIVE = {
    "varchar": "string", "bigint": "bigint", "integer": "int", "double": "double",
    "boolean": "boolean", "timestamp": "timestamp", "date": "date",
}  # fmt: skip
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_BEFORE, _AFTER = "/* Presto View: ", " */"
_SQL, _INPUTS, _SEEN = "openaq.sql", "openaq.inputs", "openaq.definition"
# What update_table takes of what get_table answers.
_OF_INPUT = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "Parameters",
    "StorageDescriptor", "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GlueTables:
    """The definitions of the Glue catalog. A name is ``<database>.<table>``."""

    hooks: AwsHooks
    objects: ObjectStore

    # --- tables

    def get(self, name: str) -> dict[str, Any] | None:
        """The definition; None if there is none."""
        database, _, table = name.partition(".")
        with asking(f"read the definition of {name}"):
            try:
                found: dict[str, Any] = self.hooks.catalog.get_table(database, table)
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return None
                raise
        return found

    def missing(self, table: Table) -> tuple[str, ...]:
        """What the catalog lacks of a table that has files: the table itself, or days of it."""
        days = self._days(table)
        if not days and not self._has_files(table):
            return ()
        if self.get(table.at.table) is None:
            return (f"the table {table.at.table}",)
        there = self._registered(table.at.table) if table.partitioned else {}
        return tuple(f"{table.at.table} {day}" for day in days if day not in there)

    def conform(self, table: Table) -> None:
        """The table and every day that has files are registered, with the columns of the contract."""
        wanted, name = _definition(table), table.at.table
        found = self.get(name)
        if found is None:
            self._write("create_table", name, wanted)
        elif not _is_as(found, wanted):
            kept = {key: value for key, value in found.items() if key in _OF_INPUT}
            kept["Parameters"] = {**found.get("Parameters", {}), **wanted["Parameters"]}
            if found.get("TableType") != wanted["TableType"]:
                kept = wanted
            changed = {key: wanted[key] for key in ("PartitionKeys", "StorageDescriptor")}
            self._write("update_table", name, {**kept, **changed})
        if table.partitioned:
            self._conform_days(table, wanted["StorageDescriptor"])

    def _conform_days(self, table: Table, storage: Mapping[str, Any]) -> None:
        there = self._registered(table.at.table)
        new, changed = [], []
        for day in self._days(table):
            values = day.split("-")
            place = "/".join(f"{name}={value}" for name, value in zip(COLUMNS, values))
            at = {**storage, "Location": f"{table.at.uri}/{place}/"}
            one = {"Values": values, "StorageDescriptor": at}
            if day not in there:
                new.append(one)
            elif not _is_as(there[day], one):
                changed.append({"PartitionValueList": values, "PartitionInput": one})
        self._batches("batch_create_partition", "PartitionInputList", table.at.table, new)
        self._batches("batch_update_partition", "Entries", table.at.table, changed)

    def _batches(self, call: str, field: str, name: str, all_of_them: Sequence[Any]) -> None:
        database, _, table = name.partition(".")
        for start in range(0, len(all_of_them), AT_ONCE):
            with asking(f"register days of {name}"):
                answer = getattr(self.hooks.catalog.conn, call)(
                    DatabaseName=database,
                    TableName=table,
                    **{field: list(all_of_them[start : start + AT_ONCE])},
                )
            _raise_first(name, answer.get("Errors", ()))

    def _write(self, call: str, name: str, definition: Mapping[str, Any]) -> None:
        database = name.partition(".")[0]
        with asking(f"define {name} in the database {database}"):
            getattr(self.hooks.catalog.conn, call)(DatabaseName=database, TableInput=dict(definition))

    def _days(self, table: Table) -> tuple[str, ...]:
        """The days that have files, in order."""
        if not table.partitioned:
            return ()
        uris = (one for one in self.objects.list(table.at.uri) if one.endswith(".parquet"))
        return tuple(sorted({day for one in uris if (day := key_of(one))}))

    def _has_files(self, table: Table) -> bool:
        return any(one.endswith(".parquet") for one in self.objects.list(table.at.uri))

    def _registered(self, name: str) -> dict[str, dict[str, Any]]:
        """The registered days of a table."""
        database, _, table = name.partition(".")
        with asking(f"list the days of {name}"):
            pages = self.hooks.catalog.conn.get_paginator("get_partitions")
            found = pages.paginate(DatabaseName=database, TableName=table)
            return {"-".join(one["Values"]): one for page in found for one in page["Partitions"]}

    # --- views

    def view(self, at: Ref) -> CreateView | None:
        """What a view is now; None if it is not there, or is a table."""
        found = self.get(at.table)
        if found is None or found.get("TableType") != "VIRTUAL_VIEW":
            return None
        definition = presto_view(found)
        columns = tuple(Column(Name(name), kind) for name, kind in view_columns(definition))  # type: ignore[arg-type]
        said = found.get("Parameters", {})
        if said.get(_SEEN) != digest(found["ViewOriginalText"]):  # somebody else's, or changed since
            return CreateView(at, str(definition["originalSql"]), columns, ())
        inputs = tuple(Ref(name, "view", table=table) for name, table in json.loads(said[_INPUTS]))
        return CreateView(at, said[_SQL], columns, inputs)

    def remember(self, operation: CreateView) -> tuple[tuple[str, str], ...]:
        """Keep beside a view that Athena made the very SQL it was made from; its columns and types."""
        found = self.get(operation.into.table)
        if found is None or found.get("TableType") != "VIRTUAL_VIEW":
            name = operation.into.table
            raise PlatformError(f"Athena made no view '{name}'. Run it again.", retryable=True)
        kept = {key: value for key, value in found.items() if key in _OF_INPUT} | _widened(found)
        kept["Parameters"] = {
            **found.get("Parameters", {}),
            _SQL: operation.sql,
            _INPUTS: json.dumps([[ref.asset, ref.table] for ref in operation.inputs]),
            _SEEN: digest(kept["ViewOriginalText"]),
        }
        if kept["Parameters"] != found.get("Parameters"):
            self._write("update_table", operation.into.table, kept)
        return view_columns(presto_view(found))

    def drop_view(self, at: Ref) -> None:
        """Forget a view; nothing happens if it is not there."""
        database, _, table = at.table.partition(".")
        found = self.get(at.table)
        if found is not None and found.get("TableType") == "VIRTUAL_VIEW":
            with asking(f"drop the view {at.table}"):
                self.hooks.catalog.conn.delete_table(DatabaseName=database, Name=table)

    def views(self, database: str) -> tuple[str, ...]:
        """The names of the views in a database, in order."""
        with asking(f"list the views of {database}"):
            pages = self.hooks.catalog.conn.get_paginator("get_tables")
            try:
                found = [one for page in pages.paginate(DatabaseName=database) for one in page["TableList"]]
            except ClientError as error:
                if code_of(error) == "EntityNotFoundException":
                    return ()
                raise
        return tuple(sorted(one["Name"] for one in found if one.get("TableType") == "VIRTUAL_VIEW"))


def _definition(table: Table) -> dict[str, Any]:
    """A table as create_table takes it."""
    kept = [pair for pair in pairs(table.columns) if not table.partitioned or pair[0] not in COLUMNS]
    columns = [{"Name": name, "Type": HIVE[kind]} for name, kind in kept]
    keys = [{"Name": name, "Type": "string"} for name in COLUMNS] if table.partitioned else []
    return {
        "Name": table.at.table.partition(".")[2],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": keys,
        "StorageDescriptor": {
            "Columns": columns,
            "Location": f"{table.at.uri}/",
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def _is_as(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a definition says what is wanted, whatever else it says."""
    storage, promised = found.get("StorageDescriptor", {}), wanted["StorageDescriptor"]
    return (
        _typed(storage.get("Columns", ())) == _typed(promised["Columns"])
        and _typed(found.get("PartitionKeys", ())) == _typed(wanted.get("PartitionKeys", ()))
        and str(storage.get("Location", "")).rstrip("/") == promised["Location"].rstrip("/")
        and storage.get("InputFormat") == promised["InputFormat"]
        and found.get("TableType") == wanted.get("TableType")
    )


def _typed(columns: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(one["Name"], one["Type"]) for one in columns]


def _raise_first(name: str, errors: Iterable[Mapping[str, Any]]) -> None:
    """What kept some days from being registered; that another was first is as good."""
    for one in errors:
        detail = one.get("ErrorDetail", {})
        if detail.get("ErrorCode") != "AlreadyExistsException":
            day = "-".join(one.get("PartitionValues") or one.get("PartitionValueList") or ())
            said = detail.get("ErrorMessage") or detail.get("ErrorCode")
            raise PlatformError(f"cannot register {name} {day}: {said}.", retryable=True)


def presto_view(found: Mapping[str, Any]) -> dict[str, Any]:
    """The definition inside a view; raises PlatformError if it is none."""
    text = str(found.get("ViewOriginalText", ""))
    try:
        body = text.removeprefix(_BEFORE).removesuffix(_AFTER)
        definition: dict[str, Any] = json.loads(base64.b64decode(body, validate=True))
        view_columns(definition)
        return definition
    except (ValueError, KeyError, TypeError):
        name = f"{found.get('DatabaseName')}.{found.get('Name')}"
        hint = f"Run '{found.get('Name')}' again with --force."
        raise PlatformError(f"{name} is not a view that Athena can read. {hint}") from None


def view_columns(definition: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The names and Trino types a view promises."""
    return tuple((one["name"], _plain(one["type"])) for one in definition["columns"])


def _widened(found: Mapping[str, Any]) -> dict[str, Any]:
    """A view's definition with text of any length where Athena noted that of a literal.

    A longer literal in a view below would make it stale otherwise; widening text is no change of type.
    """
    definition = presto_view(found)
    for one in definition["columns"]:
        one["type"] = re.sub(r"^varchar\(\d+\)$", "varchar", one["type"])
    storage = dict(found["StorageDescriptor"])
    storage["Columns"] = [
        {**one, "Type": re.sub(r"^varchar\(\d+\)$", "string", one["Type"])} for one in storage["Columns"]
    ]
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    return {"ViewOriginalText": f"{_BEFORE}{text}{_AFTER}", "StorageDescriptor": storage}


def _plain(kind: str) -> str:
    """A type without the length or precision that a literal or Athena gives it."""
    kind = re.sub(r"^(varchar|timestamp)\(\d+\)", r"\1", kind.lower())
    return "integer" if kind == "int" else kind
