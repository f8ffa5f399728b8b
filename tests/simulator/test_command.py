"""``openaq-assets simulate``: the archive as files, and what it says to wrong options."""

import datetime as dt
import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner

from openaq_assets.cli.main import cli
from openaq_simulator import World
from openaq_simulator.archive import archive_objects

NOW = "2026-11-01T00:00:00Z"


def simulate(*options: str) -> tuple[int, str]:
    """Return the exit code and everything that the command prints."""
    done = CliRunner().invoke(cli, ["simulate", *options])
    return done.exit_code, done.output


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder by path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_archive_is_written_as_files(tmp_path: Path) -> None:
    """Each file of the bucket lies under its key with its bytes, and twice is the same."""
    options = ("--archive", str(tmp_path), "--from", "2026-10-01", "--to", "2026-10-02", "--now", NOW)
    code, result = simulate(*options)
    written = files(tmp_path)
    days = dt.date(2026, 10, 1), dt.date(2026, 10, 2)
    assert written == dict(archive_objects(World.synthetic(seed=0), *days, dt.datetime.fromisoformat(NOW)))
    assert code == 0 and f"wrote {len(written)} files" in result and written
    assert gzip.decompress(next(iter(written.values()))).startswith(b'"location_id","sensors_id"')
    simulate(*options)
    assert files(tmp_path) == written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "2026-10-01"], "Add --archive."),
        (["--archive", "x"], "Add --from."),
        (["--archive", "x", "--from", "2026-10-02", "--to", "2026-10-01"], "Swap them."),
    ],
)
def test_options_that_make_no_sense_are_told(options: list[str], message: str, tmp_path: Path) -> None:
    """One line with the remedy, exit code 2, and nothing written."""
    code, output = simulate(*[option.replace("x", str(tmp_path / "x")) for option in options])
    assert code == 2 and message in output and output.count("\n") == 1
    assert not (tmp_path / "x").exists()
