"""Tests of checks declared on assets: their queries, results, stored rows and messages."""

import dataclasses
import datetime as dt
import io
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner
from support.projects import write_files
from support.runner_fixtures import NOON, SMALL, Scripted, page, put_raw, run_it, settled, small, small_run

from openaq_assets.cli.main import cli
from openaq_assets.errors import ConfigError
from openaq_assets.graph.check_queries import days_filter
from openaq_assets.graph.operations import Query, Ref, Register
from openaq_assets.graph.partitions import days
from openaq_assets.graph.records import Materialization
from openaq_assets.platforms import Rows
from openaq_assets.runs.context import Run

FIRST, LAST = (str(day) for day in settled(2).values())


def checked(*lines: str, view: str = "") -> str:
    """Return the YAML of the small project with checks of ``answers``, and of the view ``sums`` if given."""
    text = SMALL["conf/assets/all.yaml"]
    text = text.replace("    sort: [place]\n", "    sort: [place]\n    checks:\n" + "".join(f"      - {{{check}}}\n" for check in lines))
    if view:
        text = text.replace("  sums:\n    kind: view\n", f"  sums:\n    kind: view\n    checks: [{{{view}}}]\n")
    return text


class Watched(Scripted):
    """The scripted platform, which also keeps the queries that were read."""

    def read(self, query: Query) -> Rows:
        """Keep the query and return its rows."""
        self.queries = [*getattr(self, "queries", []), query]
        return super().read(query)


def run_of(root: Path, *lines: str, view: str = "", **request: object) -> Run:
    """Return a run of the small project with these checks, for settled days."""
    project = small(root, all=checked(*lines, view=view))
    home = project.environment("dev", "local")
    return small_run(project, Watched(home), **(request or settled(2)))


def record(run: Run, key: str, partition: str = "") -> Materialization:
    """Return the newest record of a partition."""
    entries = run.ledger.history(key)
    return next(newest for entry in entries if (newest := run.ledger.read(entry)).partition == partition)


def test_a_partition_that_fails_a_check_blocks_its_readers(tmp_path: Path) -> None:
    """The day with a bad row fails, the other day does not, and readers of the table are not run."""
    run = run_of(tmp_path, "check: in_range, column: value, min: 0")
    run.platform.answers[FIRST, "id=2"] = -5.0
    results = run_it(run)
    assert results["answers"].state == "failed" and not results["answers"].retryable
    assert "check in_range answers.value: 1 row, first place=2, value=-5.0" in results["answers"].message
    assert results["tables"].state == results["sums"].state == "blocked"
    bad, good = record(run, "answers", FIRST), record(run, "answers", LAST)
    assert (bad.state, bad.version, bad.checks[0].failures) == ("failed", "", 1)
    assert (good.state, good.checks[0].state) == ("ok", "passed")
    run.platform.answers[FIRST, "id=2"] = 5.0
    again = small_run(run.project, run.platform, force=True, **settled(2))
    assert run_it(again)["answers"].state == "ok"


def test_a_warning_is_recorded_and_reported(tmp_path: Path) -> None:
    """With severity warn everything is made, and the result has the warning."""
    run = run_of(tmp_path, "check: in_range, column: value, min: 0, severity: warn")
    run.platform.answers[FIRST, "id=2"] = -5.0
    results = run_it(run)
    assert {result.state for result in results.values()} == {"ok"}
    assert results["answers"].warning.startswith("in_range answers.value: 1 row, first place=2")
    (result,) = record(run, "answers", FIRST).checks
    assert (result.state, result.severity, result.blocks) == ("failed", "warn", False)


def test_failing_rows_are_kept(tmp_path: Path) -> None:
    """Up to 100 failing rows are stored with every column, next to the ledger."""
    run = run_of(tmp_path, "check: in_range, column: value, min: 0")
    body = page([{"place": n, "value": -float(n)} for n in range(150)])
    put_raw(run.platform, run.environment, FIRST, body)
    run_it(run, "answers")
    (result,) = record(run, "answers", FIRST).checks
    assert result.failures == 149  # zero is in range
    kept = run.platform.objects.get(run.environment.uri(result.kept)).decode().splitlines()
    assert kept[0] == "place,value,year,month,day" and len(kept) == 101
    assert result.kept.startswith(f"checks/answers/{FIRST}/in_range_answers_value__") and result.kept in str(result)


def test_checks_of_one_table_share_a_scan(tmp_path: Path) -> None:
    """Five checks of two days are one query, which filters by the partition keys alone."""
    run = run_of(
        tmp_path, "check: not_null, column: value", "check: unique, columns: [place]", "check: row_count, min: 1",
        "check: in_range, column: value, max: 9", "check: accepted_values, column: place, values: ['1', '2']",
    )
    run_it(run, "answers_raw", "answers")
    (query,) = [query for query in run.platform.queries if query.name.startswith("checks of")]
    assert days_filter((FIRST, LAST)) in query.sql and query.sql.count("FROM answers") == 1
    for day in (FIRST, LAST):
        results = record(run, "answers", day).checks
        assert [(result.check.split()[0], result.state, result.measured) for result in results] == [
            ("not_null", "passed", 0), ("unique", "passed", 0), ("row_count", "passed", 2),
            ("in_range", "passed", 0), ("accepted_values", "passed", 0),
        ]


def test_a_table_is_registered_before_its_checks(tmp_path: Path) -> None:
    """The days that were just written are registered before their checks, although the catalog comes later."""
    run = run_of(tmp_path, "check: row_count")
    run_it(run, "answers_raw", "answers")
    (made,) = [operation for operation in run.platform.submitted if isinstance(operation, Register)]
    assert made.tables[0].at.partitions == (FIRST, LAST)


@pytest.mark.parametrize("days_of", [["2026-01-31", "2026-02-01"], ["2025-12-31", "2026-01-01"], ["2026-01-09"]])
def test_days_as_a_filter(days_of: list[str]) -> None:
    """The filter selects exactly the given days."""
    every = [str(day) for day in days(dt.date(2025, 11, 1), dt.date(2026, 3, 31))]
    values = ", ".join("('{}', '{}', '{}')".format(*day.split("-")) for day in every)
    sql = f"SELECT year || '-' || month || '-' || day FROM (VALUES {values}) t(year, month, day) WHERE {days_filter(days_of)}"
    assert [row[0] for row in duckdb.connect().execute(sql).fetchall()] == days_of


def test_an_empty_day(tmp_path: Path) -> None:
    """A day without rows fails row_count and no other check."""
    run = run_of(tmp_path, "check: row_count", "check: not_null, column: value", "check: reconciles")
    put_raw(run.platform, run.environment, FIRST, page([]))
    run_it(run, "answers")
    results = {result.check: result for result in record(run, "answers", FIRST).checks}
    assert str(results["row_count answers"]) == "row_count answers: it is empty"
    assert {result.state for name, result in results.items() if name != "row_count answers"} == {"passed"}


def test_old_days_need_not_be_fresh(tmp_path: Path) -> None:
    """Only the newest day can be stale; older days of a backfill are not checked."""
    columns = "      - {name: at, type: timestamp, path: at}\n"
    text = checked("check: fresh, column: at, within: 1 hour").replace("    columns:\n", f"    columns:\n{columns}", 1)
    project = small(tmp_path, all=text)
    run = small_run(project, **settled(2))
    for day in (FIRST, LAST):
        put_raw(run.platform, run.environment, day, page([{"place": 1, "at": f"{day}T01:00:00Z"}]))
    run_it(run, "answers")
    assert record(run, "answers", FIRST).state == "ok" and not record(run, "answers", FIRST).checks
    stale = record(run, "answers", LAST)
    assert stale.state == "failed"
    assert f"fresh answers.at: it is stale: the newest at is {LAST} 01:00:00, more than 1 hour ago" in stale.message


def test_a_view_is_checked_when_it_is_made(tmp_path: Path) -> None:
    """The checks of a view run when it is made, and in the validation of prod."""
    run = run_of(tmp_path, "check: row_count", view="check: in_range, column: total, max: 2")
    run.platform.answers[FIRST, "id=2"] = 7.0
    results = run_it(run)
    assert results["sums"].state == "failed" and "in_range sums.total: 1 row, first place=2" in results["sums"].message
    validation = run_it(run, "validate")["validate"]
    assert validation.state == "failed" and "in_range sums.total" in validation.message


# --- reconciles -----------------------------------------------------------------------------------


def test_reconciles_with_late_and_bad_rows(tmp_path: Path) -> None:
    """Revised answers, quarantined rows and unreadable objects are all counted."""
    run = run_of(tmp_path, "check: reconciles")
    for hour, rows in enumerate(([{"place": 1, "value": 1}, {"place": 2, "value": "bad"}], [{"place": 1, "value": 2}])):
        put_raw(run.platform, run.environment, FIRST, page(rows), retrieved=NOON + dt.timedelta(hours=hour))
    put_raw(run.platform, run.environment, FIRST, b"not JSON", page="0002")
    assert run_it(run, "answers")["answers"].state == "ok"
    assert record(run, "answers", FIRST).facts.quarantined == 2
    assert record(run, "answers", FIRST).checks[0].measured == 1


@pytest.mark.parametrize(("lost", "message"), [("row", "1 rows, but the raw objects give 2"), ("double", "4 rows, but the raw objects give 2")])
def test_reconciles_finds_lost_and_doubled_rows(tmp_path: Path, lost: str, message: str) -> None:
    """A table with a missing or a doubled row fails the check."""

    class Careless(Watched):
        def _transform(self, operation):
            ticket = super()._transform(operation)
            for uri in list(self.store.list(operation.into.uri)):
                whole = pl.read_parquet(io.BytesIO(self.store.get(uri)))
                buffer = io.BytesIO()
                (whole.head(1) if lost == "row" else pl.concat([whole, whole])).write_parquet(buffer)
                self.store.put(uri, buffer.getvalue())
            return ticket

    run = run_of(tmp_path, "check: reconciles")
    run.platform = Careless(run.environment)
    result = run_it(run, "answers_raw", "answers")["answers"]
    assert result.state == "failed" and f"reconciles answers: the table has {message}" in result.message


# --- validation of prod ---------------------------------------------------------------------------


def test_validation_reports_all_failures_in_one_message(tmp_path: Path) -> None:
    """All empty views are in one message, each once."""
    project = small(tmp_path, all=SMALL["conf/assets/all.yaml"].replace("- {check: contract}", "- {check: contract}\n      - {check: row_count}"))
    run = small_run(project, **settled(1))
    run_it(run)
    for uri in list(run.platform.store.list(run.environment.uri("processed", "answers"))):
        run.platform.store.delete(uri)
    result = run_it(run, "validate")["validate"]
    assert result.state == "failed"
    assert result.message == "check row_count sums: it is empty; row_count tops: it is empty"
    assert [result.measured for result in result.records[0].checks if result.check.startswith("row_count")] == [0, 0]


def test_validation_compares_with_the_published_contract(tmp_path: Path) -> None:
    """An edit that is not promoted yet breaks no contract; a view that was changed in the catalog does."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run)
    text = SMALL["conf/assets/all.yaml"].replace("{name: total, type: double}]", "{name: total, type: double}, {name: hours, type: bigint}]")
    later = small_run(
        small(tmp_path, all=text, sums="SELECT place, sum(value) AS total, count(*) AS hours FROM answers GROUP BY place\n"),
        run.platform, **settled(1),
    )
    assert run_it(later, "sums", "validate")["validate"].state == "ok"
    view = run.platform.view(run.environment.sibling("prod").locate(Ref("sums", "view")))
    assert view is not None
    other = dataclasses.replace(view, sql="SELECT place, 'x' AS total FROM answers", columns=(view.columns[0],))
    run.platform.catalog.put(dataclasses.replace(run.platform.catalog.get(view.into.table), sql=other.sql, columns=(("place", "bigint"),)))
    result = run_it(later, "validate")["validate"]
    assert result.state == "failed"
    assert "contract sums: the columns are different from the contract: total: is missing." in result.message


def test_views_removed_from_the_project_are_reported(tmp_path: Path) -> None:
    """A served view that is not in the project is a warning that says how to drop it."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run)
    text = SMALL["conf/assets/all.yaml"]
    a, b = text.index("  tops:\n"), text.index("  validate:\n")
    text = (text[:a] + text[b:]).replace("tables: [sums, tops]", "tables: [sums]")
    later = small_run(small(tmp_path, all=text), run.platform, **settled(1))
    result = run_it(later, "validate")["validate"]
    assert result.state == "ok"
    assert result.warning == (
        "leftover prod.tops: the view is not in the project: run 'openaq-assets promote --allow tops' to drop it"
    )


def test_checks_are_shown(tmp_path: Path) -> None:
    """``show`` and ``status`` print failed checks and the path of their rows; ``run`` prints warnings."""
    root = write_files(
        tmp_path,
        {
            "conf/assets/cities.yaml": (
                "assets:\n  cities:\n    kind: reference\n    file: conf/reference/cities.csv\n"
                "    columns: [{name: city, type: varchar}, {name: people, type: bigint}]\n"
                "    checks:\n      - {check: in_range, column: people, min: 1, severity: warn}\n"
                "      - {check: unique, columns: [city]}\n"
            ),
            "conf/reference/cities.csv": "city,people\nHue,0\nHoi An,5\n",
        },
    )
    invoke = CliRunner().invoke
    made = invoke(cli, ["--project", str(root), "run", "cities"])
    assert made.exit_code == 0, made.output
    assert "  warned: in_range cities.people: 1 row, first city=Hue, people=0 (rows kept: checks/cities/all/" in made.output
    for command in ("show cities", "status"):
        output = invoke(cli, ["--project", str(root), *command.split()]).output
        assert "warned  in_range cities.people: 1 row" in output, output
    assert "checks        1 passed" in invoke(cli, ["--project", str(root), "show", "cities"]).output
    (kept,) = (root / "lake/dev/checks/cities/all").iterdir()
    assert kept.read_bytes() == b"city,people\r\nHue,0\r\n"


def test_a_check_of_a_plugin(tmp_path: Path) -> None:
    """The failing rows of a check without ``measure`` are counted for each day separately."""
    folder = tmp_path / "plugins/asset_kinds"
    folder.mkdir(parents=True)
    (folder / "even.py").write_text(
        "from openaq_assets import hookimpl\nfrom openaq_assets.graph.checks import CheckType\n@hookimpl\ndef asset_checks():\n"
        "    sql = lambda check, table, columns: f'SELECT {check.column} FROM {table} WHERE {check.column} % 2 = 1'\n"
        "    return [CheckType('even', 'Only even.', sql, ('column',))]\n"
    )
    run = run_of(tmp_path, "check: even, column: place")
    run_it(run, "answers_raw", "answers")
    for day in (FIRST, LAST):
        (result,) = record(run, "answers", day).checks
        assert (result.state, result.failures, result.message) == ("failed", 1, "1 row, first place=1")


MISTAKES = {
    "check: nonsense": r"checks\[0\]\.check: there is no check 'nonsense'",
    "check: not_null, column: valeu": r"checks\[0\]\.column: table 'answers' has no column 'valeu'\. Did you mean 'value'",
    "check: unique": r"checks\[0\]: check 'unique' needs the field 'columns'",
    "check: fresh, column: value, within: 1 day": r"checks\[0\]\.column: column 'value' is double, but check 'fresh' needs timestamp or date",
    "check: accepted_values, column: value, values: ['1']": r"checks\[0\]\.column: column 'value' is double, but check 'accepted_values' needs varchar",
    "check: row_count, table: sums": r"checks\[0\]\.table: a check below an asset is always about that asset",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_in_checks_are_located(tmp_path: Path, line: str) -> None:
    """A mistake in a declared check is reported with its position and remedy."""
    with pytest.raises(ConfigError, match=r"conf/assets/all.yaml:\d+:\d+: assets\.answers\." + MISTAKES[line]):
        small(tmp_path, all=checked(line))


def test_reconciles_needs_raw_objects(tmp_path: Path) -> None:
    """``reconciles`` is refused for an asset that is not made from raw objects."""
    with pytest.raises(ConfigError, match="needs raw objects, but 'sums' is not made from them"):
        small(tmp_path / "view", all=checked("check: row_count", view="check: reconciles"))
    text = SMALL["conf/assets/all.yaml"].replace("- {check: contract}", "- {check: reconciles}")
    with pytest.raises(ConfigError, match="check 'reconciles' works only inside a processed asset"):
        small(tmp_path / "gate", all=text)


def test_checks_are_no_part_of_a_fingerprint(tmp_path: Path) -> None:
    """A new check does not change the fingerprint of its asset."""
    from openaq_assets.graph.operations import fingerprint

    def prints(text: str) -> str:
        graph = small(tmp_path, all=text).graph
        return fingerprint(tuple(graph["answers"].kind.operations(graph["answers"], graph, (), ())))

    assert prints(checked("check: row_count")) == prints(SMALL["conf/assets/all.yaml"])


def test_records_without_checks_can_be_read(tmp_path: Path) -> None:
    """A record of an older version, which has no checks, can be read."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run, "places_raw")
    entry = run.ledger.history("places_raw")[0]
    body = json.loads(run.platform.store.get(entry.uri))
    del body["checks"]
    run.platform.store.put(entry.uri, json.dumps(body).encode())
    assert run.ledger.read(entry).checks == () and run.ledger.read(entry).kind == "raw"
