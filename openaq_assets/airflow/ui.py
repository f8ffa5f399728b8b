"""Pages that this package adds to the Airflow UI, behind Airflow's own login.

The command line makes each page in a process of its own. So the memory of an engine is given back, the
api-server stays small, and a page shows exactly what the command writes.
"""

import asyncio
import html
import json
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.api_fastapi.core_api.security import requires_access_asset
from fastapi import Depends, FastAPI, Query
from fastapi.responses import HTMLResponse

#: A page is made again when it is older; reloading does not ask the lake each time.
FRESH_SECONDS = 60.0
LONGEST_SECONDS = 120.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 0; } p { margin: .25rem 0; }
pre { overflow: auto; border: 1px solid #8886; border-radius: 8px; padding: .75rem; font-size: 12.5px; }
</style>"""


class PageError(Exception):
    """The reason why there is no page, in one line; ``status`` is 404 for a mistake in the request."""

    def __init__(self, message: str, status: int = 503) -> None:
        super().__init__(message)
        self.status = status


class Pages:
    """The output of commands, kept for a minute; no command runs twice at the same time."""

    def __init__(self, root: Path, fresh: float = FRESH_SECONDS) -> None:
        self.root, self.fresh = root, fresh
        self._kept: dict[tuple[str, ...], tuple[float, str]] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def file(self, *command: str) -> str:
        """Return the file that a command writes with ``--out``; raise PageError with its last line."""
        async with self._locks.setdefault(command, asyncio.Lock()):
            at, text = self._kept.get(command, (0.0, ""))
            if not text or time.monotonic() - at > self.fresh:
                with tempfile.TemporaryDirectory() as folder:
                    out = Path(folder) / "page.html"
                    await self.output(*command, "--out", str(out))
                    text = out.read_text(encoding="utf-8")
                self._kept[command] = (time.monotonic(), text)
            return text

    async def output(self, *command: str) -> str:
        """Return the text that a command prints; raise PageError with its last line if it fails."""
        program = (sys.executable, "-m", "openaq_assets.cli.main", "--project", str(self.root))
        process = await asyncio.create_subprocess_exec(
            *program,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, error = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
        except TimeoutError:
            process.kill()
            raise PageError(f"'{command[0]}' took longer than {LONGEST_SECONDS:g} s.") from None
        if process.returncode:
            lines = error.decode(errors="replace").strip().splitlines()
            message = lines[-1] if lines else f"'{command[0]}' failed."
            raise PageError(message, 404 if process.returncode == 2 else 503)
        return out.decode()


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a command writes with ``--out``: its title and the words of the command."""

    title: str
    command: tuple[str, ...]


def build_app(root: Path, own: Mapping[str, Page] | None = None) -> FastAPI:
    """Return the application of a project's pages; every route asks Airflow for the user's rights.

    ``own`` are pages that the project adds, by the first segment of their path.
    """
    app = FastAPI(
        title="openaq-assets",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_asset("GET"))],
    )
    pages = Pages(root)

    for segment, own_page in (own or {}).items():
        app.add_api_route(f"/{segment}/", _route(pages, own_page), response_class=HTMLResponse)

    @app.get("/assets/")
    async def assets(env: str = Query("dev", pattern=_NAME.pattern)) -> HTMLResponse:
        """Return the page of the asset graph and catalog, at most a minute old."""
        return await _page(pages, "Asset graph", "docs", "--env", env)

    @app.get("/records/{asset}")
    async def records(
        asset: str, env: str = Query("dev", pattern=_NAME.pattern), run: str = ""
    ) -> HTMLResponse:
        """Return the page with the materialization records of an asset: those of a run, or the newest."""
        if not _NAME.fullmatch(asset):
            return _failed("Materialization records", PageError("there is no asset of that name.", 404))
        command = ("records", asset, "--env", env, "--format", "json", f"--run={run}")
        try:
            entries = json.loads(await pages.output(*command))
        except PageError as error:
            return _failed(asset, error)
        return HTMLResponse(_records_page(asset, env, run, entries), headers=_HEADERS)

    return app


def _route(pages: Pages, page: Page) -> Callable[[], Awaitable[HTMLResponse]]:
    async def route() -> HTMLResponse:
        """Return the page, at most a minute old."""
        return await _page(pages, page.title, *page.command)

    return route


async def _page(pages: Pages, title: str, *command: str) -> HTMLResponse:
    try:
        return HTMLResponse(await pages.file(*command), headers=_HEADERS)
    except PageError as error:
        return _failed(title, error)


def _failed(title: str, reason: PageError) -> HTMLResponse:
    page = _framed(title, f"<p>{html.escape(str(reason))}</p>")
    return HTMLResponse(page, reason.status, headers=_HEADERS)


def _records_page(asset: str, env: str, run: str, records: Sequence[Mapping[str, Any]]) -> str:
    about = f"{len(records)} in {html.escape(env)}" + (f", run {html.escape(run)}" if run else "")
    parts = [f'<p>{about}. <a href="../assets/?env={env}#{asset}">The asset</a></p>']
    parts += [_record(record) for record in records] or ["<p>This run made nothing: it was up to date.</p>"]
    return _framed(f"Materializations of {asset}", "".join(parts))


def _record(record: Mapping[str, Any]) -> str:
    facts = record.get("facts", {})
    heading = f"{record.get('partition') or 'all'}: {record.get('state')}"
    line = f"{facts.get('rows', 0):,} rows, {facts.get('bytes', 0):,} bytes, {record.get('at', '')}"
    body = json.dumps(record, ensure_ascii=False, indent=1)
    return (
        f"<h2>{html.escape(heading)}</h2><p>{html.escape(line)}</p>"
        f"<pre tabindex='0'>{html.escape(body)}</pre>"
    )


def _framed(title: str, body: str) -> str:
    name = html.escape(title)
    return f"{_HEAD}<title>{name}</title></head><body><h1>{name}</h1>{body}</body></html>"
