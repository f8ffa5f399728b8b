"""Errors that the API or the servers in front of it answer with."""

from fastapi import HTTPException, Response


class Intercepted(Exception):
    """An answer that the API did not word: of a gateway before it, or of the server around it."""

    def __init__(self, status: int, kind: str, body: str) -> None:
        super().__init__(status)
        self.response = Response(body, status, {"content-type": kind})


class Broken(Intercepted):
    """An exception in the API's own code, which answers 500 with a plain text."""

    def __init__(self) -> None:
        super().__init__(500, "text/plain; charset=utf-8", "Internal Server Error")
        self.response.raw_headers.reverse()  # the length comes first


def not_found(kind: str) -> HTTPException:
    """Return the refusal of an id that the API does not know."""
    return HTTPException(404, f"{kind} not found")


def timed_out() -> HTTPException:
    """Return the refusal of a request for which the API's database needs more than six seconds."""
    advice = "Try to provide more specific query parameters or a smaller time frame."
    return HTTPException(408, f"Connection timed out: {advice}")
