"""Read YAML text into located nodes; no other module reads YAML.

The module hides four properties of PyYAML: it guesses types of scalars (``NO``, ``0123``, ``12:30``), it
accepts repeated keys, its errors are hard to read, and its composer ends the process when a file is
nested too deeply.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from openaq_assets.errors import Mark, Problem
from openaq_assets.project.yaml_nodes import Node, Reading, lose

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile(
    "[^\\x09\\x0a\\x0d\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
MAX_DEPTH = 50


def read(text: str, name: str, reading: Reading) -> Node | None:
    """Return the located content of YAML text, or None and add the problem."""
    odd = _UNPRINTABLE.search(text)
    if odd:
        message = f"not valid YAML: character U+{ord(odd[0]):04X} is not allowed."
        reading.problems.append(Mark.within(name, text, odd.start()).problem("", message, "Remove it."))
        lose(text, reading)
        return None
    try:
        return _document(yaml.parse(text, Loader=_LOADER), _Context(name, reading))
    except yaml.MarkedYAMLError as error:
        reading.problems.append(_unreadable(error, name, text))
    lose(text, reading)
    return None


def _unreadable(error: yaml.MarkedYAMLError, name: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines() or [""]
    if line > len(lines):  # the end of the file: point at its last character
        line, column = len(lines), max(1, len(lines[-1]))
    what = error.problem or error.context or "unreadable"
    if lines[line - 1][column - 1 : column] == "\t":
        return Problem(name, line, column, "", "not valid YAML: there is a tab.", "Indent with spaces.")
    if error.context_mark and (error.context or "").startswith("while parsing a flow"):
        what += f" for the bracket on line {error.context_mark.line + 1}"
    return Problem(name, line, column, "", f"not valid YAML: {what}.", "Check the indentation and quotes.")


@dataclass(frozen=True, slots=True)
class _Context:
    name: str
    reading: Reading

    def mark(self, event: Any) -> Mark:
        return Mark(self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _document(events: Iterator[Any], context: _Context) -> Node | None:
    """Return the first document as a node; add a problem if there is a second document."""
    root: Node | None = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                mark = context.mark(event)
                context.reading.problems.append(
                    mark.problem("", "a second YAML document begins here.", "Remove the line '---'.")
                )
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, events, "", context, 0)
            root = node if documents == 1 else root
    return None if root is None or root.value is None else root


def _node(event: Any, events: Iterator[Any], where: str, context: _Context, depth: int) -> Node:
    mark = context.mark(event)
    add_problem = context.reading.problems.append
    if isinstance(event, yaml.AliasEvent):
        add_problem(mark.problem(where, "aliases (*name) are not supported.", "Write the value itself."))
        return Node(mark, None)
    if event.tag:
        add_problem(
            mark.problem(where, f"the tag {event.tag} is not supported.", "Write the value without a tag.")
        )
    if isinstance(event, yaml.ScalarEvent):
        return Node(mark, _scalar(event))
    if depth == MAX_DEPTH:
        raise yaml.MarkedYAMLError(
            None, None, f"lists and mappings are nested more than {MAX_DEPTH} levels deep", event.start_mark
        )
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
    add_problem = context.reading.problems.append
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise yaml.MarkedYAMLError(None, None, "a key must be text", event.start_mark)
        mark, key = context.mark(event), str(event.value)
        path = f"{where}.{key}" if where else key
        value = _node(next(events), events, path, context, depth)
        if key in pairs:
            first = pairs[key].at.line
            add_problem(
                mark.problem(path, f"this key is written twice, first on line {first}.", "Keep one of them.")
            )
        else:
            pairs[key] = Node(value.mark, value.value, key=mark)
    return pairs


def _scalar(event: Any) -> str | None:
    empty = not event.style and event.value in ("", "~", "null", "Null", "NULL")
    return None if empty else str(event.value)
