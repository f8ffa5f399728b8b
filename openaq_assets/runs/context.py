"""Define a run (a project in an environment on a platform) and the results of its assets."""

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
    """A run: a project in an environment on a platform, and the request."""

    project: Project
    environment: Environment
    platform: Platform
    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    tickets: MutableMapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], dt.datetime] = utc_now
    link: str = ""  # the address where people see the operation that was started last

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.platform.objects, self.environment)
        self.plan_state = PlanState(self.project.graph, self.ledger, self.request)

    @property
    def work(self) -> Work:
        """Return the platform and environment as handlers of operations use them."""
        return Work(self.platform, self.environment, silent, self.sleep, self.clock)

    @property
    def gate(self) -> ViewsGate:
        """Return the plugin object that controls access to the views of other environments."""
        gate: ViewsGate = self.project.plugins.manager.hook.views_gate()
        return gate


def open_platform(
    project: Project, name: str, profile: str | None = None, progress: Progress = silent
) -> tuple[Environment, Platform]:
    """Return an environment and its platform; raise SelectionError if one of them is unknown."""
    environment = project.environment(name, profile)
    platform, known = environment.profile.platform, project.plugins.platforms
    if platform not in known:
        raise SelectionError(f"there is no platform '{platform}'. {nearest(platform, known)}")
    opened = known[platform].open(environment, progress, project.plugins.handlers.values())
    return environment, opened


def open_run(
    project: Project,
    request: Request,
    environment: str = "dev",
    profile: str | None = None,
    progress: Progress = silent,
) -> Run:
    """Return a run of a project in an environment; raise SelectionError for an unknown platform."""
    return Run(project, *open_platform(project, environment, profile, progress), request)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one asset in a run."""

    asset: str
    state: str  # ok, partial, failed, skipped, blocked
    records: tuple[Materialization, ...] = ()
    message: str = ""
    retryable: bool = False

    @property
    def facts(self) -> Facts:
        """Return the sum of the facts of all partitions."""
        return sum((record.facts for record in self.records), Facts())

    @property
    def warning(self) -> str:
        """Return the failed checks of severity ``warn`` as one message; '' if there are none."""
        checks = [check for record in self.records for check in record.checks]
        return summary_of(checks, blocking=False)


def summary_of(results: Sequence[CheckResult], blocking: bool = True) -> str:
    """Return the failed checks as one message; checks whose queries fail alike are named together."""
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
