"""Write data into a page as JSON that cannot end its script element."""

import json

# `<` would let a text close the script element; the two separators end a line in older JavaScript.
_SCRIPT_ESCAPES = {ord("<"): "\\u003c", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def script_json(value: object) -> str:
    """Return a value as JSON text for a script element; raise ValueError for NaN and infinities."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT_ESCAPES)
