"""What bodies of answers say: the rows of a good one, the message of a bad one."""

import html
import json
import re
from typing import Any, NoReturn, TypeVar

Kind = TypeVar("Kind")
_MARKUP = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def rows_of(body: bytes, limit: int) -> tuple[list[Any], int]:
    """The ``results``, and how many make a page full; raises ValueError with what it is instead."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("an answer that is not JSON") from None
    rows = _member(document, "results", list)
    if rows is None:
        raise ValueError("an answer without a list of results")
    said = _member(_member(document, "meta", dict), "limit", int) or 0
    # An API that lowers the limit by itself must not make a full page look like the last one.
    return rows, min(limit, said) if said > 0 else limit


def told(text: str) -> str:
    """What an error body says: ``detail`` or ``message``, a JSON string, plain text or HTML."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return html.unescape(_MARKUP.sub(" ", text))
    if isinstance(body, dict):
        body = body.get("detail", body.get("message", body))
    if isinstance(body, list):
        body = "; ".join(map(_field, body))
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _member(document: Any, name: str, kind: type[Kind]) -> Kind | None:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, kind) else None


def _field(error: Any) -> str:
    if not isinstance(error, dict) or "msg" not in error:
        return str(error)
    return f"{'.'.join(map(str, error.get('loc', ())))}: {error['msg']}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
