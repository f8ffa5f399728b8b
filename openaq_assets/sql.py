"""Athena SQL as this package understands it: what a view reads, and the same question for DuckDB.

One SQL text serves two engines. ``BANNED`` are the constructs that run in both and mean different
things; they are refused when the project is checked, before anyone trusts a number.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import Token, TokenType, exp
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
def parse(sql: str) -> exp.Query | SqlProblem:
    """The syntax tree of one SELECT, or why there is none."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=DIALECT)
        wrong = _not_one_query(sql, tokens)
        return wrong or _parsed(sql)
    except ParseError as error:
        return _misread(sql, error.errors[0] if error.errors else {})
    except TokenError as error:
        found = re.search(
            r"Missing (.+) from \d+:(\d+)", str(error.__cause__)
        )  # an offset, not a column
        start, what = (int(found[2]), found[1]) if found else (sql.rfind("/*"), "*/")
        message = "text that begins here is not closed."
        return SqlProblem(*_at(sql, max(start, 0)), message, f"Add {what} at its end.")
    except RecursionError:
        return SqlProblem(1, 1, "the query is nested too deeply.", "Write it in steps, using WITH.")


def _parsed(sql: str) -> exp.Query | SqlProblem:
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    if isinstance(tree, exp.Query):
        return tree
    return SqlProblem(1, 1, "expected one SELECT.", _ONE_QUERY)


_ONE_QUERY = "Keep one query; the view is created from it."
_FIRST = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES)


def _not_one_query(sql: str, tokens: Sequence[Token]) -> SqlProblem | None:
    """What is seen of a mistake before parsing: no query, or more than one."""
    first = tokens[0] if tokens else None
    if first is None:
        return SqlProblem(1, 1, "there is no SQL.", "Write one SELECT.")
    if first.token_type not in _FIRST:
        what = sql[first.start : first.end + 1]
        return SqlProblem(*_at(sql, first.start), f"expected SELECT, got {what!r}.", _ONE_QUERY)
    end = next((n for n, one in enumerate(tokens) if one.token_type == TokenType.SEMICOLON), None)
    after = tokens[end + 1 :] if end is not None else ()
    if after:
        return SqlProblem(*_at(sql, after[0].start), "a second statement begins here.", _ONE_QUERY)
    return None


def _misread(sql: str, told: Mapping[str, Any]) -> SqlProblem:
    """A parser's complaint at the beginning of the word it is about."""
    start = len(str(told.get("start_context") or ""))
    if start >= 100:  # the parser's context is cut there: count from the end of the word instead
        lines = sql.splitlines(keepends=True)[: int(told.get("line") or 1) - 1]
        start = (
            sum(map(len, lines)) + int(told.get("col") or 1) - len(str(told.get("highlight") or ""))
        )
    if re.search(r"\bqualify\s*\Z", sql[:start], re.IGNORECASE):
        start = sql[:start].lower().rindex("qualify")
        return SqlProblem(*_at(sql, start), BANNED[exp.Qualify][0], BANNED[exp.Qualify][1])
    what = str(told.get("description") or "unreadable").split(" but got <")[0].rstrip(".")
    what = what.replace("Invalid expression / Unexpected token", "unexpected here")
    what = what.replace("Expect", "expect")
    near = f" near {told['highlight']!r}" if told.get("highlight") else ""
    return SqlProblem(*_at(sql, start), f"not SQL{near}: {what}.", "Check it in the Athena editor.")


def _at(sql: str, offset: int) -> tuple[int, int]:
    before = sql[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _place_of(sql: str, node: exp.Expr) -> tuple[int, int]:
    """Where a piece of the syntax tree begins, by the first part that says so."""
    starts = [int(one.meta["start"]) for one in node.walk() if "start" in one.meta]
    return _at(sql, min(starts)) if starts else (1, 1)


def tables(sql: str) -> tuple[TableUse, ...]:
    """The tables a query reads, in order of first use; common table expressions are not tables.

    A table with a database is no table of this project: ``problems`` says so.
    """
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return ()
    found: dict[str, TableUse] = {}
    for table in tree.find_all(exp.Table, bfs=False):
        if table.name and not table.db and not _is_cte(table):
            found.setdefault(table.name, TableUse(table.name, *_place_of(sql, table.this)))
    return tuple(found.values())


def _is_cte(table: exp.Table) -> bool:
    """Whether a WITH that the table stands in, or one around it, gives it its name."""
    name = table.name.lower()
    below: exp.Expr = table
    node: exp.Expr | None = table.parent
    while node is not None:
        if name in _names_given(node, below):
            return True
        below, node = node, node.parent
    return False


def _names_given(node: exp.Expr, below: exp.Expr) -> Sequence[str]:
    """The names a WITH gives to a part of its query; to one of its own parts, only the earlier names."""
    ctes = node if isinstance(node, exp.With) else node.args.get("with_")
    if ctes is None or ctes is below:
        return ()
    names = [cte.alias_or_name.lower() for cte in ctes.expressions]
    if ctes is not node:
        return names
    earlier = [cte is below for cte in ctes.expressions].index(True)
    return names[: earlier + bool(ctes.args.get("recursive"))]


_NULLS = "NULL in one argument is NULL in Athena and ignored in DuckDB."
BANNED: Mapping[type[exp.Expr], tuple[str, str]] = {
    exp.Qualify: ("Athena has no QUALIFY.", "Use row_number() in a subquery."),
    exp.Greatest: (f"greatest: {_NULLS}", "Use CASE."),
    exp.Least: (f"least: {_NULLS}", "Use CASE."),
    exp.Try: ("try: a division by zero is NULL in Athena and infinite in DuckDB.", "Use nullif."),
    exp.JSONValue: ("json_value: paths differ between the engines.", "Use json_extract_scalar."),
}


def problems(sql: str) -> tuple[SqlProblem, ...]:
    """Everything that is wrong with a query before any table is known."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return (tree,)
    return tuple(sorted(_banned(sql, tree), key=lambda one: (one.line, one.column)))


def _banned(sql: str, tree: exp.Query) -> Iterator[SqlProblem]:
    for node in tree.walk():
        if type(node) in BANNED:
            yield SqlProblem(*_place_of(sql, node), *BANNED[type(node)])
        if isinstance(node, exp.Star) and isinstance(node.parent, exp.Select):
            yield SqlProblem(
                *_place_of(sql, node), "SELECT * hides the columns.", "Name every column."
            )
        if isinstance(node, exp.Table) and node.db:
            message = f"'{exp.table_name(node)}' names a database; each environment has its own."
            yield SqlProblem(*_place_of(sql, node), message, f"Write '{node.name}'.")


def place(sql: str, names: Mapping[str, str], dialect: str = DIALECT) -> str:
    """The query in a dialect, with every table named in full (``measurements`` -> ``db.measurements``)."""
    tree: exp.Expr = _tree(sql).copy()
    read = [one for one in tree.find_all(exp.Table) if not one.db and not _is_cte(one)]
    for table in read:
        if table.name in names:
            full = exp.to_table(names[table.name], dialect=DIALECT)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            full.set("alias", alias)
            full.set("joins", table.args.get("joins"))
            table.replace(full)
    if dialect == "duckdb":
        tree = tree.transform(_for_duckdb)
    return tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _tree(sql: str) -> exp.Query:
    tree = parse(sql)
    if isinstance(tree, exp.Query):
        return tree
    raise ValueError(f"line {tree.line}: {tree.message}")


def _for_duckdb(node: exp.Expr) -> exp.Expr:
    """The constructs sqlglot would carry over with another meaning."""
    if isinstance(node, exp.DateDiff):  # Trino counts whole units, DuckDB's date_diff boundaries
        unit = exp.Literal.string(node.text("unit").lower() or "day")
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
    return node


@dataclass(frozen=True, slots=True)
class Output:
    """A column a query answers with ('' if it has no name, '*' if it is not one column), and its place."""

    name: str
    line: int
    column: int


def outputs(sql: str) -> tuple[Output, ...]:
    """The columns a query answers with, in order."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return ()
    return tuple(Output(one.output_name, *_place_of(sql, one)) for one in tree.selects)
