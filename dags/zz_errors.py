"""Mistakes in conf/ as Airflow import errors, in the banner of the DAG list.

They have a file of their own, because an import error hides every DAG of the file that raises it.
"""

import os
from pathlib import Path

from openaq_assets.airflow.factory import find_problems

_problems = find_problems(os.environ.get("OPENAQ_PROJECT") or Path(__file__).resolve().parents[1])
if _problems:
    raise ValueError(_problems)
