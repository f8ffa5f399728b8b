"""YAML text -> located nodes. The only reader of YAML; ``values.py`` gives the nodes their types.

Hides PyYAML: its guesses about scalars (``NO``, ``0123``, ``12:30``), its silence about repeated keys,
its errors, and its composer, which ends the process when a file is nested deeply enough.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from openaq_assets.errors import Mark, Problem, shortened

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile(
    "[^\\x09\\x0a\\x0d\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
MAX_DEPTH = 50


class Node(NamedTuple):
    """A YAML value with its place: text, a list of nodes, or pairs of nodes."""

    mark: Mark
    value: "str | tuple[Node, ...] | Mapping[str, Node] | None"
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
            return shortened(self.value)
        return "a list" if isinstance(self.value, tuple) else "a mapping"

    def words(self) -> Iterator[str]:
        """Every text below it."""
        if isinstance(self.value, str):
            yield self.value
        elif self.value is not None:
            pairs = self.value
            for item in pairs if isinstance(pairs, tuple) else pairs.values():
                yield from item.words()


@dataclass(slots=True)
class Reading:
    """What one pass of reading collects: every problem, and the place of every value by field path.

    ``lost`` are the words of what could not be read: a reference to one of them is no mistake of its own.
    """

    environ: Mapping[str, str] | None = None
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def fail(self, node: Node, where: str, message: str, hint: str = "") -> None:
        """Add a problem at a value."""
        self.problems.append(node.mark.problem(where, message, hint))


def parse_file(path: Path, name: str, reading: Reading) -> Node | None:
    """The located content of a YAML file, or None with the reason among the problems."""
    text = read_text(path, name, reading)
    return None if text is None else parse(text, name, reading)


def read_text(path: Path, name: str, reading: Reading) -> str | None:
    """The text of a UTF-8 file, or None with the reason among the problems."""
    data = b""
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        reading.problems.append(Problem(name, 0, 0, "", "the file does not exist.", "Create it."))
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8", "replace")
        message = f"not UTF-8: byte 0x{data[error.start]:02x}."
        mark = Mark.within(name, good, len(good))
        reading.problems.append(mark.problem("", message, "Save the file as UTF-8 text."))
        _lose(data.decode("utf-8", "replace"), reading)
    except OSError as error:
        message = f"cannot be read ({error.strerror or type(error).__name__})."
        reading.problems.append(Problem(name, 1, 1, "", message, "Make it a readable file."))
    return None


def parse(text: str, name: str, reading: Reading) -> Node | None:
    """The located content of YAML text, or None with the reason among the problems."""
    odd = _UNPRINTABLE.search(text)
    if odd:
        message = f"not YAML: character U+{ord(odd[0]):04X} is not allowed."
        reading.problems.append(Mark.within(name, text, odd.start()).problem("", message, "Remove it."))
        _lose(text, reading)
        return None
    try:
        return _document(yaml.parse(text, Loader=_LOADER), _Context(name, reading))
    except yaml.MarkedYAMLError as error:
        reading.problems.append(_unreadable(error, name, text))
    _lose(text, reading)
    return None


def _lose(text: str, reading: Reading) -> None:
    reading.lost.update(re.findall(r"[a-z][a-z0-9_]*", text))


def _unreadable(error: yaml.MarkedYAMLError, name: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines() or [""]
    if line > len(lines):  # the end of the file: point at its last character
        line, column = len(lines), max(1, len(lines[-1]))
    what = error.problem or error.context or "unreadable"
    if lines[line - 1][column - 1 : column] == "\t":
        return Problem(name, line, column, "", "not YAML: a tab.", "Indent with spaces.")
    if error.context_mark and (error.context or "").startswith("while parsing a flow"):
        what += f" for the bracket on line {error.context_mark.line + 1}"
    return Problem(name, line, column, "", f"not YAML: {what}.", "Check the indentation and quotes.")


@dataclass(frozen=True, slots=True)
class _Context:
    name: str
    reading: Reading

    def mark(self, event: Any) -> Mark:
        return Mark(self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _document(events: Iterator[Any], context: _Context) -> Node | None:
    """The first document; a second one is a problem."""
    root: Node | None = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                mark = context.mark(event)
                context.reading.problems.append(
                    mark.problem("", "a second document begins here.", "Remove the line '---'.")
                )
        elif isinstance(event, yaml.NodeEvent):
            found = _node(event, events, "", context, 0)
            root = found if documents == 1 else root
    return None if root is None or root.value is None else root


def _node(event: Any, events: Iterator[Any], where: str, context: _Context, depth: int) -> Node:
    mark = context.mark(event)
    tell = context.reading.problems.append
    if isinstance(event, yaml.AliasEvent):
        tell(mark.problem(where, "aliases (*name) are not read.", "Write the value out."))
        return Node(mark, None)
    if event.tag:
        tell(mark.problem(where, f"the tag {event.tag} is not read.", "Write the plain value."))
    if isinstance(event, yaml.ScalarEvent):
        return Node(mark, _scalar(event))
    if depth == MAX_DEPTH:
        raise yaml.MarkedYAMLError(None, None, f"nested more than {MAX_DEPTH} deep", event.start_mark)
    if isinstance(event, yaml.SequenceStartEvent):
        return Node(mark, tuple(_items(events, where, context, depth + 1)))
    return Node(mark, _pairs(events, where, context, depth + 1))


def _items(events: Iterator[Any], where: str, context: _Context, depth: int) -> Iterator[Node]:
    index = 0
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        yield _node(event, events, f"{where}[{index}]", context, depth)
        index += 1


def _pairs(events: Iterator[Any], where: str, context: _Context, depth: int) -> Mapping[str, Node]:
    pairs: dict[str, Node] = {}
    tell = context.reading.problems.append
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise yaml.MarkedYAMLError(None, None, "a key must be text", event.start_mark)
        mark, key = context.mark(event), str(event.value)
        path = f"{where}.{key}" if where else key
        value = _node(next(events), events, path, context, depth)
        if key in pairs:
            first = pairs[key].at.line
            tell(mark.problem(path, f"key given twice; first on line {first}.", "Keep one of them."))
        else:
            pairs[key] = Node(value.mark, value.value, key=mark)
    return pairs


def _scalar(event: Any) -> str | None:
    empty = not event.style and event.value in ("", "~", "null", "Null", "NULL")
    return None if empty else str(event.value)
