"""Athena SQL as this package understands it: what a view reads, and with its tables' full names.

One SQL text serves two engines: ``sql_rules`` says what it may hold, ``sql_duckdb`` asks it of DuckDB.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError

from openaq_assets.sql.shapes import Output, SqlProblem, TableUse

DIALECT = "athena"


@lru_cache(maxsize=4096)
def parse(sql: str) -> exp.Query | SqlProblem:
    """The syntax tree of one SELECT, or why there is none."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=DIALECT)
        wrong = _not_one_query(sql, tokens)
        return wrong or _parsed(sql, tokens)
    except ParseError as error:
        return _misread(sql, error.errors[0] if error.errors else {})
    except TokenError as error:
        found = re.search(r"Missing (.+) from \d+:(\d+)", str(error.__cause__))  # an offset, not a column
        start, what = (int(found[2]), found[1]) if found else (sql.rfind("/*"), "*/")
        message = "text that begins here is not closed."
        return SqlProblem(*_at(sql, max(start, 0)), message, f"Add {what} at its end.")
    except RecursionError:
        return SqlProblem(1, 1, "the query is nested too deeply.", "Write it in steps, using WITH.")


def _parsed(sql: str, tokens: list[Token]) -> exp.Query | SqlProblem:
    trees = Dialect.get_or_raise(DIALECT).parser().parse(tokens, sql)
    tree = trees[0] if trees else None
    if tree is None:
        raise ParseError("nothing was parsed")
    if isinstance(tree, exp.Query) and len(trees) == 1:
        return tree
    return SqlProblem(1, 1, "expected one SELECT.", _ONE_QUERY)


NO_QUALIFY = ("Athena has no QUALIFY.", "Use row_number() in a subquery.")
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
    return _leniently_read(sql, tokens)


_NO_VALUE = (TokenType.FROM, TokenType.R_PAREN, TokenType.WHERE, TokenType.ORDER_BY)

_BEFORE_INDEX = (
    TokenType.ARRAY, TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET
)  # fmt: skip


def _leniently_read(sql: str, tokens: Sequence[Token]) -> SqlProblem | None:
    """What this parser reads and Athena's does not: the text itself is what Athena gets."""
    for one, following in zip(tokens, [*tokens[1:], None]):
        if one.token_type == TokenType.DCOLON:
            return SqlProblem(*_at(sql, one.start), "Athena has no '::'.", "Use CAST(... AS type).")
        last = following is None or following.token_type in _NO_VALUE
        starts = one.token_type not in _BEFORE_INDEX
        if starts and following is not None and following.token_type == TokenType.L_BRACKET:
            at = _at(sql, following.start)
            return SqlProblem(*at, "Athena has no list in brackets.", "Write ARRAY[...].")
        if one.token_type == TokenType.COMMA and last:
            return SqlProblem(*_at(sql, one.start), "nothing follows this comma.", "Remove it.")
    return None


def _misread(sql: str, told: Mapping[str, Any]) -> SqlProblem:
    """A parser's complaint at the beginning of the word it is about."""
    start = len(str(told.get("start_context") or ""))
    if start >= 100:  # the parser's context is cut there: count from the end of the word instead
        lines = sql.splitlines(keepends=True)[: int(told.get("line") or 1) - 1]
        start = sum(map(len, lines)) + int(told.get("col") or 1) - len(str(told.get("highlight") or ""))
    if re.search(r"\bqualify\s*\Z", sql[:start], re.IGNORECASE):
        start = sql[:start].lower().rindex("qualify")
        return SqlProblem(*_at(sql, start), *NO_QUALIFY)
    what = str(told.get("description") or "unreadable").split(" but got <")[0].rstrip(".")
    what = what.replace("Invalid expression / Unexpected token", "unexpected here")
    what = what.replace("Expect", "expect")
    near = f" near {told['highlight']!r}" if told.get("highlight") else ""
    return SqlProblem(*_at(sql, start), f"not SQL{near}: {what}.", "Check it in the Athena editor.")


def _at(sql: str, offset: int) -> tuple[int, int]:
    before = sql[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def place_of(sql: str, node: exp.Expr) -> tuple[int, int]:
    """Where a piece of the syntax tree begins, by the first part that says so."""
    starts = [int(start) for part in walk(node) if (start := part.meta_get("start")) is not None]
    return _at(sql, min(starts)) if starts else (1, 1)


@lru_cache(maxsize=4096)
def parts(sql: str) -> tuple[exp.Expr, ...]:
    """Every part of a query's syntax tree, each before what is below it; none of what is no query."""
    tree = parse(sql)
    return () if isinstance(tree, SqlProblem) else tuple(walk(tree))


def walk(tree: exp.Expr) -> list[exp.Expr]:
    """Return a tree's parts in the order of ``tree.walk(bfs=False)``, in half the time."""
    reached, stack = [], [tree]
    while stack:
        reached.append(stack.pop())
        for value in reversed(reached[-1].args.values()):
            if isinstance(value, exp.Expr):
                stack.append(value)
            elif type(value) is list:
                stack += [item for item in reversed(value) if isinstance(item, exp.Expr)]
    return reached


@lru_cache(maxsize=4096)
def tables(sql: str) -> tuple[TableUse, ...]:
    """The tables a query reads, in order of first use; common table expressions are not tables.

    A table with a database is no table of this project: ``problems`` says so.
    """
    found: dict[str, TableUse] = {}
    for table in parts(sql):
        if isinstance(table, exp.Table) and table.name and not table.db and not is_cte(table):
            found.setdefault(table.name, TableUse(table.name, *place_of(sql, table.this)))
    return tuple(found.values())


def is_cte(table: exp.Table) -> bool:
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


def table_problems(sql: str) -> Iterator[SqlProblem]:
    """Tables that are named with a database."""
    for node in parts(sql):
        if isinstance(node, exp.Table) and node.db:
            message = f"'{exp.table_name(node)}' names a database; each environment has its own."
            yield SqlProblem(*place_of(sql, node), message, f"Write '{node.name}'.")


def place(sql: str, names: Mapping[str, str], dialect: str = DIALECT) -> str:
    """The query in a dialect, with every table named in full (``measurements`` -> ``db.measurements``).

    It is translated word for word: ``sql_duckdb.to_duckdb`` is what keeps its meaning.
    """
    tree = with_full_names(_tree(sql).copy(), names)
    return tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


def with_full_names(tree: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    """The same tree, with every table of ``names`` named in full."""
    read = [one for one in tree.find_all(exp.Table) if not one.db and not is_cte(one)]
    for table in read:
        if table.name in names:
            full = exp.to_table(names[table.name], dialect=DIALECT)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            full.set("alias", alias)
            full.set("joins", table.args.get("joins"))
            table.replace(full)
    return tree


def in_full(sql: str, names: Mapping[str, str]) -> str:
    """The very text with every table named in full: nothing else of what its author wrote changes."""
    spots = []
    for table in _tree(sql).find_all(exp.Table):
        if table.name in names and not table.db and not is_cte(table):
            full = ".".join(f'"{part}"' for part in names[table.name].split("."))
            alias = "" if table.alias else f' AS "{table.name}"'
            spots.append((table.this.meta["start"], table.this.meta["end"] + 1, full + alias))
    ends = (one.start for one in tokens_of(sql) if one.token_type == TokenType.SEMICOLON)
    end = next(ends, len(sql))
    text = sql[:end].rstrip()
    for start, stop, full in sorted(spots, reverse=True):
        text = text[:start] + full + text[stop:]
    return text


def tokens_of(sql: str) -> Sequence[Token]:
    """The words of SQL text."""
    return sqlglot.tokenize(sql, dialect=DIALECT)


def _tree(sql: str) -> exp.Query:
    tree = parse(sql)
    if isinstance(tree, exp.Query):
        return tree
    raise ValueError(f"line {tree.line}: {tree.message}")


def outputs(sql: str) -> tuple[Output, ...]:
    """The columns a query answers with, in order."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return ()
    return tuple(Output(one.output_name, *place_of(sql, one)) for one in tree.selects)
