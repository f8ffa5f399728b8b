"""``openaq-assets simulate``: a synthetic OpenAQ, as an API that answers or as the files of its archive."""

import datetime as dt
from pathlib import Path

import click

from openaq_assets.errors import PlatformError, SelectionError
from openaq_assets.usage import Day, told

_DAY = Day()


@click.command()
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option("--seed", default=0, show_default=True, help="Another seed gives other weather.")
@click.option(
    "--faults", default="", help="Faults to switch on, comma-separated; 'list' names them."
)
@click.option(
    "--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Where its clock stands (UTC)."
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files of the open-data bucket into this folder instead of serving.",
)
@click.option("--from", "first", type=_DAY, help="First local day of the files (with --archive).")
@click.option("--to", "last", type=_DAY, help="Last local day (with --archive; default: today).")
@told
def simulate(
    port: int,
    seed: int,
    faults: str,
    now: dt.datetime | None,
    archive: Path | None,
    first: dt.date | None,
    last: dt.date | None,
) -> None:
    """Serve a synthetic OpenAQ API on 127.0.0.1 until interrupted, or write its archive.

    \b
    Examples: openaq-assets simulate --port 8765 --faults 500once,late_row
              OPENAQ_API_URL=http://127.0.0.1:8765/v3 OPENAQ_API_KEY=$(printf '0%.0s' $(seq 64)) \\
                openaq-assets run --job openaq_ingestion
              openaq-assets simulate --archive bucket --from 2026-01-01 --to 2026-01-31
    """
    from openaq_assets.serving import serve_simulator

    stands = now.replace(tzinfo=dt.UTC) if now else None
    if archive is None:
        if first or last:
            raise SelectionError("--from and --to are of the files of --archive. Add it.")
        serve_simulator(port, seed, faults, stands)
    elif first is None:
        raise SelectionError("--archive needs the first day. Add --from.")
    elif last and last < first:
        raise SelectionError(f"--to {last} is before --from {first}. Swap them.")
    else:
        written = write_archive(archive, seed, first, last, stands or dt.datetime.now(dt.UTC))
        click.echo(f"wrote {written} files into {archive}")


def write_archive(
    folder: Path, seed: int, first: dt.date, last: dt.date | None, now: dt.datetime
) -> int:
    """How many files of the synthetic archive, as of ``now``, were written into a folder.

    A local day has its files 72 hours after its end. Raises PlatformError where nothing can be written.
    """
    from openaq_assets.openaq.simulator import World
    from openaq_assets.openaq.simulator.archive import archive_objects
    from openaq_assets.progress import bars

    until, count = last or now.date(), 0
    days = [first + dt.timedelta(days=n) for n in range((until - first).days + 1)]
    world = World.synthetic(seed=seed)
    try:
        with bars() as told_of:
            for number, day in enumerate(days, 1):
                for key, body in archive_objects(world, day, day, now):
                    path = folder / key
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(body)
                    count += 1
                told_of("Write archive", number, len(days))
    except OSError as error:
        raise PlatformError(f"{folder}: {error.strerror}. Choose another folder.") from error
    return count
