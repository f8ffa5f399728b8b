"""examples/jaffle_shop: a project of YAML, CSV and SQL that has nothing to do with air, by the real command line."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.projects import REPOSITORY

from openaq_assets.airflow.prepare import pools_of
from openaq_assets.cli.main import cli
from openaq_assets.project.project import load

EXAMPLE = REPOSITORY / "examples" / "jaffle_shop"
METHODS = ("credit_card", "coupon", "bank_transfer", "gift_card")
PAYMENTS = "conf/seeds/raw_payments.csv"
OWN_NAMES = re.compile(r"openaq[-_]assets|conf/openaq\.yaml|schema/openaq\.schema\.json|OPENAQ_[A-Z_]+")
FOREIGN = re.compile(r"openaq|air.quality|simulator|station", re.IGNORECASE)

pytestmark = pytest.mark.xdist_group("jaffle_shop")  # they share one shop


def foreign_words(text: str) -> list[str]:
    """Return the words of the other project in a text, without the program's own names."""
    return FOREIGN.findall(OWN_NAMES.sub("", text))


@dataclass(frozen=True)
class Shop:
    """A copy of the example and its lake."""

    root: Path
    lake: Path

    def call(self, *arguments: str, code: int = 0) -> Result:
        """Return the finished command, which must end with this exit code and speak of this project only."""
        line = ["--project", str(self.root), *arguments]
        done = CliRunner().invoke(cli, line, env={"OPENAQ_ROOT": str(self.lake)}, prog_name="openaq-assets")
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output and foreign_words(done.output) == []
        return done

    def rows(self, sql: str, env: str = "dev") -> list[dict[str, Any]]:
        """Return the answer to a query."""
        return list(json.loads(self.call("query", "--format", "json", "--env", env, sql).stdout))

    def marts(self, env: str = "prod") -> list[list[dict[str, Any]]]:
        """Return every row of what people read."""
        graph = load(self.root).graph
        names = {key: ", ".join(column.name for column in graph.columns(key)) for key in ("customers", "orders")}
        return [self.rows(f"SELECT {listed} FROM {key} ORDER BY 1", env) for key, listed in names.items()]

    def served(self) -> dict[str, str]:
        """Return the definitions of prod's views."""
        return {path.name: path.read_text(encoding="utf-8") for path in (self.lake / "catalog/jaffle_prod").iterdir()}

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in one of its files."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        (self.root / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    def add_line(self, path: str, line: str) -> None:
        """Write one more line at the end of a file."""
        with (self.root / path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def twin(self, folder: Path) -> "Shop":
        """Return the same project over a copy of the lake."""
        shutil.copytree(self.root, folder / "shop")
        shutil.copytree(self.lake, folder / "lake")
        return Shop(folder / "shop", folder / "lake")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the example after its first run; no test changes it."""
    folder = tmp_path_factory.mktemp("jaffle")
    shop = Shop(folder / "shop", folder / "lake")
    shutil.copytree(EXAMPLE, shop.root, ignore=shutil.ignore_patterns("lake", "build"))
    done = shop.call("run", "--job", "jaffle_shop")
    assert done.stdout.splitlines()[-1] == "10 assets: 10 made."
    return shop


@pytest.fixture
def shop(made: Shop, tmp_path: Path) -> Shop:
    """Return the example after its first run, to be changed at will."""
    return made.twin(tmp_path)


def seed(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file, read with Python's own reader."""
    with (EXAMPLE / f"conf/seeds/raw_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected_orders() -> Iterator[dict[str, Any]]:
    """Yield the mart of orders, computed in whole cents without SQL."""
    paid: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(METHODS, 0))
    for row in seed("payments"):
        paid[row["order_id"]][row["payment_method"]] += int(row["amount_cents"])
    for row in seed("orders"):
        cents = paid[row["id"]]
        yield {
            "order_id": int(row["id"]), "customer_id": int(row["customer_id"]), "ordered_on": row["ordered_on"],
            "status": row["status"], "is_returned": row["status"] == "returned",
            **{f"{method}_amount": cents[method] / 100 for method in METHODS}, "amount": sum(cents.values()) / 100,
        }


def expected_customers() -> Iterator[dict[str, Any]]:
    """Yield the mart of customers, computed from the orders without SQL."""
    orders = list(expected_orders())
    for row in seed("customers"):
        own = [order for order in orders if order["customer_id"] == int(row["id"])]
        days = [order["ordered_on"] for order in own]
        kept = sum(round(order["amount"] * 100) for order in own if not order["is_returned"])
        yield {
            "customer_id": int(row["id"]), "name": f"{row['first_name']} {row['last_initial']}.",
            "first_order": min(days, default=None), "latest_order": max(days, default=None),
            "number_of_orders": len(own), "returned_orders": sum(order["is_returned"] for order in own),
            "lifetime_value": kept / 100,
        }


def test_there_is_only_yaml_csv_and_sql() -> None:
    """The example needs no Python, and names no other project."""
    files = [path.relative_to(EXAMPLE) for path in EXAMPLE.rglob("*") if path.is_file()]
    names = [path.as_posix() for path in files if path.parts[0] not in ("lake", "build")]
    assert {Path(name).suffix for name in names} == {".yaml", ".csv", ".sql", ".md"}
    assert foreign_words("".join((EXAMPLE / name).read_text(encoding="utf-8") for name in names)) == []


def test_there_is_no_list_of_locations() -> None:
    """The project needs no file of stations."""
    assert not (EXAMPLE / "conf/locations.yaml").exists()


def test_the_data_show_what_the_views_are_for() -> None:
    """Among the rows are customers without orders, orders paid twice or not at all, and returned ones."""
    customers, orders = list(expected_customers()), list(expected_orders())
    assert [len(seed(name)) for name in ("customers", "orders", "payments")] == [60, 200, 240]
    assert any(row["number_of_orders"] == 0 for row in customers)
    assert any(row["returned_orders"] for row in customers)
    assert any(row["amount"] == 0 for row in orders)
    assert any(sum(row[f"{method}_amount"] > 0 for method in METHODS) == 2 for row in orders)
    assert {row["status"] for row in orders} == {"placed", "shipped", "completed", "return_pending", "returned"}


def test_the_files_are_sound(made: Shop) -> None:
    """The check is clean, and the views' unit tests pass."""
    assert made.call("check").output == "10 assets, 1 jobs: no problems.\n"
    assert made.call("test").stdout.splitlines()[-1] == "8 tests: 8 ok, 0 failed."


@pytest.mark.parametrize(
    "line",
    ["list", "plan", "graph", "show orders", "show validate_prod --operations", "status", "records orders",
     "diff dev prod", "rollback --list", "run --days 2"],
)
def test_commands_speak_of_the_shop_only(made: Shop, line: str) -> None:
    """A command mentions no data of another project."""
    assert made.call(*line.split()).output


def test_what_is_installed_is_listed_by_its_plugin(made: Shop) -> None:
    """Words of another project stand only in the lines of the plugin that brings them."""
    done = CliRunner().invoke(cli, ["--project", str(made.root), "plugins"], prog_name="openaq-assets")
    own = [line for line in done.stdout.splitlines() if "openaq (openaq_assets.openaq.plugin)" not in line]
    assert done.exit_code == 0 and foreign_words("\n".join(own)) == []


@pytest.mark.parametrize("line", ["cost", "cost --help", "schema"])
def test_prices_and_schemas_name_no_other_job(made: Shop, line: str) -> None:
    """The defaults of commands are the project's own."""
    done = CliRunner().invoke(cli, ["--project", str(made.root), *line.split()], prog_name="openaq-assets")
    assert "Traceback" not in done.output and "openaq_ingestion" not in done.output


def test_there_is_no_pool(made: Shop) -> None:
    """Airflow gets no pool for a source that no asset of the project reads."""
    assert pools_of(load(made.root)) == {} and pools_of(load(REPOSITORY)) == {"openaq_api": ["raw"]}


def test_a_listing_has_no_empty_table(made: Shop) -> None:
    """A project without locations is listed without a heading for them."""
    assert "location" not in made.call("list").output


def test_the_catalog_page_is_of_the_shop(made: Shop, tmp_path: Path) -> None:
    """The page that ``docs`` writes names every asset, and no other project."""
    made.call("docs", "--out", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(key in page for key in load(made.root).graph.assets)
    assert foreign_words(page) == []


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_marts_are_right(made: Shop, env: str) -> None:
    """Every figure agrees with the same sum in plain Python, in dev and in prod."""
    assert made.marts(env) == [list(expected_customers()), list(expected_orders())]


def test_twice_is_once(made: Shop) -> None:
    """The second run makes nothing again; only the checks run again."""
    done = made.call("run").stdout.splitlines()
    assert done[-1] == "10 assets: 1 made, 9 up to date." and done[-2].split() == ["made", "validate_prod"]


def test_a_change_is_promoted_once_and_rolled_back(shop: Shop) -> None:
    """A new column reaches prod by a promotion, a second one changes nothing, and a rollback takes it back."""
    before, marts = shop.served(), shop.marts()
    shop.edit("views/orders.sql", "o.status, o.is_returned,", "o.status, o.is_returned, o.status = 'placed' AS is_open,")
    shop.edit("conf/assets/marts.yaml", "is_returned, type: boolean}\n",
              "is_returned, type: boolean}\n      - {name: is_open, type: boolean}\n")
    shop.call("run")
    assert shop.served() == before
    assert "orders: is_open: is new." in shop.call("diff", "prod", "dev").output
    assert "replaced   orders" in shop.call("promote").output
    served = shop.served()
    placed = sum(row["status"] == "placed" for row in expected_orders())
    assert shop.rows("SELECT count_if(is_open) AS n FROM orders", "prod") == [{"n": placed}]
    assert "replaced" not in shop.call("promote").output and shop.served() == served
    assert "--allow orders" in shop.call("rollback", code=1).output
    shop.call("rollback", "--allow", "orders")
    assert shop.rows(f"SELECT {', '.join(marts[1][0])} FROM orders ORDER BY 1", "prod") == marts[1]
    assert "is_open" not in shop.served()["orders.json"]


BROKEN: dict[str, tuple[Callable[[Shop], None], str]] = {
    "unknown_order": (lambda shop: shop.add_line(PAYMENTS, "241,999,coupon,500"), "stg_orphans"),
    "duplicate_id": (lambda shop: shop.add_line(PAYMENTS, "240,1,coupon,500"), "raw_payments"),
    "unknown_method": (lambda shop: shop.add_line(PAYMENTS, "241,1,cheque,500"), "raw_payments"),
    "no_number": (lambda shop: shop.add_line(PAYMENTS, "241,1,coupon,much"), "raw_payments"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_stops_the_run(shop: Shop, name: str) -> None:
    """A row that fails a check fails the run with the name of the check, and prod's views stay until the row is fixed."""
    spoil, failing = BROKEN[name]
    before, good = shop.served(), (shop.root / PAYMENTS).read_bytes()
    spoil(shop)
    done = shop.call("run", code=3)
    assert re.search(rf"(?m)^FAILED +{failing} ", done.output) and re.search(r"(?m)^BLOCKED +orders ", done.output)
    assert shop.served() == before
    (shop.root / PAYMENTS).write_bytes(good)
    shop.call("run")
    assert shop.marts() == [list(expected_customers()), list(expected_orders())]


@pytest.mark.parametrize("name", ["unknown_order", "duplicate_id"])
def test_nothing_is_promoted_with_a_broken_row(shop: Shop, name: str) -> None:
    """While a check fails a promotion is refused and prod's views stay as they were."""
    BROKEN[name][0](shop)
    shop.call("run", code=3)
    before = shop.served()
    shop.edit("views/customers.sql", "c.name,", "upper(c.name) AS name,")
    assert "othing was promoted" in shop.call("promote", code=1).output
    assert shop.served() == before


@pytest.mark.parametrize(
    "name",
    [
        "unknown_order",
        "no_number",
        *(
            pytest.param(name, marks=pytest.mark.xfail(reason="a table is replaced before its checks are asked"))
            for name in ("duplicate_id", "unknown_method")
        ),
    ],
)
def test_prod_answers_as_before_a_broken_row(shop: Shop, name: str) -> None:
    """The views of prod stay as they were while a broken row waits for its fix."""
    BROKEN[name][0](shop)
    shop.call("run", code=3)
    assert shop.marts() == [list(expected_customers()), list(expected_orders())]


CODE = """
import json, sys
from openaq_assets.airflow.factory import build_dags, find_problems
dags = build_dags(sys.argv[1])
dag = dags["jaffle_shop"]
edges = sorted([task.task_id, down] for task in dag.tasks for down in task.downstream_task_ids)
pages = [dag.doc_md, dag.description, *(task.doc_md for task in dag.tasks)]
print(json.dumps({"dags": sorted(dags), "problems": find_problems(sys.argv[1]), "tasks": sorted(dag.task_ids),
    "edges": edges, "pages": pages, "form": list(dag.params), "schedule": type(dag.schedule).__name__,
    "uris": [outlet.uri for task in dag.tasks for outlet in task.outlets]}))
"""


@pytest.fixture(scope="module")
def in_airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what Airflow sees of the example, from a process with an Airflow home of its own."""
    home = tmp_path_factory.mktemp("airflow")
    root = home / "shop"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("lake", "build"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAQ_", "AIRFLOW"))}
    environ = {**kept, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(root)], env=environ, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_dag_is_the_graph(in_airflow: dict[str, Any]) -> None:
    """The job is a DAG with a task per asset and the graph's edges, to be started by hand."""
    graph = load(EXAMPLE, strict=False).graph
    assert in_airflow["problems"] == "" and in_airflow["schedule"].startswith("Manual")
    assert in_airflow["tasks"] == sorted(graph.assets)
    assert {tuple(edge) for edge in in_airflow["edges"]} == graph.edges


def test_the_dag_speaks_of_the_shop_only(in_airflow: dict[str, Any]) -> None:
    """No page of the DAG is of another project, and its assets bear the project's name."""
    assert foreign_words("\n".join(filter(None, in_airflow["pages"]))) == []
    assert all("://jaffle_shop/dev/" in uri for uri in in_airflow["uris"])


def test_the_form_offers_no_locations(in_airflow: dict[str, Any]) -> None:
    """A project without locations has no field for them in the trigger form."""
    assert "locations" not in in_airflow["form"]


def test_no_dag_is_named_after_another_project(in_airflow: dict[str, Any]) -> None:
    """The ids of all DAGs are this project's own."""
    assert [dag for dag in in_airflow["dags"] if foreign_words(dag)] == []
