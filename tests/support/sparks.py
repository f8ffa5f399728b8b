"""Real Sparks, those of Glue 5.1 and 6.0, each in its own environment and started once per worker."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Transform, to_json
from openaq_assets.graph.partitions import segment
from openaq_assets.platforms.local.platform import open_local
from support.runner_fixtures import Lake, environment_on

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "glue_jobs" / "openaq_raw_to_dev.py"
VERSIONS = ("35", "41")


@dataclass
class Spark:
    """One version of Spark: jobs run one after the other in one session."""

    python: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]

    def run(self, *argv: str, glue: bool = False) -> dict[str, Any]:
        """Run the script with these arguments."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"argv": argv, "glue": glue}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "Spark ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def facts(self, operation: Transform, *argv: str, glue: bool = False) -> dict[str, Any]:
        """Return the facts of an operation, which must not fail."""
        answer = self.run("--operation", to_json(operation), *argv, glue=glue)
        assert not answer["error"], answer
        facts: dict[str, Any] = json.loads(answer["output"][answer["output"].index("{") :])
        return facts


@pytest.fixture(scope="session", params=VERSIONS)
def spark(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """Yield each Spark; skip, with the reason, if it or Java is missing."""
    python = ROOT / f".venv-spark{request.param}" / "bin" / "python"
    if not shutil.which("java"):
        pytest.skip("java is not here: install Java 17")
    if not (python.parents[1] / "installed").exists():
        pytest.skip(f"{python.parents[1].name} is not here: run sh infra/install_spark.sh")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPARK"))},
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false --conf spark.driver.bindAddress=127.0.0.1"
        " --conf spark.driver.host=127.0.0.1 --conf spark.ui.showConsoleProgress=false pyspark-shell",
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # they live too briefly to be worth more
        "TZ": "Asia/Ho_Chi_Minh",  # nothing may depend on where the machine is
    }
    log = tmp_path_factory.mktemp("spark") / "log.txt"
    with log.open("w") as errors, subprocess.Popen(
        [python, Path(__file__).with_name("spark_worker.py"), SCRIPT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=log.parent,
    ) as process:
        yield Spark(python, environment, process)
        assert process.stdin
        process.stdin.close()
        process.wait(60)


@dataclass
class Twins:
    """The same raw objects, made into tables by Polars (``lake``) and by Spark (``other``)."""

    lake: Lake
    other: Path
    spare: Path

    def bound(self, operation: Transform) -> Transform:
        """Return the operation with the folders of Spark."""
        bound = bind(operation, self.lake.home)
        assert isinstance(bound, Transform)
        into = replace(bound.into, uri=f"{self.other}/processed/{bound.into.asset}")
        return replace(bound, into=into, quarantine=replace(into, uri=f"{self.other}/quarantine/{into.asset}"))

    def files(self, name: str) -> dict[str, list[Path]]:
        """Return Polars' file and Spark's file of each day."""
        own = Path(self.lake.home.uri(name))
        return {
            str(path.relative_to(root)): [own / path.relative_to(root), self.other / name / path.relative_to(root)]
            for root in (own, self.other / name) for path in root.rglob("*") if path.is_file() and path.name[0] != "."
        }

    def table(self, path: Path) -> dict[str, Any]:
        """Return what DuckDB reads in a Parquet file: physical and logical types, and the rows in order."""
        plain = self.spare / "plain.parquet"  # the path of a lake may hold what DuckDB takes for a pattern
        shutil.copyfile(path, plain)
        with duckdb.connect() as session:
            parts = session.execute(
                "SELECT name, type, coalesce(logical_type::VARCHAR, converted_type), repetition_type"
                f" FROM parquet_schema('{plain}') WHERE num_children IS NULL"
            ).fetchall()
            packed = session.execute(f"SELECT DISTINCT compression FROM parquet_metadata('{plain}')").fetchall()
            rows = session.execute(f"FROM read_parquet('{plain}')")
            types = [(column[0], str(column[1])) for column in rows.description or ()]
            return {"parts": parts, "packed": packed, "types": types, "rows": [repr(row) for row in rows.fetchall()]}

    def agree(self, operation: Transform, facts: dict[str, Any]) -> None:
        """Assert that both made the same of every day: rows, order, types, quarantine and counts."""
        wanted = self.lake.good(operation).facts
        assert facts.keys() == wanted.keys()
        for day in operation.into.partitions:
            numbers = {name: facts[day][name] for name in ("rows", "objects", "quarantined")}
            assert numbers == {name: getattr(wanted[day], name) for name in numbers}, day
            assert facts[day]["notices"] == list(wanted[day].notices), day
        tables = self.files("processed")
        assert {name.split("/", 1)[1] for name in tables} == {
            f"{segment(day)}/part-0.parquet" for day in operation.into.partitions
        }
        for name, (polars, spark) in tables.items():
            assert self.table(polars) == self.table(spark), name
        for name, (polars, spark) in self.files("quarantine").items():
            assert polars.read_bytes() == spark.read_bytes(), name


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Return an empty lake below a root with the characters that break quoting, and a folder for Spark's tables."""
    home = environment_on("local", str(tmp_path / "lake [of] 'Việt' *"))
    return Twins(Lake(open_local(home), home), tmp_path / "spark [of] 'Việt' *", tmp_path)


def command(spark: Spark, operation: Transform, *argv: str) -> Sequence[str]:
    """Return the finished command that runs the script."""
    return [str(spark.python), str(SCRIPT), "--operation", to_json(operation), *argv]
