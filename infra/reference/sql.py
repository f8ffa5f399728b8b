"""The page of SQL: the functions a view may use, the rules of the linter, the types of columns."""

import typing

from openaq_assets.graph.columns import ColumnType
from openaq_assets.sql.lint import ALLOWED, REFUSED, problems

from .markdown import code, page, table

_HEAD = """
A view is one query in Athena SQL. It may say only what means the same in Athena and in DuckDB; [SQL on
two engines](../explanation/sql.md) says why. `openaq-assets check` refuses everything else with its line.
"""
_FUNCTIONS = """
Every other function is refused, because nobody has compared it yet. Each of these has a case with its
answer and its type in `tests/support/portable_cases.py`, asked of DuckDB and of a real Trino.
"""
_RULES = """
Each rule has an example that is refused, the message, and what to write instead: the part of a query
after `SELECT`. The examples are checked when this page is made. Their table `hours` has the columns `n`
(bigint), `x` (double), `d` (decimal), `s` (varchar), `measured_at` (timestamp) and `local_day` (date).
"""
_TYPES = """
The `columns` of an asset are declared with these types. They are Trino's names. `timestamp` has no time
zone and means UTC. Inside a query more types may appear (`decimal(18, 6)`, `time`); a view's own columns
must end as one of these.
"""
_MAY_BE_REFUSED = """
These functions are refused with a message of their own.
"""

#: The columns of the examples' table.
_TABLES = {
    "hours": {
        "n": "bigint",
        "x": "double",
        "d": "decimal(18, 6)",
        "s": "varchar",
        "measured_at": "timestamp",
        "local_day": "date",
    }
}
#: What is refused, and what to write instead; both stand after SELECT.
_EXAMPLES = (
    ("n / 2.5 FROM hours", "n / 2.5e0 FROM hours"),
    ("avg(d) FROM hours", "avg(CAST(d AS double)) FROM hours"),
    ("round(d, 1) FROM hours", "round(CAST(d AS double), 1) FROM hours"),
    ("CAST(x AS varchar) FROM hours", "CAST(CAST(x AS decimal(18, 6)) AS varchar) FROM hours"),
    ("CAST(measured_at AS varchar) FROM hours", "date_format(measured_at, '%Y-%m-%d') FROM hours"),
    ("s || n FROM hours", "s || CAST(n AS varchar) FROM hours"),
    ("CAST(s AS varchar(2)) FROM hours", "substr(s, 1, 2) FROM hours"),
    ("current_date - local_day FROM hours", "date_diff('day', local_day, current_date) FROM hours"),
    (
        "local_day + INTERVAL '7' HOUR FROM hours",
        "CAST(local_day AS timestamp) + INTERVAL '7' HOUR FROM hours",
    ),
    (
        "measured_at AT TIME ZONE 'Asia/Ho_Chi_Minh' FROM hours",
        "CAST(measured_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS timestamp) FROM hours",
    ),
    ("split(s, '-')[2] FROM hours", "element_at(split(s, '-'), 2) FROM hours"),
    ("x IN (nan(), 1e0) FROM hours", "x = 1e0 FROM hours"),
    ("max(n, 2) FROM hours", "max(n) FROM hours"),
    ("n AS a, a + 1 AS b FROM hours", "n AS a, n + 1 AS b FROM hours"),
    ("n FROM hours TABLESAMPLE BERNOULLI (10)", "n FROM hours"),
    ("* FROM hours", "n, x, s FROM hours"),
    ("n FROM openaq_dev.hours", "n FROM hours"),
    ("n FROM hours QUALIFY row_number() OVER (ORDER BY n) = 1", "n FROM hours ORDER BY n LIMIT 1"),
    ("n::double FROM hours", "CAST(n AS double) FROM hours"),
)


def sql_page() -> str:
    """Return the page of SQL."""
    refused = [(code(name), why, remedy) for name, (why, remedy) in sorted(REFUSED.items())]
    return page(
        "SQL of views",
        _HEAD,
        "## Functions",
        _FUNCTIONS,
        table(["group", "functions"], [(group, _names(names)) for group, names in ALLOWED.items()]),
        _MAY_BE_REFUSED,
        table(["function", "why", "instead"], refused),
        "## Rules of the linter",
        _RULES,
        table(["refused", "message", "instead"], [_rule(*example) for example in _EXAMPLES]),
        "## Types of columns",
        _TYPES,
        ", ".join(code(name) for name in typing.get_args(ColumnType)) + ".",
    )


def _names(names: str) -> str:
    return ", ".join(code(name) for name in sorted(names.split(", ")))


def _rule(refused: str, instead: str) -> tuple[str, str, str]:
    """Return the row of a rule; raise ValueError if the linter does not agree with the example."""
    refusals, rest = problems(f"SELECT {refused}", _TABLES), problems(f"SELECT {instead}", _TABLES)
    if not refusals or rest:
        raise ValueError(f"the example {refused!r} -> {instead!r} is wrong: {refusals} {rest}")
    return code(refused), f"{refusals[0].message} {refusals[0].hint}", code(instead)
