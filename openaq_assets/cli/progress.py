"""Progress bars for people, plain lines for logs."""

import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

#: Time left is told from so much of the past: a step of a long run may take many minutes.
_REMEMBERED_SECONDS = 3600.0


class Bars:
    """One bar per long step, on standard error; nothing where there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(),
            console=self.console, disable=not self.console.is_terminal,
            speed_estimate_period=_REMEMBERED_SECONDS,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        if done < self._done.get(what, 0):  # the same step again, of the next days
            self._progress.reset(self._tasks[what], total=total)
        self._done[what] = done
        self._progress.update(self._tasks[what], completed=done, total=total)

    def say(self, line: str) -> None:
        """A line of the result, on standard output, without disturbing the bars."""
        if self._progress.disable or not sys.stdout.isatty():
            print(line, flush=True)
        else:
            self._progress.console.print(line, highlight=False, markup=False)

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        self._progress.stop()


def bars() -> Bars:
    """Progress bars on this terminal."""
    return Bars()
