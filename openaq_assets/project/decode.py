"""Decode located YAML nodes into values of declared types; the type of a field decodes its text.

The JSON Schema (``cli/json_schema.py``) is made from the same dataclasses, so an editor completes exactly
the fields that are read.
"""

import dataclasses
import datetime as dt
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from openaq_assets.errors import FieldError, nearest, shortened
from openaq_assets.project.yaml_nodes import Node, Reading

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Absent:
    """The type of ``ABSENT``, which stands for a value that could not be read."""


ABSENT = Absent()


def build(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    """Return the node as a value of the declared type, or ``ABSENT`` and add the problem."""
    reading.marks[where] = node.mark
    read, inner = _reader(kind)
    return read(node, inner, where, reading)


@cache
def _reader(kind: Any) -> tuple[Callable[[Node, Any, str, Reading], Any], Any]:
    """Return the function that reads values of a type, and the type to pass to it."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional, kind
    if origin is Literal:
        return _choice, kind
    if origin is tuple:
        return _list, typing.get_args(kind)[0]
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, str]):
        return _mapping, typing.get_args(kind)[1]
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "parse"):
        return _fields, kind
    return _typed_scalar, kind


def _fields(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    built = build_fields(node, (kind,), where, reading)
    return ABSENT if built is None else construct(kind, built[0], node, where, reading)


def construct(kind: Any, values: dict[str, Any], node: Node, where: str, reading: Reading) -> Any:
    """Return a dataclass with these values, or ``ABSENT`` and add the problem if they break a rule of it."""
    try:
        return kind(**values)
    except FieldError as error:  # a rule across fields, stated by the dataclass itself
        path = _join(where, error.field) if error.field else where
        mark = reading.marks.get(path, node.mark)
        reading.problems.append(mark.problem(path, error.message, error.hint))
        return ABSENT


def build_fields(
    node: Node, kinds: tuple[type, ...], where: str, reading: Reading, skip: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], ...] | None:
    """Return the fields of several dataclasses, read from one flat mapping; None if any has a problem."""
    if not isinstance(node.value, Mapping):
        reading.fail(node, where, f"expected a mapping, got {node.kind}.", "Write lines like 'field: value'.")
        return None
    before = len(reading.problems)
    known = [declared(kind) for kind in kinds]
    names = {name for fields in known for name in fields} | skip
    misspelt: set[str] = set()
    for key, value in node.value.items():
        if key not in names:
            hint = nearest(key, names)
            misspelt |= {name for name in names if f"'{name}'" in hint}
            path = _join(where, key)
            reading.problems.append(value.at.problem(path, f"unknown field '{key}'.", hint))
    given = {**dict.fromkeys(misspelt), **node.value}
    built = tuple(_present(node, given, fields, where, reading) for fields in known)
    return built if len(reading.problems) == before else None


def _present(
    node: Node,
    given: Mapping[str, Node | None],
    fields: Mapping[str, "Declared"],
    where: str,
    reading: Reading,
) -> dict[str, Any]:
    """Return the values of the given fields; a misspelt field is given as None and has no value."""
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in given and field.required:
            hint = f"Add '{name}: <{field.noun}>'."
            reading.problems.append(node.at.problem(where, f"'{name}' is missing.", hint))
        if value_node := given.get(name):
            value = build(value_node, field.type, _join(where, name), reading)
            if value is not ABSENT:
                values[field.attribute] = value
    return values


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@dataclass(frozen=True, slots=True)
class Declared:
    """A YAML field of a dataclass: its attribute, its type, whether it is required, and its documentation.

    ``examples`` are values as YAML has them.
    """

    attribute: str
    type: Any
    required: bool
    description: str
    examples: tuple[Any, ...] = ()

    @property
    def noun(self) -> str:
        """Return the noun that messages use for a value of this field."""
        return noun(self.type)


@cache
def declared(kind: type) -> Mapping[str, Declared]:
    """Return the YAML fields of a dataclass by YAML name; ``metadata={'yaml': ...}`` renames, '' hides."""
    hints = typing.get_type_hints(kind)
    declarations: dict[str, Declared] = {}
    for field in dataclasses.fields(kind):
        name = field.metadata.get("yaml", field.name)
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name:
            text, examples = field.metadata.get("help", ""), tuple(field.metadata.get("examples", ()))
            declarations[name] = Declared(field.name, hints[field.name], required, text, examples)
    return declarations


def _optional(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    if node.value is None:
        return None
    inner = [argument for argument in typing.get_args(kind) if argument is not type(None)]
    return build(node, inner[0], where, reading)


def _choice(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    text, choices = _text(node, kind, where, reading), typing.get_args(kind)
    if text is None:
        return ABSENT
    if text not in choices:
        reading.fail(node, where, f"{shortened(text)} is not a valid value.", nearest(text, choices))
        return ABSENT
    return text


def _list(node: Node, item: Any, where: str, reading: Reading) -> Any:
    if not isinstance(node.value, tuple):
        reading.fail(node, where, f"expected a list, got {node.kind}.", "Write it as [a, b].")
        return ABSENT
    built = [build(entry, item, f"{where}[{index}]", reading) for index, entry in enumerate(node.value)]
    return ABSENT if any(value is ABSENT for value in built) else tuple(built)


def _mapping(node: Node, item: Any, where: str, reading: Reading) -> Any:
    if not isinstance(node.value, Mapping):
        reading.fail(node, where, f"expected a mapping, got {node.kind}.", "Write lines like 'name: value'.")
        return ABSENT
    built = {key: build(entry, item, _join(where, key), reading) for key, entry in node.value.items()}
    return ABSENT if any(value is ABSENT for value in built.values()) else built


def _text(node: Node, kind: Any, where: str, reading: Reading) -> str | None:
    if not isinstance(node.value, str):
        reading.fail(node, where, f"expected {noun(kind)}, got {node.kind}.", "Write a single value.")
        return None
    if "${env:" not in node.value:
        return node.value
    if reading.environ is None:
        hint = "Move the setting to conf/environments.yaml."
        reading.fail(node, where, "${env:...} works only in environments.yaml.", hint)
        return None
    environ = reading.environ
    if "${env:" in _ENV.sub("", node.value):
        hint = "Write ${env:NAME} or ${env:NAME:-default}."
        reading.fail(node, where, f"{node.kind} is not a valid reference to an environment variable.", hint)
        return None
    return _ENV.sub(lambda match: environ.get(match[1]) or match[2] or "", node.value)


def _typed_scalar(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    text = _text(node, kind, where, reading)
    if text is None:
        return ABSENT
    try:
        return scalar(text, kind)
    except ValueError as error:
        reading.fail(node, where, f"expected {noun(kind)}, got {shortened(text)}.", str(error))
        return ABSENT


_PLAIN_INT = re.compile(r"[+-]?(0|[1-9]\d{0,17})\Z", re.ASCII)
_PLAIN_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z", re.ASCII)
_PLAIN_FLOAT = re.compile(r"[+-]?(\d{1,300}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\Z", re.ASCII)


_BOOLEANS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


def scalar(text: str, kind: Any) -> Any:
    """Return the text as a value of a scalar type; raise ValueError with the remedy."""
    if hasattr(kind, "parse"):
        return kind.parse(text)
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"Write {_BOOLEANS.get(text.lower(), 'true or false')}.")
        return text.lower() == "true"
    if kind is int:
        if not _PLAIN_INT.match(text):
            raise ValueError("Write digits without leading zeros.")
        return int(text)
    if kind is float:
        if not _PLAIN_FLOAT.match(text):
            raise ValueError("Write a decimal number.")
        if not math.isfinite(float(text)):
            raise ValueError("Write a finite number.")
        return float(text)
    if kind is dt.date:
        if not _PLAIN_DATE.match(text):
            raise ValueError("Write year, month and day.")
        return dt.date.fromisoformat(text)
    raise TypeError(f"no reading of {kind!r} is declared")  # a programmer's mistake, not a user's


_NOUNS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dt.date: "a date like 2026-01-31",
}


def noun(kind: Any) -> str:
    """Return the noun that messages use for a value of this type."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return noun(next(argument for argument in typing.get_args(kind) if argument is not type(None)))
    if origin is Literal:
        return " or ".join(typing.get_args(kind))
    if origin is tuple:
        return "a list"
    return str(getattr(kind, "noun", "") or _NOUNS.get(kind, "a mapping"))
