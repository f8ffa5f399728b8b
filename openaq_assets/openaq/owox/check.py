"""A check before anyone opens Data Studio: OWOX's own statements, run in both environments.

The statements are those that OWOX Data Marts 0.31 sends to Athena, in its order, observed at the wire.
``StartQueryExecution`` carries the text and an output location, but no workgroup and no database. So the
workgroup is ``primary``, and names must be qualified.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.environment import Environment
from openaq_assets.openaq.owox.plan import SHAPES, Plan
from openaq_assets.platforms import Platform, Rows
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform

#: The only word of OWOX's statements that has another name in DuckDB.
_DUCKDB_WORDS = {
    "SELECT column_name, comment": 'SELECT column_name, column_comment AS "comment"',
    "AND comment IS NOT NULL": "AND column_comment IS NOT NULL",
}
_LONGEST_SECONDS = 120.0

Schema = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, the step of OWOX that sends it, and the prefix of its output location."""

    step: str
    prefix: str
    sql: str


def statements(database: str, view: str) -> Sequence[Statement]:
    """Return the statements that OWOX sends, from the first test of access to the rows of a report."""
    name = f'"{database}"."{view}"'
    comments = (
        "SELECT column_name, comment FROM information_schema.columns "
        f"WHERE table_schema='{database}' AND table_name='{view}' AND comment IS NOT NULL"
    )
    return (
        Statement("access", "athena-check-access/", "SELECT 1"),
        Statement("definition", "athena-dry-run/", f"EXPLAIN SELECT * FROM {name}"),
        Statement("schema", "athena-schema-fetch/", f"SELECT * FROM {name} LIMIT 0"),
        Statement("comments", "athena-schema-fetch/", comments),
        Statement("rows", "owox-data-marts/", f"SELECT * FROM {name}"),
    )


class LocalEngine:
    """DuckDB, in a session that has the view of the environment under its full name."""

    name = "DuckDB"

    def __init__(self, platform: Platform, view: str) -> None:
        self._catalog: Any = platform.catalog  # type: ignore[attr-defined]  # only local platforms answer by DuckDB
        self._view = view

    def answer(self, statement: Statement) -> Rows:
        """Return the rows of a statement; raise PlatformError with the engine's own message."""
        from openaq_assets.platforms.local.catalog import rows_of
        from openaq_assets.platforms.local.platform import error_text

        text = statement.sql
        for word, theirs in _DUCKDB_WORDS.items():
            text = text.replace(word, theirs)
        try:
            with self._catalog.session([self._view]) as session:
                if text.startswith("EXPLAIN "):  # only the existence of a plan matters
                    plan = session.execute(text).fetchall()
                    return Rows((Column(Name("plan"), "varchar"),), ((str(plan[0][-1]),),))
                return rows_of(session, text)
        except PlatformError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever DuckDB raises about the SQL
            raise PlatformError(error_text(error)) from None


class AthenaEngine:
    """Athena with the credentials at hand (use those of ``owox-integrator``), called as OWOX calls it.

    There is no workgroup and no database, and results go to an output location of its own.
    """

    name = "Athena"

    def __init__(self, platform: Platform, bucket: str) -> None:
        from openaq_assets.platforms.aws.clients import AwsHooks

        at: Any = platform
        self._athena = replace(at.athena, hooks=AwsHooks(replace(at.settings, connection="")))
        self._bucket = bucket

    def answer(self, statement: Statement) -> Rows:
        """Return the rows of a statement; raise PlatformError with Athena's reason."""
        from openaq_assets.platforms.aws.errors import asking

        with asking("start an Athena query"):
            query = self._athena.hooks.athena.conn.start_query_execution(
                QueryString=statement.sql,
                ResultConfiguration={"OutputLocation": f"s3://{self._bucket}/{statement.prefix}"},
            )["QueryExecutionId"]
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not self._athena.is_over(query):
            if time.monotonic() > deadline:
                raise PlatformError(f"no answer within {_LONGEST_SECONDS:g} s.")
            time.sleep(0.5)
        rows: Rows = self._athena.rows(query)
        return rows


def engine_of(home: Environment, platform: Platform, view: str, bucket: str) -> LocalEngine | AthenaEngine:
    """Return the engine that serves an environment; ``bucket`` is where OWOX keeps Athena's results."""
    if hasattr(platform, "catalog"):
        return LocalEngine(platform, f"{home.database}.{view}")
    return AthenaEngine(platform, bucket or home.root.removeprefix("s3://").split("/")[0])


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of the check: its environment, its text, and whether it is as expected."""

    environment: str
    what: str
    ok: bool
    detail: str = ""


def check_owox(
    project: Project, plan: Plan, profile: str | None = None, bucket: str = ""
) -> Iterator[Finding]:
    """Yield the findings of every environment: OWOX's answers, and whether the charts can use them."""
    schemas: dict[str, Schema] = {}
    for name in plan.data_marts:
        home, platform = open_platform(project, name, profile)
        engine = engine_of(home, platform, plan.view, bucket)
        answers: dict[str, Rows] = {}
        for statement in statements(home.database, plan.view):
            yield _answered(name, engine, statement, answers)
        if "schema" in answers:
            schemas[name] = pairs(answers["schema"].columns)
            yield _contract(name, schemas[name], project, plan)
        if "rows" in answers:
            yield from _rows(name, answers["rows"], plan)
    yield from _alike(schemas)


def _answered(
    name: str, engine: LocalEngine | AthenaEngine, statement: Statement, answers: dict[str, Rows]
) -> Finding:
    what = f"{engine.name} answers OWOX's {statement.step}"
    try:
        answers[statement.step] = engine.answer(statement)
    except PlatformError as error:
        return Finding(name, what, False, f"{statement.sql}: {error}")
    return Finding(name, what, True, statement.sql)


def _contract(name: str, schema: Schema, project: Project, plan: Plan) -> Finding:
    differences = compare(pairs(project.graph.columns(plan.view)), schema)
    what = f"{plan.view} has the declared columns: {len(schema)} fields"
    return Finding(name, what, not differences, " ".join(map(str, differences)))


def _rows(name: str, rows: Rows, plan: Plan) -> Iterator[Finding]:
    many = f"{len(rows.rows):,} rows to chart"
    yield Finding(name, many, bool(rows.rows), "" if rows.rows else "Run openaq_ingestion.")
    names = [str(column.name) for column in rows.columns]
    missing = [field for field in plan.fields if field not in names]
    used = sorted({field for chart in plan.charts for field in (*chart.fields, chart.filter) if field})
    lost = [field for field in used if field not in names]
    yield Finding(name, f"all {len(used)} fields of the charts exist", not lost, ", ".join(lost))
    yield Finding(name, f"all {len(plan.fields)} typed fields exist", not missing, ", ".join(missing))
    for field, settings in plan.fields.items():
        shape = SHAPES.get(settings.type)
        if shape and field in names:
            values = [row[names.index(field)] for row in rows.rows]
            yield _shaped(name, f"{field} reads as {settings.type}", shape, values)


def _shaped(name: str, what: str, shape: str, values: Sequence[Any]) -> Finding:
    known = [str(value) for value in values if value is not None]
    wrong = [text for text in known if not re.fullmatch(shape, text)]
    detail = f"for example {wrong[0][:60]!r}" if wrong else "" if known else "all are NULL"
    return Finding(name, what, not detail, detail)


def _alike(schemas: Mapping[str, Schema]) -> Iterator[Finding]:
    first, *others = schemas.items() if schemas else [("", ())]
    for name, schema in others:
        detail = " ".join(map(str, compare(first[1], schema)))
        what = f"its schema equals {first[0]}'s: names, types, order"
        yield Finding(name, what, schema == first[1], detail)
