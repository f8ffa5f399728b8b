"""New fields of raw objects are recorded and reported once, shown until they are known, or fail the day."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.projects import copy_project
from support.runner_fixtures import NOON, Lake, page, put_raw

from openaq_assets.cli.main import cli
from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Transform, fingerprint
from openaq_assets.graph.partitions import segment
from openaq_assets.graph.raw_keys import raw_key

DAY, NEXT = "2026-01-10", "2026-01-11"
COLUMNS = (
    RecipeColumn("at", "timestamp", ("at",), nullable=False),
    RecipeColumn("value", "double", ("value",)),
)
RECIPE = Recipe("results", COLUMNS, ("at",), on_new_field="warn", known=("/meta.page", "flags.*.id"))


def transform(*chosen: str, **changed: Any) -> Transform:
    """Return the operation for these days."""
    days = chosen or (DAY,)
    into, quarantined = Ref("answers", "processed", days), Ref("answers", "quarantine", days)
    return Transform(Ref("answers_raw", "raw", days), dataclasses.replace(RECIPE, **changed), into, quarantined)


def store(lake: Lake, day: str = DAY, sensor: str = "1", **more: Any) -> str:
    """Return a raw object of one row; its name."""
    row = {"at": f"{day}T00:00:00Z", "value": 1} | more
    return put_raw(lake.platform, lake.home, day, page([row]), sensor=sensor).rsplit("/", 1)[1]


def records(lake: Lake) -> dict[str, dict[str, Any]]:
    """Return what is recorded, by path."""
    entries = [json.loads(body) for body in lake.bodies("quarantine", "answers", "new_fields").values()]
    return {entry["path"]: entry for entry in entries}


def test_a_new_field_is_recorded_and_reported_once(lake: Lake) -> None:
    """The first object that has it, when that was retrieved and a sample are kept; nothing is written again."""
    first = store(lake, weather={"sky": "Nắng"}, flags=[{"id": 1}, {"id": 2, "note": [1]}])
    store(lake, sensor="2", weather=7)
    store(lake, NEXT, weather=8)
    facts = lake.good(transform(DAY, NEXT)).facts
    assert facts[DAY].rows == facts[NEXT].rows == 1
    assert facts[DAY].notices == (
        f'new field "weather" in {first}: {{"sky": "Nắng"}}', f'new field "flags.*.note" in {first}: [1]',
    )
    assert facts[NEXT].notices == ()
    seen = {"first_seen": NOON.isoformat(), "object": first}
    assert records(lake) == {
        "weather": {"path": "weather", "sample": '{"sky": "Nắng"}', **seen},
        "flags.*.note": {"path": "flags.*.note", "sample": "[1]", **seen},
    }
    before = lake.bodies("quarantine")
    store(lake, sensor="3", weather=6)
    again = lake.good(transform(NEXT, DAY)).facts
    assert [entry.notices for entry in again.values()] == [(), ()]
    assert lake.bodies("quarantine") == before


def test_fields_around_the_rows(lake: Lake) -> None:
    """A new field of the page, like a cursor, is recorded, too."""
    body = json.dumps({"meta": {"page": 1, "next": "abc"}, "results": [], "warnings": None}).encode()
    put_raw(lake.platform, lake.home, DAY, body)
    lake.good(transform())
    assert {path: entry["sample"] for path, entry in records(lake).items()} == {
        "/meta.next": '"abc"', "/warnings": "null",
    }


def test_a_value_where_fields_were_is_new(lake: Lake) -> None:
    """Text where an object was read would be no more than NULLs in a table: it is noticed."""
    store(lake, flags="none")
    facts = lake.good(transform()).facts[DAY]
    assert records(lake)["flags"]["sample"] == '"none"' and len(facts.notices) == 1


def test_samples_are_short_and_anything_can_be_a_name(lake: Lake) -> None:
    """The sample of a long value is cut; names with any characters are recorded apart and reported in one line."""
    odd = {"x" * 300: "y" * 5000, "a/b\n": 1, "a.b": 2, "a": {"b": 3}, "*": 4, "\ud800": "\udfff"}
    row = {"at": f"{DAY}T00:00:00Z"} | odd
    put_raw(lake.platform, lake.home, DAY, json.dumps({"results": [row]}).encode())
    facts = lake.good(transform()).facts[DAY]
    new_records = records(lake)
    assert set(new_records) == {"x" * 300, "a/b\n", "a\\u002eb", "a", "\\u002a", "\ud800"}
    assert new_records["x" * 300]["sample"] == '"' + "y" * 199
    assert len(facts.notices) == 6 and not any("\n" in notice for notice in facts.notices)


def test_fail_keeps_the_old_table(lake: Lake) -> None:
    """With ``fail`` the day fails in one line, every time, and its table stays; known, it is made."""
    strict = {"on_new_field": "fail"}
    store(lake)
    lake.good(transform(**strict))
    before = lake.bodies("processed")
    name = store(lake, sensor="2", one=1, two=2)
    for _ in range(2):
        ticket = lake.do(transform(**strict))
        assert ticket.state == "failed" and not ticket.retryable
        assert ticket.message == (
            f'answers 2026-01-10: new field "one" in {name}: 1 and 1 more (openaq-assets status). '
            "Add a column that reads it, or add its path to 'known'."
        )
        assert lake.bodies("processed") == before
    assert set(records(lake)) == {"one", "two"}
    lake.good(transform(**strict, known=(*RECIPE.known, "one", "two")))


def test_ignore_records_nothing(lake: Lake) -> None:
    """With ``ignore`` nothing is looked for."""
    store(lake, weather=1)
    assert lake.good(transform(on_new_field="ignore")).facts[DAY].notices == ()
    assert records(lake) == {}


def test_new_columns_of_csv_files(lake: Lake) -> None:
    """A column of a file's header that no column reads is new; it is reported for its own day."""
    header, line = "at,value,licence", f"{DAY}T00:00:00Z,1,CC BY 4.0"
    body = gzip.compress(f"{header}\nonly two,cells\n{line}\n".encode(), mtime=0)
    key = raw_key("answers_raw", {"location": "7"}, NOON, body, "csv.gz")
    lake.platform.objects.put_new(lake.home.uri("raw", *segment(DAY).split("/"), str(key)), body)
    operation = transform(NEXT, DAY, format="csv", rows="", partition_by="at", spread=1)
    facts = lake.good(operation).facts
    assert [facts[day].rows for day in (DAY, NEXT)] == [1, 0]
    assert [len(facts[day].notices) for day in (DAY, NEXT)] == [1, 0]
    assert records(lake)["licence"]["sample"] == '"CC BY 4.0"'


def test_to_know_a_field_changes_no_fingerprint() -> None:
    """Known fields, and the handling of new ones, change no row: nothing is made again for them."""
    other = transform(on_new_field="fail", known=("x",))
    assert fingerprint([transform()]) == fingerprint([other])
    assert fingerprint([transform()]) != fingerprint([transform(spread=1)])


def run(*arguments: str) -> str:
    """Return what a command prints."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_status_shows_what_is_not_known_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reports a new field once; ``status`` shows it until the YAML knows it, and it is not in the quarantine."""
    monkeypatch.chdir(copy_project(tmp_path))
    row = {
        "value": 1, "parameter": {"id": 2, "name": "pm25"}, "mood": "calm",
        "period": {"datetimeFrom": {"utc": f"{DAY}T00:00:00Z"}, "datetimeTo": {"utc": f"{DAY}T01:00:00Z"}},
    }
    parts = {"location": "7", "sensor": "9", "page": "0001"}
    body = json.dumps({"meta": {}, "results": [row]}).encode()
    folder = tmp_path / "lake/dev/raw" / segment(DAY)
    folder.mkdir(parents=True)
    (folder / str(raw_key("measurements_raw", parts, NOON, body))).write_bytes(body)
    command = ("run", "measurements", "--from", DAY, "--to", DAY)
    assert '\n  new field "mood" in measurements_raw__location=7' in run(*command)
    assert "new field" not in run(*command, "--force")
    shown = run("status")
    (line,) = (line for line in shown.splitlines() if " mood " in line)
    assert line.split()[:5] == ["measurements", "mood", "2026-01-10", "12:00:00", '"calm"']
    assert "Quarantined" not in shown and "mood" not in run("status", "--quarantine")
    conf = tmp_path / "conf/assets/processed.yaml"
    conf.write_text(conf.read_text().replace("parameter.displayName, ", "parameter.displayName, mood, "))
    assert "New fields" not in run("status")
    assert "up to date" in run(*command)


def test_the_api_tells_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the simulated API answers about stations and hours is read by a column or said to be known."""
    monkeypatch.chdir(copy_project(tmp_path))
    output = run("run", "locations_raw", "locations", "measurements_raw", "measurements", "--days", "1")
    assert "made       measurements " in output and "new field" not in output
    assert not list(tmp_path.glob("lake/**/new_fields"))
