"""The second process of a Transform: an operation on the first line of input, then a day per line.

Each is answered by a line: the facts of the day, or ``null`` if it could not be done; whoever asked
does it again and tells the error. When the input ends, so does this, even if the asker was killed.
"""

import gc
import sys
from typing import TextIO

from openaq_assets.graph.operations import Transform, from_json
from openaq_assets.platforms.local.files import FileStore
from openaq_assets.platforms.transform.days import facts_to, rebuilt


def serve(asked: TextIO, answers: TextIO) -> None:
    """Answer every line until there are no more."""
    operation = from_json(asked.readline())
    assert isinstance(operation, Transform)
    print("ready", file=answers, flush=True)
    for line in asked:
        try:
            answer = facts_to(rebuilt(FileStore(), operation, line.strip()))
        except Exception:  # told where the day is done again
            answer = "null"
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    gc.freeze()  # what is loaded stays, and need not be searched for garbage at the end
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve(sys.stdin, sys.stdout)
