"""Locality: an edit changes only what it names."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import copy_project
from support.strategies import Sound, sound_projects

from openaq_assets.graph.operations import fingerprint, to_json
from openaq_assets.project.project import Project, load


def fingerprints(project: Project) -> Mapping[str, str]:
    """The fingerprint of every asset."""
    return {
        asset.key: fingerprint(list(asset.kind.operations(asset, project.graph, (), ()))) for asset in project.graph
    }


def scopes(project: Project) -> Mapping[str, tuple[str, ...]]:
    """What is asked for by every asset."""
    return {asset.key: asset.kind.scope(asset, project.graph) for asset in project.graph}


def written(sound: Sound) -> Project:
    """The project, loaded from a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        return load(sound.write(Path(folder)))


def names(value: Any) -> bool:
    """Whether a raw asset names its locations, instead of taking all."""
    return bool(value.get("locations"))


@given(sound=sound_projects())
def test_locality_of_an_added_location(sound: Sound) -> None:
    """A new location changes no fingerprint, and the scope of no asset but raw ones that take all."""
    before = written(sound)
    sound.locations["another"] = {"id": 999}
    after = written(sound)
    assert fingerprints(after) == fingerprints(before)
    grown = {key for key in scopes(after) if scopes(after)[key] != scopes(before)[key]}
    assert grown == {key for key, one in sound.assets.items() if one["kind"] == "raw" and not names(one)}
    assert all(scopes(after)[key] == tuple(sorted({*scopes(before)[key], "id=999"})) for key in grown)


@given(sound=sound_projects(), data=st.data())
def test_locality_of_an_edited_location(sound: Sound, data: st.DataObject) -> None:
    """Another station under the same name changes only the scopes that name it or take all."""
    before = written(sound)
    name = data.draw(st.sampled_from(sorted(sound.locations)))
    sound.locations[name] = {"id": 999}
    after = written(sound)
    assert fingerprints(after) == fingerprints(before)
    for key, one in sound.assets.items():
        concerned = one["kind"] == "raw" and (not names(one) or name in one["locations"])
        assert (scopes(after)[key] != scopes(before)[key]) == concerned


@given(sound=sound_projects())
def test_locality_of_an_added_asset(sound: Sound) -> None:
    """A new asset leaves every other fingerprint, edge and position as it was."""
    before = written(sound)
    sound.assets["zz_new"] = {"kind": "processed", "source": "raw0", "columns": [{"name": "a", "type": "date", "path": "d"}]}
    after = written(sound)
    assert {key: one for key, one in fingerprints(after).items() if key != "zz_new"} == fingerprints(before)
    assert after.graph.edges - before.graph.edges == {("raw0", "zz_new")}
    assert [key for key in after.graph.assets if key != "zz_new"] == list(before.graph.assets)


@given(sound=sound_projects(), data=st.data())
def test_locality_of_an_edited_asset(sound: Sound, data: st.DataObject) -> None:
    """A new column of a processed table changes it and the catalog that registers it, nothing else."""
    before = written(sound)
    key = data.draw(st.sampled_from(sorted(one for one in sound.assets if one.startswith("rows"))))
    sound.assets[key]["columns"].append({"name": "added", "type": "double", "path": "z"})
    after = written(sound)
    changed = {one for one in sound.assets if fingerprints(after)[one] != fingerprints(before)[one]}
    assert changed == {key, "lake"}


@given(sound=sound_projects(), words=st.text("abc xyz", max_size=20))
def test_locality_of_words(sound: Sound, words: str) -> None:
    """Descriptions, owners and tags change no fingerprint."""
    before = written(sound)
    for one in sound.assets.values():
        one.update(description=words, owner="someone", tags=["t"])
    assert fingerprints(written(sound)) == fingerprints(before)


@pytest.mark.parametrize("key", ["view_stations", "measurements", "cities", "locations_raw"])
def test_locality_of_a_deleted_asset(tmp_path: Path, key: str) -> None:
    """In the real project, an asset that breaks takes with it what is made from it, and nothing else."""
    whole = load(copy_project(tmp_path / "project"))
    for path in (tmp_path / "project/conf/assets").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"  {key}:\n", f"  {key}:\n    wrong: 1\n"), encoding="utf-8")
    broken = load(tmp_path / "project", strict=False)
    lost = {key, *whole.graph.descendants([key])}
    assert set(broken.graph.assets) == set(whole.graph.assets) - lost
    assert all(fingerprints(broken)[one] == fingerprints(whole)[one] for one in fingerprints(broken))


def test_locality_of_an_edited_view(project_copy: Path) -> None:
    """The SQL of a view changes its own operations and the bootstrap of the gate above it."""
    before = load(project_copy)
    path = project_copy / "views/view_stations.sql"
    path.write_text(path.read_text(encoding="utf-8") + "-- one more remark\n", encoding="utf-8")
    after = load(project_copy)
    changed = {key for key in before.graph.assets if fingerprints(before)[key] != fingerprints(after)[key]}
    mentions = {
        asset.key
        for asset in after.graph
        if any("one more remark" in to_json(one) for one in asset.kind.operations(asset, after.graph, (), ()))
    }
    assert changed == mentions == {"view_stations", "validate_prod_views"}
