"""The description and the examples of a field that users write in YAML, kept where the field is declared."""

from collections.abc import Mapping
from typing import Any


def field_doc(text: str, *examples: object) -> Mapping[str, Any]:
    """Return the metadata of a dataclass field: a sentence for users, and values as YAML has them.

    The JSON Schemas and the reference of conf/ show both. A choice or a boolean needs no example.
    """
    return {"help": text, "examples": examples}
