"""The site of the documentation: its pages, its links, its words."""

import re
from pathlib import Path

import pytest
import yaml
from support.docs_blocks import PAGES, name_of
from support.projects import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_glossary_is_short() -> None:
    """The glossary has at most 25 words, each with a meaning."""
    text = (DOCS / "reference/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*([\w ]+)\*\* \| (\S.*) \|$", text, re.MULTILINE)
    assert 0 < len(words) <= 25 and len(words) == text.count("\n| **")


def test_four_parts() -> None:
    """The navigation has the four parts, and every page is in it once."""
    nav = yaml.safe_load(re.sub(r"!\S+", "", (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")))["nav"]
    assert [next(iter(part)) for part in nav] == ["Home", "Tutorial", "How-to", "Reference", "Explanation"]
    pages = re.findall(r"[\w/-]+\.md", str(nav))
    assert sorted(pages) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No page embeds a script, a style, a picture or a diagram that the internet would have to bring."""
    settings = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings and "http" not in settings.replace("http-equiv", "")
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"!\[[^\]]*\]\(https?:|<(script|img|link|iframe)[^>]+https?:|```mermaid", text), path


def test_pictures_are_ours() -> None:
    """A picture in SVG needs nothing but itself."""
    for path in DOCS.rglob("*.svg"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|<script|<image", text), path


@pytest.mark.parametrize("path", [*PAGES, REPOSITORY / "CONTRIBUTING.md"], ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    """Every link to a file of the repository leads to one; the strict build also looks at the anchors."""
    text = re.sub(r"^( *)```.*?^\1```$|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_code_names_pages_that_exist() -> None:
    """A path below docs/ in code, settings or messages is a file."""
    folders = ("openaq_assets", "openaq_simulator", "conf", "infra", "tests", "dags", "plugins", "glue_jobs")
    files = [path for folder in folders for path in (REPOSITORY / folder).rglob("*") if path.suffix in (".py", ".yaml", ".sh")]
    for path in [*files, REPOSITORY / "Makefile", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "docker-compose.yml"]:
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8")):
            assert (REPOSITORY / name).is_file(), (path, name)
