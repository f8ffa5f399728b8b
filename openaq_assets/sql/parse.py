"""Parsing of Athena SQL: the syntax tree, the tables a query reads, its columns, its tables named in full.

One SQL text serves two engines: ``lint`` says what it may hold, ``duckdb`` translates it for DuckDB.
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
    """Return the syntax tree of one SELECT, or the problem of text that is none."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=DIALECT)
        return _statement_problem(sql, tokens) or _parsed(sql, tokens)
    except ParseError as error:
        return _parser_problem(sql, error.errors[0] if error.errors else {})
    except TokenError as error:
        match = re.search(r"Missing (.+) from \d+:(\d+)", str(error.__cause__))  # an offset, not a column
        start, what = (int(match[2]), match[1]) if match else (sql.rfind("/*"), "*/")
        message = "the quote or comment that begins here is not closed."
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
    return SqlProblem(1, 1, "expected one SELECT.", _SINGLE_QUERY)


NO_QUALIFY = ("Athena has no QUALIFY.", "Use row_number() in a subquery.")
_SINGLE_QUERY = "Write only one SELECT; the view is created from it."
_FIRST = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES)


def _statement_problem(sql: str, tokens: Sequence[Token]) -> SqlProblem | None:
    """Return the problem of text that is no query, more than one, or no Athena SQL; None without one."""
    first = tokens[0] if tokens else None
    if first is None:
        return SqlProblem(1, 1, "there is no SQL.", "Write one SELECT.")
    if first.token_type not in _FIRST:
        what = sql[first.start : first.end + 1]
        return SqlProblem(*_at(sql, first.start), f"expected SELECT, got {what!r}.", _SINGLE_QUERY)
    end = next((n for n, token in enumerate(tokens) if token.token_type == TokenType.SEMICOLON), None)
    after = tokens[end + 1 :] if end is not None else ()
    if after:
        return SqlProblem(*_at(sql, after[0].start), "a second statement begins here.", _SINGLE_QUERY)
    return _lenient_problem(sql, tokens)


_NO_VALUE = (TokenType.FROM, TokenType.R_PAREN, TokenType.WHERE, TokenType.ORDER_BY)

_BEFORE_INDEX = (TokenType.ARRAY, TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET)


def _lenient_problem(sql: str, tokens: Sequence[Token]) -> SqlProblem | None:
    """Return a construct that this parser accepts and Athena's does not: Athena gets the text as it is."""
    for token, following in zip(tokens, [*tokens[1:], None]):
        if token.token_type == TokenType.DCOLON:
            return SqlProblem(*_at(sql, token.start), "Athena has no '::'.", "Use CAST(... AS type).")
        last = following is None or following.token_type in _NO_VALUE
        starts = token.token_type not in _BEFORE_INDEX
        if starts and following is not None and following.token_type == TokenType.L_BRACKET:
            at = _at(sql, following.start)
            return SqlProblem(*at, "Athena has no lists in brackets.", "Write ARRAY[...].")
        if token.token_type == TokenType.COMMA and last:
            return SqlProblem(*_at(sql, token.start), "nothing follows this comma.", "Remove it.")
    return None


def _parser_problem(sql: str, error: Mapping[str, Any]) -> SqlProblem:
    """Return an error of the parser, located at the beginning of its word."""
    start = len(str(error.get("start_context") or ""))
    if start >= 100:  # the parser's context is cut there: count from the end of the word instead
        lines = sql.splitlines(keepends=True)[: int(error.get("line") or 1) - 1]
        start = sum(map(len, lines)) + int(error.get("col") or 1) - len(str(error.get("highlight") or ""))
    if re.search(r"\bqualify\s*\Z", sql[:start], re.IGNORECASE):
        start = sql[:start].lower().rindex("qualify")
        return SqlProblem(*_at(sql, start), *NO_QUALIFY)
    what = str(error.get("description") or "unreadable").split(" but got <")[0].rstrip(".")
    what = what.replace("Invalid expression / Unexpected token", "unexpected here")
    what = what.replace("Expect", "expect")
    near = f" near {error['highlight']!r}" if error.get("highlight") else ""
    return SqlProblem(
        *_at(sql, start), f"the SQL cannot be read{near}: {what}.", "Check it in the query editor of Athena."
    )


def _at(sql: str, offset: int) -> tuple[int, int]:
    before = sql[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def position_of(sql: str, node: exp.Expr) -> tuple[int, int]:
    """Return the line and column where a part of the syntax tree begins, from 1; (1, 1) if none is known."""
    starts = [int(start) for part in walk(node) if (start := part.meta_get("start")) is not None]
    return _at(sql, min(starts)) if starts else (1, 1)


@lru_cache(maxsize=4096)
def parts(sql: str) -> tuple[exp.Expr, ...]:
    """Return every part of a query's syntax tree, outer before inner; none for text that is no query."""
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
    """Return the tables that a query reads, in order of first use, without common table expressions.

    A table named with a database is left out; ``table_problems`` refuses it.
    """
    uses: dict[str, TableUse] = {}
    for table in parts(sql):
        if isinstance(table, exp.Table) and table.name and not table.db and not is_cte(table):
            uses.setdefault(table.name, TableUse(table.name, *position_of(sql, table.this)))
    return tuple(uses.values())


def is_cte(table: exp.Table) -> bool:
    """Return whether the name of a table comes from a WITH around it."""
    name = table.name.lower()
    below: exp.Expr = table
    node: exp.Expr | None = table.parent
    while node is not None:
        if name in _names_given(node, below):
            return True
        below, node = node, node.parent
    return False


def _names_given(node: exp.Expr, below: exp.Expr) -> Sequence[str]:
    """Return the names that a WITH gives to a part of its query; inside the WITH, only the earlier names."""
    ctes = node if isinstance(node, exp.With) else node.args.get("with_")
    if ctes is None or ctes is below:
        return ()
    names = [cte.alias_or_name.lower() for cte in ctes.expressions]
    if ctes is not node:
        return names
    earlier = [cte is below for cte in ctes.expressions].index(True)
    return names[: earlier + bool(ctes.args.get("recursive"))]


def table_problems(sql: str) -> Iterator[SqlProblem]:
    """Yield a problem for each table that is named with a database."""
    for node in parts(sql):
        if isinstance(node, exp.Table) and node.db:
            message = f"table '{exp.table_name(node)}' names a database, but each environment has its own."
            yield SqlProblem(*position_of(sql, node), message, f"Write '{node.name}'.")


def qualified(sql: str, names: Mapping[str, str], dialect: str = DIALECT) -> str:
    """Return the query in a dialect, with every table named in full (``sums`` -> ``db.sums``).

    It is translated word for word; only ``sql.duckdb.to_duckdb`` keeps its meaning in DuckDB.
    """
    tree = with_full_names(_tree(sql).copy(), names)
    return tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


def with_full_names(tree: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    """Return the same tree, changed so that every table of ``names`` is named in full."""
    read = [table for table in tree.find_all(exp.Table) if not table.db and not is_cte(table)]
    for table in read:
        if table.name in names:
            full = exp.to_table(names[table.name], dialect=DIALECT)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            full.set("alias", alias)
            full.set("joins", table.args.get("joins"))
            table.replace(full)
    return tree


def in_full(sql: str, names: Mapping[str, str]) -> str:
    """Return the text with every table named in full, and without a final semicolon; nothing else changes."""
    spots = []
    for table in _tree(sql).find_all(exp.Table):
        if table.name in names and not table.db and not is_cte(table):
            full = ".".join(f'"{part}"' for part in names[table.name].split("."))
            alias = "" if table.alias else f' AS "{table.name}"'
            spots.append((table.this.meta["start"], table.this.meta["end"] + 1, full + alias))
    ends = (token.start for token in tokens_of(sql) if token.token_type == TokenType.SEMICOLON)
    end = next(ends, len(sql))
    text = sql[:end].rstrip()
    for start, stop, full in sorted(spots, reverse=True):
        text = text[:start] + full + text[stop:]
    return text


def tokens_of(sql: str) -> Sequence[Token]:
    """Return the tokens of SQL text."""
    return sqlglot.tokenize(sql, dialect=DIALECT)


def _tree(sql: str) -> exp.Query:
    tree = parse(sql)
    if isinstance(tree, exp.Query):
        return tree
    raise ValueError(f"line {tree.line}: {tree.message}")


def outputs(sql: str) -> tuple[Output, ...]:
    """Return the columns of a query's result, in order; none for text that is no query."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return ()
    return tuple(Output(item.output_name, *position_of(sql, item)) for item in tree.selects)
