"""The page of error messages: each message with its cause and its remedy.

The messages come from the source, their causes and remedies from ``errors.yaml``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .markdown import code, page
from .messages import messages

_HEAD = """
Every message that openaq-assets can show is on this page. A message about a file is one line: the file, its
line and column, the field, what is wrong, and often what to do:

```text
conf/assets/raw.yaml:13:5: assets.measurements_raw.kinds: unknown field 'kinds'. Did you mean 'kind'?
```

To find a message, search for its fixed words. A part that is filled in, like a name or a number, is shown
as `…` here. A message may end with a remedy that is not repeated here.

The command line exits with 0 if all is well, 1 if there are problems, 2 if the command cannot be understood
or names something that does not exist, and 3 if storage, an API or an engine failed.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """Messages that have one cause and one remedy."""

    messages: tuple[str, ...]
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Topic:
    """The entries of one part of the project, under a heading of the page."""

    title: str
    entries: tuple[Entry, ...]


def topics(root: Path) -> list[Topic]:
    """Return what ``errors.yaml`` says, in its order."""
    text = (root / "infra/reference/errors.yaml").read_text(encoding="utf-8")
    return [Topic(topic["topic"], tuple(map(_entry, topic["entries"]))) for topic in yaml.safe_load(text)]


def _entry(entry: Mapping[str, str]) -> Entry:
    return Entry(tuple(entry["messages"].splitlines()), entry["cause"], entry["remedy"])


def differences(root: Path) -> list[str]:
    """Return the messages without an entry and the entries without a message, as lines to act on."""
    written = {message.text for message in messages(root)}
    listed = [text for topic in topics(root) for entry in topic.entries for text in entry.messages]
    twice = sorted({text for text in listed if listed.count(text) > 1})
    return [
        *(f"no entry in infra/reference/errors.yaml: {text}" for text in sorted(written - set(listed))),
        *(f"no such message in the source any more: {text}" for text in sorted(set(listed) - written)),
        *(f"listed twice: {text}" for text in twice),
    ]


def errors_page(root: Path) -> str:
    """Return the page of error messages; raise ValueError if a message has no entry, or an entry none."""
    if wrong := differences(root):
        raise ValueError("\n".join(wrong))
    paths: dict[str, set[str]] = defaultdict(set)
    for message in messages(root):
        paths[message.text].add(message.path)
    parts = (part for topic in topics(root) for part in _topic(topic, paths))
    return page("Error messages", _HEAD, *parts)


def _topic(topic: Topic, paths: Mapping[str, Iterable[str]]) -> Sequence[str]:
    return [f"## {topic.title}", *(_shown(entry, paths) for entry in topic.entries)]


def _shown(entry: Entry, paths: Mapping[str, Iterable[str]]) -> str:
    first, *others = entry.messages
    files = sorted({path for text in entry.messages for path in paths[text]})
    lines = [
        f"### {_fixed(first)}",
        "",
        *(f"- {_fixed(text)}" for text in others),
        *([""] if others else []),
        f"**Cause:** {' '.join(entry.cause.split())}",
        "",
        f"**Remedy:** {' '.join(entry.remedy.split())}",
        "",
        f"Written in {', '.join(map(code, files))}.",
    ]
    return "\n".join(lines)


def _fixed(text: str) -> str:
    """Return a message as code, also if it has a backtick in it."""
    return f"`` {text} ``" if "`" in text else code(text)
