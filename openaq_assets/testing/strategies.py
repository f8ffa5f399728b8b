"""Hypothesis strategies for authors of plugins: names, columns, references, operations, small tables."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.operations import (
    CreateView,
    Load,
    Operation,
    Query,
    Recipe,
    RecipeColumn,
    Ref,
    Register,
    Table,
    Transform,
)

TYPES = ("varchar", "bigint", "integer", "double", "boolean", "timestamp", "date")
LAYERS = ("raw", "processed", "reference", "view", "export")

#: Valid names of assets and columns.
names = st.from_regex(r"[a-z][a-z0-9]{0,6}(_[a-z0-9]{1,4})?", fullmatch=True)
days = st.dates(dt.date(2016, 1, 1), dt.date(2099, 12, 31))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
types = st.sampled_from(TYPES)
columns = st.builds(Column, names.map(Name), types, texts, texts, st.booleans())
contracts = st.lists(columns, max_size=3, unique_by=lambda column: column.name).map(tuple)
partitions = st.lists(days.map(dt.date.isoformat), max_size=3).map(tuple)

#: References with any locations, and without one.
refs = st.builds(Ref, names, st.sampled_from(LAYERS), partitions, st.sampled_from(("", "prod")), texts, texts)
unbound_refs = st.builds(Ref, names, st.sampled_from(LAYERS), partitions)

_several = st.lists(refs, max_size=2).map(tuple)
_words = st.lists(names, max_size=2).map(tuple)
_paths = st.lists(texts, max_size=2).map(tuple)
_fields = st.builds(RecipeColumn, names, types, _paths, texts, st.booleans())
recipes = st.builds(
    Recipe,
    texts,
    st.lists(_fields, max_size=3).map(tuple),
    _words,
    _words,
    texts,
    st.sampled_from(("quarantine", "fail")),
    on_new_field=st.sampled_from(("ignore", "warn", "fail")),
    known=_paths,
)
_tables = st.builds(Table, refs, contracts, st.booleans())
_expected = st.sampled_from(("", "no rows", "contract", "counts"))
_severities = st.sampled_from(("warn", "error"))

#: Every built-in operation with any values: to be written, read and compared.
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Transform, refs, recipes, refs, refs),
    st.builds(Register, st.lists(_tables, max_size=2).map(tuple)),
    st.builds(Load, texts, contracts, refs),
    st.builds(CreateView, refs, texts, contracts, _several, st.booleans()),
    st.builds(Query, texts, texts, _several, _expected, contracts, _severities, texts, st.none() | refs),
)


@dataclass(frozen=True, slots=True)
class SmallTable:
    """A table as CSV text, its column types, and its rows."""

    csv: str
    types: dict[str, Any]
    rows: tuple[tuple[Any, ...], ...]


_printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=1, max_size=8)
_cells: dict[str, st.SearchStrategy[Any]] = {
    "varchar": _printable,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
    "boolean": st.booleans(),
    "date": days,
    "timestamp": st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2099, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0, fold=0)
    ),
}


@st.composite
def small_tables(draw: st.DrawFn, most_rows: int = 5) -> SmallTable:
    """Draw a table of a few columns and rows, some cells of which are NULL."""
    chosen = draw(st.dictionaries(names, types, min_size=1, max_size=4))
    first, *others = (_cells[kind] for kind in chosen.values())
    row = st.tuples(first, *(st.none() | cells for cells in others))  # an empty line is no row
    rows = tuple(draw(st.lists(row, max_size=most_rows)))
    lines = [",".join(chosen), *(",".join(map(_csv_cell, cells)) for cells in rows)]
    return SmallTable("\n".join(lines) + "\n", dict(chosen), rows)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, float):
        assert math.isfinite(value)
        return repr(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
