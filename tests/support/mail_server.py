"""A real SMTP server on loopback, small: it keeps what is sent to it."""

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage


class Mailbox:
    """The messages that arrived, with who they were for."""

    def __init__(self, refuse: bool = False) -> None:
        self.refuse = refuse
        self.messages: list[tuple[list[str], EmailMessage]] = []


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box
        self._say("220 here")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("RCPT TO:"):
                recipients.append(line[8:].split(">")[0].strip(" <"))
            if word == "DATA":
                self._say("354 go on")
                body = b"".join(iter(self.rfile.readline, b".\r\n"))
                message = email.message_from_bytes(body, policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                box.messages.append((recipients, message))
            self._say("550 no" if box.refuse and word.startswith("MAIL") else "221 bye" if word == "QUIT" else "250 well")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def mail_server(refuse: bool = False) -> Iterator[tuple[int, Mailbox]]:
    """Yield a server for as long as it is needed: its port, and its mailbox."""
    box = Mailbox(refuse)
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.box = box
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], box
        finally:
            server.shutdown()
            thread.join()
