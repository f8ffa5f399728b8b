"""Property tests of round trips: a printed value is read back as an equal value."""

import datetime as dt
import fnmatch
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.strategies import (
    Sound,
    days,
    moments,
    names,
    operations,
    raw_parts,
    refs,
    selections,
    sound_projects,
)

from openaq_assets.graph.assets import AssetGraph
from openaq_assets.graph.operations import STANDARD, Operation, Ref, fingerprint, from_json, map_refs, to_json
from openaq_assets.graph.partitions import days as every_day
from openaq_assets.graph.partitions import key_of, parse_day, segment, summary, window
from openaq_assets.graph.raw_keys import parse_raw_key, raw_key
from openaq_assets.graph.selection import select
from openaq_assets.openaq.operations import Fetch, Publish
from openaq_assets.project.project import load


@given(operation=operations)
def test_round_trip_of_operations(operation: Operation) -> None:
    """An operation is equal after it was written as one line of JSON and read."""
    text = to_json(operation)
    assert "\n" not in text
    assert from_json(text, (*STANDARD, Fetch, Publish)) == operation


@given(operation=operations, ref=refs)
def test_fingerprint_ignores_locations_and_partitions(operation: Operation, ref: Ref) -> None:
    """Binding and partitions do not change a fingerprint."""
    import dataclasses

    bound = map_refs(
        operation,
        lambda unbound: dataclasses.replace(unbound, uri=ref.uri, table=ref.table, partitions=ref.partitions),
    )
    assert fingerprint([bound]) == fingerprint([operation])


@given(asset=names, parts=raw_parts, at=moments, body=st.binary(max_size=20))
def test_round_trip_of_raw_keys(asset: str, parts: dict[str, str], at: dt.datetime, body: bytes) -> None:
    """The name of a raw object is read back with all its parts, in any folder."""
    key = raw_key(asset, parts, at, body)
    assert parse_raw_key(f"memory://lake/dev/raw/{key}") == key
    assert key.values == parts
    assert key.retrieved == at.astimezone(dt.UTC).replace(microsecond=0)


@given(text=st.text(max_size=60))
def test_parse_of_raw_keys_is_total(text: str) -> None:
    """Any text is either no raw key, or a raw key that prints as the same text."""
    key = parse_raw_key(text)
    assert key is None or str(key) == text.rsplit("/", 1)[-1]


@given(day=days)
def test_round_trip_of_days(day: dt.date) -> None:
    """A day is equal after it was written as a key or a path segment and read."""
    key = day.isoformat()
    assert parse_day(key) == day
    assert key_of(f"s3://lake/dev/processed/x/{segment(key)}/part.parquet") == key
    first, last = window(key)
    assert (first.date(), last - first, first.tzinfo) == (day, dt.timedelta(days=1), dt.UTC)


@given(first=days, more=st.integers(0, 40))
def test_days_are_whole_and_in_order(first: dt.date, more: int) -> None:
    """A range contains every day once, and its summary names the first, the last and the number."""
    keys = every_day(first, first + dt.timedelta(days=more)) if first.year < 2099 else (first.isoformat(),)
    assert list(keys) == sorted(set(keys))
    assert len(keys) == 1 or summary(keys) == f"{keys[0]}..{keys[-1]} ({len(keys)} days)"


def printed(tree: Any) -> str:
    """Return a selection as text."""
    match tree:
        case ("key" | "glob", name):
            return str(name)
        case ("kind", name):
            return f"kind:{name}"
        case ("up", depth, inner):
            return f"{depth or ''}+{printed(inner)}"
        case ("down", depth, inner):
            return f"{printed(inner)}+{depth or ''}"
        case ("not", inner):
            return f"not ({printed(inner)})"
        case ("beside", left, right):
            return f"({printed(left)} {printed(right)})"
        case (word, left, right):
            return f"({printed(left)} {word} {printed(right)})"
    raise AssertionError(tree)


def walked(graph: AssetGraph, keys: set[str], depth: int | None, *, up: bool) -> set[str]:
    """Return the keys and the assets reached from them along at most ``depth`` edges."""
    reached = set(keys)
    for _ in range(len(graph.assets) if depth is None else depth):
        reached |= {a if up else b for a, b in graph.edges if (b if up else a) in reached}
    return reached


def meant(tree: Any, graph: AssetGraph) -> set[str]:
    """Return the keys that a selection means, computed from its tree."""
    everything = set(graph.assets)
    match tree:
        case ("key" | "glob", pattern):
            return {key for key in everything if fnmatch.fnmatchcase(key, pattern)}
        case ("kind", name):
            return {asset.key for asset in graph if asset.kind.name == name}
        case ("up", depth, inner):
            return walked(graph, meant(inner, graph), depth, up=True)
        case ("down", depth, inner):
            return walked(graph, meant(inner, graph), depth, up=False)
        case ("not", inner):
            return everything - meant(inner, graph)
        case ("and", left, right):
            return meant(left, graph) & meant(right, graph)
        case (_, left, right):
            return meant(left, graph) | meant(right, graph)
    raise AssertionError(tree)


@given(sound=sound_projects(), data=st.data())
def test_round_trip_of_selections(sound: Sound, data: st.DataObject) -> None:
    """A printed selection selects the keys that its tree means, in graph order."""
    with tempfile.TemporaryDirectory() as folder:
        graph = load(sound.write(Path(folder))).graph
    kinds = sorted({asset.kind.name for asset in graph})
    tree = data.draw(selections(sorted(graph.assets), kinds))
    chosen = select(graph, printed(tree))
    assert set(chosen) == meant(tree, graph)
    assert list(chosen) == [key for key in graph.assets if key in chosen]
