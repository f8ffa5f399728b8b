"""conf/ -> Project: every file read, every mistake told, and a mistake in one file kept to that file."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openaq_assets.configuration import (
    SETTINGS,
    Places,
    read_assets,
    read_locations,
    read_places,
    read_settings,
)
from openaq_assets.definitions import Job
from openaq_assets.environment import Environment, open_environment
from openaq_assets.errors import ConfigError, LeftOut, Problem, SelectionError, nearest, sentence
from openaq_assets.graph import AssetGraph, build_graph
from openaq_assets.plugins import Plugins, load_plugins
from openaq_assets.selection import select
from openaq_assets.source import Reading

__all__ = ["SETTINGS", "Project", "find_root", "load"]


@dataclass(frozen=True)
class Project:
    """A project as far as it can be used; ``problems`` says what had to be left out and why."""

    root: Path
    name: str
    graph: AssetGraph
    jobs: Mapping[str, Job]
    places: Places
    plugins: Plugins
    problems: tuple[Problem, ...] = ()
    max_cost: float | None = None

    def environment(self, name: str = "dev", profile: str | None = None) -> Environment:
        """An environment in the profile asked for, else that of ``OPENAQ_PROFILE``, else ``local``."""
        chosen = profile or os.environ.get("OPENAQ_PROFILE") or "local"
        found = open_environment(name, chosen, self.places.profiles, self.places.environments)
        if "://" in found.root:
            return found
        absolute = str((self.root / found.root).resolve())
        return dataclasses.replace(found, profile=dataclasses.replace(found.profile, root=absolute))

    def keys(self, job: str) -> tuple[str, ...]:
        """The assets of a job, in graph order."""
        return select(self.graph, self.job(job).select)

    def job(self, name: str) -> Job:
        if name not in self.jobs:
            raise SelectionError(f"there is no job '{name}'. {nearest(name, self.jobs)}")
        return self.jobs[name]


def find_root(start: Path | None = None) -> Path:
    """The folder of the project around a folder: the first upwards that has conf/openaq.yaml."""
    given = os.environ.get("OPENAQ_PROJECT")
    here = (start or Path(given or ".")).resolve()
    for folder in (here, *here.parents):
        if (folder / SETTINGS).is_file():
            return folder
    hint = "Go to the project's folder, or name it with --project."
    raise ConfigError([Problem(SETTINGS, 0, 0, "", f"not found in {here} or above.", hint)])


def load(root: Path | str | None = None, *, strict: bool = True) -> Project:
    """The project; raises ConfigError with every problem, or (``strict=False``) keeps what is good."""
    home = find_root(Path(root)) if root else find_root()
    reading = Reading()
    plugins, found = load_plugins(home)
    reading.problems += found
    settings, defaults, declared_jobs = read_settings(home, reading)
    places = read_places(home, plugins, reading)
    locations = read_locations(home, reading)
    assets = read_assets(home, defaults, plugins, reading)
    graph, found = build_graph(assets, locations, plugins.checks, places.environments, reading.lost)
    reading.problems += [*found, *plugins.lint(graph)]
    jobs = dict(_sound_jobs(declared_jobs, graph, places, reading))
    problems = tuple(sorted(set(reading.problems)))
    if strict and problems:
        raise ConfigError(problems)
    most = settings.max_cost
    return Project(home, settings.project, graph, jobs, places, plugins, problems, most)


def _sound_jobs(
    declared: Mapping[str, Job], graph: AssetGraph, places: Places, reading: Reading
) -> Iterator[tuple[str, Job]]:
    for name, job in declared.items():
        where, message, hint, consequence = "select", "", "", False
        try:
            select(graph, job.select)
        except SelectionError as error:
            message, consequence = sentence(str(error)), isinstance(error, LeftOut)
        known = {*places.environments, *reading.lost}
        if not message and places.environments and job.environment not in known:
            where, message = "environment", f"there is no environment '{job.environment}'."
            hint = nearest(job.environment, places.environments)
        if not message:
            yield name, job
            continue
        path = f"jobs.{name}.{where}"
        mark = reading.marks.get(path) or reading.marks[f"jobs.{name}"]
        problem = mark.problem(path, message, hint)
        reading.problems.append(dataclasses.replace(problem, consequence=consequence))
