"""Makes or upgrades Airflow's database, and the pool that keeps API tasks one by one.

    python -m openaq_assets.airflow.prepare

Doing it twice is doing it once: it runs before every start.
"""


def main() -> None:
    """The command."""
    from airflow.utils.db import initdb

    initdb()
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(
        "openaq_api", slots=1, include_deferred=False, description="One task at a time asks the OpenAQ API"
    )


if __name__ == "__main__":
    main()
