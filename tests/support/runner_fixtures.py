"""Parts that tests of platforms, plans and runs share: small projects, and a run whose API is a table."""

import datetime as dt
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile
from openaq_assets.graph.operations import Operation, digest
from openaq_assets.graph.partitions import segment
from openaq_assets.graph.raw_keys import parse_raw_key, raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.operations import Fetch
from openaq_assets.platforms import Ticket, failed_ticket, silent
from openaq_assets.platforms.local.catalog import Catalog
from openaq_assets.platforms.local.memory import STORES, MemoryStore, ParquetInMemory
from openaq_assets.platforms.local.platform import LocalPlatform
from openaq_assets.project.project import Project, load
from openaq_assets.runs.context import Result, Run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all
from openaq_assets.testing.lake import NOON as NOON
from openaq_assets.testing.lake import Lake as Lake
from openaq_assets.testing.lake import memory_root as memory_root
from openaq_assets.testing.lake import page as page
from openaq_assets.testing.lake import put_raw as put_raw

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {
    "dev": LogicalEnvironment("openaq_dev"),
    "prod": LogicalEnvironment("openaq_prod", tables_from="dev"),
}


def environment_on(platform: str, root: str, name: str = "dev") -> Environment:
    """Return an environment on a platform, without a project."""
    return Environment(name, Profile(platform, root), ENVIRONMENTS)


def copy_project(to: Path) -> Path:
    """Return a project of its own, with this project's conf/, views/ and plugins/."""
    for name in ("conf", "views", "plugins"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def write_project(root: Path, files: Mapping[str, str]) -> Project:
    """Return the project of these files, in a lake in memory of its own (the root stays the same when edited)."""
    memory = root / "memory.root"
    root.mkdir(exist_ok=True, parents=True)
    if not memory.exists():
        memory.write_text(memory_root())
    settings = {
        "conf/openaq.yaml": "version: 1\nproject: test\n",
        "conf/environments.yaml": "version: 1\nprofiles:\n  local:\n    platform: memory\n"
        f"    root: {memory.read_text()}\n    api: {{without_key: simulate}}\n"
        "environments:\n  dev: {database: openaq_dev}\n"
        "  prod: {database: openaq_prod, tables_from: dev}\n",
        "conf/locations.yaml": "locations: {}\n",
    }
    for name, text in (settings | dict(files)).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return load(root)


def eventually(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


# --- a small project whose API is a table in the test ---------------------------------------------

SMALL = {
    "conf/locations.yaml": "locations:\n  a: {id: 1}\n  b: {id: 2}\n",
    "conf/assets/all.yaml": """
assets:
  places_raw: {kind: raw, endpoint: locations, partitions: snapshot, lookback: 1 day}
  answers_raw: {kind: raw, endpoint: hours, inventory: places_raw, lookback: 2 days}
  answers:
    kind: processed
    source: answers_raw
    unique: [place]
    sort: [place]
    columns:
      - {name: place, type: bigint, path: place}
      - {name: value, type: double, path: value}
  tables: {kind: catalog, tables: [answers]}
  sums:
    kind: view
    sql: views/sums.sql
    columns: [{name: place, type: bigint}, {name: total, type: double}]
  tops:
    kind: view
    sql: views/tops.sql
    columns: [{name: place, type: bigint}]
  validate:
    kind: check
    environment: prod
    bootstrap: true
    tables: [sums, tops]
    checks:
      - {check: contract}
      - {check: not_null, table: sums, column: total}
""",
    "views/sums.sql": "SELECT place, sum(value) AS total FROM answers GROUP BY place\n",
    "views/tops.sql": "SELECT place FROM sums WHERE total >= 0\n",
}


def small(root: Path, **changed: str) -> Project:
    """Return the small project, with some files changed: ``sums='SELECT ...'`` or ``all='assets: ...'``."""
    paths = {name.rsplit("/", 1)[1].split(".")[0]: name for name in SMALL}
    return write_project(root, SMALL | {paths[name]: text for name, text in changed.items()})


class Scripted(LocalPlatform):
    """The memory platform with the API as a dictionary: (day, selector) -> value, or a refusal."""

    def __init__(self, home: Environment) -> None:
        self.store = STORES.setdefault(home.root, MemoryStore())
        super().__init__(home, Catalog(self.store, home.root, ParquetInMemory(self.store)), silent)
        self.answers: dict[tuple[str, str], float | Exception] = {}
        self.submitted: list[Operation] = []

    def submit(self, operation: Operation) -> Ticket:
        """Keep the operation, and carry it out."""
        self.submitted.append(operation)
        if not isinstance(operation, Fetch):
            return super().submit(operation)
        try:
            return self._fetch(operation)
        except PlatformError as error:
            return failed_ticket(error)

    @property
    def fetched(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return the (days, selectors) of every data Fetch so far."""
        return [
            (operation.into.partitions, operation.locations)
            for operation in self.submitted if isinstance(operation, Fetch) and operation.endpoint == "hours"
        ]

    def _fetch(self, operation: Fetch) -> Ticket:
        facts = {day: self._fetch_day(operation, day) for day in operation.into.partitions}
        failed = any(entry.failures for entry in facts.values())
        return Ticket(uuid.uuid4().hex, "partial" if failed else "succeeded", facts)

    def _fetch_day(self, operation: Fetch, day: str) -> Facts:
        failures = []
        folder = f"{operation.into.uri}/{segment(day)}"
        for selector in operation.locations:
            answer = self.answers.get((day, selector), 1.0)
            if isinstance(answer, PlatformError):
                raise answer
            if isinstance(answer, Exception):
                failures.append(f"{selector}: {answer}")
                continue
            number = selector.partition("=")[2]
            body = page([{"place": int(number), "value": answer}])
            known = [key for uri in self.store.list(folder) if (key := parse_raw_key(uri))]
            own = [key for key in known if key.asset == operation.into.asset and key.values["location"] == number]
            key = raw_key(operation.into.asset, {"location": number}, NOON + len(own) * dt.timedelta(hours=1), body)
            if not own or own[-1].digest != key.digest:
                self.store.put_new(f"{folder}/{key}", body)
        names = sorted(uri.rsplit("/", 1)[1] for uri in self.store.list(folder))
        all_own = [name for name in names if name.startswith(f"{operation.into.asset}__")]
        return Facts(len(all_own), 0, len(all_own), digest(all_own), failures=tuple(failures))


def small_run(project: Project, platform: Scripted | None = None, **request: Any) -> Run:
    """Return a run of the small project on its scripted platform."""
    home = project.environment("dev", "local")
    return Run(project, home, platform or Scripted(home), make_request(project.graph, **request))


def settled(count: int = 2) -> dict[str, dt.date]:
    """Return a range of days whose data no longer change: ``first`` and ``last`` of a request."""
    last = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=20)
    return {"first": last - dt.timedelta(days=count - 1), "last": last}


def run_it(run: Run, *keys: str) -> dict[str, Result]:
    """Run assets (all by default); results by asset."""
    return {result.asset: result for result in run_all(run, keys or tuple(run.project.graph.assets))}
