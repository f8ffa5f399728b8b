"""The rows inside a raw object: a list in a JSON answer, or the lines of a gzipped CSV file.

Rows are mappings. JSON has its own types; a cell of CSV is text and stands for a value only if it is written
exactly as one. An empty cell has no value.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from openaq_assets.graph.columns import ColumnType
from openaq_assets.graph.operations import Recipe

MISSING = object()


class BadRow(ValueError):
    """A row does not fit the recipe; the message is the reason."""


_WHOLE = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity", re.ASCII)


def opened(recipe: Recipe, body: bytes) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Return an object and its rows; raise ValueError, with the reason, if it cannot be read."""
    if recipe.format == "csv":
        return {}, _csv_rows(body, recipe.free_text)
    page = json.loads(body)
    rows = page.get(recipe.rows) if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"'{recipe.rows}' is not a list")
    return page, rows


def _csv_rows(body: bytes, free_text: str) -> Sequence[Any]:
    try:
        text = gzip.decompress(body).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file ({error})") from None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header) or not header:
            raise ValueError("no header, or a column in it twice")
        return [_named(header, cells, free_text) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV ({error})") from None


def _named(header: list[str], cells: list[str], free_text: str) -> Any:
    """Return a row as a mapping; a row of another length as the list of its cells.

    Commas without quotes can only be in the free text, so surplus cells are joined there.
    """
    surplus = len(cells) - len(header)
    if surplus > 0 and free_text in header:
        first = header.index(free_text)
        text = ",".join(cells[first : first + surplus + 1])
        cells = [*cells[:first], text, *cells[first + surplus + 1 :]]
    return dict(zip(header, cells)) if len(cells) == len(header) else cells


def value_at(recipe: Recipe, path: str, kind: ColumnType, row: Any) -> Any:
    """Return the value at a path of a row, with JSON's types; MISSING if there is none."""
    if recipe.format == "csv":
        if not isinstance(row, dict):
            raise BadRow(f"{len(row)} cells, which is not what the header has")
        text = row.get(path, "")
        return typed_text(kind, text) if text else MISSING
    value = row
    for step in path.split("."):
        value = _down(value, step)
    return value


def _down(value: Any, step: str) -> Any:
    """Take one step of a path: a field of an object, or a position in a list."""
    if isinstance(value, dict):
        return value.get(step, MISSING)
    if isinstance(value, list) and step.isdecimal():
        return value[int(step)] if int(step) < len(value) else MISSING
    return MISSING


def typed_text(kind: ColumnType, text: str) -> Any:
    """Return text as a JSON value of a type if it is written as one; else the text."""
    if kind == "double":
        return float(text) if _NUMBER.fullmatch(text) else text
    if kind in ("bigint", "integer"):
        return int(text) if _WHOLE.fullmatch(text) else text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text
