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
        mine = next(self.turn) == self.at
        if mine and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        written = super().put_new(uri, body, metadata)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("root")
    parser.add_argument("endpoint")
    parser.add_argument("days")
    parser.add_argument("--now", default="")
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--after", action="store_true")
    asked = parser.parse_args()
    moment = dt.datetime.fromisoformat(asked.now) if asked.now else None
    now = (lambda: moment) if moment else (lambda: dt.datetime.now(dt.UTC))
    api = Api(asked.url, "0" * 64, requests_per_minute=0, requests_per_hour=0, concurrency=2)
    days = tuple(asked.days.split(","))
    store, inventory = Mortal(asked.at, asked.after), Ref("places_raw", "raw", uri=asked.root)
    places = Fetch(
        "locations", ("country=VN",), Ref("places_raw", "raw", days[-1:], uri=asked.root)
    )
    into = Ref("answers_raw", "raw", days, uri=asked.root)
    settled = 0 if moment else 72
    answers = Fetch(asked.endpoint, ("country=VN",), into, inventory, settled_after_hours=settled)
    fetch(places, FileStore(), api, now=now)
    facts = fetch(answers, store, api, now=now)
    assert not any(one.failures for one in facts.values()), facts
    print(*(one.version for one in facts.values()))


if __name__ == "__main__":
    main()
