"""What every Airflow process has to know at start: the timetable of manual jobs."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from openaq_assets.orchestration.timetable import ManualPartitionTimetable


class OpenaqTimetables(AirflowPlugin):
    """Registers the timetable, without which a stored DAG could not be read back."""

    name = "openaq_timetables"
    timetables: list[Any] = [ManualPartitionTimetable]
