"""Write one graph of many views as a project of ours and of each peer: the same names, reads and columns.

There are two graphs. In the plain one each view selects from a table. In the other views stand in blocks of ten: the first reads a table, each other the one before it, and every second of those
joins what the block before holds. So no view is further than ten steps from a table, as in projects of people.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TABLES = tuple(f"sensor_days_{number}" for number in range(4))
COLUMNS = {
    "id": "bigint",
    "day": "date",
    "parameter": "varchar",
    "value": "double",
    "hours": "bigint",
    "is_high": "boolean",
}
BLOCK = 10
FIRST = """\
-- Days that hold enough hours.
SELECT id, day, parameter, value, hours, value > 35e0 AS is_high
FROM {0}
WHERE value IS NOT NULL AND hours >= 18
"""
CHAIN = (
    """\
-- Three days' running mean.
SELECT
    id, day, parameter,
    avg(value) OVER (PARTITION BY id, parameter ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS value,
    hours, is_high
FROM {0}
""",
    """\
-- Values within their bounds.
SELECT
    id, day, parameter,
    CASE WHEN value < 0e0 THEN NULL WHEN value > 500e0 THEN 500e0 ELSE value END AS value,
    hours, coalesce(value > 35e0, false) AS is_high
FROM {0}
WHERE parameter IN ('pm25', 'pm10', 'o3')
""",
    """\
-- One row per day, however many there were.
WITH days AS (
    SELECT id, day, parameter, avg(value) AS value, max(hours) AS hours, bool_or(is_high) AS is_high
    FROM {0}
    GROUP BY id, day, parameter
)
SELECT id, day, parameter, value, hours, is_high
FROM days
WHERE hours > 0
""",
)
PLAIN = "SELECT id, day, parameter, value, hours, is_high FROM {0} WHERE value IS NOT NULL AND hours >= 18\n"
JOIN = """\
-- The mean of two views of the same days.
SELECT
    mine.id, mine.day, mine.parameter, (mine.value + other.value) / 2e0 AS value,
    mine.hours + other.hours AS hours, mine.is_high OR other.is_high AS is_high
FROM {0} AS mine
JOIN {1} AS other ON other.id = mine.id AND other.day = mine.day AND other.parameter = mine.parameter
"""
SETTINGS = "version: 1\nproject: many\n"
ENVIRONMENTS = """\
version: 1
profiles:
  local: {platform: local, root: lake}
environments:
  dev: {database: many_dev}
  prod: {database: many_prod, tables_from: dev}
"""
LOCATIONS = "locations:\n  vietnam: {country: VN}\n"
DBT = """\
name: many
version: '1.0'
profile: many
models: {many: {+materialized: view}}
flags: {send_anonymous_usage_stats: false}
"""
DBT_PROFILE = "many:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:'}\n"
SQLMESH = """\
gateways: {local: {connection: {type: duckdb}}}
default_gateway: local
model_defaults: {dialect: duckdb, start: '2026-01-01'}
linter: {enabled: true, rules: [ambiguousorinvalidcolumn, invalidselectstarexpansion]}
disable_anonymized_analytics: true
"""
DAGSTER = """\
import json
from pathlib import Path

from dagster import AssetsDefinition, Definitions, asset


def made(name: str, reads: list[str]) -> AssetsDefinition:
    @asset(name=name, deps=reads)
    def view() -> None: ...

    return view


graph = json.loads(Path(__file__).with_name("graph.json").read_text())
defs = Definitions(assets=[made(name, reads) for name, reads in graph.items()])
"""


@dataclass(frozen=True, slots=True)
class View:
    """A view: its name, the pattern of its SQL and what it reads, in the pattern's order."""

    name: str
    pattern: str
    reads: tuple[str, ...]

    def sql(self, reference: Callable[[str], str] = str) -> str:
        """Return the SQL of a view, with each name as a peer writes it."""
        return self.pattern.format(*map(reference, self.reads))


def plain_views(count: int) -> Iterator[View]:
    """Yield views that each select rows of one table."""
    for number in range(count):
        yield View(_name(number), PLAIN, (TABLES[number % len(TABLES)],))


def chained_views(count: int) -> Iterator[View]:
    """Yield views in blocks of ten, with windows, joins and WITH; the same count gives the same views."""
    for number in range(count):
        block, position = divmod(number, BLOCK)
        before = _name(number - 1)
        if position == 0:
            yield View(_name(number), FIRST, (TABLES[block % len(TABLES)],))
        elif position % 2 == 0 and block:
            yield View(_name(number), JOIN, (before, _name(number - BLOCK - 1)))
        else:
            yield View(_name(number), CHAIN[number % len(CHAIN)], (before,))


def _name(number: int) -> str:
    return f"view_{number:04}"


def write(folder: Path, files: Iterator[tuple[str, str]]) -> None:
    """Write files below a folder."""
    for name, text in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# --- ours ----------------------------------------------------------------------------------------


def ours(views: Sequence[View]) -> Iterator[tuple[str, str]]:
    """Yield the files of a project of ours: tables are reference tables of a row each."""
    yield "conf/openaq.yaml", SETTINGS
    yield "conf/environments.yaml", ENVIRONMENTS
    yield "conf/locations.yaml", LOCATIONS
    for table in TABLES:
        yield f"conf/reference/{table}.csv", f"{','.join(COLUMNS)}\n1,2026-01-01,pm25,12.5,24,false\n"
    tables = (_entry(table, f"kind: reference\n    file: conf/reference/{table}.csv") for table in TABLES)
    yield "conf/assets/reference.yaml", f"assets:\n{''.join(tables)}"
    entries = (_entry(view.name, f"kind: view\n    sql: views/{view.name}.sql") for view in views)
    yield "conf/assets/views.yaml", f"assets:\n{''.join(entries)}"
    for view in views:
        yield f"views/{view.name}.sql", view.sql()


def _entry(name: str, fields: str) -> str:
    columns = "".join(f"      - {{name: {column}, type: {kind}}}\n" for column, kind in COLUMNS.items())
    return f"  {name}:\n    {fields}\n    columns:\n{columns}"


# --- peers ---------------------------------------------------------------------------------------


def dbt(views: Sequence[View]) -> Iterator[tuple[str, str]]:
    """Yield the files of a dbt project: columns are declared, as in ours."""
    yield "dbt_project.yml", DBT
    yield "profiles.yml", DBT_PROFILE
    tables = "".join(f"      - name: {table}\n{_dbt_columns('        ')}" for table in TABLES)
    yield "models/sources.yml", f"version: 2\nsources:\n  - name: lake\n    tables:\n{tables}"
    models = "".join(f"  - name: {view.name}\n{_dbt_columns('    ')}" for view in views)
    yield "models/views.yml", f"version: 2\nmodels:\n{models}"
    for view in views:
        yield f"models/{view.name}.sql", view.sql(_dbt_reference)


def _dbt_columns(indent: str) -> str:
    lines = (f"{indent}  - {{name: {column}, data_type: {kind}}}\n" for column, kind in COLUMNS.items())
    return f"{indent}columns:\n{''.join(lines)}"


def _dbt_reference(name: str) -> str:
    return f"{{{{ source('lake', '{name}') }}}}" if name in TABLES else f"{{{{ ref('{name}') }}}}"


def sqlmesh(views: Sequence[View]) -> Iterator[tuple[str, str]]:
    """Yield the files of a SQLMesh project: columns of views are inferred, and lint looks for unknown ones."""
    yield "config.yaml", SQLMESH
    columns = "".join(f"    {column}: {kind}\n" for column, kind in COLUMNS.items())
    yield "external_models.yaml", "".join(f"- name: lake.{table}\n  columns:\n{columns}" for table in TABLES)
    for view in views:
        header = f"MODEL (name lake.{view.name}, kind VIEW);\n\n"
        yield f"models/{view.name}.sql", header + view.sql("lake.{}".format)


def dagster(views: Sequence[View]) -> Iterator[tuple[str, str]]:
    """Yield the files of a Dagster project: an asset per view, of which Dagster knows what it reads, and no SQL."""
    graph = {view.name: view.reads for view in views}
    yield "graph.json", json.dumps(dict.fromkeys(TABLES, ()) | graph)
    yield "definitions.py", DAGSTER
    yield "home/dagster.yaml", "telemetry: {enabled: false}\n"
