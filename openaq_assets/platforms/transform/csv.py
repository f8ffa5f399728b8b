"""Reader of reviewed CSV files as typed tables."""

import csv
import datetime as dt
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from openaq_assets.graph.columns import Column, ColumnType
from openaq_assets.graph.operations import RecipeColumn
from openaq_assets.platforms.transform.reference_decoder import POLARS, typed
from openaq_assets.platforms.transform.rows import BadRow


def read_csv(text: str, columns: Sequence[Column]) -> pl.DataFrame:
    """Return CSV text as a typed table, with the columns in the declared order and NULL for empty cells.

    Raises ValueError with the line and column of the first cell that is not of its type.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    schema = {str(column.name): POLARS[column.type] for column in columns}
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in schema:
            if name not in header:
                raise ValueError(f"line 1: there is no column '{name}'.")
        rows = [_row(columns, header, cells, reader.line_num) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV ({error}).") from None
    return pl.DataFrame(rows, schema=schema, orient="row")


def _row(columns: Sequence[Column], header: list[str], cells: list[str], line: int) -> tuple[Any, ...]:
    if len(cells) != len(header):
        raise ValueError(f"line {line} has {len(cells)} cells, but the header has {len(header)}.")
    named = dict(zip(header, cells))
    return tuple(_cell(column, named[str(column.name)].strip(), line) for column in columns)


def _cell(column: Column, text: str, line: int) -> Any:
    where = f"line {line}, column '{column.name}'"
    if not text:
        if not column.nullable:
            raise ValueError(f"{where}: the cell is empty, but the column is not nullable.")
        return None
    try:
        return typed(RecipeColumn(str(column.name), column.type), parsed(column.type, text))
    except BadRow:
        raise ValueError(f"{where}: {text!r:.80} is not {column.type}.") from None


def parsed(kind: ColumnType, text: str) -> Any:
    """Return text as the JSON value of a type that it stands for; the text itself if it stands for none."""
    if kind in ("bigint", "integer") and re.fullmatch(r"[+-]?\d{1,40}", text, re.ASCII):
        return int(text)
    with suppress(ValueError):
        if kind == "double" and "_" not in text:
            return float(text)
        if kind == "timestamp" and dt.datetime.fromisoformat(text).tzinfo is None:
            return dt.datetime.fromisoformat(text).isoformat() + "+00:00"
    return {"true": True, "false": False}.get(text.lower(), text) if kind == "boolean" else text
