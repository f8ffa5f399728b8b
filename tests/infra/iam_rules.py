"""IAM's rules, small: an explicit Deny wins, then an Allow, else denied; wildcards, conditions, no boundaries."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from stack_template import Stack

Statement = Mapping[str, Any]


def principal(stack: Stack, name: str) -> list[Statement]:
    """Every statement that speaks for a role or user of the template, managed policies included."""
    properties = stack.resources[name]["Properties"]
    documents = [one["PolicyDocument"] for one in properties.get("Policies", ())]
    for arn in properties.get("ManagedPolicyArns", ()):
        own = arn.rpartition("/")[2]
        if own in stack.resources:
            documents.append(stack.resources[own]["Properties"]["PolicyDocument"])
        else:
            documents.append(managed()[own]["Document"])
    return [one for document in documents for one in _listed(document["Statement"])]


@cache
def managed() -> dict[str, Any]:
    """The policies of AWS itself, by name."""
    return dict(json.loads(aws_managed_policies_data))


def allows(statements: Iterable[Statement], action: str, resource: str = "*", **context: str) -> bool:
    """Whether an action on a resource is allowed; ``context`` holds condition keys, ``s3_prefix='dev/'``."""
    given = {key.replace("_", ":", 1): value for key, value in context.items()}
    effects = {one["Effect"] for one in statements if _speaks(one, action, resource, given)}
    return effects == {"Allow"}


def _speaks(one: Statement, action: str, resource: str, given: Mapping[str, str]) -> bool:
    assert not {"NotAction", "NotResource", "NotPrincipal"} & one.keys(), "this evaluator cannot tell"
    return (
        any(_like(action.lower(), pattern.lower()) for pattern in _listed(one["Action"]))
        and any(_like(resource, pattern) for pattern in _listed(one["Resource"]))
        and all(_holds(operator, keys, given) for operator, keys in one.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    for key, patterns in keys.items():
        if key not in given:
            if not operator.endswith("IfExists"):
                return False
            continue
        assert operator.startswith(("StringLike", "StringEquals")), operator
        if not any(_like(given[key], pattern) for pattern in _listed(patterns)):
            return False
    return True


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
