"""Tables, partitions and views in the Glue catalog."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import CreateView, Ref, Table, digest
from openaq_assets.graph.partitions import COLUMNS, key_of, segment
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.errors import ask
from openaq_assets.platforms.results import view_of

AT_ONCE = 100  # the most partitions of one request
_ABSENT = "EntityNotFoundException"
_HIVE = {"varchar": "string", "integer": "int"}  # types with another name in Hive
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_BEFORE, _AFTER = "/* Presto View: ", " */"
_SQL, _INPUTS, _SEEN = "openaq.sql", "openaq.inputs", "openaq.definition"
# The fields of get_table that update_table accepts.
_OF_INPUT = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "Parameters",
    "StorageDescriptor", "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType",
)  # fmt: skip  # a table of many short cells


@dataclass(frozen=True, slots=True)
class GlueTables:
    """The definitions of the Glue catalog. A name is ``<database>.<table>``."""

    hooks: AwsHooks
    objects: ObjectStore

    # --- tables

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the definition of a table or view; None if there is none."""
        database, table = name.split(".")
        what, call = f"read the definition of {name}", self.hooks.glue.get_table
        answer = ask(what, call, _ABSENT, DatabaseName=database, Name=table)
        return answer["Table"] if answer else None

    def missing(self, table: Table) -> tuple[str, ...]:
        """Return what the catalog lacks of a table that has files: the table itself, or some of its days."""
        files = self._files(table)
        if not files:
            return ()
        if self.get(table.at.table) is None:
            return (f"the table {table.at.table}",)
        registered = self._registered(table.at.table) if table.partitioned else {}
        return tuple(f"{table.at.table} {day}" for day in _days(files) if day not in registered)

    def conform(self, table: Table) -> None:
        """Register the table and every day that has files, with the columns of the contract."""
        wanted, name = _definition(table), table.at.table
        current = self.get(name)
        if current is None:
            self._write("create_table", name, wanted)
        elif _essence(current) != _essence(wanted):
            kept = {key: value for key, value in current.items() if key in _OF_INPUT}
            kept["Parameters"] = {**current.get("Parameters", {}), **wanted["Parameters"]}
            if current.get("TableType") != wanted["TableType"]:
                kept = wanted
            changed = {key: wanted[key] for key in ("PartitionKeys", "StorageDescriptor")}
            self._write("update_table", name, {**kept, **changed})
        if table.partitioned:
            self._conform_days(table, wanted["StorageDescriptor"])

    def _conform_days(self, table: Table, storage: Mapping[str, Any]) -> None:
        registered = self._registered(table.at.table)
        new, changed = [], []
        for day in _days(self._files(table)):
            values = day.split("-")
            location = f"{table.at.uri}/{segment(day)}/"
            wanted = {"Values": values, "StorageDescriptor": {**storage, "Location": location}}
            if day not in registered:
                new.append(wanted)
            elif _essence(registered[day]) != _essence(wanted):
                changed.append({"PartitionValueList": values, "PartitionInput": wanted})
        self._batches("batch_create_partition", "PartitionInputList", table.at.table, new)
        self._batches("batch_update_partition", "Entries", table.at.table, changed)

    def _batches(self, call: str, field: str, name: str, entries: Sequence[Any]) -> None:
        database, table = name.split(".")
        for start in range(0, len(entries), AT_ONCE):
            batch = {field: entries[start : start + AT_ONCE]}
            answer = ask(
                f"register days of {name}",
                getattr(self.hooks.glue, call),
                DatabaseName=database,
                TableName=table,
                **batch,
            )
            _raise_first(name, answer.get("Errors", ()))

    def _write(self, call: str, name: str, definition: Mapping[str, Any]) -> None:
        database = name.partition(".")[0]
        what = f"define {name} in the database {database}"
        ask(what, getattr(self.hooks.glue, call), DatabaseName=database, TableInput=definition)

    def _files(self, table: Table) -> list[str]:
        return [uri for uri in self.objects.list(table.at.uri) if uri.endswith(".parquet")]

    def _registered(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the registered days of a table."""
        database, table = name.split(".")
        pages = self.hooks.glue.get_paginator("get_partitions")
        partitions = pages.paginate(DatabaseName=database, TableName=table).search("Partitions[]")
        return {
            "-".join(entry["Values"]): entry
            for entry in ask(f"list the days of {name}", lambda: list(partitions))
        }

    # --- views

    def _view(self, at: Ref) -> dict[str, Any] | None:
        """Return the definition of a view; None if there is none, or it is a table."""
        definition = self.get(at.table)
        return definition if definition and definition.get("TableType") == "VIRTUAL_VIEW" else None

    def view(self, at: Ref) -> CreateView | None:
        """Return the operation that would make a view as it is now; None if there is no such view."""
        definition = self._view(at)
        if definition is None:
            return None
        view = presto_view(definition)
        kept = definition.get("Parameters", {})
        if kept.get(_SEEN) != digest(definition["ViewOriginalText"]):  # made or changed by others
            return view_of(at, str(view["originalSql"]), view_columns(view), ())
        return view_of(at, kept[_SQL], view_columns(view), json.loads(kept[_INPUTS]))

    def remember(self, operation: CreateView) -> tuple[tuple[str, str], ...]:
        """Store, with a view that Athena made, the SQL of its author; return its columns and types."""
        definition = self._view(operation.into)
        if definition is None:
            name = operation.into.table
            raise PlatformError(f"Athena did not create view '{name}'. Run it again.", retryable=True)
        kept = {key: value for key, value in definition.items() if key in _OF_INPUT} | _widened(definition)
        kept["Parameters"] = {
            **definition.get("Parameters", {}),
            _SQL: operation.sql,
            _INPUTS: json.dumps([[ref.asset, ref.table] for ref in operation.inputs]),
            _SEEN: digest(kept["ViewOriginalText"]),
        }
        if kept["Parameters"] != definition.get("Parameters"):
            self._write("update_table", operation.into.table, kept)
        return view_columns(presto_view(definition))

    def drop_view(self, at: Ref) -> None:
        """Drop a view; do nothing if there is none."""
        database, table = at.table.split(".")
        if self._view(at):
            ask(f"drop the view {at.table}", self.hooks.glue.delete_table, DatabaseName=database, Name=table)

    def views(self, database: str) -> tuple[str, ...]:
        """Return the names of the views in a database, in order."""
        pages = self.hooks.glue.get_paginator("get_tables").paginate(DatabaseName=database)
        names = pages.search("TableList[?TableType=='VIRTUAL_VIEW'].Name")
        return tuple(ask(f"list the views of {database}", lambda: sorted(names), _ABSENT) or ())


def _days(files: Iterable[str]) -> list[str]:
    """Return the days that have files, in order."""
    return sorted({day for uri in files if (day := key_of(uri))})


def _definition(table: Table) -> dict[str, Any]:
    """Return the input of create_table for a table."""
    keys = COLUMNS if table.partitioned else ()
    return {
        "Name": table.at.table.partition(".")[2],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in keys],
        "StorageDescriptor": {
            "Columns": [
                {"Name": name, "Type": _HIVE.get(kind, kind)}
                for name, kind in pairs(table.columns)
                if name not in keys
            ],
            "Location": f"{table.at.uri}/",
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def _essence(definition: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a definition that must be as wanted; other parts may differ."""
    storage = definition.get("StorageDescriptor", {})
    columns, keys = storage.get("Columns", ()), definition.get("PartitionKeys", ())
    types = [[(column["Name"], column["Type"]) for column in each] for each in (columns, keys)]
    location = str(storage.get("Location", "")).rstrip("/")
    return types, location, storage.get("InputFormat"), definition.get("TableType")


def _raise_first(name: str, errors: Iterable[Mapping[str, Any]]) -> None:
    """Raise the first error of registering days, except that a day is registered already."""
    for error in errors:
        detail = error.get("ErrorDetail", {})
        if detail.get("ErrorCode") != "AlreadyExistsException":
            day = "-".join(error.get("PartitionValues") or error.get("PartitionValueList") or ())
            reason = detail.get("ErrorMessage") or detail.get("ErrorCode")
            raise PlatformError(f"cannot register {name} {day}: {reason}.", retryable=True)


def presto_view(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the view inside a definition, decoded; raise PlatformError if it is none."""
    text = str(definition.get("ViewOriginalText", ""))
    try:
        body = text.removeprefix(_BEFORE).removesuffix(_AFTER)
        view: dict[str, Any] = json.loads(base64.b64decode(body, validate=True))
        view_columns(view)
        return view
    except (ValueError, KeyError, TypeError):
        name = f"{definition.get('DatabaseName')}.{definition.get('Name')}"
        hint = f"Run '{definition.get('Name')}' again with --force."
        raise PlatformError(f"{name} is not a view that Athena can read. {hint}") from None


def view_columns(view: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the names and Trino types of the columns of a view."""
    return tuple((column["name"], _plain(column["type"])) for column in view["columns"])


def _widened(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a view's definition with varchar of any length where Athena wrote the length of a literal.

    Otherwise a longer literal in a view that it reads would make it stale. Widening varchar is no change
    of type.
    """
    view, storage = presto_view(definition), definition["StorageDescriptor"]
    for column in view["columns"]:
        column["type"] = _of_any_length(column["type"], "varchar")
    columns = [{**each, "Type": _of_any_length(each["Type"], "string")} for each in storage["Columns"]]
    text = base64.b64encode(json.dumps(view).encode()).decode()
    changed = {**storage, "Columns": columns}
    return {"ViewOriginalText": f"{_BEFORE}{text}{_AFTER}", "StorageDescriptor": changed}


def _of_any_length(kind: str, text: str) -> str:
    return re.sub(r"^varchar\(\d+\)$", text, kind)


def _plain(kind: str) -> str:
    """Return a type without the length or precision that Athena adds."""
    kind = re.sub(r"^(varchar|timestamp)\(\d+\)", r"\1", kind.lower())
    return "integer" if kind == "int" else kind
