"""Write the generated pages of docs/reference/ again: ``make reference``."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .checks import checks_page
from .cli import cli_page
from .errors import errors_page
from .fields import fields_page
from .hooks import hooks_page
from .sql import sql_page
from .tables import tables_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "checks.md": lambda: checks_page(ROOT),
    "cli.md": cli_page,
    "errors.md": lambda: errors_page(ROOT),
    "fields.md": lambda: fields_page(ROOT),
    "hooks.md": hooks_page,
    "sql.md": sql_page,
    "tables.md": lambda: tables_page(ROOT),
}


def main() -> None:
    """Write every page, and say which one changed."""
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"docs/reference/{name}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:  # an example or an entry that the code contradicts
        sys.exit(str(error))
