"""Parse selections: expressions that name assets of a graph.

    selection := union ;  union := part ("or" part)* ;  part := factor ("and" factor)*
    factor := "not" factor | "(" union ")" | [n]"+" term | term "+"[n] | term
    term := key | glob | kind:name | tag:name | group:name | owner:name

``+x`` means x and everything it is made from, ``x+`` means x and everything made from it, and ``2+x``
goes two steps up. Terms side by side (``a b``) are a union, as in a shell.
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from openaq_assets.errors import SelectionError, nearest, shortened
from openaq_assets.graph.assets import Asset, AssetGraph

_TOKEN = re.compile(r"\s*(\(|\)|(?:\d*\+)?[\w.*?:\[\]-]+(?:\+\d*)?)")
_TERM = re.compile(r"(?:(\d*)(\+))?(?:(kind|tag|group|owner):)?([\w.*?\[\]-]+?)(?:(\+)(\d*))?\Z")

MAX_NESTING = 100
_FORMS = "Write key, +key, key+, kind:name, tag:name, group:name or owner:name."

_FIELDS: dict[str, Callable[[Asset], tuple[str, ...]]] = {
    "": lambda asset: (asset.key,),
    "kind": lambda asset: (asset.kind.name,),
    "tag": lambda asset: asset.common.tags,
    "group": lambda asset: (asset.group,),
    "owner": lambda asset: (asset.common.owner,),
}


def select(graph: AssetGraph, text: str) -> tuple[str, ...]:
    """Return the keys that a selection names, in graph order; raise SelectionError for an unknown name."""
    tokens = _tokens(text)
    if tokens.count("(") + tokens.count("not") > MAX_NESTING:
        raise SelectionError(
            f"the selection has more than {MAX_NESTING} levels of '(' and 'not'. Write a shorter one."
        )
    chosen, rest = _union(graph, tokens, text)
    if rest:
        raise SelectionError(f"selection {shortened(text)}: there is one '{rest[0]}' too many. Remove it.")
    return tuple(asset.key for asset in graph if asset.key in chosen)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if not match:
            rest = shortened(text[position:].strip())
            raise SelectionError(f"selection {shortened(text)}: cannot read {rest}. {_FORMS}")
        tokens.append(match[1])
        position = match.end()
    if not tokens:
        raise SelectionError("the selection is empty. Name an asset, or '*' for all.")
    return tokens


def _union(graph: AssetGraph, tokens: list[str], text: str) -> tuple[frozenset[str], list[str]]:
    chosen, rest = _intersection(graph, tokens, text)
    while rest and rest[0] != ")":
        more, rest = _intersection(graph, rest[1:] if rest[0] == "or" else rest, text)
        chosen |= more
    return chosen, rest


def _intersection(graph: AssetGraph, tokens: list[str], text: str) -> tuple[frozenset[str], list[str]]:
    chosen, rest = _factor(graph, tokens, text)
    while rest and rest[0] == "and":
        more, rest = _factor(graph, rest[1:], text)
        chosen &= more
    return chosen, rest


def _factor(graph: AssetGraph, tokens: list[str], text: str) -> tuple[frozenset[str], list[str]]:
    if not tokens or tokens[0] in ("and", "or", ")"):
        raise SelectionError(
            f"selection {shortened(text)}: the name of an asset is missing. Write one on both sides."
        )
    if tokens[0] == "not":
        chosen, rest = _factor(graph, tokens[1:], text)
        return frozenset(graph.assets) - chosen, rest
    if tokens[0] == "(":
        chosen, rest = _union(graph, tokens[1:], text)
        if not rest:
            raise SelectionError(f"selection {shortened(text)}: a ')' is missing. Add it.")
        return chosen, rest[1:]
    return _term(graph, tokens[0], text), tokens[1:]


def _term(graph: AssetGraph, token: str, text: str) -> frozenset[str]:
    match = _TERM.match(token)
    if not match:
        raise SelectionError(f"selection {shortened(text)}: cannot read {shortened(token)}. {_FORMS}")
    up, plus_before, name, pattern, plus_after, down = match.groups()
    values = _FIELDS[name or ""]
    matches = frozenset(
        asset.key for asset in graph if any(fnmatchcase(value, pattern) for value in values(asset))
    )
    if not matches and not re.search(r"[*?\[]", pattern):
        known = {value for asset in graph for value in values(asset) if value}
        field = name or "asset"
        if field == "asset" and pattern in graph.left_out:
            raise graph.unknown(pattern)
        hint = nearest(pattern, known)
        raise SelectionError(f"selection {shortened(text)}: there is no {field} '{pattern}'. {hint}")
    chosen = matches
    if plus_before:
        chosen |= graph.ancestors(matches, int(up) if up else None)
    if plus_after:
        chosen |= graph.descendants(matches, int(down) if down else None)
    return chosen
