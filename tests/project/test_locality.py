"""Property tests of locality: an edit changes only the assets that it names."""

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
    """Return the fingerprint of every asset."""
    return {
        asset.key: fingerprint(list(asset.kind.operations(asset, project.graph, (), ()))) for asset in project.graph
    }


def scopes(project: Project) -> Mapping[str, tuple[str, ...]]:
    """Return the scope of every asset."""
    return {asset.key: asset.kind.scope(asset, project.graph) for asset in project.graph}


def written(sound: Sound) -> Project:
    """Return the project, loaded from a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        return load(sound.write(Path(folder)))


def names(value: Any) -> bool:
    """Return whether a raw asset names its locations instead of taking all."""
    return bool(value.get("locations"))


@given(sound=sound_projects())
def test_locality_of_an_added_location(sound: Sound) -> None:
    """A new location changes no fingerprint, and the scope of no asset but raw ones that take all."""
    before = written(sound)
    sound.locations["another"] = {"id": 999}
    after = written(sound)
    assert fingerprints(after) == fingerprints(before)
    grown = {key for key in scopes(after) if scopes(after)[key] != scopes(before)[key]}
    assert grown == {key for key, fields in sound.assets.items() if fields["kind"] == "raw" and not names(fields)}
    assert all(scopes(after)[key] == tuple(sorted({*scopes(before)[key], "id=999"})) for key in grown)


@given(sound=sound_projects(), data=st.data())
def test_locality_of_an_edited_location(sound: Sound, data: st.DataObject) -> None:
    """Another station under the same name changes only the scopes that name it or take all."""
    before = written(sound)
    name = data.draw(st.sampled_from(sorted(sound.locations)))
    sound.locations[name] = {"id": 999}
    after = written(sound)
    assert fingerprints(after) == fingerprints(before)
    for key, fields in sound.assets.items():
        affected = fields["kind"] == "raw" and (not names(fields) or name in fields["locations"])
        assert (scopes(after)[key] != scopes(before)[key]) == affected


@given(sound=sound_projects())
def test_locality_of_an_added_asset(sound: Sound) -> None:
    """A new asset leaves every other fingerprint, edge and position as it was."""
    before = written(sound)
    sound.assets["zz_new"] = {"kind": "processed", "source": "raw0", "columns": [{"name": "a", "type": "date", "path": "d"}]}
    after = written(sound)
    assert {key: value for key, value in fingerprints(after).items() if key != "zz_new"} == fingerprints(before)
    assert after.graph.edges - before.graph.edges == {("raw0", "zz_new")}
    assert [key for key in after.graph.assets if key != "zz_new"] == list(before.graph.assets)


@given(sound=sound_projects(), data=st.data())
def test_locality_of_an_edited_asset(sound: Sound, data: st.DataObject) -> None:
    """A new column of a processed table changes the table and the catalog that registers it, nothing else."""
    before = written(sound)
    key = data.draw(st.sampled_from(sorted(name for name in sound.assets if name.startswith("rows"))))
    sound.assets[key]["columns"].append({"name": "added", "type": "double", "path": "z"})
    after = written(sound)
    changed = {name for name in sound.assets if fingerprints(after)[name] != fingerprints(before)[name]}
    assert changed == {key, "lake"}


@given(sound=sound_projects(), words=st.text("abc xyz", max_size=20))
def test_locality_of_words(sound: Sound, words: str) -> None:
    """Descriptions, owners and tags change no fingerprint."""
    before = written(sound)
    for fields in sound.assets.values():
        fields.update(description=words, owner="someone", tags=["t"])
    assert fingerprints(written(sound)) == fingerprints(before)


@pytest.mark.parametrize("key", ["view_stations", "measurements", "cities", "locations_raw"])
def test_locality_of_a_deleted_asset(tmp_path: Path, key: str) -> None:
    """An invalid asset of the real project leaves out the assets made from it, and no others."""
    whole = load(copy_project(tmp_path / "project"))
    for path in (tmp_path / "project/conf/assets").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"  {key}:\n", f"  {key}:\n    wrong: 1\n"), encoding="utf-8")
    broken = load(tmp_path / "project", strict=False)
    lost = {key, *whole.graph.descendants([key])}
    assert set(broken.graph.assets) == set(whole.graph.assets) - lost
    assert all(fingerprints(broken)[name] == fingerprints(whole)[name] for name in fingerprints(broken))


def test_locality_of_an_edited_view(project_copy: Path) -> None:
    """An edit of a view's SQL changes its own operations and those of the validation that reads it."""
    before = load(project_copy)
    path = project_copy / "views/view_stations.sql"
    path.write_text(path.read_text(encoding="utf-8") + "-- one more remark\n", encoding="utf-8")
    after = load(project_copy)
    changed = {key for key in before.graph.assets if fingerprints(before)[key] != fingerprints(after)[key]}
    mentions = {
        asset.key
        for asset in after.graph
        if any(
            "one more remark" in to_json(operation)
            for operation in asset.kind.operations(asset, after.graph, (), ())
        )
    }
    assert changed == mentions == {"view_stations", "validate_prod_views"}
