"""Markdown that more than one generated page is made of."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by `make reference`. Change the code, not this page. -->"


def page(title: str, *parts: str) -> str:
    """Return a page: the note that it is generated, its title, and its parts with an empty line between."""
    return "\n\n".join([NOTE, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar or a line break inside a cell does not break it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code in a line; nothing for nothing."""
    return f"`{text}`" if text else ""


def block(text: str, language: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"
