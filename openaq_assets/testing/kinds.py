"""The laws of a kind: its methods are pure and always return the same."""

import copy
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from openaq_assets.graph.assets import Asset, AssetGraph, operations_of
from openaq_assets.graph.environment import Environment, Profile, bind
from openaq_assets.graph.operations import ABOVE, Operation, Ref, map_refs, refs_of, to_json
from openaq_assets.graph.partitions import parse_day
from openaq_assets.testing.lake import ENVIRONMENTS

_METHODS = ("references", "tables", "columns", "lookback", "spread", "source")
_WITH_GRAPH = ("problems", "checks", "scope")
_DAYS = ("2026-01-10", "2026-01-11")


def check_kind(graph: AssetGraph, key: str, days: Sequence[str] = _DAYS) -> None:
    """Assert that the kind of an asset is pure, deterministic, and names no location.

    Its operations can be written as JSON, bind to any environment, and name assets by ``Ref``. Calls of its
    methods, repeated in any order and with a copy of the asset, return the same and change nothing.
    """
    asset = graph[key]
    before = repr(asset)
    first, second = _answers(asset, graph, days), _answers(copy.deepcopy(asset), graph, tuple(reversed(days)))
    assert first == second, f"the kind '{asset.kind.name}' gives another answer the second time"
    assert repr(asset) == before, f"the kind '{asset.kind.name}' changes the asset"
    for partitions in _choices(asset, days):
        for operation in operations_of(graph, asset, partitions, ()):
            _check_operation(asset, operation)


def _choices(asset: Asset, days: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of partitions that a run could request."""
    for day in days:
        parse_day(day)
    return [(), *((day,) for day in sorted(days)), tuple(sorted(days))] if asset.partitions else [()]


def _answers(asset: Asset, graph: AssetGraph, days: Sequence[str]) -> dict[str, Any]:
    kind = asset.kind
    answers: dict[str, Any] = {name: _plain(getattr(kind, name)(asset)) for name in _METHODS}
    answers |= {name: _plain(getattr(kind, name)(asset, graph)) for name in _WITH_GRAPH}
    for partitions in _choices(asset, days):
        lines = [to_json(operation) for operation in operations_of(graph, asset, partitions, ())]
        answers[f"operations {partitions}"] = lines
    return answers


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | dt.timedelta) else list(value)


def _check_operation(asset: Asset, operation: Operation) -> None:
    """Assert that an operation can be written as JSON, names no location, and can be bound."""
    name = f"{type(operation).__name__} of '{asset.kind.name}'"
    assert json.loads(to_json(operation))["operation"] == type(operation).__name__
    assert hash(operation) == hash(copy.deepcopy(operation)), f"{name} is not frozen"
    for ref in refs_of(operation):
        assert not ref.uri and not ref.table, f"{name} names a location: {ref.uri or ref.table}"
    home = Environment("dev", Profile("memory", "memory://a"), ENVIRONMENTS)
    near: Operation = map_refs(operation, _without_environment)
    assert all(ref.uri for ref in refs_of(bind(near, home)))


def _without_environment(ref: Ref) -> Ref:
    """Return the reference without its environment, which need not exist here."""
    return ref if ref.environment == ABOVE else replace(ref, environment="")
