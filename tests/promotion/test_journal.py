"""Promotions one at a time, undone exactly, repaired after a kill, and recorded with who, when and what."""

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.promotion_project import (
    ADDED,
    RENAMED,
    WITH_AMOUNT,
    WITH_HOURS,
    Flaky,
    edited,
    journal,
    prod,
    records,
)
from support.runner_fixtures import SMALL, run_it, settled, small, small_run

from openaq_assets.cli.main import cli
from openaq_assets.errors import LeaseLost, PromotionError, SelectionError
from openaq_assets.graph.operations import CreateView, Operation
from openaq_assets.platforms import Ticket
from openaq_assets.promotion.diff import compare_environments
from openaq_assets.promotion.journal import GRACE, LEASE, Record, this_process
from openaq_assets.promotion.promote import promote, rollback
from openaq_assets.runs.context import Run
from openaq_assets.runs.run import materialize

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AMOUNTS = {"sums": RENAMED, "all": WITH_AMOUNT, "tops": "SELECT place FROM sums WHERE amount >= 0\n"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run of a lake in which everything was made; the gate made prod's first views."""
    made = small_run(small(tmp_path), **settled(1))
    run_it(made)
    return made


class Killed(BaseException):
    """A kill, like SIGKILL: nothing is undone, because nothing runs any more."""


class Mortal(Flaky):
    """A platform whose process is killed when it makes a view of prod for the second time."""

    left = 1
    dead = False

    def submit(self, operation: Operation) -> Ticket:
        if isinstance(operation, CreateView) and "openaq_prod" in operation.into.table:
            self.left -= 1
            self.dead = self.dead or self.left < 0
        if self.dead:
            raise Killed
        return super().submit(operation)

    def view(self, at):
        if self.dead:
            raise Killed
        return super().view(at)

    def views(self, database):
        if self.dead:
            raise Killed
        return super().views(database)


def killed(run: Run, at: dt.datetime = START) -> Run:
    """Return a promotion of renamed columns that is killed between its two views."""
    later = edited(run, **AMOUNTS)
    later.platform, later.clock = Mortal(run.environment), lambda: at
    with pytest.raises(Killed):
        promote(later, "prod", ["sums"], "the first")
    later.platform = run.platform
    return later


def test_who_and_when_are_recorded(run: Run) -> None:
    """A record has who, when, the source, what was allowed, and every view before and after."""
    later = edited(run, **AMOUNTS)
    before = prod(run)
    promote(later, "prod", ["sums"], "ann")
    record = records(later)[-1]
    assert (record.who, record.source, record.allowed, record.replaced) == ("ann", "dev", ("sums",), ("sums", "tops"))
    assert {name: view.sql for name, view in record.before.items()} == {name: view.sql for name, view in before.items() if view}
    assert {name: view.sql for name, view in record.after.items()} == {name: view.sql for name, view in prod(later).items() if view}
    assert Record.from_bytes(record.to_bytes()) == record


def test_rollback_is_exact(run: Run) -> None:
    """Each rollback serves exactly what was served before, and the checks pass."""
    first = prod(run)
    more = edited(run, sums=ADDED, all=WITH_HOURS)
    promote(more, "prod")
    second = prod(run)
    promote(edited(run, sums=ADDED, all=WITH_HOURS, tops="SELECT place FROM sums WHERE hours >= 0\n"), "prod")
    done = rollback(more, "prod", who="bob")
    assert done.replaced == ("tops",) and prod(run) == second
    assert run_it(more, "validate")["validate"].state == "ok"
    assert rollback(more, "prod", allow=["sums"]).replaced == ("sums",) and prod(run) == first
    assert [(record.action, record.to, record.who == "bob") for record in records(run)[-2:]] == [("rollback", 2, True), ("rollback", 1, False)]


def test_rollback_to_any_state(run: Run) -> None:
    """A rollback to a number serves again what that promotion made; an unknown number is an error."""
    later = edited(run, sums=ADDED, all=WITH_HOURS)
    number = promote(later, "prod").number
    after = prod(run)
    rollback(later, "prod", allow=["sums"])
    rollback(later, "prod", to=number)
    assert prod(run) == after
    with pytest.raises(SelectionError, match=r"there is no promotion 77\. Choose one of: 4, 3, 2, 1\."):
        rollback(later, "prod", to=77)


def test_rollback_breaks_nothing_unannounced(run: Run) -> None:
    """A rollback that removes a published column needs to be allowed, too."""
    later = edited(run, sums=ADDED, all=WITH_HOURS)
    promote(later, "prod")
    before = prod(run)
    with pytest.raises(PromotionError, match=r"breaking changes: sums\.hours: is missing\..*nothing was rolled back\..*--allow sums"):
        rollback(later, "prod")
    assert prod(run) == before
    rollback(later, "prod", allow=["sums"])
    with pytest.raises(PromotionError, match=r"sums would be removed\.; tops would be removed\."):
        rollback(later, "prod", allow=[])


def test_rollback_of_what_cannot_be_served_any_more(run: Run) -> None:
    """If an old view does not work, prod stays as it is."""
    later = edited(run, sums=ADDED, all=WITH_HOURS)
    promote(later, "prod")
    before = prod(run)
    later.platform = Flaky(run.environment)
    later.platform.failing = "contract sums"
    with pytest.raises(PromotionError, match="did not work"):
        rollback(later, "prod", allow=["sums"])
    later.platform.failing = ""
    assert prod(run) == before


def test_two_at_once(run: Run) -> None:
    """Of two promotions at once one succeeds; the other fails with the name of the first and changes nothing."""

    class Rivals(Flaky):
        refusal = ""

        def submit(self, operation: Operation) -> Ticket:
            if isinstance(operation, CreateView) and "openaq_prod" in operation.into.table and not self.refusal:
                with pytest.raises(PromotionError) as refused:
                    promote(edited(run, tops="SELECT place FROM sums WHERE total >= 7\n"), "prod", who="second")
                self.refusal = str(refused.value)
                with pytest.raises(PromotionError, match="is being changed by first"):
                    rollback(run, "prod", who="third")
                small(run.project.root, sums=ADDED, all=WITH_HOURS)
            return super().submit(operation)

    later = edited(run, sums=ADDED, all=WITH_HOURS)
    later.platform = Rivals(run.environment)
    assert promote(later, "prod", who="first").replaced == ("sums",)
    assert "'prod' is being changed by first (promote 2, since" in later.platform.refusal
    assert [record.who for record in records(run)[1:]] == ["first"]


def test_both_at_the_same_moment(run: Run) -> None:
    """Of two processes that claim the same number, only one gets it."""
    later = edited(run, sums=ADDED, all=WITH_HOURS)
    journal_of_prod = journal(later)
    with journal_of_prod.claim("promote", "first") as claim:
        (uri,) = [uri for uri in run.platform.objects.list(journal_of_prod.environment.uri("promotions")) if "000002.claim" in uri]
        assert not run.platform.objects.put_new(uri, b"second")
        assert claim.record.number == 2
        claim.end("unchanged")


def test_a_killed_promotion_does_not_block_for_ever(run: Run) -> None:
    """While the lease lasts others are refused; afterwards the next promote undoes the change and goes on."""
    before = prod(run)
    later = killed(run)
    assert prod(run) != before
    later.clock = lambda: START + LEASE
    with pytest.raises(PromotionError, match=r"is being changed by the first.*if it was killed, try again after 2026-01-01 00:15 UTC"):
        promote(later, "prod", ["sums"])
    later.clock = lambda: START + LEASE + GRACE
    done = promote(later, "prod", ["sums"], "the second")
    assert done.repaired == (2,) and done.replaced == ("sums", "tops")
    record = records(run)[-1]
    assert {name: view.sql for name, view in record.before.items()} == {name: view.sql for name, view in before.items() if view}


def test_a_process_that_is_gone_from_this_host_is_not_waited_for(run: Run) -> None:
    """A claim whose process was killed on this host is over at once; one of another host when its lease ends."""
    before = prod(run)
    later = killed(run)
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    claim = journal(run).uri(2, "claim")
    body = json.loads(run.platform.objects.get(claim))
    for process, gone in ((f"elsewhere/{int(done.stdout)}", False), (this_process(), False),
                          (f"{this_process().partition('/')[0]}/{int(done.stdout)}", True)):
        run.platform.objects.put(claim, json.dumps(body | {"process": process}).encode())
        assert (replace(journal(later), clock=lambda: START).busy() is None) == gone
    assert rollback(later, "prod").repaired == (2,)
    assert prod(run) == before


def test_a_killed_promotion_is_put_back_by_rollback(run: Run) -> None:
    """A rollback after a kill undoes the interrupted promotion and nothing else."""
    before = prod(run)
    later = killed(run)
    later.clock = lambda: START + dt.timedelta(hours=1)
    assert rollback(later, "prod").repaired == (2,)
    assert prod(run) == before
    assert [row[2] for row in journal(run).rows()] == ["repaired", "undone", "done"]


def test_a_kill_needs_to_be_allowed_again(run: Run) -> None:
    """A promotion after an interrupted one must be allowed to break the same views again."""
    before = prod(run)
    later = killed(run)
    later.clock = lambda: START + dt.timedelta(hours=1)
    with pytest.raises(PromotionError, match=r"breaking changes: sums\.total: is missing\."):
        promote(later, "prod")
    assert prod(run) == before


def test_the_gate_reports_an_interruption(run: Run) -> None:
    """While a promotion runs the gate waits and reports it; after a kill it reports how to repair it."""
    later, waited = killed(run), []
    later.sleep = waited.append
    busy = materialize(later, "validate")
    assert waited
    assert busy.state == "failed" and busy.retryable and "'prod' is being changed by the first" in busy.message
    later.clock = lambda: START + dt.timedelta(hours=1)
    interrupted = materialize(later, "validate")
    assert "promotion prod: a promotion was interrupted: run 'openaq-assets promote' or 'rollback'" in interrupted.message
    rollback(later, "prod")
    assert run_it(run, "validate")["validate"].state == "ok"


class Outlasted(Flaky):
    """A platform on which an hour passes at the first change of ``sums``, and a second promoter puts back."""

    run: Run
    now = START

    def submit(self, operation: Operation) -> Ticket:
        is_first = isinstance(operation, CreateView) and operation.into.table == "openaq_prod.sums" and self.now == START
        return self.at_first(operation) if is_first else super().submit(operation)

    def at_first(self, operation: Operation) -> Ticket:
        """Let the hour pass, before the change or after it."""
        raise NotImplementedError

    def others_turn(self) -> None:
        self.now += dt.timedelta(hours=1)
        other = small_run(self.run.project, self.run.platform, **settled(1))
        other.clock = lambda: self.now
        assert promote(other, "prod", who="second").repaired == (2,)


def outlasted(run: Run, platform: Outlasted) -> None:
    """Assert that a promotion on the platform fails because it took too long, and prod is what it was."""
    before = prod(run)
    later, platform.run = edited(run, **AMOUNTS), run
    later.platform, later.clock = platform, lambda: platform.now
    with pytest.raises(LeaseLost, match="took too long"):
        promote(later, "prod", ["sums"], "first")
    assert prod(run) == before


def test_a_holder_that_sleeps_too_long_stops(run: Run) -> None:
    """A holder whose lease is over changes nothing any more: another has undone its change and gone on."""

    class Sleepy(Outlasted):
        def at_first(self, operation: Operation) -> Ticket:
            ticket = super(Outlasted, self).submit(operation)
            self.others_turn()
            return ticket

    outlasted(run, Sleepy(run.environment))


def test_a_change_that_came_too_late_is_put_right(run: Run) -> None:
    """A machine that was suspended before a change, and made it too late, corrects it."""

    class Suspended(Outlasted):
        def at_first(self, operation: Operation) -> Ticket:
            self.others_turn()
            return super(Outlasted, self).submit(operation)

    outlasted(run, Suspended(run.environment))
    states = [row[2] for row in journal(run).rows()]
    assert states == ["repaired", "repaired", "undone", "done"]  # newest first: it, the second, it, the gate


def test_a_long_promotion_keeps_its_lease(run: Run) -> None:
    """A change near the end of the lease renews it first."""
    now = [START]

    class Slow(Flaky):
        def submit(self, operation: Operation) -> Ticket:
            if isinstance(operation, CreateView) and "openaq_prod" in operation.into.table:
                now[0] += LEASE - dt.timedelta(minutes=1)
            return super().submit(operation)

    later = edited(run, **AMOUNTS)
    later.platform, later.clock = Slow(run.environment), lambda: now[0]
    assert promote(later, "prod", ["sums"]).replaced == ("sums", "tops")
    assert dt.datetime.fromisoformat(records(run)[-1].until) > START + LEASE


def test_what_cannot_be_put_back_is_tried_again(run: Run) -> None:
    """A failure of undoing is reported, blocks nobody, and the next command repairs it."""
    before = prod(run)

    class Stuck(Flaky):
        stuck = False

        def submit(self, operation: Operation) -> Ticket:
            if isinstance(operation, CreateView) and operation.into.table == "openaq_prod.tops":
                self.stuck = True
            if self.stuck and isinstance(operation, CreateView):
                return Ticket("x", "failed", message="out of order.")
            return super().submit(operation)

    later = edited(run, **AMOUNTS)
    later.platform = Stuck(run.environment)
    with pytest.raises(PromotionError, match=r"out of order\. NOT undone: out of order\. Run the command again"):
        promote(later, "prod", ["sums"])
    assert prod(run) != before
    assert rollback(run, "prod").repaired == (2,)
    assert prod(run) == before


def test_a_view_that_left_the_project(run: Run) -> None:
    """A view that is not in the project stays in prod until it is allowed to go; a rollback makes it again."""
    text = SMALL["conf/assets/all.yaml"]
    a, b = text.index("  tops:\n"), text.index("  validate:\n")
    text = (text[:a] + text[b:]).replace("tables: [sums, tops]", "tables: [sums]")
    later, before = edited(run, all=text), prod(run)
    assert promote(later, "prod").leftover == ("tops",) and prod(run) == before
    done = promote(later, "prod", ["tops"])
    assert done.removed == ("tops",) and prod(run)["tops"] is None
    assert rollback(later, "prod").created == ("tops",) and prod(run) == before


def test_a_view_lost_in_prod_is_still_protected(run: Run) -> None:
    """Published columns stay protected although somebody dropped the view by hand."""
    view = prod(run)["sums"]
    assert view is not None
    run.platform.drop_view(view.into)
    with pytest.raises(PromotionError, match=r"breaking changes: sums\.total: is missing\."):
        promote(edited(run, **AMOUNTS), "prod")
    assert promote(edited(run), "prod").created == ("sums",)


def test_a_view_lost_in_prod_comes_back_whole(run: Run) -> None:
    """A rollback that makes a dropped view again without a published column must be allowed."""
    promote(edited(run, sums=ADDED, all=WITH_HOURS), "prod")
    view = prod(run)["sums"]
    assert view is not None
    run.platform.drop_view(view.into)
    with pytest.raises(PromotionError, match=r"breaking changes: sums\.hours: is missing\. Readers may fail; nothing was rolled back"):
        rollback(run, "prod")
    assert prod(run)["sums"] is None
    assert rollback(run, "prod", allow=["sums"]).created == ("sums",)


def test_nothing_to_roll_back(tmp_path: Path) -> None:
    """A rollback before the first promotion is an error that says so."""
    run = small_run(small(tmp_path), **settled(1))
    with pytest.raises(SelectionError, match="nothing was promoted, so there is nothing to roll back"):
        rollback(run, "prod")


# --- diff -----------------------------------------------------------------------------------------


def keyed(columns: str = "") -> str:
    """Return the assets, with a check ``unique``, whose columns identify a row of ``sums``."""
    text = SMALL["conf/assets/all.yaml"].replace("- {check: contract}", "- {check: contract}\n      - {check: unique, table: sums, columns: [place]}")
    return text.replace("{name: total, type: double}]", "{name: total, type: double}" + columns + "]")


def test_diff_of_equal_environments(tmp_path: Path) -> None:
    """The diff of equal environments has no differences, and counts rows."""
    run = small_run(small(tmp_path, all=keyed()), **settled(1))
    run_it(run)
    sums, tops = compare_environments(run.project, "dev", "prod")
    assert (sums.verdict, sums.key, sums.rows_before, sums.changed) == ("same", ("place",), 2, 0)
    assert (tops.verdict, tops.key, tops.rows_after) == ("same", (), 2)


def test_diff_of_schema_and_rows(tmp_path: Path) -> None:
    """A diff reports new columns, keys that only one has, and the largest difference with its key."""
    run = small_run(small(tmp_path, all=keyed()), **settled(1))
    run.platform.answers = {(str(settled(1)["last"]), f"id={n}"): float(n) for n in (1, 2)}
    run_it(run)
    sql = "SELECT place + 1 AS place, sum(value) * 10 AS total, count(*) AS hours FROM answers GROUP BY place\n"
    later = small_run(small(tmp_path, all=keyed(", {name: hours, type: bigint}"), sums=sql), run.platform, **settled(1))
    materialize(later, "sums")
    sums = compare_environments(later.project, "prod", "dev", ["sums"])[0]
    assert (sums.verdict, sums.schema) == ("additive", ("hours: is new.",))
    assert (sums.rows_before, sums.rows_after, sums.only_before, sums.only_after, sums.changed) == (2, 2, 1, 1, 1)
    (total,) = sums.columns  # place 2: 2.0 in prod; what was place 1, ten times, in dev
    assert (total.column, total.differing, total.largest, total.key) == ("total", 1, 8.0, "2")
    back = compare_environments(later.project, "dev", "prod", ["sums"])[0]
    assert (back.verdict, back.schema) == ("breaking", ("hours: is missing.",))


def test_diff_of_a_view_in_a_single_environment(tmp_path: Path) -> None:
    """A view that one environment lacks is reported as only in the other; unknown names are errors."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run, "places_raw", "answers_raw", "answers", "tables", "sums")
    assert [(difference.view, difference.verdict) for difference in compare_environments(run.project, "dev", "prod")] == [("sums", "only dev")]
    with pytest.raises(SelectionError, match=r"there is no view 'summs' in either environment\. Did you mean 'sums'"):
        compare_environments(run.project, "dev", "prod", ["summs"])


def test_the_commands(tmp_path: Path) -> None:
    """The commands ``diff``, ``promote`` and ``rollback`` work as people use them."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run)
    edited(run, sums=ADDED, all=WITH_HOURS)

    def output(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["--project", str(run.project.root), *arguments])
        assert result.exit_code == code, result.output
        return result.output

    assert "replaced   sums\n" in output("promote")
    assert json.loads(output("diff", "dev", "prod", "--format", "json"))[0]["verdict"] == "same"
    assert output("diff").splitlines()[1].split() == ["sums", "same", "2", "2"]
    assert output("rollback", "--list").splitlines()[1].split()[:3] == ["2", "promote", "done"]
    assert "not rolled back: breaking changes: sums.hours: is missing." in output("rollback", code=1)
    assert "replaced   sums\n" in output("rollback", "--allow", "sums")
