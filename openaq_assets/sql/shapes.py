"""What is said of a query: a mistake at its place, the tables it reads, the columns it answers with."""

from typing import NamedTuple


class SqlProblem(NamedTuple):
    """A mistake in SQL text; line and column count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


class TableUse(NamedTuple):
    """A table the SQL reads, and where it is named first."""

    name: str
    line: int
    column: int


class Output(NamedTuple):
    """A column a query answers with ('' if it has no name, '*' if it is not one column), and its place."""

    name: str
    line: int
    column: int


class Shape(NamedTuple):
    """The tables a query reads, in order of first use, and the columns it answers with, in order."""

    tables: tuple[TableUse, ...]
    outputs: tuple[Output, ...]
