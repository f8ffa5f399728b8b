"""Load a project: read every file of conf/ and collect every mistake with its position."""

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openaq_assets.cache import open_cache
from openaq_assets.errors import ConfigError, LeftOut, Problem, SelectionError, nearest, sentence
from openaq_assets.graph.assets import AssetGraph
from openaq_assets.graph.build import build_graph
from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile, open_environment
from openaq_assets.graph.extensions import ConfFile
from openaq_assets.graph.jobs import Job
from openaq_assets.graph.selection import select
from openaq_assets.platforms.transform.polars_loading import uncollected
from openaq_assets.plugins.guard import RAISED
from openaq_assets.plugins.manager import Plugins, failure, load_plugins
from openaq_assets.project.decode import declared
from openaq_assets.project.files import (
    SETTINGS,
    read_assets,
    read_conf,
    read_environments,
    read_scopes,
    read_settings,
)
from openaq_assets.project.yaml_nodes import Reading


@dataclass(frozen=True)
class Project:
    """The valid part of a project; ``problems`` says what was left out and why."""

    root: Path
    name: str
    graph: AssetGraph
    jobs: Mapping[str, Job]
    profiles: Mapping[str, Profile]
    environments: Mapping[str, LogicalEnvironment]
    plugins: Plugins
    problems: tuple[Problem, ...] = ()
    max_cost: float | None = None

    def profile(self, name: str | None = None) -> str:
        """Return ``name`` if given, else the value of ``OPENAQ_PROFILE``, else ``local``."""
        return name or os.environ.get("OPENAQ_PROFILE") or "local"

    def environment(self, name: str = "dev", profile: str | None = None) -> Environment:
        """Return an environment in a profile (by default ``self.profile()``).

        Raises SelectionError if there is no such environment or profile.
        """
        chosen = self.profile(profile)
        environment = open_environment(name, chosen, self.profiles, self.environments)
        if "://" in environment.root:
            return environment
        absolute = str((self.root / environment.root).resolve())
        return dataclasses.replace(
            environment, profile=dataclasses.replace(environment.profile, root=absolute)
        )

    def conf(self, name: str) -> Any:
        """Return the value of a plugin's file of conf/, None if there is no such file.

        Raises ConfigError with every mistake in it.
        """
        file = self.plugins.conf_files.get(name)
        if file is None or not (self.root / file.path).exists():
            return None
        value, problems = self._read(file)
        if problems:
            raise ConfigError(problems)
        return value

    def conf_problems(self) -> tuple[Problem, ...]:
        """Return every mistake in the files that plugins read when they need them."""
        files = [file for file in self.plugins.conf_files.values() if not file.selector]
        existing = [file for file in files if (self.root / file.path).exists()]
        return tuple(sorted({problem for file in existing for problem in self._read(file)[1]}))

    def _read(self, file: ConfFile) -> tuple[Any, list[Problem]]:
        reading, value = Reading(), None
        what = f"the fields of conf file '{file.name}' cannot be read"
        try:  # a plugin is foreign code
            value = read_conf(self.root, file, reading)
            what = f"the check of {file.path} fails"
            for where, message, hint in file.mistakes_in(value, self) if value is not None else ():
                mark = reading.marks.get(where, reading.marks[""])
                if not (isinstance(message, str) and isinstance(hint, str)):
                    raise TypeError(f"{message!r}, {hint!r} are not a message and a remedy")
                reading.problems.append(mark.problem(where, message, hint))
        except RAISED as error:
            reading.problems.append(self.plugins.blamed("conf file", file.name, error, what))
        return value, reading.problems

    def keys(self, job: str) -> tuple[str, ...]:
        """Return the keys of a job's assets, in graph order."""
        return select(self.graph, self.job(job).select)

    def job(self, name: str) -> Job:
        """Return a job; raise SelectionError with the known names if there is none of that name."""
        if name not in self.jobs:
            raise SelectionError(f"there is no job '{name}'. {nearest(name, self.jobs)}")
        return self.jobs[name]


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder with conf/openaq.yaml: ``start`` or one above it.

    Raises ConfigError if there is none.
    """
    given = os.environ.get("OPENAQ_PROJECT")
    here = (start or Path(given or ".")).resolve()
    for folder in (here, *here.parents):
        if (folder / SETTINGS).is_file():
            return folder
    hint = "Go to the project's folder, or name it with --project."
    raise ConfigError([Problem(SETTINGS, 0, 0, "", f"not found in {here} or above.", hint)])


def load(root: Path | str | None = None, *, strict: bool = True) -> Project:
    """Return the project; raise ConfigError with every problem.

    With ``strict=False`` nothing is raised for a problem: the project holds its valid part.
    """
    folder = find_root(Path(root)) if root else find_root()
    with uncollected():  # loading only adds objects, so the search for garbage would find none
        project = _load(folder)
    if strict and project.problems:
        raise ConfigError(project.problems)
    return project


def _load(root: Path) -> Project:
    reading = Reading()
    cache = open_cache(root)
    plugins, problems_of_plugins = load_plugins(root)
    reading.problems += problems_of_plugins
    plugins = _readable(plugins, reading)
    settings, defaults, declared_jobs = read_settings(root, reading)
    profiles, environments = read_environments(root, plugins, reading)
    conf, selectors = read_scopes(root, plugins, reading)
    assets = read_assets(root, defaults, plugins, reading)
    graph, problems_of_graph = build_graph(
        assets, plugins.checks, environments, reading.lost, conf, selectors
    )
    reading.problems += [*problems_of_graph, *plugins.lint(graph)]
    jobs = dict(_sound_jobs(declared_jobs, graph, environments, reading))
    problems = tuple(sorted(set(reading.problems)))
    cache.save()
    return Project(
        root, settings.project, graph, jobs, profiles, environments, plugins, problems, settings.max_cost
    )


def _readable(plugins: Plugins, reading: Reading) -> Plugins:
    """Return the plugins without the kinds, settings and files whose fields cannot be decoded from YAML."""
    read: dict[str, dict[str, Any]] = {
        "kind": dict(plugins.kinds),
        "settings": dict(plugins.settings),
        "conf file": dict(plugins.conf_files),
    }
    for entry in plugins.provided:
        if entry.what not in read:
            continue
        try:
            fields = _fields_of(read[entry.what][entry.name])
            if fields is not None:
                declared(fields)
        except RAISED as error:  # a plugin is foreign code
            what = f"the fields of {entry.what} '{entry.name}' cannot be read"
            reading.problems.append(failure(entry.plugin, error, what, entry.line))
            reading.lost.add(entry.name)
            del read[entry.what][entry.name]
    return dataclasses.replace(
        plugins, kinds=read["kind"], settings=read["settings"], conf_files=read["conf file"]
    )


def _fields_of(value: Any) -> Any:
    """Return the dataclass of a kind, settings or a file; None if it is loaded only with such a file."""
    if not isinstance(value, ConfFile):
        return value.fields
    return value.type if value.selector or not isinstance(value.fields, str) else None


def _sound_jobs(
    declared: Mapping[str, Job], graph: AssetGraph, environments: Collection[str], reading: Reading
) -> Iterator[tuple[str, Job]]:
    for name, job in declared.items():
        where, message, hint, consequence = "select", "", "", False
        try:
            select(graph, job.select)
        except SelectionError as error:
            message, consequence = sentence(str(error)), isinstance(error, LeftOut)
        known = {*environments, *reading.lost}
        if not message and environments and job.environment not in known:
            where, message = "environment", f"there is no environment '{job.environment}'."
            hint = nearest(job.environment, environments)
        if not message:
            yield name, job
            continue
        path = f"jobs.{name}.{where}"
        mark = reading.marks.get(path) or reading.marks[f"jobs.{name}"]
        problem = mark.problem(path, message, hint)
        reading.problems.append(dataclasses.replace(problem, consequence=consequence))
