"""Tests of SQL unit tests: those of this project, and the output for good, failing and invalid ones."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from support.projects import REPOSITORY

from openaq_assets.cli.json_schema import schemas
from openaq_assets.cli.main import cli
from openaq_assets.errors import ConfigError
from openaq_assets.project.project import load
from openaq_assets.runs.view_test_runner import run_tests, same, shown
from openaq_assets.runs.view_tests import read_tests

PROJECT = {
    "conf/assets/tables.yaml": """
assets:
  answers:
    kind: processed
    source: stations
    unique: [place]
    sort: [place]
    columns:
      - {name: place, type: bigint, path: place}
      - {name: value, type: double, path: value}
      - {name: at, type: timestamp, path: at}
      - {name: on_day, type: date, path: day}
      - {name: good, type: boolean, path: good}
      - {name: note, type: varchar, path: note}
  tables: {kind: catalog, tables: [answers]}
  sums:
    kind: view
    sql: views/sums.sql
    columns: [{name: place, type: bigint}, {name: total, type: double}, {name: last_at, type: timestamp}]
  late:
    kind: view
    sql: views/late.sql
    columns: [{name: place, type: bigint}, {name: minutes, type: bigint}, {name: today, type: date}]
""",
    "views/sums.sql": "SELECT place, sum(value) AS total, max(at) AS last_at FROM answers GROUP BY place\n",
    "views/late.sql": (
        "SELECT place, date_diff('minute', last_at, CAST(now() AS timestamp)) AS minutes, current_date AS today\n"
        "FROM sums WHERE total > 0\n"
    ),
}
Make = Callable[[str], Path]


@pytest.fixture
def make(tiny_project: Callable[[Mapping[str, str]], Path]) -> Make:
    """Return a function that makes a tiny project with these tests."""
    return lambda tests: tiny_project(PROJECT | {"views/tests/all.yaml": tests})


def run_command(root: Path, *arguments: str) -> Result:
    """Run ``openaq-assets test`` and return its result."""
    return CliRunner().invoke(cli, ["--project", str(root), "test", *arguments])


def test_the_tests_of_this_project_pass() -> None:
    """Every unit test of this repository's views passes."""
    project = load(REPOSITORY)
    outcomes = list(run_tests(project, read_tests(project)))
    assert {outcome.test.name: outcome.failures for outcome in outcomes if outcome.failures} == {}
    served = {"view_latest_aqi", "view_daily_average", "view_air_quality_overview"}
    assert served <= {outcome.test.view for outcome in outcomes}


GOOD = """
tests:
  sums_of_a_place:
    view: sums
    given:
      answers:
        - {place: 1, value: 1.5, at: 2026-01-01 10:00}
        - {place: 1, value: 2, at: "2026-01-01T11:00:30"}
        - {place: 2, value: .nan}
    expect:
      - {place: 2, total: .nan}
      - {place: 1, total: 3.5, last_at: 2026-01-01 11:00:30}
  by_way_of_another_view:
    view: late
    now: 2026-01-02 00:30
    given:
      answers: [{place: 1, value: 1, at: 2026-01-01 23:00}, {place: 2, value: -1, at: 2026-01-01 23:00}]
    expect: [{place: 1, minutes: 90, today: 2026-01-02}]
  a_view_may_be_given:
    view: late
    given: {sums: [{place: 7, total: 1}]}
    expect: [{place: 7, minutes: ~}]
  nothing_comes_of_nothing:
    view: late
    expect: []
"""


def test_good_tests(make: Make) -> None:
    """Tests name only some columns, set the clock, give views as tables, and do not share rows."""
    result = run_command(make(GOOD))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines[:-1]] == [
        "ok      sums: sums_of_a_place", "ok      late: by_way_of_another_view", "ok      late: a_view_may_be_given",
        "ok      late: nothing_comes_of_nothing",
    ]
    assert lines[-1] == "4 tests: 4 ok, 0 failed."


def test_a_selection_of_views(make: Make) -> None:
    """Only the tests of selected views are run; a selection without tests is a usage error."""
    root = make(GOOD)
    assert run_command(root, "sums").stdout.endswith("1 tests: 1 ok, 0 failed.\n")
    assert run_command(root, "+late").stdout.endswith("4 tests: 4 ok, 0 failed.\n")
    result = run_command(root, "answers")
    assert (result.exit_code, result.stderr) == (
        2, "error: there is no test of the selected views in views/tests. Write one, or select other views.\n"
    )


FAILING = """
tests:
  wrong:
    view: sums
    given: {answers: [{place: 1, value: 1}, {place: 2, value: 2}, {place: 3, value: ~}]}
    expect:
      - {place: 1, total: 1}
      - {place: 2, total: 3}
      - {place: 4, total: 4}
"""


def test_a_failing_test_says_what_differs(make: Make) -> None:
    """A failing test prints its position, the differing values of the nearest row, missing and extra rows."""
    result = run_command(make(FAILING))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "FAILED  views/tests/all.yaml:3:3: sums: wrong",
        "        row 2 (place: 2): total: expected 3.0, got 2.0",
        "        missing: {place: 4, total: 4.0}",
        "        not expected: {place: 3, total: null}",
        "1 tests: 0 ok, 1 failed.",
    ]


def test_order_counts_if_the_test_says_so(make: Make) -> None:
    """With 'ordered' the rows must be in the expected order."""
    text = "tests:\n  one:\n    view: sums\n    ordered: true\n    given: {{sums_: []}}\n    expect: [{}]\n"
    assert run_command(make(text.format("{place: 1}"))).exit_code == 1
    root = make(
        "tests:\n  one:\n    view: late\n    ordered: true\n"
        "    given: {sums: [{place: 1, total: 1}, {place: 2, total: 1}]}\n    expect: [{place: 2}, {place: 1}]\n"
    )
    assert "row 1: place: expected 2, got 1" in run_command(root).stdout


def test_an_error_of_the_engine_is_a_failure(make: Make) -> None:
    """A view that cannot be computed fails its test with the engine's message, and the next test runs."""
    root = make("tests:\n  one:\n    view: late\n    given: {answers: [{place: 1, value: 1}]}\n    expect: []\n" + GOOD[8:])
    (root / "views/late.sql").write_text(
        "SELECT place, CAST(1 / (place - place) AS bigint) AS minutes, current_date AS today FROM sums\n"
    )
    lines = run_command(root).stdout.splitlines()
    assert lines[0] == "FAILED  views/tests/all.yaml:2:3: late: one"
    assert "Division by zero" in lines[1]
    assert any(line.startswith("ok      sums: sums_of_a_place") for line in lines)


def test_another_type_than_the_contract_is_a_failure(make: Make) -> None:
    """A test fails if the types of the result differ from the contract of the view."""
    root = make(GOOD)
    sql = root / "views/sums.sql"
    sql.write_text(sql.read_text().replace("sum(value)", "count(*)"))
    assert "total: is bigint, expected double." in run_command(root, "sums").stdout


def test_captured_rows_can_be_expected(make: Make) -> None:
    """The output of --capture is YAML that can be used as the expected rows."""
    root = make(GOOD)
    printed = run_command(root, "sums", "--capture").stdout
    rows = "\n".join("    " + line for line in printed.splitlines() if not line.startswith("#"))
    tests = GOOD[: GOOD.index("    expect:")] + "    expect:\n" + rows + "\n"
    (root / "views/tests/all.yaml").write_text(tests)
    assert run_command(root).stdout.endswith("1 tests: 1 ok, 0 failed.\n")


MISTAKES = {
    "unknown view": ("view: sums", "view: sms", "tests.one.view: there is no view 'sms'. Did you mean 'sums'?"),
    "no view": ("view: sums", "ordered: true", "tests.one: 'view' is missing. Add 'view: <a name in lower case>'."),
    "a table it does not read": ("answers: [", "anwers: [", "tests.one.given.anwers: view 'sums' does not read table 'anwers'. Did you mean 'answers'?"),
    "unknown column": ("{place: 1, value: 1}", "{plce: 1}", "tests.one.given.answers[0].plce: table 'answers' has no column 'plce'. Did you mean 'place'?"),
    "unknown expected column": ("{place: 1, total: 1}", "{totl: 1}", "tests.one.expect[0].totl: table 'sums' has no column 'totl'. Did you mean 'total'?"),
    "not a number": ("value: 1}", "value: high}", "tests.one.given.answers[0].value: expected double, got 'high'. Write a number, or .nan."),
    "not whole": ("place: 1, value", "place: 1.5, value", "tests.one.given.answers[0].place: expected bigint, got '1.5'. Write digits."),
    "not a time": ("value: 1}", "at: yesterday}", "tests.one.given.answers[0].at: expected timestamp, got 'yesterday'. Write day, hour and minute, in UTC."),
    "no such day": ("value: 1}", "on_day: 2026-02-30}", "tests.one.given.answers[0].on_day: expected date, got '2026-02-30'. There is no such day or hour."),
    "not a boolean": ("value: 1}", "good: maybe}", "tests.one.given.answers[0].good: expected boolean, got 'maybe'. Write true or false."),
    "no time of now": ("view: sums", "view: sums\n    now: noon", "tests.one.now: expected a time like '2026-01-10 12:00', got 'noon'. Write day, hour and minute, in UTC."),
    "unknown field": ("view: sums", "view: sums\n    expects: []", "tests.one.expects: unknown field 'expects'. Did you mean 'expect'?"),
    "rows that are none": ("[{place: 1, value: 1}]", "1", "tests.one.given.answers: expected a list, got '1'. Write it as [a, b]."),
    "a cell that is a list": ("value: 1}", "value: [1]}", "tests.one.given.answers[0].value: expected text, got a list. Write a single value."),
    "another section": ("tests:", "test:", "expected only the section 'tests:'. Begin the file with 'tests:'."),
}
SOUND = """tests:
  one:
    view: sums
    given: {answers: [{place: 1, value: 1}]}
    expect: [{place: 1, total: 1}]
"""


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_located(make: Make, name: str) -> None:
    """``test`` and ``check`` print a mistake in a test on one line with its position and a remedy."""
    old, new, expected = MISTAKES[name]
    assert old in SOUND
    root = make(SOUND.replace(old, new, 1))
    result = run_command(root)
    assert (result.exit_code, result.stdout) == (1, "")
    line = result.stderr.splitlines()[0]
    position, _, message = line.partition(" ")
    assert message.startswith(expected)
    assert position.startswith("views/tests/all.yaml:")
    checked = CliRunner().invoke(cli, ["--project", str(root), "check"])
    assert (checked.exit_code, checked.stderr) == (1, result.stderr)


def test_two_tests_of_one_name(make: Make) -> None:
    """The name of a test is unique in all files."""
    root = make(SOUND)
    (root / "views/tests/more.yaml").write_text(SOUND)
    with pytest.raises(ConfigError) as caught:
        read_tests(load(root))
    assert str(caught.value) == (
        "views/tests/more.yaml:2:3: tests.one: there is already a test of this name at views/tests/all.yaml:2. Rename one of them."
    )


def test_the_schema_knows_tests() -> None:
    """The JSON Schema accepts this project's tests and rejects a misspelt field."""
    project = load(REPOSITORY)
    schema = json.loads(schemas(project.plugins)["tests.schema.json"])
    for path in (REPOSITORY / "views" / "tests").glob("*.yaml"):
        jsonschema.validate(json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tests": {"one": {"view": "v", "expects": []}}}, schema)


def test_comparison_of_values() -> None:
    """Doubles are equal to nine digits, NaN equals NaN, and NULL equals only NULL."""
    assert same(0.1 + 0.2, 0.3) and same(float("nan"), float("nan")) and same(None, None)
    assert not same(None, 0.0) and not same(0.0, 1e-6) and not same("1", 1)
    assert shown({"a": None, "b": 'x"y', "c": True, "d": float("nan")}) == '{a: null, b: "x\\"y", c: true, d: .nan}'
