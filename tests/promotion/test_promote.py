"""Promotion from dev to prod: what is allowed, what is refused, and what is undone."""

from pathlib import Path

import pytest
from support.promotion_project import (
    ADDED,
    RENAMED,
    SUMS,
    WITH_AMOUNT,
    WITH_HOURS,
    Flaky,
    edited,
    prod,
    records,
)
from support.runner_fixtures import SMALL, environment_on, run_it, settled, small, small_run

from openaq_assets.errors import PromotionError, SelectionError
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.promotion.promote import promote
from openaq_assets.runs.context import Run
from openaq_assets.runs.run import materialize


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run of a lake in which everything was made, and promoted once."""
    made = small_run(small(tmp_path), **settled(1))
    run_it(made)
    promote(made, "prod")
    return made


def test_the_first_promotion_creates(tmp_path: Path) -> None:
    """Views that prod lacks are created, over dev's tables, and a record says so."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run, "places_raw", "answers_raw", "answers", "tables")
    done = promote(run, "prod")
    assert (done.created, done.replaced, done.unchanged) == (("sums", "tops"), (), ())
    views = prod(run)
    assert views["sums"] is not None and views["sums"].inputs[0].table == "openaq_dev.answers"
    assert views["tops"] is not None and views["tops"].inputs[0].table == "openaq_prod.sums"
    (record,) = records(run)
    assert record.created == ("sums", "tops") and record.source == "dev" and record.number == done.number == 1
    assert "@" in record.who and record.at <= record.ended and not record.before
    assert [record.after[name].sql for name in ("sums", "tops")] == [SMALL["views/sums.sql"], SMALL["views/tops.sql"]]


def test_promoting_again_changes_nothing(run: Run) -> None:
    """Without an edit nothing is replaced and nothing is recorded."""
    before = dict(run.platform.store.bodies)
    done = promote(run, "prod")
    assert done.unchanged == ("sums", "tops")
    assert run.platform.store.bodies == before


def test_an_added_column_passes(run: Run) -> None:
    """A new column at the end is no danger to readers."""
    later = edited(run, sums=ADDED, all=WITH_HOURS)
    done = promote(later, "prod")
    assert (done.replaced, done.unchanged) == (("sums",), ("tops",))
    assert records(later)[-1].before["sums"].sql == SUMS


def test_a_breaking_change_is_refused(run: Run) -> None:
    """A renamed column is refused with the difference and the words that allow it; prod stays."""
    before = prod(run)
    later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
    with pytest.raises(PromotionError, match=r"breaking changes: sums\.total: is missing\..*--allow sums"):
        promote(later, "prod")
    assert prod(later) == before


def test_a_breaking_change_can_be_allowed(run: Run) -> None:
    """A view that is allowed by name is promoted, with the views that read it."""
    later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
    assert promote(later, "prod", ["sums"]).replaced == ("sums", "tops")
    home = environment_on("memory", later.environment.root, "prod")
    query = Query("q", "SELECT place FROM tops", (Ref("tops", "view"),))
    from openaq_assets.graph.environment import bind

    assert later.platform.submit(bind(query, home)).state == "succeeded"


def test_allowing_another_view_does_not_help(run: Run) -> None:
    """Only the view that is named may break, and a name that is no view is an error."""
    later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
    with pytest.raises(PromotionError):
        promote(later, "prod", ["tops"])
    with pytest.raises(SelectionError, match=r"no view 'summs' to allow\. Did you mean 'sums'"):
        promote(later, "prod", ["summs"])


def test_a_failing_check_in_dev(run: Run) -> None:
    """A view that fails a check in dev never reaches prod, even if it was not run there yet."""
    before = prod(run)
    later = edited(run, sums="SELECT place, CAST(NULL AS double) AS total FROM answers GROUP BY place\n")
    with pytest.raises(PromotionError, match=r"in dev, check not_null sums\.total: .*nothing was promoted"):
        promote(later, "prod")
    assert prod(later) == before


def test_a_view_that_dev_refuses(run: Run) -> None:
    """A view that cannot be made in dev fails with the platform's message; prod stays as it was."""
    before = prod(run)
    later = edited(run, sums="SELECT place, sum(value) + 1 AS total FROM answers GROUP BY place\n")
    later.platform = Flaky(run.environment)
    later.platform.failing, later.platform.where = "openaq_dev.sums", "openaq_dev"
    with pytest.raises(PromotionError, match=r"did not work\. Nothing was promoted\."):
        promote(later, "prod")
    assert prod(later) == before


@pytest.mark.parametrize("failing", ["checks of sums", "openaq_prod.tops"])
def test_a_failure_in_prod_is_put_back(run: Run, failing: str) -> None:
    """If a view or a check fails in prod, every view is as it was, though both had changed."""
    before = prod(run)
    later = edited(run, sums=ADDED, all=WITH_HOURS, tops="SELECT place FROM sums WHERE hours >= 0\n")
    later.platform = Flaky(run.environment)
    later.platform.failing = failing
    if failing == "openaq_prod.tops":
        later.platform.failing = ""
        materialize(later, "sums")
        later.platform.failing = failing
    with pytest.raises(PromotionError, match="did not work"):
        promote(later, "prod")
    later.platform.failing = ""
    assert prod(later) == before
    assert len(records(later)) == len(records(run))


def test_an_allowed_break_is_put_back_too(run: Run) -> None:
    """Old views are made again each after what it reads, although the newer ones would not fit them."""
    before = prod(run)
    later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
    later.platform = Flaky(run.environment)
    later.platform.failing = "checks of sums"
    with pytest.raises(PromotionError, match="did not work") as error:
        promote(later, "prod", ["sums"])
    assert "NOT undone" not in str(error.value)
    later.platform.failing = ""
    assert prod(later) == before


def test_views_that_were_not_there_are_taken_away(tmp_path: Path) -> None:
    """A first promotion that fails leaves prod without views."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run, "places_raw", "answers_raw", "answers", "tables")
    run.platform = Flaky(run.environment)
    run.platform.failing = "checks of sums"
    with pytest.raises(PromotionError):
        promote(run, "prod")
    assert prod(run) == {"sums": None, "tops": None}


def test_an_interruption_is_put_back(run: Run) -> None:
    """Ctrl-C in the middle leaves prod as it was."""
    before = prod(run)
    later = edited(run, sums=ADDED, all=WITH_HOURS, tops="SELECT place FROM sums WHERE hours >= 0\n")
    later.platform = Flaky(run.environment)
    later.platform.failing, later.platform.fatal = "contract sums", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        promote(later, "prod")
    later.platform.failing = ""
    assert prod(later) == before


def test_the_gate_makes_missing_views_once(tmp_path: Path) -> None:
    """The gate's bootstrap makes what prod lacks; what it had comes back as it was, not as it is edited."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run)
    first = prod(run)
    assert None not in first.values()
    later = edited(run, tops="SELECT place FROM sums WHERE total >= 5\n")
    run_it(later)
    assert prod(later) == first
    run.platform.drop_view(environment_on("memory", run.environment.root, "prod").locate(Ref("tops", "view")))
    run_it(edited(run, tops="SELECT place FROM sums WHERE total >= 5\n"))
    assert prod(run) == first
    assert [record.action for record in records(run)] == ["bootstrap", "bootstrap"]
