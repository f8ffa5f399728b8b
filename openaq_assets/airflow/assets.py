"""Assets of the graph as Airflow's own: one name and URI each, the same in every deployment."""

from airflow.sdk import Asset

from openaq_assets.project.project import Project

# Other schemes are normalised by provider packages; ``x-`` URIs are kept as written.
_SCHEME = "x-openaq"


def home_of(project: Project, environment: str, key: str) -> str:
    """The environment an asset lives in: data lie where the environment reads its tables from."""
    place = project.places.environments.get(environment)
    of_tables = not project.graph[key].per_environment
    return place.tables_from if place and place.tables_from and of_tables else environment


def asset_uri(project: str, environment: str, key: str) -> str:
    """``x-openaq://openaq/dev/measurements``: says nothing of disks or buckets: it never moves."""
    return f"{_SCHEME}://{project}/{environment}/{key}"


def airflow_asset(project: Project, environment: str, key: str) -> Asset:
    """The Airflow asset of a key as an environment sees it; named ``dev.measurements``."""
    asset, home = project.graph[key], home_of(project, environment, key)
    owner = {"owner": asset.common.owner} if asset.common.owner else {}
    return Asset(
        name=f"{home}.{key}",
        uri=asset_uri(project.name, home, key),
        group=asset.group,
        # What changes often stays out: it would change every DAG that reads the asset.
        extra={"kind": asset.kind.name, **owner},
    )
