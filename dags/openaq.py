"""Every Airflow DAG of this project: one per job of conf/openaq.yaml. Nothing needs to be edited here."""

import os
from pathlib import Path

from openaq_assets.airflow.factory import build_dags

_root = os.environ.get("OPENAQ_PROJECT") or Path(__file__).resolve().parents[1]
globals().update(build_dags(_root))
