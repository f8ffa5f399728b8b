"""Run a user's SQL query over the tables and views of an environment."""

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
    """Return the rows of a query in Athena SQL over the tables and views of an environment.

    Raises SelectionError for SQL that is not allowed or a table of another database, and PlatformError
    if the engine fails.
    """
    environment, platform = open_platform(project, env, profile)
    return _ask(project, environment, platform, sql)


def _ask(project: Project, environment: Environment, platform: Platform, sql: str) -> Rows:
    tree = athena.parse(sql)
    if isinstance(tree, SqlProblem):
        raise SelectionError(f"line {tree.line}, column {tree.column}: {tree.message} {tree.hint}")
    names = [use.name for use in athena.tables(sql)]
    inputs = tuple(_ref(project, environment, name) for name in names)
    query = bind(Query("query", sql, inputs), environment)
    assert isinstance(query, Query)
    try:
        return platform.read(query)
    except AssetsError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises about the user's SQL
        raise PlatformError(" ".join(str(error).split())) from None


def _ref(project: Project, environment: Environment, name: str) -> Ref:
    database, _, table = name.rpartition(".")
    if database and database != environment.database:
        raise SelectionError(
            f"table '{name}' is not in database {environment.database}. Choose the environment with --env."
        )
    return table_ref(project.graph, table)
