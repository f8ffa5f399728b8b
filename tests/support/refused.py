"""An error in a response of AWS."""


class Refused(Exception):
    """Its code, words and status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.status = code, status
        super().__init__(message)
