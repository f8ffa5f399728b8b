"""Property tests of determinism: order of files and keys, hash seed and environment change nothing."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import copy_project
from support.strategies import Sound, sound_projects

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import fingerprint
from openaq_assets.project.project import Project, load

SCRIPT = """
import json, sys
from openaq_assets import load
from openaq_assets.graph.operations import fingerprint
graph = load(sys.argv[1]).graph
print(json.dumps([[a.key, graph.upstream[a.key], fingerprint(list(a.kind.operations(a, graph, (), ())))] for a in graph]))
"""


def shape(project: Project) -> list[tuple[str, tuple[str, ...], str]]:
    """Return the keys in order, with their inputs and fingerprints."""
    graph = project.graph
    return [
        (asset.key, graph.upstream[asset.key], fingerprint(list(asset.kind.operations(asset, graph, (), ()))))
        for asset in graph
    ]


@given(sound=sound_projects(), data=st.data())
def test_determinism_of_layout(sound: Sound, data: st.DataObject) -> None:
    """Assets in any order, in any number of files, give the same graph."""
    order = data.draw(st.permutations(list(sound.assets)))
    split = data.draw(st.integers(1, 4))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        assert shape(load(sound.write(Path(first)))) == shape(load(sound.write(Path(second), order, split)))


@given(sound=sound_projects(), data=st.data())
def test_determinism_of_fields(sound: Sound, data: st.DataObject) -> None:
    """The fields of an asset, and the locations, may be in any order."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before = shape(load(sound.write(Path(first))))
        for key, fields in sound.assets.items():
            sound.assets[key] = {name: fields[name] for name in data.draw(st.permutations(list(fields)))}
        sound.locations = dict(data.draw(st.permutations(list(sound.locations.items()))))
        assert before == shape(load(sound.write(Path(second))))


@given(sound=sound_projects())
def test_order_puts_inputs_first(sound: Sound) -> None:
    """Every asset comes after everything it is made from."""
    with tempfile.TemporaryDirectory() as folder:
        graph = load(sound.write(Path(folder))).graph
    position = {key: n for n, key in enumerate(graph.assets)}
    assert all(position[up] < position[key] for up, key in graph.edges)


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_determinism_of_hash_seed(tmp_path: Path, seed: str) -> None:
    """Another PYTHONHASHSEED, profile and root change no key, edge or fingerprint."""
    root = copy_project(tmp_path / "project")
    wanted = json.loads(json.dumps(shape(load(root))))
    environ = {**os.environ, "PYTHONHASHSEED": seed, "OPENAQ_PROFILE": "memory", "OPENAQ_ROOT": "elsewhere"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root)], env=environ, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == wanted


def test_environment_binds_and_does_not_fingerprint(project_copy: Path) -> None:
    """An operation keeps its fingerprint when it is bound to another environment or profile."""
    project = load(project_copy)
    environments = [
        project.environment(name, profile) for name in ("dev", "prod") for profile in ("local", "memory")
    ]
    for asset in project.graph:
        operations = tuple(asset.kind.operations(asset, project.graph, (), ()))
        wanted = fingerprint(operations)
        for environment in environments:
            assert fingerprint(tuple(bind(operation, environment) for operation in operations)) == wanted
