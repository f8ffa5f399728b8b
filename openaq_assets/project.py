"""conf/ -> Project: every file read, every mistake told, and a mistake in one file kept to that file."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from openaq_assets.definitions import Asset, Common, Job, Location, Name, TextFile
from openaq_assets.environment import Environment, LogicalEnvironment, Profile, open_environment
from openaq_assets.errors import ConfigError, Problem, SelectionError, nearest
from openaq_assets.graph import AssetGraph, build_graph
from openaq_assets.plugins import Plugins, load_plugins
from openaq_assets.selection import select
from openaq_assets.source import Node, Reading, build, build_fields, parse_file

SETTINGS, ENVIRONMENTS, LOCATIONS = "conf/openaq.yaml", "conf/environments.yaml", "conf/locations.yaml"
ASSETS = "conf/assets"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of conf/openaq.yaml."""

    version: int
    project: Name
    description: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """The fields of conf/environments.yaml."""

    version: int
    profiles: Mapping[str, Profile]
    environments: Mapping[str, LogicalEnvironment]


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
    plugins, found = load_plugins(home)
    reading = Reading()
    reading.problems += found
    settings, defaults, declared_jobs = _settings(home, reading)
    places = _places(home, reading)
    locations = _locations(home, reading)
    assets = list(_assets(home, defaults, plugins, reading))
    graph, found = build_graph(assets, locations, plugins.checks)
    reading.problems += found
    reading.problems += [one for rules in plugins.manager.hook.lint_rules(graph=graph) for one in rules]
    jobs = _checked_jobs(declared_jobs, graph, places, reading)
    problems = tuple(sorted(set(reading.problems)))
    if strict and problems:
        raise ConfigError(problems)
    return Project(home, settings.project, graph, jobs, places, plugins, problems)


def _settings(
    home: Path, reading: Reading
) -> tuple[Settings, Mapping[str, Node], Mapping[str, Job]]:
    fallback = Settings(1, Name("openaq"))
    node = parse_file(home / SETTINGS, SETTINGS, reading)
    if node is None:
        return fallback, {}, {}
    built = build_fields(node, (Settings,), "", reading, skip=frozenset({"defaults", "jobs"}))
    jobs = _each(_entries(node, "jobs", reading), Job, "jobs", reading)
    settings = Settings(**built[0]) if built else fallback
    if settings.version != 1:
        message = f"version {settings.version} is not known."
        reading.problems.append(reading.marks["version"].problem("version", message, "Write 1."))
    return settings, _entries(node, "defaults", reading), jobs


def _entries(node: Node, name: str, reading: Reading) -> Mapping[str, Node]:
    """The named entries of one field of a mapping."""
    inner = node.value.get(name) if isinstance(node.value, Mapping) else None
    if inner is None or inner.value is None:
        return {}
    if not isinstance(inner.value, Mapping):
        reading.fail(inner, name, f"expected a mapping, got {inner.kind}.", "Write 'name:' entries.")
        return {}
    return inner.value


def _each(entries: Mapping[str, Node], kind: type[T], where: str, reading: Reading) -> dict[str, T]:
    """Every entry that can be read; the others are among the problems."""
    built = {name: build(one, kind, f"{where}.{name}", reading) for name, one in entries.items()}
    return {name: value for name, value in built.items() if isinstance(value, kind)}


def _places(home: Path, reading: Reading) -> Places:
    inside = Reading(environ=os.environ, problems=reading.problems)
    node = parse_file(home / ENVIRONMENTS, ENVIRONMENTS, inside)
    built = build_fields(node, (Places,), "", inside) if node else None
    return Places(**built[0]) if built else Places(1, {}, {})


def _locations(home: Path, reading: Reading) -> Mapping[str, Location]:
    node = parse_file(home / LOCATIONS, LOCATIONS, reading)
    return _each(_section(node, "locations", reading), Location, "locations", reading)


def _section(node: Node | None, name: str, reading: Reading) -> Mapping[str, Node]:
    """The entries under the one top-level field a file has."""
    if node is None:
        return {}
    if not isinstance(node.value, Mapping):
        reading.fail(node, "", f"expected a mapping, got {node.kind}.", f"Begin with '{name}:'.")
        return {}
    for key, value in node.value.items():
        if key != name:
            reading.problems.append(
                value.at.problem(key, f"unknown field '{key}'.", nearest(key, [name]))
            )
    return _entries(node, name, reading)


def _assets(
    home: Path, defaults: Mapping[str, Node], plugins: Plugins, reading: Reading
) -> Iterable[Asset]:
    seen: dict[str, Asset] = {}
    for path in sorted((home / ASSETS).rglob("*.y*ml")):
        name = path.relative_to(home).as_posix()
        node = parse_file(path, name, reading)
        for key, entry in _section(node, "assets", reading).items():
            asset = _asset(home, key, entry, defaults, plugins, reading)
            if asset and key in seen:
                at = seen[key].at
                message = f"'{key}' is already declared at {at.path}:{at.line}."
                reading.problems.append(asset.problem("", message, "Rename one of them."))
            elif asset:
                seen[key] = asset
    for kind in defaults:
        if kind not in plugins.kinds:
            where = defaults[kind].at
            reading.problems.append(
                where.problem(f"defaults.{kind}", f"no kind '{kind}'.", nearest(kind, plugins.kinds))
            )
    return seen.values()


def _asset(
    home: Path, key: str, entry: Node, defaults: Mapping[str, Node], plugins: Plugins, reading: Reading
) -> Asset | None:
    where, inside = f"assets.{key}", Reading(problems=reading.problems)
    before = len(reading.problems)
    try:
        Name.parse(key)
    except ValueError as error:
        reading.problems.append(entry.at.problem(where, f"{key!r} cannot be a name.", str(error)))
    kind = _kind(entry, where, plugins, reading)
    if kind is None:
        return None
    merged = _with_defaults(entry, defaults.get(kind.name))
    built = build_fields(merged, (Common, kind.fields), where, inside)
    if built is None or len(reading.problems) > before:
        return None
    spec = _with_files(home, kind.fields(**built[1]), where, inside)
    asset = Asset(key, kind, Common(**built[0]), spec, entry.at, inside.marks)
    return asset if len(reading.problems) == before else None


def _kind(entry: Node, where: str, plugins: Plugins, reading: Reading) -> Any:
    if not isinstance(entry.value, Mapping):
        reading.fail(entry, where, f"expected a mapping, got {entry.kind}.", "Write 'kind: ...' lines.")
        return None
    node = entry.value.get("kind")
    if node is None or not isinstance(node.value, str):
        at = node.mark if node else entry.at
        hint = f"Add 'kind: ' and one of {', '.join(sorted(plugins.kinds))}."
        reading.problems.append(at.problem(where, "'kind' is missing.", hint))
        return None
    if node.value not in plugins.kinds:
        reading.fail(
            node, f"{where}.kind", f"unknown kind '{node.value}'.", nearest(node.value, plugins.kinds)
        )
    return plugins.kinds.get(node.value)


def _with_defaults(entry: Node, defaults: Node | None) -> Node:
    if not defaults or not isinstance(defaults.value, Mapping) or not isinstance(entry.value, Mapping):
        return entry
    return Node(entry.mark, {**defaults.value, **entry.value}, key=entry.key)


def _with_files(home: Path, spec: Any, where: str, reading: Reading) -> Any:
    """The spec with the text of every file it names."""
    changed: dict[str, TextFile] = {}
    for one in dataclasses.fields(spec):
        value = getattr(spec, one.name)
        if isinstance(value, TextFile):
            mark = reading.marks[f"{where}.{one.metadata.get('yaml', one.name)}"]
            try:
                text = (home / value.path).read_text(encoding="utf-8-sig")
                changed[one.name] = dataclasses.replace(value, text=text)
            except (OSError, UnicodeDecodeError, ValueError) as error:
                what = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
                field_path = f"{where}.{one.metadata.get('yaml', one.name)}"
                reading.problems.append(
                    mark.problem(field_path, f"file '{value.path}' {what}.", "Create it as UTF-8 text.")
                )
    return dataclasses.replace(spec, **changed) if changed else spec


def _checked_jobs(
    declared: Mapping[str, Job], graph: AssetGraph, places: Places, reading: Reading
) -> Mapping[str, Job]:
    good: dict[str, Job] = {}
    for name, job in declared.items():
        mark = reading.marks[f"jobs.{name}"]
        try:
            Name.parse(name)
            select(graph, job.select)
        except (SelectionError, ValueError) as error:
            where = reading.marks.get(f"jobs.{name}.select", mark)
            reading.problems.append(where.problem(f"jobs.{name}", _sentence(str(error))))
            continue
        if places.environments and job.environment not in places.environments:
            where = reading.marks.get(f"jobs.{name}.environment", mark)
            hint = nearest(job.environment, places.environments)
            message = f"there is no environment '{job.environment}'."
            reading.problems.append(where.problem(f"jobs.{name}.environment", message, hint))
            continue
        good[name] = job
    return good


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
