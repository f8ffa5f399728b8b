"""Tests of the ledger: its records, entries and states, also with damaged and foreign files."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runner_fixtures import environment_on, memory_root

from openaq_assets.graph.records import Facts, Materialization
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.files import FileStore
from openaq_assets.platforms.local.memory import MemoryStore
from openaq_assets.runs.ledger import Ledger

START = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)


def record(minute: int = 0, **more: Any) -> Materialization:
    """Return a successful record of the first day, some minutes after the start."""
    known: dict[str, Any] = {
        "asset": "answers", "kind": "processed", "partition": "2026-01-01", "state": "ok",
        "fingerprint": "f" * 12, "version": "a" * 12, "inputs": {"raw": "b" * 12}, "scope": ("id=1",),
        "facts": Facts(3, 4, 5, "a" * 12, 1, ("late",), ("new",)), "at": (START + dt.timedelta(minutes=minute)).isoformat(),
    }
    return Materialization(**(known | more))


@pytest.fixture(params=["memory", "files"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """Return an empty ledger in memory or in files."""
    store: ObjectStore = MemoryStore() if request.param == "memory" else FileStore()
    return Ledger(store, environment_on("local", memory_root() if request.param == "memory" else str(tmp_path / "a b")))


def test_a_record_reads_back(ledger: Ledger) -> None:
    """A record is read back with all its fields, and its entry has what planning needs."""
    ledger.append(record())
    entry = ledger.entries("answers")["2026-01-01"]
    assert ledger.read(entry) == record() == ledger.latest("answers", "2026-01-01")
    assert (entry.at, entry.state, entry.version) == (START, "ok", "a" * 12)
    assert entry.inputs == record().inputs_digest
    assert ledger.latest("answers", "2026-01-02") is None and ledger.entries("other") == {}


def test_the_newest_counts(ledger: Ledger) -> None:
    """The newest record of each partition is its state, in whatever order the records were written."""
    for minute in (5, 1, 9, 3):
        ledger.append(record(minute, version=f"v{minute}"))
    ledger.append(record(0, partition="", version="whole"))
    assert {name: entry.version for name, entry in ledger.entries("answers").items()} == {
        "": "whole", "2026-01-01": "v9",
    }


def test_a_failure_does_not_hide_the_success_before(ledger: Ledger) -> None:
    """After a failure the last success stays the state and is marked; a later success has no mark."""
    ledger.append(record(1, state="failed", version=""))
    assert ledger.entries("answers")["2026-01-01"].state == "failed"
    ledger.append(record(2, version="good"))
    ledger.append(record(3, state="failed", version=""))
    ledger.append(record(4, state="failed", version=""))
    entry = ledger.entries("answers")["2026-01-01"]
    assert (entry.state, entry.version, entry.failed_since) == ("ok", "good", True)
    ledger.append(record(5, state="partial", version="half"))
    entry = ledger.entries("answers")["2026-01-01"]
    assert (entry.state, entry.failed_since) == ("partial", False)


@pytest.mark.parametrize(
    "name",
    ["notes.txt", ".hidden", "2026-01-01/notes.json", "2026-01-01/a__b__c__d__e.json", "2026-01-01/__.json",
     "2026-01-01/20261301T000000000000Z__ok__f__i__v.json", "2026-01-01/20260110T000000000000Z__great__f__i__v.json",
     "2026-01-01/20260111T000000000000Z__ok__f__i__v.json.bak", "2026-01-01/20260111T000000000000Z__ok__f__i.json",
     "copy/20260111T000000000000Z__ok__f__i__v.json", "2026-01-01/deep/20260111T000000000000Z__ok__f__i__v.json",
     "20260111T000000000000Z__ok__f__i__v.json"],
)
def test_foreign_files_are_ignored(ledger: Ledger, name: str) -> None:
    """Files that are no records change nothing, in any folder of the ledger."""
    ledger.append(record())
    before = ledger.entries("answers")
    ledger.store.put(ledger.environment.uri("ledger", "answers", name), b"whatever")
    assert ledger.entries("answers") == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"facts": 3}', b"\xff"])
def test_a_damaged_record_has_the_values_of_its_name(ledger: Ledger, body: bytes) -> None:
    """A record that cannot be read has no inputs and no scope, so that the next plan makes it again."""
    ledger.append(record())
    entry = ledger.entries("answers")["2026-01-01"]
    ledger.store.put(entry.uri, body)
    damaged = ledger.read(entry)
    assert (damaged.asset, damaged.partition, damaged.state, damaged.version) == ("answers", "2026-01-01", "ok", "a" * 12)
    assert (damaged.inputs, damaged.scope) == ({}, ())


def test_a_record_of_a_later_version(ledger: Ledger) -> None:
    """Fields of a later version are ignored."""
    ledger.append(record())
    entry = ledger.entries("answers")["2026-01-01"]
    body = json.loads(ledger.store.get(entry.uri))
    body["mood"], body["facts"]["watts"] = "good", 7
    ledger.store.put(entry.uri, json.dumps(body).encode())
    assert ledger.read(entry) == record()


def test_many_writers(ledger: Ledger) -> None:
    """Records that many threads append at the same time are all stored."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: ledger.append(record(n, partition=f"2026-02-{n % 20 + 1:02d}")), range(200)))
    entries = ledger.entries("answers")
    assert len(entries) == 20
    assert {entry.at for entry in entries.values()} == {START + dt.timedelta(minutes=n) for n in range(180, 200)}
    assert len(list(ledger.store.list(ledger.environment.uri("ledger")))) == 200


states = st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["ok", "partial", "failed"])), unique_by=lambda pair: pair[0])


@settings(deadline=None)
@given(states)
def test_entries_depend_on_the_records_alone(records: list[tuple[int, str]]) -> None:
    """The entry is the newest success, else the newest failure; it is marked if a failure is newer."""
    ledger = Ledger(MemoryStore(), environment_on("memory", "memory://x"))
    for minute, state in records:
        ledger.append(record(minute, state=state))
    ordered = sorted(records)
    good = [(minute, state) for minute, state in ordered if state != "failed"]
    chosen = (good or ordered)[-1:] if ordered else []
    entries = list(ledger.entries("answers").values())
    assert [(entry.at, entry.state) for entry in entries] == [(START + dt.timedelta(minutes=m), s) for m, s in chosen]
    assert all(entry.failed_since == bool(good and ordered[-1][1] == "failed") for entry in entries)
