"""The page of checks: every type of check, the fields it needs, and the SQL of an example."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Check, Column, Duration, Name
from openaq_assets.project.project import load

from .markdown import block, code, page, table

_HEAD = """
The types of checks that an asset's `checks` may name. [Check data and send alerts](../how-to/checks.md)
says when they run and what a failure does. The SQL selects the rows that fail.
"""
_COLUMNS = (
    Column(Name("city"), "varchar"),
    Column(Name("value"), "double"),
    Column(Name("measured_at"), "timestamp"),
)
_EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "column": {"fresh": "measured_at", "accepted_values": "city", "not_null": "city", "": "value"},
    "columns": {"": ("city", "measured_at")},
    "values": {"": ("Ha Noi", "Da Nang")},
    "within": {"": Duration(hours=3)},
    "min": {"": 0},
    "max": {"": 500},
}


def checks_page(root: Path) -> str:
    """Return the page of check types of a project."""
    types = load(root).plugins.checks
    rows = [
        (
            code(name),
            check_type.description,
            ", ".join(map(code, check_type.needs)),
            " or ".join(map(code, check_type.needs_one_of)),
        )
        for name, check_type in types.items()
    ]
    heads = ["check", "it passes if", "needs", "needs one of"]
    sql = [
        _example(check_type)
        for check_type in types.values()
        if not (check_type.contract or check_type.reconciles)
    ]
    return page("Checks", _HEAD, table(heads, rows), *sql)


def _example(kind: CheckType) -> str:
    given = {name: _value(name, kind) for name in (*kind.needs, *kind.needs_one_of)}
    yaml = ", ".join([f"check: {kind.name}", *(f"{name}: {_yaml(value)}" for name, value in given.items())])
    check = Check(check=kind.name, **given)
    sql = kind.compile(check, "measurements", _COLUMNS)
    return "\n\n".join([f"## {kind.name}", code("{" + yaml + "}"), block(sql, "text")])


def _value(name: str, kind: CheckType) -> Any:
    choices = _EXAMPLES[name]
    return choices.get(kind.name, choices[""])


def _yaml(value: Any) -> str:
    if isinstance(value, Duration):
        return "3 hours"
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)
