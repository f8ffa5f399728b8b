"""Settings that Airflow imports in every process (``AIRFLOW_HOME/config``).

Workers and tasks are forks of the scheduler: they share the modules that it has imported, and each pays
for its own imports. So the scheduler imports what every task needs, except what starts threads.
"""

import importlib
import sys

SHARED = (
    "airflow.sdk.execution_time.supervisor",
    "openaq_assets.airflow.factory",
    "openaq_assets.runs.run",
    "openaq_assets.sql.parse",
    "openaq_assets.plugins.kinds.view",
    "openaq_assets.platforms.local.platform",
    "sqlglot.dialects.athena",
    "sqlglot.dialects.duckdb",
    "duckdb",
)

if "scheduler" in sys.argv:
    for name in SHARED:
        importlib.import_module(name)
