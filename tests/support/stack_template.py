"""infra/openaq.yaml with its functions filled in: what CloudFormation would make of it, as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cfnlint.decode import decode

from support.projects import REPOSITORY

ACCOUNT, REGION = "123456789012", "ap-southeast-1"
PATH = REPOSITORY / "infra" / "openaq.yaml"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::StackName": "openaq"}


def raw() -> dict[str, Any]:
    """Return the template as it is written."""
    template, problems = decode(str(PATH))
    assert not problems, problems
    return dict(template)


class Stack:
    """The template for these parameters: ``resources`` by logical id, with what is conditional left out."""

    def __init__(self, **parameters: Any) -> None:
        self.template = raw()
        defaults = {name: parameter.get("Default") for name, parameter in self.template["Parameters"].items()}
        self.parameters = {**defaults, "AlertEmail": "me@example.org", "ImageId": "ami-12345678", **parameters}
        kept = {
            name: resource
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }
        self._named = {name: resource.get("Properties", {}) for name, resource in kept.items()}
        self.resources = {
            name: {**resource, "Properties": self.filled(resource.get("Properties", {}))} for name, resource in kept.items()
        }

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of a type."""
        return {name: resource["Properties"] for name, resource in self.resources.items() if resource["Type"] == kind}

    def _holds(self, name: str) -> bool:
        left, right = self.template["Conditions"][name]["Fn::Equals"]
        return bool(self.filled(left) == self.filled(right))

    def filled(self, value: Any) -> Any:
        """Return the value with Ref, Sub, GetAtt and Base64 carried out."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                (name, inner), = value.items()
                functions = {"Ref": self._ref, "Fn::Sub": self._sub, "Fn::GetAtt": self._att, "Fn::Base64": self.filled}
                if name in functions:
                    return functions[name](inner)
            return {str(key): self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        return str(value) if isinstance(value, str) else value

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        properties = self._named[name]
        kind = self.template["Resources"][name]["Type"]
        if kind == "AWS::IAM::ManagedPolicy":
            return f"arn:aws:iam::{ACCOUNT}:policy/{name}"
        for field in ("BucketName", "UserName", "Name"):
            if field in properties:
                return self.filled(properties[field])
        return self.filled(properties["DatabaseInput"]["Name"]) if "DatabaseInput" in properties else name

    def _att(self, path: Any) -> str:
        name, attribute = path if isinstance(path, list) else path.split(".", 1)
        kind = self.template["Resources"][name]["Type"]
        if (kind, attribute) == ("AWS::S3::Bucket", "Arn"):
            return f"arn:aws:s3:::{self._ref(name)}"
        return f"arn:aws:iam::{ACCOUNT}:role/{name}" if attribute == "Arn" else f"{name}.{attribute}"

    def _sub(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            return str(self._att(name)) if "." in name and "::" not in name else str(self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)
