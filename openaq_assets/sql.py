"""Athena SQL as this package understands it: what a view reads, and the same question for DuckDB.

One SQL text serves two engines. ``BANNED`` are the constructs that run in both and mean different
things; they are refused when the project is checked, before anyone trusts a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

DIALECT = "athena"


@dataclass(frozen=True, slots=True)
class SqlProblem:
    """A mistake in SQL text; line and column count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table the SQL reads, and where it is named first."""

    name: str
    line: int
    column: int


@lru_cache(maxsize=256)
def parse(sql: str) -> exp.Expression | SqlProblem:
    """The syntax tree of one SELECT, or why there is none."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect=DIALECT) if tree is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        line, column = int(first.get("line") or 1), int(first.get("col") or 1)
        what = str(first.get("description") or "unreadable").rstrip(".")
        near = f" near {first['highlight']!r}" if first.get("highlight") else ""
        return SqlProblem(line, column, f"not SQL{near}: {what}.", "Check it in the Athena editor.")
    except (TokenError, RecursionError, ValueError) as error:
        what = (str(error).splitlines() or ["unreadable"])[0].rstrip(".")
        return SqlProblem(1, 1, f"not SQL: {what}.", "Check quotes and comments.")
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        return SqlProblem(1, 1, "expected exactly one SELECT.", "Keep one query and no CREATE or ';'.")
    return trees[0]


def tables(sql: str) -> tuple[TableUse, ...]:
    """The tables a query reads, in order of first use; common table expressions are not tables."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return ()
    named = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found: dict[str, TableUse] = {}
    for table in tree.find_all(exp.Table, bfs=False):
        if table.name and not (table.name in named and not table.db):
            line, column = _position(sql, table)
            name = ".".join(part.name for part in table.parts)
            found.setdefault(name, TableUse(name, line, column))
    return tuple(found.values())


def _position(sql: str, table: exp.Table) -> tuple[int, int]:
    start = int(table.this.meta.get("start", 0)) if isinstance(table.this, exp.Identifier) else 0
    before = sql[:start]
    return before.count("\n") + 1, start - before.rfind("\n")


BANNED: Mapping[type[exp.Expression], str] = {
    exp.Qualify: "Athena has no QUALIFY; use row_number() in a subquery.",
    exp.Greatest: "it ignores NULL in DuckDB and not in Athena; use CASE.",
    exp.Least: "it ignores NULL in DuckDB and not in Athena; use CASE.",
    exp.Try: "a division by zero is NULL in Athena and infinite in DuckDB; use nullif.",
    exp.JSONValue: "paths differ between the engines; use json_extract_scalar.",
}


def problems(sql: str) -> tuple[SqlProblem, ...]:
    """Everything that is wrong with a query before any table is known."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return (tree,)
    found = []
    for node in tree.walk():
        if type(node) in BANNED:
            name = node.sql(dialect=DIALECT).split("(")[0][:20]
            found.append(SqlProblem(1, 1, f"{name}: {BANNED[type(node)]}"))
        if isinstance(node, exp.Star) and isinstance(node.parent, exp.Select):
            found.append(SqlProblem(1, 1, "SELECT * hides the columns.", "Name every column."))
    return tuple(found)


def place(sql: str, names: Mapping[str, str], dialect: str = DIALECT) -> str:
    """The query in a dialect, with every table named in full (``measurements`` -> ``db.measurements``)."""
    tree = _tree(sql).copy()
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if table.name in names and not table.db and table.name not in ctes:
            full = exp.to_table(names[table.name], dialect=DIALECT)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            full.set("alias", alias)
            full.set("joins", table.args.get("joins"))
            table.replace(full)
    if dialect == "duckdb":
        tree = tree.transform(_for_duckdb)
    return tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _tree(sql: str) -> exp.Expression:
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        raise ValueError(f"line {tree.line}: {tree.message}")
    return tree


def _for_duckdb(node: exp.Expression) -> exp.Expression:
    """The constructs sqlglot would carry over with another meaning."""
    if isinstance(node, exp.DateDiff):  # Trino counts whole units, DuckDB's date_diff boundaries
        unit = exp.Literal.string(node.text("unit").lower() or "day")
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
    return node


def output_columns(sql: str) -> tuple[str, ...]:
    """The names of the columns a query answers with, in order."""
    tree = parse(sql)
    return () if isinstance(tree, SqlProblem) else tuple(tree.named_selects)
