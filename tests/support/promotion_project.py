"""A small project whose views are edited and promoted."""



from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import CreateView, Operation, Query, Ref
from openaq_assets.platforms import Rows, Ticket
from openaq_assets.promotion.journal import Journal, Record
from openaq_assets.runs.context import Run
from support.runner_fixtures import SMALL, Scripted, environment_on, settled, small, small_run

SUMS = "SELECT place, sum(value) AS total FROM answers GROUP BY place\n"

ADDED = "SELECT place, sum(value) AS total, count(*) AS hours FROM answers GROUP BY place\n"

RENAMED = "SELECT place, sum(value) AS amount FROM answers GROUP BY place\n"

def contract(columns: str) -> str:
    """Return the assets with other columns of ``sums``."""
    known = "columns: [{name: place, type: bigint}, {name: total, type: double}]"
    assert known in SMALL["conf/assets/all.yaml"]
    return SMALL["conf/assets/all.yaml"].replace(known, f"columns: [{columns}]")

WITH_HOURS = contract("{name: place, type: bigint}, {name: total, type: double}, {name: hours, type: bigint}")

WITH_AMOUNT = (
    contract("{name: place, type: bigint}, {name: amount, type: double}").replace("column: total", "column: amount")
)

def edited(run: Run, **files: str) -> Run:
    """Return the run after an edit of the project."""
    project = small(run.project.root, **files)
    return small_run(project, run.platform, **settled(1))

def prod(run: Run) -> dict[str, CreateView | None]:
    """Return the views of prod."""
    home = environment_on("memory", run.environment.root, "prod")
    return {name: run.platform.view(home.locate(Ref(name, "view"))) for name in ("sums", "tops")}

def records(run: Run) -> list[Record]:
    """Return the promotions that took effect, oldest first."""
    return list(reversed(list(journal(run).done())))

def journal(run: Run) -> Journal:
    """Return the journal of prod."""
    return Journal(run.platform.objects, run.environment.sibling("prod"))

class Flaky(Scripted):
    """A platform on which a query or view of prod fails while ``failing`` names it."""

    failing: str = ""
    fatal: BaseException | None = None
    where: str = "openaq_prod"

    def submit(self, operation: Operation) -> Ticket:
        name = operation.name if isinstance(operation, Query) else ""
        tables = [ref.table for ref in getattr(operation, "inputs", ())]
        if self._fails(f"{name} {operation.into.table if isinstance(operation, CreateView) else tables}"):
            return Ticket("x", "failed", message=f"{self.failing} did not work.")
        return super().submit(operation)

    def read(self, query: Query) -> Rows:
        if self._fails(f"{query.name} {[ref.table for ref in query.inputs]}"):
            raise PlatformError(f"{self.failing} did not work.")
        return super().read(query)

    def _fails(self, what: str) -> bool:
        fails = bool(self.failing) and self.failing in what and self.where in what
        if fails and self.fatal:
            raise self.fatal
        return fails
