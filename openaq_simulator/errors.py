"""Answers that are no data: the API's refusals, and what stands in front of it."""

from fastapi import HTTPException, Response


class Intercepted(Exception):
    """An answer that is not worded by the API: of a gateway before it, or of the server around it."""

    def __init__(self, status: int, kind: str, body: str) -> None:
        super().__init__(status)
        self.response = Response(body, status, {"content-type": kind})


class Broken(Intercepted):
    """The API's own code raises: it answers 500 with a plain text."""

    def __init__(self) -> None:
        super().__init__(500, "text/plain; charset=utf-8", "Internal Server Error")
        self.response.raw_headers.reverse()  # the length comes first


def not_found(kind: str) -> HTTPException:
    """Make the refusal of an id that the API does not know."""
    return HTTPException(404, f"{kind} not found")


def timed_out() -> HTTPException:
    """Make the refusal of what the API's database needs more than six seconds for."""
    advice = "Try to provide more specific query parameters or a smaller time frame."
    return HTTPException(408, f"Connection timed out: {advice}")
