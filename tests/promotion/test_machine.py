"""*nothing unannounced*: no reader of prod loses a column or view unless its view was allowed to break by name.

The law holds in any order of edits, promotes, rollbacks and failures.
"""

import datetime as dt
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.runner_fixtures import Lake

from openaq_assets.errors import AssetsError, PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Operation, Query, Ref
from openaq_assets.platforms import Platform, Rows, Ticket
from openaq_assets.platforms.local.memory import STORES, open_memory
from openaq_assets.platforms.local.platform import open_local
from openaq_assets.project.project import Project, load
from openaq_assets.promotion.journal import Journal
from openaq_assets.promotion.promote import promote, rollback
from openaq_assets.promotion.views import broken, in_order, present, same
from openaq_assets.runs.context import Run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import materialize

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SOME = settings(
    max_examples=200 if LONG else 8,
    stateful_step_count=30 if LONG else 14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SUMS = {  # columns and SQL: as it is, one more, one renamed, one of another type, another order
    "plain": ("place bigint, total double", "SELECT place, sum(value) AS total FROM answers GROUP BY place"),
    "more": (
        "place bigint, total double, hours bigint",
        "SELECT place, sum(value) AS total, count(*) AS hours FROM answers GROUP BY place",
    ),
    "renamed": ("place bigint, amount double", "SELECT place, sum(value) AS amount FROM answers GROUP BY place"),
    "retyped": (
        "place bigint, total bigint",
        "SELECT place, CAST(sum(value) AS bigint) AS total FROM answers GROUP BY place",
    ),
    "moved": ("total double, place bigint", "SELECT sum(value) AS total, place FROM answers GROUP BY place"),
}
TOPS = {
    "plain": ("place bigint", "SELECT place FROM sums"),
    "more": ("place bigint, times bigint", "SELECT place, count(*) AS times FROM sums GROUP BY place"),
    "other": ("times bigint", "SELECT count(*) AS times FROM sums"),
    "gone": ("", ""),
}
NAMES = ("sums", "tops")
Snapshot = dict[str, CreateView]


def yaml_of(columns: str) -> str:
    """Return ``place bigint`` as YAML."""
    pairs = [column.split() for column in columns.split(", ")]
    return "[" + ", ".join(f"{{name: {name}, type: {kind}}}" for name, kind in pairs) + "]"


def project_of(folder: Path, platform: str, root: str, sums: str, tops: str) -> Project:
    """Return the project with one version of each view."""
    assets = (
        "assets:\n"
        "  stations: {kind: raw, endpoint: locations, partitions: snapshot}\n"
        "  answers:\n    kind: processed\n    source: stations\n    partitions: snapshot\n    columns:\n"
        "      - {name: place, type: bigint, path: place}\n      - {name: value, type: double, path: value}\n"
        "  tables: {kind: catalog, tables: [answers]}\n"
        f"  sums: {{kind: view, sql: views/sums.sql, columns: {yaml_of(SUMS[sums][0])}}}\n"
    )
    if tops != "gone":
        assets += f"  tops: {{kind: view, sql: views/tops.sql, columns: {yaml_of(TOPS[tops][0])}}}\n"
    tables = "sums" if tops == "gone" else "sums, tops"
    assets += (
        f"  gate:\n    kind: check\n    environment: prod\n    bootstrap: true\n    tables: [{tables}]\n"
        "    checks: [{check: contract}, {check: row_count}]\n"
    )
    files = {
        "conf/openaq.yaml": "version: 1\nproject: test\n",
        "conf/environments.yaml": (
            f"version: 1\nprofiles:\n  local: {{platform: {platform}, root: '{root}'}}\n"
            "environments:\n  dev: {database: openaq_dev}\n  prod: {database: openaq_prod, tables_from: dev}\n"
        ),
        "conf/locations.yaml": "locations: {}\n",
        "conf/assets/all.yaml": assets,
        "views/sums.sql": SUMS[sums][1] + "\n",
        "views/tops.sql": TOPS[tops][1] + "\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return load(folder)


class Killed(BaseException):
    """The process is gone: nothing it would do afterwards is done."""


class Process:
    """A process that changes the lake, and the events that will happen to it."""

    def __init__(self, platform: Platform, faults: "Faults", happen: Callable[[str], None]) -> None:
        self.platform, self.faults, self.happen = platform, faults, happen
        self.done, self.dead = {"step": 0, "change": 0}, False
        self.late = False  # a view was changed after the lease was over: a check and a change are two steps
        self.struck = 0  # how many events happened to it

    def step(
        self, effect: Callable[[], Any], failed: Callable[[], Any] | None = None, of_prod: bool = False
    ) -> Any:
        """Carry out a step on the lake, unless an event happens at it."""
        if self.dead:
            raise Killed
        counted = ("step", "change") if of_prod else ("step",)
        for unit in counted:
            self.done[unit] += 1
        for unit, at, what in self.faults:
            if unit not in counted or at != self.done[unit]:
                continue
            self.struck += 1
            if what == "fail":
                if failed:
                    return failed()
                raise PlatformError("it did not work")
            if what == "interrupt":
                raise KeyboardInterrupt
            if what.startswith("kill"):
                if what == "kill after":
                    effect()
                self.dead = True
                raise Killed
            self.late = self.late or (of_prod and "hour" in what)
            self.happen(what)
        return effect()


class Store:
    """The lake's objects, through a process."""

    def __init__(self, process: Process) -> None:
        self.process, self.store = process, process.platform.objects

    def put_new(self, uri: str, body: bytes, metadata: Any = None) -> bool:
        of_prod = "/promotions/" in uri
        return bool(self.process.step(lambda: self.store.put_new(uri, body, metadata), None, of_prod))

    def put(self, uri: str, body: bytes) -> None:
        self.process.step(lambda: self.store.put(uri, body), None, "/promotions/" in uri)

    def get(self, uri: str) -> bytes:
        return bytes(self.process.step(lambda: self.store.get(uri)))

    def list(self, prefix: str) -> Iterator[str]:
        return iter(self.process.step(lambda: list(self.store.list(prefix))))

    def delete(self, uri: str) -> None:
        self.process.step(lambda: self.store.delete(uri))


class ProcessPlatform:
    """A platform, through a process."""

    def __init__(self, process: Process) -> None:
        self.process, self.inner, self.name = process, process.platform, process.platform.name
        self.objects = Store(process)

    def submit(self, operation: Operation) -> Ticket:
        refused = Ticket("x", "failed", message="it did not work.")
        of_prod = isinstance(operation, CreateView) and operation.into.table.startswith("openaq_prod.")
        ticket: Ticket = self.process.step(lambda: self.inner.submit(operation), lambda: refused, of_prod)
        return ticket

    def poll(self, ticket: Ticket) -> Ticket:
        return ticket

    def cancel(self, ticket: Ticket) -> None: ...

    def read(self, query: Query) -> Rows:
        rows: Rows = self.process.step(lambda: self.inner.read(query))
        return rows

    def view(self, at: Ref) -> CreateView | None:
        view: CreateView | None = self.process.step(lambda: self.inner.view(at))
        return view

    def drop_view(self, at: Ref) -> None:
        self.process.step(lambda: self.inner.drop_view(at), None, True)

    def views(self, database: str) -> tuple[str, ...]:
        return tuple(self.process.step(lambda: self.inner.views(database)))


allowed = st.sets(st.sampled_from(NAMES))
happenings = ["fail", "kill", "kill after", "interrupt", "an hour", "another", "an hour and another"]
# Anywhere, and more often where prod or its journal is being changed.
whenever = st.tuples(st.just("step"), st.integers(1, 50), st.sampled_from(happenings))
changing = st.tuples(st.just("change"), st.integers(1, 8), st.sampled_from(happenings))
faults = st.lists(changing | whenever, max_size=2)
Faults = list[tuple[str, int, str]]


class Promotions(RuleBasedStateMachine):
    """Edits, promotes, rollbacks, bootstraps, kills and rivals, against a plain account of what was published."""

    platform_name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        home = Path(self.folder.name)
        local = self.platform_name == "local"
        self.root = str(home / "lake") if local else f"memory://{uuid.uuid4().hex}"
        self.projects: dict[tuple[str, str], Project] = {}
        self.version = ("plain", "plain")
        self.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self.settled: Snapshot = {}  # prod as the last command that took effect left it
        self.published: Snapshot = {}  # and what its readers rely on: also what was lost by hand
        self.goal: int | None = None
        self.stack: list[tuple[int, Snapshot, Snapshot]] = []  # number, before, after
        self.after: dict[int, Snapshot] = {}
        self.number = 0
        self.may_break: set[str] = set()  # what the commands that were interrupted may have broken
        self.going: list[Process] = []  # processes amid a command, the outer first

    def teardown(self) -> None:
        STORES.pop(self.root, None)
        self.folder.cleanup()

    @initialize()
    def a_lake(self) -> None:
        """Make a table, and no view."""
        rows = [{"place": 1, "value": 2.0}, {"place": 2, "value": 3.0}]
        Lake(self.lake, self.dev).table("answers", rows, {"place": "bigint", "value": "double"})

    # --- what there is ---

    def project(self) -> Project:
        if self.version not in self.projects:
            folder = Path(self.folder.name) / "-".join(self.version)
            self.projects[self.version] = project_of(folder, self.platform_name, self.root, *self.version)
        return self.projects[self.version]

    @property
    def dev(self) -> Environment:
        return self.project().environment("dev", "local")

    @property
    def lake(self) -> Platform:
        """Return the lake as it is, with nothing happening to it."""
        return open_local(self.dev) if self.platform_name == "local" else open_memory(self.dev)

    @property
    def prod(self) -> Snapshot:
        return present(self.lake, self.dev.sibling("prod"))

    def run_with(self, happens: Faults, happen: Callable[[str], None]) -> Run:
        project = self.project()
        self.going.append(Process(self.lake, happens, happen))
        platform: Any = ProcessPlatform(self.going[-1])
        request = make_request(project.graph, today=dt.date(2026, 1, 1))
        return Run(project, self.dev, platform, request, sleep=lambda seconds: None, clock=self.clock)

    def clock(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=1)
        return self.now

    # --- what is done ---

    def command(self, allow: set[str], happens: Faults, act: Callable[[Run], object]) -> bool:
        """Run a command and return whether it succeeded; assert that prod is as it may be in any case."""

        def happen(what: str) -> None:
            if "hour" in what:
                self.now += dt.timedelta(hours=1)
            if "another" in what:
                self.command(set(), [], lambda run: promote(run, "prod", (), "rival"))
                self.may_break |= allow  # the rival has ended; this command goes on

        self.may_break |= allow
        ended_well = False
        try:
            act(self.run_with(happens, happen))
            ended_well = True
        except (AssetsError, KeyboardInterrupt, Killed):
            pass
        process = self.going.pop()
        self.account(allow, strict=not any(outer.late for outer in self.going) and not (process.late and process.struck > 1))
        if process.late and process.struck > 1 and not self.going and not self.unfinished():
            self.put_right_by_hand()
        return ended_well

    def put_right_by_hand(self) -> None:
        """Correct a view that was changed too late, after two events in one process: nobody else would."""
        lake = self.lake
        for view in in_order(self.settled.values()):
            lake.submit(view)
        for name, view in self.prod.items():
            if name not in self.settled:
                lake.drop_view(view.into)

    def account(self, allow: set[str], strict: bool) -> None:
        """Compare prod with what was published, and learn what is published now."""
        journal = Journal(self.lake.objects, self.dev.sibling("prod"), lambda: self.now)
        fresh = [record for record in journal.done() if record.number > self.number]
        for record in reversed(fresh):
            lost = set(self.missed(dict(record.after)))
            assert lost <= allow, f"{record.action} broke {lost}, allowed {allow}"
            self.learn(record.number, record.action, record.to, dict(record.before), dict(record.after))
        if any(record.state == "started" for record in journal.unfinished()) or not strict:
            assert set(self.missed(self.prod)) <= self.may_break
        else:
            self.may_break = set()
            assert_same(self.prod, self.settled)

    def missed(self, views: Snapshot) -> list[str]:
        """Return the views that readers miss, without those that somebody dropped by hand and nobody made again."""
        by_hand = self.published.keys() - self.settled.keys()
        return [name for name in broken(self.published, views) if name in views or name not in by_hand]

    def learn(self, number: int, action: str, to: int | None, there: Snapshot, now: Snapshot) -> None:
        """Account for a command that took effect; ``there`` is what it met, unless another changed a view too late."""
        before, self.number = there if any(process.late for process in self.going) else self.settled, number
        if action == "rollback":
            assert_same(now, self.stack[-1][1] if self.goal is None else self.after[self.goal])
            if to in (0, *(number for number, _, _ in self.stack)):
                while self.stack and self.stack[-1][0] != to:
                    self.stack.pop()
            else:
                self.stack.append((to or 0, before, now))
        else:
            self.stack.append((number, before, now))
        self.after[number] = self.settled = now
        self.published = dict(now)

    @rule(version=st.sampled_from(sorted(SUMS)))
    def edit_sums(self, version: str) -> None:
        """Change a view."""
        self.version = (version, self.version[1])

    @rule(version=st.sampled_from(sorted(TOPS)))
    def edit_tops(self, version: str) -> None:
        """Change or delete the view that reads it."""
        self.version = (self.version[0], version)

    @rule(allow=allowed, happens=faults, later=st.booleans())
    def promote(self, allow: set[str], happens: Faults, later: bool) -> None:
        """Promote; if the promotion succeeds, prod has the views of the project."""
        self.wait(later)
        names = [name for name in allow if name in self.prod or name in self.project().graph.assets]
        if self.command(set(names), happens, lambda run: promote(run, "prod", names, "me")) and not happens:
            for name in self.project().graph.assets.keys() & set(NAMES):
                assert self.prod[name].sql == self.project().graph[name].spec.sql.text

    @rule(allow=allowed, happens=faults, later=st.booleans())
    def rollback(self, allow: set[str], happens: Faults, later: bool) -> None:
        """Go back one step."""
        self.wait(later)
        names, self.goal = [name for name in allow if name in self.prod], None
        self.command(set(names), happens, lambda run: rollback(run, "prod", None, names, "me"))

    @precondition(lambda self: self.after)
    @rule(allow=allowed, happens=faults, later=st.booleans(), data=st.data())
    def rollback_to(self, allow: set[str], happens: Faults, later: bool, data: st.DataObject) -> None:
        """Go back to any state there was."""
        self.wait(later)
        self.goal = to = data.draw(st.sampled_from(sorted(self.after)))
        names = [name for name in allow if name in self.prod]
        self.command(set(names), happens, lambda run: rollback(run, "prod", to, names, "me"))

    @rule(happens=faults, later=st.booleans())
    def bootstrap(self, happens: Faults, later: bool) -> None:
        """Run the check asset of the pipeline, which makes missing views."""
        self.wait(later)
        self.command(set(), happens, lambda run: materialize(run, "gate"))

    @precondition(lambda self: self.settled and not self.unfinished())
    @rule(data=st.data())
    def a_view_is_lost(self, data: st.DataObject) -> None:
        """Drop a view of prod by hand; that is not published."""
        name = data.draw(st.sampled_from(sorted(self.settled)))
        self.lake.drop_view(self.settled[name].into)
        self.settled = {key: view for key, view in self.settled.items() if key != name}

    def wait(self, later: bool) -> None:
        """Let an hour pass, in which every lease ends, or no time at all."""
        self.now += dt.timedelta(hours=1 if later else 0)

    def unfinished(self) -> bool:
        return bool(Journal(self.lake.objects, self.dev.sibling("prod"), lambda: self.now).unfinished())


def assert_same(views: Snapshot, wanted: Snapshot) -> None:
    """Assert that the views and their definitions are the same."""
    assert views.keys() == wanted.keys()
    assert all(same(views[name], wanted[name]) for name in views)


class PromotionsOnFiles(Promotions):
    """The same on files."""

    platform_name = "local"


TestNothingUnannounced = Promotions.TestCase
TestNothingUnannounced.settings = SOME
TestNothingUnannouncedOnFiles = PromotionsOnFiles.TestCase
TestNothingUnannouncedOnFiles.settings = SOME
