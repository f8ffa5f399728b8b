"""Tests of the graph: ancestors, owners of tables, cycles, and assets that are left out."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.projects import copy_sample

from openaq_assets.errors import ConfigError, LeftOut, SelectionError
from openaq_assets.project.project import load

Writes = Callable[[Mapping[str, str | bytes]], Path]


def test_reach(tmp_path: Path) -> None:
    """Ancestors and descendants are found along any number of edges, or up to a given depth."""
    graph = load(copy_sample(tmp_path / "sample")).graph
    assert graph.ancestors(["openaq_tables"], 1) == {"locations", "measurements"}
    assert graph.ancestors(["openaq_tables"]) == {"locations", "measurements", "locations_raw", "measurements_raw"}
    assert graph.descendants(["view_latest_aqi"]) == {"latest_aqi_csv", "validate_prod_views"}
    assert graph.downstream("nothing") == ()


def test_owners_of_tables(tmp_path: Path) -> None:
    """A table of a processed asset is readable through the catalog that registers it."""
    graph = load(copy_sample(tmp_path / "sample")).graph
    owners = {name: getattr(graph.table_owner(name), "key", None) for name in ("measurements", "cities", "nothing")}
    assert owners == {"measurements": "openaq_tables", "cities": "cities", "nothing": None}


def test_unknown_and_left_out(tiny_project: Writes) -> None:
    """An unknown asset and an asset that is left out raise different errors."""
    root = tiny_project({"conf/assets/more.yaml": "assets:\n  broken: {kind: raw, endpoint: x}\n"})
    graph = load(root, strict=False).graph
    with pytest.raises(SelectionError, match="there is no asset 'nothing'"):
        graph["nothing"]
    with pytest.raises(LeftOut):
        graph["broken"]


def test_each_cycle_is_one_problem(tiny_project: Writes) -> None:
    """Every cycle is one problem; assets outside of cycles stay in the graph."""
    inputs = {"a": "b", "b": "c", "c": "a", "x": "x"}
    entries = "".join(
        f"  {key}: {{kind: raw, endpoint: hours, inventory: stations, inputs: [{up}]}}\n" for key, up in inputs.items()
    )
    root = tiny_project({"conf/assets/more.yaml": f"assets:\n{entries}"})
    with pytest.raises(ConfigError) as caught:
        load(root)
    path = "conf/assets/more.yaml"
    assert str(caught.value).splitlines() == [
        (f"{path}:2:65: assets.a: the inputs form a cycle: a reads b ({path}:2), b reads c ({path}:3), c reads a ({path}:4). "
        "Remove one of these inputs."),
        f"{path}:5:65: assets.x: the inputs form a cycle: x reads x ({path}:5). Remove one of these inputs.",
    ]
    assert list(load(root, strict=False).graph.assets) == ["stations"]


def test_a_kind_that_fails_is_a_problem_of_the_asset(tiny_project: Writes) -> None:
    """An exception of a plugin's kind is a problem of its asset and does not stop the others."""
    plugin = (
        "from dataclasses import dataclass\nfrom openaq_assets import Kind, hookimpl\n\n\n"
        "@dataclass\nclass Fields:\n    pass\n\n\n"
        "class Odd(Kind):\n    name = 'odd'\n    fields = Fields\n\n"
        "    def references(self, asset):\n        return asset.nothing\n\n\n"
        "@hookimpl\ndef asset_kinds():\n    return [Odd()]\n"
    )
    root = tiny_project(
        {"plugins/asset_kinds/odd.py": plugin, "conf/assets/odd.yaml": "assets:\n  one: {kind: odd}\n"}
    )
    project = load(root, strict=False)
    assert [str(problem) for problem in project.problems] == [
        ("conf/assets/odd.yaml:2:15: assets.one.kind: its kind fails for this asset (AttributeError: 'Asset' object has no "
        "attribute 'nothing'). Fix the plugin that provides the kind.")
    ]
    assert list(project.graph.assets) == ["stations"]
