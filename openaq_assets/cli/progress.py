"""Show progress: bars in a terminal, plain lines in logs."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

#: The remaining time is computed from this much of the past: a step may take many minutes.
_ESTIMATE_SECONDS = 3600.0


class ProgressBars:
    """Progress bars on standard error, one per long step; nothing without a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:32}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            speed_estimate_period=_ESTIMATE_SECONDS,
        )
        self._tasks: dict[str, Task] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` parts of a step are done."""
        if what not in self._tasks:
            self._progress.add_task(what, total=total)
            self._tasks[what] = self._progress.tasks[-1]
        task = self._tasks[what]
        if done < task.completed:  # the same step again, of the next days
            self._progress.reset(task.id, total=total)
        self._progress.update(task.id, completed=done, total=total)

    def say(self, line: str) -> None:
        """Print a line of the result on standard output, above the bars."""
        if self._progress.disable or not sys.stdout.isatty():
            print(line, flush=True)
        else:
            self._progress.console.print(line, highlight=False, markup=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
