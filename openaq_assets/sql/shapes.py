"""Types that describe a query: a problem with its position, the tables it reads, the columns it returns."""

from typing import NamedTuple


class SqlProblem(NamedTuple):
    """A problem in SQL text; line and column count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


class TableUse(NamedTuple):
    """A table that the SQL reads, with the position where it is named first."""

    name: str
    line: int
    column: int


class Output(NamedTuple):
    """A column of a query's result ('' if it has no name, '*' for a star), with its position."""

    name: str
    line: int
    column: int


class Shape(NamedTuple):
    """The tables that a query reads, in order of first use, and the columns of its result, in order."""

    tables: tuple[TableUse, ...]
    outputs: tuple[Output, ...]
