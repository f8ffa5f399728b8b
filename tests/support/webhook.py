"""A web server that keeps what is posted to it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "s3cret-path-of-a-webhook"

class Hooked:
    """A web server that keeps what is posted to it."""

    def __init__(self, status: int = 200) -> None:
        self.posted: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == f"/{SECRET}" and self.headers["content-type"] == "application/json"
                outer.posted.append(json.loads(body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

@contextmanager
def webhook(status: int = 200) -> Iterator[Hooked]:
    """Yield a server for as long as it is needed."""
    hooked = Hooked(status)
    thread = threading.Thread(target=hooked.server.serve_forever)
    thread.start()
    try:
        yield hooked
    finally:
        hooked.server.shutdown()
        thread.join()
        hooked.server.server_close()
