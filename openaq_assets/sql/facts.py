"""Facts about a query, from the cache: the tables it reads, the columns it returns, and its problems.

Each fact is computed once per text and kept in the project's cache: SQL that did not change is not parsed.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from openaq_assets.cache import current, digest, version_of
from openaq_assets.sql.shapes import Output, Shape, SqlProblem, TableUse


def shape(sql: str) -> Shape:
    """Return the tables that a query reads and its columns; neither for text that is no query."""
    tables, outputs = _recalled("shape", sql)
    return Shape(tuple(TableUse(*use) for use in tables), tuple(Output(*output) for output in outputs))


def problems(sql: str, tables: Mapping[str, Mapping[str, str]] | None = None) -> tuple[SqlProblem, ...]:
    """Return every problem of a query; those that depend on types only if the tables are given."""
    return tuple(SqlProblem(*problem) for problem in _recalled("problems", sql, tables))


def _recalled(what: str, sql: str, *more: object) -> Any:
    return current().recall(digest(_version(), what, sql, repr(more)), lambda: _compute(what, sql, *more))


def _compute(what: str, sql: str, *more: Any) -> object:
    from openaq_assets.sql import lint, parse  # which import the parser

    if what == "shape":
        return parse.tables(sql), parse.outputs(sql)
    return lint.problems(sql, *more)


@cache
def _version() -> str:
    here = Path(__file__).parent
    return version_of("sqlglot", *sorted(here.glob("[!_]*.py")), here.parent / "errors.py")
