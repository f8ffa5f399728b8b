"""A process that extracts days into a folder, and may kill itself at one of its writes."""

import argparse
import datetime as dt
import itertools
import os
import signal
from collections.abc import Mapping

from openaq_assets.graph.operations import Ref
from openaq_assets.openaq.fetch import fetch
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api
from openaq_assets.platforms.files import FileStore


class Mortal(FileStore):
    """A store whose process is killed at the nth write, before or after it."""

    def __init__(self, at: int, after: bool) -> None:
        self.turn, self.at, self.after = itertools.count(1), at, after

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        due = next(self.turn) == self.at
        if due and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        written = super().put_new(uri, body, metadata)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def main() -> None:
    """Fetch as the arguments say, and die at a chosen write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("root")
    parser.add_argument("endpoint")
    parser.add_argument("days")
    parser.add_argument("--now", default="")
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--after", action="store_true")
    options = parser.parse_args()
    moment = dt.datetime.fromisoformat(options.now) if options.now else None
    now = (lambda: moment) if moment else (lambda: dt.datetime.now(dt.UTC))
    api = Api(options.url, "0" * 64, requests_per_minute=0, requests_per_hour=0, concurrency=2)
    days = tuple(options.days.split(","))
    store, inventory = Mortal(options.at, options.after), Ref("places_raw", "raw", uri=options.root)
    places = Fetch(
        "locations", ("country=VN",), Ref("places_raw", "raw", days[-1:], uri=options.root)
    )
    into = Ref("answers_raw", "raw", days, uri=options.root)
    settled = 0 if moment else 72
    answers = Fetch(options.endpoint, ("country=VN",), into, inventory, settled_after_hours=settled)
    fetch(places, FileStore(), api, now=now)
    facts = fetch(answers, store, api, now=now)
    assert not any(entry.failures for entry in facts.values()), facts
    print(*(entry.version for entry in facts.values()))


if __name__ == "__main__":
    main()
