"""Timetables of jobs: by hand for any day, at midnight for the day that ended, or by another cron."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import CronPartitionTimetable, CronTriggerTimetable
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable as CorePartitionTimetable

from openaq_assets.graph.jobs import Schedule

MIDNIGHT = "0 0 * * *"
KEY_FORMAT = "%Y-%m-%d"


class ManualPartitionTimetable(CorePartitionTimetable):
    """A timetable of runs by hand, each for the day that its partition key names.

    ``airflow backfill`` works too. ``schedule=None`` would refuse partition keys.
    """

    can_be_scheduled = False

    @property
    def summary(self) -> str:
        """Return the text that the UI shows as the schedule."""
        return "manual, by day"

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return None: only people and backfills start a run."""
        return None


def timetable_of(
    schedule: Schedule,
) -> ManualPartitionTimetable | CronPartitionTimetable | CronTriggerTimetable:
    """Return the timetable of a job's schedule; raise ValueError for a cron expression that never comes.

    At midnight, a run has the partition key of the day before. With another cron two runs of one day would
    share a key, so its runs have none and work on the job's last days.
    """
    if schedule == "manual":
        return ManualPartitionTimetable(MIDNIGHT, timezone="UTC", run_offset=-1, key_format=KEY_FORMAT)
    if schedule.split() == MIDNIGHT.split():
        return CronPartitionTimetable(MIDNIGHT, timezone="UTC", run_offset=-1, key_format=KEY_FORMAT)
    cron = str(schedule)  # Airflow cannot send a subclass of str from process to process
    from croniter import croniter  # type: ignore[import-untyped]  # has no types

    try:
        croniter(cron).get_next()
    except ValueError:  # CroniterError is a ValueError
        raise ValueError(
            f"the schedule '{schedule}' never occurs. Write a cron expression like '{MIDNIGHT}'."
        ) from None
    return CronTriggerTimetable(cron, timezone="UTC")


class OpenaqTimetables(AirflowPlugin):
    """A plugin of Airflow that registers the timetable, so that a stored DAG can be read back."""

    name = "openaq_timetables"
    timetables: list[Any] = [ManualPartitionTimetable]
