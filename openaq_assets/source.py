"""YAML text -> located nodes -> typed values. The only reader of YAML.

Hides PyYAML: its guesses about scalars (``NO``, ``0123``, ``12:30``), its silence about repeated keys,
and its errors. A scalar is text until the *declared* type of its field says what it is.
"""

import dataclasses
import datetime as dt
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from openaq_assets.errors import Problem, nearest

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file."""

    path: str
    line: int
    column: int

    def problem(self, field_path: str, message: str, hint: str = "") -> Problem:
        """The problem of the value that stands here."""
        return Problem(self.path, self.line, self.column, field_path, message, hint)


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value with its place: text, a list of nodes, or pairs of nodes."""

    mark: Mark
    value: "str | None | tuple[Node, ...] | Mapping[str, Node]"
    key: Mark | None = None

    @property
    def at(self) -> Mark:
        """Where it begins for a reader: at its key if it has one."""
        return self.key or self.mark

    @property
    def kind(self) -> str:
        """What a reader would call it."""
        if self.value is None:
            return "nothing"
        if isinstance(self.value, str):
            return repr(self.value if len(self.value) < 60 else self.value[:57] + "...")
        return "a list" if isinstance(self.value, tuple) else "a mapping"


@dataclass(slots=True)
class Reading:
    """What one pass of reading collects: every problem, and the place of every value by field path."""

    environ: Mapping[str, str] | None = None
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)

    def fail(self, node: Node, where: str, message: str, hint: str = "") -> None:
        self.problems.append(node.mark.problem(where, message, hint))


class Absent:
    """The type of a value that could not be read."""


ABSENT = Absent()


def parse_file(path: Path, name: str, reading: Reading) -> Node | None:
    """The located content of a YAML file, or None with the reason among the problems."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        reading.problems.append(Problem(name, 0, 0, "", "the file does not exist.", "Create it."))
        return None
    except (OSError, UnicodeDecodeError) as error:
        hint = "Save it as a readable UTF-8 text file."
        reading.problems.append(Problem(name, 0, 0, "", f"cannot be read ({_first(error)}).", hint))
        return None
    return parse(text, name, reading)


def parse(text: str, name: str, reading: Reading) -> Node | None:
    """The located content of YAML text, or None with the reason among the problems."""
    try:
        composed = yaml.compose(text, Loader=_LOADER)
        return None if composed is None else _located(composed, name, "", reading, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = error.problem or error.context or "unreadable"
        reading.problems.append(
            Problem(name, line, column, "", f"not YAML: {what}.", "Check the indentation and quotes.")
        )
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        hint = "Remove control characters and deep nesting."
        reading.problems.append(Problem(name, 1, 1, "", f"not YAML: {_first(error)}.", hint))
    return None


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _located(
    node: Any, name: str, where: str, reading: Reading, seen: set[int]
) -> Node:
    mark = Mark(name, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.ScalarNode):
        return Node(mark, _scalar(node))
    if id(node) in seen:
        reading.problems.append(
            mark.problem(where, "anchors and aliases are not read.", "Write the value out.")
        )
        return Node(mark, None)
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        items = [
            _located(item, name, f"{where}[{index}]", reading, seen)
            for index, item in enumerate(node.value)
        ]
        return Node(mark, tuple(items))
    return Node(mark, _pairs(node, name, where, reading, seen))


def _pairs(node: Any, name: str, where: str, reading: Reading, seen: set[int]) -> Mapping[str, Node]:
    pairs: dict[str, Node] = {}
    first: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        mark = Mark(name, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key is None:
            reading.problems.append(mark.problem(where, "a key must be text.", "Write 'name: value'."))
            continue
        path = f"{where}.{key}" if where else key
        if key in pairs:
            reading.problems.append(
                mark.problem(path, f"key given twice; first on line {first[key]}.", "Keep one of them.")
            )
            continue
        first[key] = mark.line
        value = _located(value_node, name, path, reading, seen)
        pairs[key] = Node(value.mark, value.value, key=mark)
    return pairs


def _scalar(node: Any) -> str | None:
    empty = node.style is None and node.value in ("", "~", "null", "Null", "NULL")
    return None if empty else str(node.value)


# --- typed values -------------------------------------------------------------------------------


def build(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    """The node as a value of the declared type, or ``ABSENT`` with the reason among the problems."""
    reading.marks[where] = node.mark
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(node, kind, where, reading)
    if origin is Literal:
        return _choice(node, typing.get_args(kind), where, reading)
    if origin is tuple:
        return _list(node, typing.get_args(kind)[0], where, reading)
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, str]):
        return _mapping(node, typing.get_args(kind)[1], where, reading)
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "parse"):
        built = build_fields(node, (typing.cast(type, kind),), where, reading)
        return ABSENT if built is None else _construct(kind, built[0], node, where, reading)
    return _typed_scalar(node, kind, where, reading)


def _construct(kind: Any, values: dict[str, Any], node: Node, where: str, reading: Reading) -> Any:
    try:
        return kind(**values)
    except ValueError as error:  # a rule across fields, stated by the dataclass itself
        reading.fail(node, where, str(error))
        return ABSENT


def build_fields(
    node: Node, kinds: tuple[type, ...], where: str, reading: Reading, skip: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], ...] | None:
    """The fields of several dataclasses read from one flat mapping; None if any is wrong."""
    if not isinstance(node.value, Mapping):
        reading.fail(node, where, f"expected a mapping, got {node.kind}.", "Write 'field: value' lines.")
        return None
    before = len(reading.problems)
    known = [declared(kind) for kind in kinds]
    names = {name for fields in known for name in fields} | skip
    for key, value in node.value.items():
        if key not in names:
            path = _join(where, key)
            reading.problems.append(
                value.at.problem(path, f"unknown field '{key}'.", nearest(key, names))
            )
    built = tuple(_present(node, node.value, fields, where, reading) for fields in known)
    return built if len(reading.problems) == before else None


def _present(
    node: Node, pairs: Mapping[str, Node], fields: Mapping[str, "Declared"], where: str, reading: Reading
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, one in fields.items():
        if name not in pairs:
            if one.required:
                hint = f"Add '{name}: <{one.noun}>'."
                reading.problems.append(node.at.problem(where, f"'{name}' is missing.", hint))
            continue
        value = build(pairs[name], one.type, _join(where, name), reading)
        if value is not ABSENT:
            values[one.attribute] = value
    return values


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@dataclass(frozen=True, slots=True)
class Declared:
    """A field as YAML users see it: its name there, type, and whether it must be given."""

    attribute: str
    type: Any
    required: bool
    description: str

    @property
    def noun(self) -> str:
        return noun(self.type)


@lru_cache(maxsize=None)
def declared(kind: type) -> Mapping[str, Declared]:
    """The YAML fields of a dataclass, by YAML name (``metadata={'yaml': ...}`` renames, '' hides)."""
    hints = typing.get_type_hints(kind)
    found: dict[str, Declared] = {}
    for one in dataclasses.fields(kind):
        name = one.metadata.get("yaml", one.name)
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if name:
            found[name] = Declared(one.name, hints[one.name], required, one.metadata.get("help", ""))
    return found


def _optional(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    if node.value is None:
        return None
    inner = [one for one in typing.get_args(kind) if one is not type(None)]
    return build(node, inner[0], where, reading)


def _choice(node: Node, choices: tuple[str, ...], where: str, reading: Reading) -> Any:
    text = _text(node, where, reading, "one of " + ", ".join(choices))
    if text is None:
        return ABSENT
    if text not in choices:
        reading.fail(node, where, f"{text!r} is not a choice.", nearest(text, choices))
        return ABSENT
    return text


def _list(node: Node, item: Any, where: str, reading: Reading) -> Any:
    if not isinstance(node.value, tuple):
        reading.fail(node, where, f"expected a list, got {node.kind}.", "Write it as [a, b].")
        return ABSENT
    built = [build(one, item, f"{where}[{index}]", reading) for index, one in enumerate(node.value)]
    return ABSENT if any(one is ABSENT for one in built) else tuple(built)


def _mapping(node: Node, item: Any, where: str, reading: Reading) -> Any:
    if not isinstance(node.value, Mapping):
        reading.fail(node, where, f"expected a mapping, got {node.kind}.", "Write 'name: value' lines.")
        return ABSENT
    built = {key: build(one, item, _join(where, key), reading) for key, one in node.value.items()}
    return ABSENT if any(one is ABSENT for one in built.values()) else built


def _text(node: Node, where: str, reading: Reading, expected: str) -> str | None:
    if not isinstance(node.value, str):
        reading.fail(node, where, f"expected {expected}, got {node.kind}.", "Write a single value.")
        return None
    if "${env:" not in node.value:
        return node.value
    if reading.environ is None:
        hint = "Move the setting to conf/environments.yaml."
        reading.fail(node, where, "${env:...} is read only in environments.yaml.", hint)
        return None
    environ = reading.environ
    return _ENV.sub(lambda found: environ.get(found[1]) or found[2] or "", node.value)


def _typed_scalar(node: Node, kind: Any, where: str, reading: Reading) -> Any:
    expected = noun(kind)
    text = _text(node, where, reading, expected)
    if text is None:
        return ABSENT
    try:
        return scalar(text, kind)
    except ValueError as error:
        reason = "" if str(error).startswith(("invalid", "Invalid")) else f" {error}"
        reading.fail(node, where, f"expected {expected}, got {text!r}.", reason.strip())
        return ABSENT


_PLAIN_INT = re.compile(r"[+-]?(0|[1-9]\d{0,17})\Z", re.ASCII)
_PLAIN_FLOAT = re.compile(r"[+-]?(\d{1,300}(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\Z", re.ASCII)


def scalar(text: str, kind: Any) -> Any:
    """The text as a value of a scalar type; raises ValueError with what was expected."""
    if hasattr(kind, "parse"):
        return kind.parse(text)
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("Write true or false.")
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
        return dt.date.fromisoformat(text)
    raise TypeError(f"no reading of {kind!r} is declared")  # a programmer's mistake, not a user's


_NOUNS: Mapping[Any, str] = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false",
    dt.date: "a date like 2026-01-31",
}  # fmt: skip


def noun(kind: Any) -> str:
    """What to call a value of this type in a message."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return noun(next(one for one in typing.get_args(kind) if one is not type(None)))
    if origin is Literal:
        return " or ".join(typing.get_args(kind))
    if origin is tuple:
        return "a list"
    return str(getattr(kind, "noun", "") or _NOUNS.get(kind, "a mapping"))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in file order."""
    yield node
    if isinstance(node.value, tuple):
        for item in node.value:
            yield from walk(item)
    elif isinstance(node.value, Mapping):
        for item in node.value.values():
            yield from walk(item)
