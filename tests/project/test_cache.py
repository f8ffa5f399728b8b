"""Tests of the cache: the problems of a project are the same with a cold, warm, damaged or no cache."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mistakes import DAILY, KIT, LATEST, STATIONS, VIEWS
from support.projects import copy_sample
from support.strategies import Sound, edited, sound_projects

from openaq_assets import cache
from openaq_assets.errors import Problem
from openaq_assets.project.project import load


@contextmanager
def cache_in(folder: str) -> Iterator[None]:
    """Keep the cache in a folder, or ``off``, while the block runs."""
    before = os.environ.get("OPENAQ_CACHE")
    os.environ["OPENAQ_CACHE"] = folder
    try:
        yield
    finally:
        os.environ.pop("OPENAQ_CACHE")
        os.environ.update({"OPENAQ_CACHE": before} if before is not None else {})


def problems(root: Path) -> tuple[Problem, ...]:
    """Return the problems of a project."""
    return load(root, strict=False).problems


def damaged(folder: Path, data: st.DataObject) -> None:
    """Change, drop or add bytes of every file in the cache."""
    for path in folder.iterdir():
        body = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(body)))
            body[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        path.write_bytes(body)


def agree(root: Path, data: st.DataObject) -> None:
    """Assert that a project has the same problems whatever the state of the cache."""
    with cache_in("off"):
        wanted = problems(root)
    with tempfile.TemporaryDirectory() as name, cache_in(name):
        assert problems(root) == wanted, "cold"
        assert problems(root) == wanted, "warm"
        damaged(Path(name), data)
        assert problems(root) == wanted, "damaged"
        assert problems(root) == wanted, "mended"


@pytest.mark.parametrize("name", KIT)
@settings(max_examples=1)
@given(data=st.data())
def test_mistakes_are_the_same(name: str, data: st.DataObject) -> None:
    """Every mistake of the kit gives the same problems with every state of the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_sample(Path(folder) / "project")
        for edit in KIT[name]:
            edit.apply(root)
        agree(root, data)


@given(data=st.data(), path=st.sampled_from((DAILY, LATEST, STATIONS, VIEWS)))
def test_careless_edits_are_the_same(data: st.DataObject, path: str) -> None:
    """Careless edits of SQL and of contracts give the same problems with every state of the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = copy_sample(Path(folder) / "project")
        file = root / path
        file.write_bytes(data.draw(edited(file.read_text(encoding="utf-8"))))
        agree(root, data)


@settings(max_examples=10)
@given(sound=sound_projects(), data=st.data())
def test_sound_projects_stay_sound(sound: Sound, data: st.DataObject) -> None:
    """A project without a mistake has no problem, whatever the state of the cache."""
    with tempfile.TemporaryDirectory() as folder:
        agree(sound.write(Path(folder)), data)


@pytest.mark.parametrize("setting", ["", "off"])
def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """Without a cache nothing is written to the user's cache folder."""
    monkeypatch.setenv("OPENAQ_CACHE", setting)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    load(copy_sample(tmp_path / "project"))
    assert not (tmp_path / "home").exists()


def test_it_lives_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the cache is one file per project in the user's cache folder."""
    monkeypatch.delenv("OPENAQ_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    load(copy_sample(tmp_path / "project"))
    assert [path.suffix for path in (tmp_path / "home" / "openaq-assets").iterdir()] == [".jsonl"]


@pytest.mark.parametrize("what", ["a file", "a folder inside a file", "a folder of its name"])
def test_a_cache_that_cannot_be_written_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A file instead of the folder, or a folder instead of the file, gives no problem."""
    folder = tmp_path / "kept"
    root = copy_sample(tmp_path / "project")
    if what == "a folder of its name":
        (folder / f"{cache.digest(str(root))}.jsonl").mkdir(parents=True)
    else:
        folder.write_text("x")
    monkeypatch.setenv("OPENAQ_CACHE", str(folder / "deeper" if what == "a folder inside a file" else folder))
    assert load(root).problems == ()


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    """An entry is read by the next process, and new entries are added to the file."""
    path = tmp_path / "kept.jsonl"
    for values in ({"a": [1]}, {"a": [1], "b": "µ"}):
        kept = cache.Cache(path)
        assert {key: kept.recall(key, lambda value=value: value) for key, value in values.items()} == values
        kept.save()
    assert cache.Cache(path).recall("a", lambda: pytest.fail("it is there")) == [1]
    assert len(path.read_bytes().splitlines()) == 3  # an empty line, and a line of each process


def test_unused_entries_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that are not used any more are dropped, so that the file does not grow without limit."""
    monkeypatch.setattr(cache, "SPARE", 2)
    path = tmp_path / "kept.jsonl"
    for number in range(40):
        kept = cache.Cache(path)
        kept.recall(f"key {number}", list)
        kept.save()
    assert path.stat().st_size < 5 * 100
    assert list(tmp_path.iterdir()) == [path]


def test_processes_side_by_side_lose_nothing(tmp_path: Path) -> None:
    """Processes that write at the same time each add their entries, and none is lost."""
    script = (
        "import sys; from pathlib import Path; from openaq_assets.cache import Cache\n"
        "for n in range(60):\n"
        "    kept = Cache(Path(sys.argv[1])); kept.recall(f'{sys.argv[2]} {n}', lambda: 'x' * 3000); kept.save()\n"
    )
    path = tmp_path / "kept.jsonl"
    running = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    kept = cache.Cache(path)
    for name in "ab":
        for number in range(60):
            kept.recall(f"{name} {number}", lambda: pytest.fail("it was lost"))


def test_digests_of_different_texts_differ() -> None:
    """The digest of several texts depends on the boundaries between them."""
    assert len({cache.digest(*texts) for texts in (("ab",), ("a", "b"), ("", "ab"), ("ab", ""), ("\ud800",))}) == 5
