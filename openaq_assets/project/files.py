"""Read the files of conf/ into typed values; a mistake is reported once and affects only its entry."""

import dataclasses
import difflib
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from openaq_assets.errors import Mark, Problem, nearest, shortened
from openaq_assets.graph.assets import Asset, Common, TextFile
from openaq_assets.graph.columns import Name
from openaq_assets.graph.environment import LogicalEnvironment, Profile
from openaq_assets.graph.extensions import ConfFile
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.jobs import Dollars, Job
from openaq_assets.plugins.guard import RAISED
from openaq_assets.plugins.manager import Plugins
from openaq_assets.project.decode import ABSENT, build, build_fields, construct, declared
from openaq_assets.project.yaml_files import parse_file
from openaq_assets.project.yaml_nodes import Node, Reading, read_text

SETTINGS, ENVIRONMENTS = "conf/openaq.yaml", "conf/environments.yaml"
ASSETS = "conf/assets"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of conf/openaq.yaml."""

    version: int = dataclasses.field(metadata=field_doc("The version of this file's format.", 1))
    project: Name = dataclasses.field(
        metadata=field_doc("The name of the project, part of the asset URIs in Airflow.", "openaq")
    )
    description: str = dataclasses.field(
        default="",
        metadata=field_doc(
            "The purpose of the project.", "Air quality of Viet Nam, from raw data to a dashboard."
        ),
    )
    max_cost: Dollars | None = dataclasses.field(
        default=None,
        metadata=field_doc("The most US dollars that a run of any job may be estimated to cost on AWS.", 5),
    )


@dataclass(frozen=True, slots=True)
class EnvironmentsFile:
    """The fields of conf/environments.yaml."""

    version: int = dataclasses.field(metadata=field_doc("The version of this file's format.", 1))
    profiles: Mapping[str, Profile] = dataclasses.field(
        metadata=field_doc(
            "The profiles by name: each says which platform carries the environments, and where data lie."
        )
    )
    environments: Mapping[str, LogicalEnvironment] = dataclasses.field(
        metadata=field_doc("The environments by name.")
    )


@dataclass(frozen=True, slots=True)
class _Version:
    version: int


def read_settings(root: Path, reading: Reading) -> tuple[Settings, Mapping[str, Node], Mapping[str, Job]]:
    """Return the settings of the project, the defaults of kinds as nodes, and the jobs."""
    node = _content(root, SETTINGS, reading)
    built = node and build_fields(node, (Settings,), "", reading, frozenset({"defaults", "jobs"}))
    settings = Settings(**built[0]) if built else Settings(1, Name("unnamed"))
    _check_version(settings.version, reading)
    jobs = _each(_entries(node, "jobs", reading), Job, "jobs", reading)
    return settings, _entries(node, "defaults", reading), jobs


def read_environments(
    root: Path, plugins: Plugins, reading: Reading
) -> tuple[dict[str, Profile], dict[str, LogicalEnvironment]]:
    """Return the valid profiles and environments of conf/environments.yaml.

    It is the only file whose values may be ``${env:NAME}``.
    """
    inside = Reading(environ=os.environ, problems=reading.problems, lost=reading.lost)
    node = _content(root, ENVIRONMENTS, inside)
    built = node and build_fields(node, (_Version,), "", inside, frozenset({"profiles", "environments"}))
    _check_version(built[0]["version"] if built else 1, inside)
    profiles = _profiles(_entries(node, "profiles", inside), plugins, inside)
    named = _entries(node, "environments", inside)
    environments = _each(named, LogicalEnvironment, "environments", inside)
    platforms = {*plugins.platforms, *plugins.lost}
    for name, profile in profiles.items():
        _check_name(f"profiles.{name}.platform", "platform", profile.platform, platforms, inside)
    for name, environment in environments.items():
        if environment.tables_from:
            path = f"environments.{name}.tables_from"
            _check_name(path, "environment", environment.tables_from, set(named) - {name}, inside)
    return profiles, environments


def _check_name(path: str, what: str, name: str, known: Any, reading: Reading) -> None:
    if name not in known:
        message = f"there is no {what} '{name}'."
        reading.problems.append(reading.marks[path].problem(path, message, nearest(name, known)))


def _check_version(version: int, reading: Reading) -> None:
    if version != 1:
        message = f"version {version} is not supported."
        reading.problems.append(reading.marks["version"].problem("version", message, "Write 1."))


def _profiles(entries: Mapping[str, Node], plugins: Plugins, reading: Reading) -> dict[str, Profile]:
    """Return the valid profiles, each with the settings of all plugins."""
    settings = settings_type(plugins)

    def read(node: Node, path: str) -> Any:
        built = build_fields(node, (Profile, settings), path, reading)
        if built is None:
            return ABSENT
        values = {**built[0], "settings": vars(settings(**built[1]))}
        return construct(Profile, values, node, path, reading)

    return _named(entries, "profiles", read, reading)


def settings_type(plugins: Plugins) -> type:
    """Return a dataclass with one field per settings of a plugin."""
    fields = [(name, entry.fields, entry.fields()) for name, entry in plugins.settings.items()]
    return dataclasses.make_dataclass("PluginSettings", fields, frozen=True)


def read_scopes(
    root: Path, plugins: Plugins, reading: Reading
) -> tuple[dict[str, Any], dict[str, Mapping[str, str]]]:
    """Return the values of the files with selectors, by path, and their selectors, by section."""
    conf: dict[str, Any] = {}
    selectors: dict[str, Mapping[str, str]] = {}
    for file in plugins.conf_files.values():
        if file.selector and (root / file.path).exists():
            conf[file.path] = entries = read_conf(root, file, reading)
            selectors[file.section] = _selectors(file, entries, plugins, reading)
    return conf, selectors


def _selectors(
    file: ConfFile, entries: Mapping[str, Any], plugins: Plugins, reading: Reading
) -> Mapping[str, str]:
    """Return the selector of each entry; an empty mapping if the plugin fails on an entry."""
    try:
        chosen = {name: file.selector(entry) for name, entry in entries.items() if file.selector}
        invalid = [selector for selector in chosen.values() if not isinstance(selector, str)]
        if invalid:
            raise TypeError(f"{invalid[0]!r} is not text")
        return chosen
    except RAISED as error:  # a plugin is foreign code
        what = f"the selector of {file.path} fails"
        reading.problems.append(plugins.blamed("conf file", file.name, error, what))
        return {}


def read_conf(root: Path, file: ConfFile, reading: Reading) -> Any:
    """Return the value of a plugin's file of conf/; None or only its valid entries if it has problems."""
    if file.section:
        node = parse_file(root / file.path, file.path, reading)
        entries = _section(node, file.section, reading)
        return _each(entries, file.type, file.section, reading)
    node = _content(root, file.path, reading, file.empty)
    if node is None:
        return None
    declared(file.type)  # raises the exception of an invalid plugin, before problems of the file are added
    value = build(node, file.type, "", reading)
    if isinstance(value, file.type) and "version" in reading.marks:
        _check_version(getattr(value, "version", 1), reading)
    return value if isinstance(value, file.type) else None


def read_assets(root: Path, defaults: Mapping[str, Node], plugins: Plugins, reading: Reading) -> list[Asset]:
    """Return the valid assets; the words of the others are added to ``reading.lost``."""
    checked = dict(_defaults(defaults, plugins, reading))
    first: dict[str, Node] = {}
    assets: dict[str, Asset] = {}
    entries = list(_asset_entries(root, reading))
    for key, entry in entries:
        if key in first:
            at = first[key].at
            message = f"'{key}' is already declared at {at.path}:{at.line}."
            reading.problems.append(entry.at.problem(f"assets.{key}", message, "Rename one of them."))
            assets.pop(key, None)  # it is unknown which of them is meant
            reading.lost.update((key, *entry.words(), *first[key].words()))
            continue
        first[key] = entry
        asset = _asset(root, key, entry, checked, plugins, reading)
        if asset:
            assets[key] = asset
        else:
            reading.lost.update((key, *entry.words()))
    if not entries and not reading.problems:
        hint = f"Add a file like {ASSETS}/tables.yaml that begins with 'assets:'."
        reading.problems.append(Problem(ASSETS, 0, 0, "", "no assets are declared.", hint))
    return list(assets.values())


def _asset_entries(root: Path, reading: Reading) -> Iterator[tuple[str, Node]]:
    for path in sorted((root / ASSETS).rglob("[!.]*.y*ml")):
        name = path.relative_to(root).as_posix()
        yield from _section(parse_file(path, name, reading), "assets", reading).items()


def _defaults(
    defaults: Mapping[str, Node], plugins: Plugins, reading: Reading
) -> Iterator[tuple[str, Mapping[str, Node]]]:
    """Yield the valid defaults of each kind, so that a mistake in one is not reported for every asset."""
    for name, node in defaults.items():
        where = f"defaults.{name}"
        if name not in plugins.kinds:
            if name not in plugins.lost:
                hint = nearest(name, plugins.kinds)
                reading.problems.append(node.at.problem(where, f"unknown kind '{name}'.", hint))
        elif not isinstance(node.value, Mapping):
            message = f"expected a mapping, got {node.kind}."
            reading.fail(node, where, message, "Write lines like 'field: value'.")
        else:
            fields = {**declared(Common), **declared(plugins.kinds[name].fields)}
            del fields["kind"]
            yield (
                name,
                {
                    key: value
                    for key, value in node.value.items()
                    if _is_sound(key, value, fields, where, reading)
                },
            )


def _is_sound(key: str, value: Node, fields: Mapping[str, Any], where: str, reading: Reading) -> bool:
    path = f"{where}.{key}"
    if key not in fields:
        hint = nearest(key, fields)
        reading.problems.append(value.at.problem(path, f"unknown field '{key}'.", hint))
        return False
    return build(value, fields[key].type, path, reading) is not ABSENT


def _asset(
    root: Path,
    key: str,
    entry: Node,
    defaults: Mapping[str, Mapping[str, Node]],
    plugins: Plugins,
    reading: Reading,
) -> Asset | None:
    where, inside = f"assets.{key}", Reading(problems=reading.problems, lost=reading.lost)
    before = len(reading.problems)
    _is_name(key, entry, where, reading)
    kind = _kind(entry, where, plugins, reading)
    if kind is None or not isinstance(entry.value, Mapping) or _has_problem(where, reading):
        return None
    merged = Node(entry.mark, {**defaults.get(kind.name, {}), **entry.value}, key=entry.key)
    built = build_fields(merged, (Common, kind.fields), where, inside)
    if built is None or len(reading.problems) > before:
        return None
    spec = construct(kind.fields, built[1], entry, where, inside)
    spec = spec if spec is ABSENT else _with_files(root, spec, where, inside)
    if len(reading.problems) > before:
        return None
    return Asset(key, kind, Common(**built[0]), spec, entry.at, inside.marks)


def _kind(entry: Node, where: str, plugins: Plugins, reading: Reading) -> Any:
    if not isinstance(entry.value, Mapping):
        reading.fail(
            entry,
            where,
            f"expected a mapping, got {entry.kind}.",
            "Write 'kind: ...' and the other fields on the lines below.",
        )
        return None
    node = entry.value.get("kind")
    if node is None or not isinstance(node.value, str):
        at = node.mark if node else entry.at
        hint = f"Add 'kind: ' and one of these: {', '.join(sorted(plugins.kinds))}."
        reading.problems.append(at.problem(where, "'kind' is missing.", hint))
        return None
    if node.value not in plugins.kinds and node.value not in plugins.lost:
        message = f"unknown kind {shortened(node.value)}."
        reading.fail(node, f"{where}.kind", message, nearest(node.value, plugins.kinds))
    return plugins.kinds.get(node.value)


def _with_files(root: Path, spec: Any, where: str, reading: Reading) -> Any:
    """Return the spec with the text of every file that it names."""
    changed: dict[str, TextFile] = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if isinstance(value, TextFile):
            path = f"{where}.{field.metadata.get('yaml', field.name)}"
            text = _text_of(root, value.path, reading.marks[path], path, reading)
            changed[field.name] = dataclasses.replace(value, text=text or "")
    return dataclasses.replace(spec, **changed) if changed else spec


def _text_of(root: Path, name: str, mark: Mark, where: str, reading: Reading) -> str | None:
    try:
        if (root / name).is_file():
            return read_text(root / name, name, reading)
        message = f"file {shortened(name)} does not exist."
    except (OSError, ValueError):  # too long, or with characters that no file name can have
        message = f"{shortened(name)} is not a valid file name."
    reading.problems.append(mark.problem(where, message, _similar_file(root, name)))
    return None


def _similar_file(root: Path, name: str) -> str:
    """Return the remedy for a missing file: a file of the same folder with a similar name, if any."""
    folder, wanted = posixpath.split(name)
    try:
        names = {path.stem: path.name for path in (root / folder).iterdir()}
    except (OSError, ValueError):
        names = {}
    close = difflib.get_close_matches(Path(wanted).stem, names, n=1, cutoff=0.7)
    return f"Did you mean '{posixpath.join(folder, names[close[0]])}'?" if close else "Create it."


def _content(root: Path, name: str, reading: Reading, hint: str = "Begin with 'version: 1'.") -> Node | None:
    """Return the content of a file that must not be empty, or None with the problem added."""
    before = len(reading.problems)
    node = parse_file(root / name, name, reading)
    if node is None and len(reading.problems) == before:
        message = "the file is empty."
        reading.problems.append(Problem(name, 1, 1, "", message, hint))
    return node


def _section(node: Node | None, name: str, reading: Reading) -> Mapping[str, Node]:
    """Return the entries below the only top-level field of a file."""
    if node is None:
        return {}
    if not isinstance(node.value, Mapping):
        reading.fail(node, "", f"expected a mapping, got {node.kind}.", f"Begin with '{name}:'.")
        return {}
    for key, value in node.value.items():
        if key != name:
            reading.problems.append(value.at.problem(key, f"unknown field '{key}'.", nearest(key, [name])))
            reading.lost.update(value.words(), value.value if isinstance(value.value, Mapping) else ())
    return _entries(node, name, reading)


def _entries(node: Node | None, name: str, reading: Reading) -> Mapping[str, Node]:
    """Return the named entries of one field of a mapping."""
    inner = node.value.get(name) if node and isinstance(node.value, Mapping) else None
    if inner is None or inner.value is None:
        return {}
    if not isinstance(inner.value, Mapping):
        reading.fail(
            inner,
            name,
            f"expected a mapping, got {inner.kind}.",
            "Write the name of each entry on a line below, like 'name:'.",
        )
        return {}
    return inner.value


def _each(entries: Mapping[str, Node], kind: type[T], where: str, reading: Reading) -> dict[str, T]:
    """Return every entry that is a valid value of a type; problems are added for the others."""
    return _named(entries, where, lambda node, path: build(node, kind, path, reading), reading)


def _named(
    entries: Mapping[str, Node], where: str, read: Callable[[Node, str], Any], reading: Reading
) -> dict[str, Any]:
    good: dict[str, Any] = {}
    for name, node in entries.items():
        path = f"{where}.{name}"
        is_name = _is_name(name, node, path, reading)
        value = ABSENT if _has_problem(path, reading) else read(node, path)
        if is_name and value is not ABSENT:
            good[name] = value
        else:
            reading.lost.add(name)
    return good


def _has_problem(where: str, reading: Reading) -> bool:
    """Return whether an entry already has a problem of its YAML text: a key given twice, an alias."""
    return any(f"{problem.field}.".startswith(f"{where}.") for problem in reading.problems)


def _is_name(name: str, node: Node, where: str, reading: Reading) -> bool:
    try:
        Name.parse(name)
    except ValueError as error:
        message = f"{shortened(name)} is not a valid name."
        reading.problems.append(node.at.problem(where, message, str(error)))
        return False
    return True
