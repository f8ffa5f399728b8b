"""Read YAML files into located nodes, cached by digest: PyYAML reads only what changed."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from openaq_assets.cache import current, digest, version_of
from openaq_assets.errors import Mark
from openaq_assets.project.yaml_nodes import Node, Reading, read_text


def parse_file(path: Path, name: str, reading: Reading) -> Node | None:
    """Return the located content of a YAML file, or None and add the problem."""
    text = read_text(path, name, reading)
    return None if text is None else parse(text, name, reading)


def parse(text: str, name: str, reading: Reading) -> Node | None:
    """Return the located content of YAML text, or None and add the problem.

    The content of text without problems is cached, so that PyYAML does not read an unchanged file again.
    """
    key = digest("yaml", _version(), text)
    if (kept := current().get(key)) is not None:
        return _unpacked(kept, name)
    before = len(reading.problems)
    from openaq_assets.project.yaml_text import read  # imports PyYAML

    node = read(text, name, reading)
    if node and len(reading.problems) == before:
        current().put(key, _packed(node))
    return node


@cache
def _version() -> str:
    return version_of(
        "yaml", *(Path(__file__).with_name(f"yaml_{part}.py") for part in ("files", "nodes", "text"))
    )


def _packed(node: Node) -> list[Any]:
    """Return a node as a JSON value: its position, its value, and the position of its key."""
    value: Any = node.value
    if isinstance(value, tuple):
        value = [_packed(item) for item in value]
    elif isinstance(value, Mapping):
        value = {key: _packed(item) for key, item in value.items()}
    return [node.mark.line, node.mark.column, value, *(node.key or ())[1:]]


def _unpacked(packed: Sequence[Any], name: str) -> Node:
    line, column, value, *key = packed
    if isinstance(value, list):
        value = tuple([_unpacked(item, name) for item in value])
    elif isinstance(value, dict):
        value = {title: _unpacked(item, name) for title, item in value.items()}
    return Node(Mark(name, line, column), value, Mark(name, *key) if key else None)
