"""Create or upgrade Airflow's database, and the pools that the kinds of the project's assets name.

    python -m openaq_assets.airflow.prepare

It runs before every start and may be repeated. The project is ``OPENAQ_PROJECT``, or the one around the
working folder.
"""

from openaq_assets.errors import ConfigError
from openaq_assets.project.project import Project, load


def main() -> None:
    """Run the command."""
    from airflow.utils.db import initdb

    initdb()
    from airflow.models.pool import Pool

    for pool, kinds in pools_of(_project()).items():
        text = f"One task at a time, because the source allows no more: {', '.join(kinds)}"
        Pool.create_or_update_pool(pool, slots=1, include_deferred=False, description=text)


def pools_of(project: Project | None) -> dict[str, list[str]]:
    """Return the pools that a project needs, each with the kinds that share it.

    If assets were left out, the pools of all kinds count: they may be mended while Airflow runs.
    """
    if project is None:
        return {}
    used = {asset.kind.name: asset.kind for asset in project.graph}
    kinds = {**project.plugins.kinds, **used} if project.graph.left_out or not used else used
    pools: dict[str, list[str]] = {}
    for name, kind in sorted(kinds.items()):
        if kind.pool:
            pools.setdefault(kind.pool, []).append(name)
    return pools


def _project() -> Project | None:
    """Return the project as far as it can be read; its DAGs show the mistakes."""
    try:
        return load(strict=False)
    except ConfigError:
        return None


if __name__ == "__main__":
    main()
