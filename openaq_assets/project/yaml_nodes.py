"""Define located nodes of YAML and the collection of problems while files are read.

``yaml_text.py`` reads YAML into nodes; ``decode.py`` decodes nodes into typed values.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from openaq_assets.errors import Mark, Problem, shortened


class Node(NamedTuple):
    """A YAML value with its position: text, a list of nodes, a mapping of nodes, or None."""

    mark: Mark
    value: "str | tuple[Node, ...] | Mapping[str, Node] | None"
    key: Mark | None = None

    @property
    def at(self) -> Mark:
        """Return the mark that problems point at: that of its key, if it has one."""
        return self.key or self.mark

    @property
    def kind(self) -> str:
        """Return the description of the value in messages."""
        if self.value is None:
            return "nothing"
        if isinstance(self.value, str):
            return shortened(self.value)
        return "a list" if isinstance(self.value, tuple) else "a mapping"

    def words(self) -> Iterator[str]:
        """Yield every text of the node and of the nodes below it."""
        if isinstance(self.value, str):
            yield self.value
        elif self.value is not None:
            pairs = self.value
            for item in pairs if isinstance(pairs, tuple) else pairs.values():
                yield from item.words()


@dataclass(slots=True)
class Reading:
    """The results of reading files: every problem, and the mark of every value by its field path.

    ``lost`` holds the words of unreadable text: a reference to one of them is not reported as a mistake.
    """

    environ: Mapping[str, str] | None = None
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def fail(self, node: Node, where: str, message: str, hint: str = "") -> None:
        """Add a problem at the mark of a node."""
        self.problems.append(node.mark.problem(where, message, hint))


def read_text(path: Path, name: str, reading: Reading) -> str | None:
    """Return the text of a UTF-8 file, or None and add the problem."""
    data = b""
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        reading.problems.append(Problem(name, 0, 0, "", "the file does not exist.", "Create it."))
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8", "replace")
        message = f"the file is not UTF-8: byte 0x{data[error.start]:02x}."
        mark = Mark.within(name, good, len(good))
        reading.problems.append(mark.problem("", message, "Save the file as UTF-8 text."))
        lose(data.decode("utf-8", "replace"), reading)
    except OSError as error:
        message = f"the file cannot be read ({error.strerror or type(error).__name__})."
        reading.problems.append(
            Problem(name, 1, 1, "", message, "Check that it is a file and that you may read it.")
        )
    return None


def lose(text: str, reading: Reading) -> None:
    """Add the words of unreadable text to ``reading.lost``."""
    reading.lost.update(re.findall(r"[a-z][a-z0-9_]*", text))
