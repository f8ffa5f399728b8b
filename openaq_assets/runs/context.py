"""What one run is about: a project in an environment on a platform, and what became of its assets."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field

from openaq_assets.errors import SelectionError, nearest
from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.records import Facts, Materialization
from openaq_assets.platforms import Platform, Progress, Work, silent, utc_now
from openaq_assets.plugins.specs import ViewsGate
from openaq_assets.project.project import Project
from openaq_assets.runs.ledger import Ledger
from openaq_assets.runs.plan import PlanState, Request


@dataclass
class Run:
    """One run: a project in an environment on a platform, and what was asked."""

    project: Project
    environment: Environment
    platform: Platform
    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    tickets: MutableMapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], dt.datetime] = utc_now
    link: str = ""  # where a person sees what was started last

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.platform.objects, self.environment)
        self.plan_state = PlanState(self.project.graph, self.ledger, self.request)

    @property
    def work(self) -> Work:
        """What handlers and the gate work with."""
        return Work(self.platform, self.environment, silent, self.sleep, self.clock)

    @property
    def gate(self) -> ViewsGate:
        """What stands between this run and the views of other environments."""
        gate: ViewsGate = self.project.plugins.manager.hook.views_gate()
        return gate


def open_platform(
    project: Project, environment: str, profile: str | None = None, progress: Progress = silent
) -> tuple[Environment, Platform]:
    """An environment and the platform that carries it; raises SelectionError if there is none."""
    home = project.environment(environment, profile)
    name, known = home.profile.platform, project.plugins.platforms
    if name not in known:
        raise SelectionError(f"there is no platform '{name}'. {nearest(name, known)}")
    return home, known[name].open(home, progress, project.plugins.handlers.values())


def open_run(
    project: Project,
    request: Request,
    environment: str = "dev",
    profile: str | None = None,
    progress: Progress = silent,
) -> Run:
    """A run of a project in an environment; raises SelectionError if there is no such platform."""
    return Run(project, *open_platform(project, environment, profile, progress), request)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one asset in a run."""

    asset: str
    state: str  # ok, partial, failed, skipped, blocked
    records: tuple[Materialization, ...] = ()
    message: str = ""
    retryable: bool = False

    @property
    def facts(self) -> Facts:
        """All partitions together."""
        return sum((record.facts for record in self.records), Facts())

    @property
    def warning(self) -> str:
        """The checks of severity ``warn`` that failed, as one message; '' if none did."""
        found = [one for record in self.records for one in record.checks]
        return summary_of(found, blocking=False)


def summary_of(results: Sequence[CheckResult], blocking: bool = True) -> str:
    """Return the checks that failed as one message; what cannot be asked for one reason is said once."""
    lines: dict[str, list[str]] = {}
    for result in results:
        if result.state == "failed" and result.blocks == blocking:
            lines[str(result)] = []
        elif result.state == "error" and result.blocks == blocking:
            lines.setdefault(result.message, []).append(result.check)
    return "; ".join(
        f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}: {text}" if names else text
        for text, names in lines.items()
    )
