"""Who answers OWOX's statements: Athena as OWOX asks it, or DuckDB over the same views."""

import time
from typing import Any, Protocol, cast

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, ColumnType, Name
from openaq_assets.graph.environment import Environment
from openaq_assets.openaq.owox.statements import Statement
from openaq_assets.platforms import Platform, Rows

#: The only word of OWOX's statements that DuckDB calls otherwise.
_DUCKDB_WORDS = {
    "SELECT column_name, comment": 'SELECT column_name, column_comment AS "comment"',
    "AND comment IS NOT NULL": "AND column_comment IS NOT NULL",
}
_TRINO: dict[str, ColumnType] = {
    "varchar": "varchar", "bigint": "bigint", "integer": "integer", "double": "double",
    "boolean": "boolean", "timestamp": "timestamp", "date": "date",
}  # fmt: skip
_LONGEST_SECONDS = 120.0


class Engine(Protocol):
    """Answers a statement; raises PlatformError with the engine's own words."""

    name: str

    def answer(self, statement: Statement, view: str) -> Rows: ...


class LocalEngine:
    """DuckDB, in a session in which the view of the environment exists under its full name."""

    name = "DuckDB"

    def __init__(self, platform: Platform) -> None:
        self._catalog: Any = platform.catalog  # type: ignore[attr-defined]

    def answer(self, statement: Statement, view: str) -> Rows:
        """The rows of a statement."""
        from openaq_assets.platforms.local.catalog import rows_of
        from openaq_assets.platforms.local.platform import told

        text = statement.sql
        for word, theirs in _DUCKDB_WORDS.items():
            text = text.replace(word, theirs)
        try:
            with self._catalog.session([view]) as session:
                if text.startswith("EXPLAIN "):  # its answer is a plan: that there is one counts
                    plan = session.execute(text).fetchall()
                    return Rows((Column(Name("plan"), "varchar"),), ((str(plan[0][-1]),),))
                return rows_of(session, text)
        except PlatformError:
            raise
        except Exception as error:  # whatever DuckDB says of it
            raise PlatformError(told(error)) from None


class AthenaEngine:
    """Athena with the credentials at hand (use those of ``owox-integrator``), asked as OWOX asks:
    no workgroup and no database, with an output location of its own."""

    name = "Athena"

    def __init__(self, bucket: str, region: str = "") -> None:
        import boto3

        self._client = boto3.client("athena", region_name=region or None)
        self._bucket = bucket

    def answer(self, statement: Statement, view: str) -> Rows:
        """The rows of a statement; all values are text, as OWOX receives them."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            started = self._client.start_query_execution(
                QueryString=statement.sql,
                ResultConfiguration={"OutputLocation": f"s3://{self._bucket}/{statement.prefix}"},
            )["QueryExecutionId"]
            self._wait(started)
            return self._rows(started)
        except (BotoCoreError, ClientError) as error:
            raise PlatformError(" ".join(str(error).split())) from None

    def _wait(self, execution: str) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < deadline:
            status = self._client.get_query_execution(QueryExecutionId=execution)
            status = status["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in ("FAILED", "CANCELLED"):
                raise PlatformError(status.get("StateChangeReason", status["State"]))
            time.sleep(0.5)
        raise PlatformError(f"no answer within {_LONGEST_SECONDS:g} s.")

    def _rows(self, execution: str) -> Rows:
        pages = self._client.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        columns: tuple[Column, ...] = ()
        found: list[tuple[Any, ...]] = []
        for number, page in enumerate(pages):
            info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            columns = tuple(
                Column(Name(one["Name"]), _TRINO.get(one["Type"], cast(ColumnType, one["Type"])))
                for one in info
            )
            rows = page["ResultSet"]["Rows"]
            names = [str(one.name) for one in columns]
            values = [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows]
            found += values[1:] if not number and values and list(values[0]) == names else values
        return Rows(columns, tuple(found))


def engine_of(place: Environment, platform: Platform, bucket: str = "") -> Engine:
    """The engine that serves an environment; ``bucket`` is where OWOX keeps Athena's results."""
    if hasattr(platform, "catalog"):
        return LocalEngine(platform)
    return AthenaEngine(bucket or place.root.removeprefix("s3://").split("/")[0])
