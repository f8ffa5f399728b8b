"""What people read of the lake: answers to queries, the dashboard page, the simulator as a service."""

from openaq_assets.errors import AssetsError, PlatformError, SelectionError
from openaq_assets.graph.assets import table_ref
from openaq_assets.graph.environment import Environment, bind
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.platforms import Platform, Rows
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform
from openaq_assets.sql import parse as athena
from openaq_assets.sql.shapes import SqlProblem


def ask(project: Project, sql: str, env: str, profile: str | None = None) -> Rows:
    """The answer to Athena SQL over the tables and views of an environment."""
    place, platform = open_platform(project, env, profile)
    return _ask(project, place, platform, sql)


def _ask(project: Project, place: Environment, platform: Platform, sql: str) -> Rows:
    tree = athena.parse(sql)
    if isinstance(tree, SqlProblem):
        raise SelectionError(f"line {tree.line}, column {tree.column}: {tree.message} {tree.hint}")
    names = [use.name for use in athena.tables(sql)]
    query = bind(Query("query", sql, tuple(_ref(project, place, name) for name in names)), place)
    assert isinstance(query, Query)
    try:
        return platform.read(query)
    except AssetsError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises about the user's SQL
        raise PlatformError(" ".join(str(error).split())) from None


def _ref(project: Project, place: Environment, name: str) -> Ref:
    database, _, table = name.rpartition(".")
    if database and database != place.database:
        raise SelectionError(f"'{name}' is not in {place.database}. Choose the environment with --env.")
    return table_ref(project.graph, table)
