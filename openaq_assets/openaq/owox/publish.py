"""The part of OWOX that its REST API can do: storage, Data Marts, publishing, destination and reports.

The sequence works on OWOX Data Marts 0.31. OWOX does not document these endpoints, so every answer is checked
and reported. Ids are kept, so that a second run changes nothing.
"""

import json
import time
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from openaq_assets.errors import PlatformError
from openaq_assets.openaq.owox.plan import Plan
from openaq_assets.project.project import Project

_PATIENCE = 60
_LEAST_CACHE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Account:
    """The account of Athena, and the access key of ``owox-integrator`` (which we never write anywhere)."""

    region: str
    bucket: str
    access_key: str
    secret_key: str


class Owox:
    """A client of OWOX's REST API; every refusal is a PlatformError with its message."""

    def __init__(self, url: str, token: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        headers = {"x-owox-authorization": f"Bearer {token}"} if token else {}
        local = httpx.URL(url).host in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api", headers=headers, timeout=60.0, trust_env=not local
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def send(self, method: str, path: str, content: Any = None) -> Mapping[str, Any]:
        """Return the answer to a request as a mapping."""
        try:
            response = self._http.request(method, path, json=content)
        except httpx.HTTPError as error:
            raise PlatformError(
                f"OWOX at {self._http.base_url} cannot be reached: {error}. Check --url."
            ) from None
        if response.status_code in (401, 403):
            hint = "Set OWOX_TOKEN to a key of its API."
            raise PlatformError(f"OWOX refuses {method} {path}: HTTP {response.status_code}. {hint}")
        if response.is_error:
            reason = " ".join(response.text.split())[:200]
            raise PlatformError(f"OWOX answers {method} {path} with HTTP {response.status_code}: {reason}")
        body = response.json() if response.content else {}
        return body if isinstance(body, dict) else {}

    def valid(self, path: str, what: str) -> None:
        """Ask OWOX to validate something; raise PlatformError with its reason if it is not valid."""
        answer = self.send("POST", path)
        if answer.get("valid") is not True:
            reason = answer.get("errorMessage") or answer.get("reason") or json.dumps(answer)
            raise PlatformError(f"OWOX does not accept {what}: {reason}")

    def finished(self, mart: str, trigger: str) -> None:
        """Wait until OWOX has read the schema of a mart."""
        for _ in range(_PATIENCE):
            path = f"/data-marts/{mart}/schema-actualize-triggers/{trigger}/status"
            status = self.send("GET", path).get("status")
            if status == "SUCCESS":
                return
            if status in ("ERROR", "FAILED", "CANCELLED"):
                raise PlatformError(f"OWOX could not read the schema of the Data Mart: {status}.")
            self._sleep(1.0)
        raise PlatformError(f"OWOX did not read the schema within {_PATIENCE} s.")


class Kept(UserDict[str, str]):
    """The ids that OWOX gave, in a small file, so that a thing is made only once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.data = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def __setitem__(self, name: str, value: str) -> None:
        self.data[name] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.data, indent=1, sort_keys=True) + "\n", "utf-8")


def publish(
    project: Project, plan: Plan, owox: Owox, account: Account, ids: MutableMapping[str, str]
) -> Iterator[str]:
    """Create or renew everything of the plan in OWOX; yield a line per step.

    The last line is the JSON Config to paste into Data Studio, if it was just created: OWOX shows its secret
    only then.
    """
    for name, mart in plan.data_marts.items():
        storage = _made(owox, ids, f"storage {name}", "/data-storages", {"type": "AWS_ATHENA"})
        owox.send("PUT", f"/data-storages/{storage}", _storage(f"{mart.title} (Athena)", account))
        owox.valid(f"/data-storages/{storage}/validate-access", "the storage")
        yield f"storage    {mart.title} (Athena): access is valid"
        yield from _mart(project, plan, owox, ids, name, storage)
    body = {
        "title": "Data Studio",
        "type": "LOOKER_STUDIO",
        "credentials": {"type": "looker-studio-credentials"},
    }
    new = "destination" not in ids
    config: Mapping[str, Any] = {}
    if new:
        answer = owox.send("POST", "/data-destinations", body)
        ids["destination"], config = str(answer["id"]), answer.get("credentials", {})
    yield f"destination Data Studio: {'made' if new else 'there already'}"
    for name, mart in plan.data_marts.items():
        _made(owox, ids, f"report {name}", "/reports", _report(mart.source, plan, ids, name))
        yield f"report     {mart.source}: available in Data Studio"
    if new:
        wanted = ("deploymentUrl", "destinationId", "destinationSecretKey")
        yield "JSON Config for the connector (shown once): " + json.dumps(
            {key: config.get(key) for key in wanted}
        )


def _mart(
    project: Project, plan: Plan, owox: Owox, ids: MutableMapping[str, str], name: str, storage: str
) -> Iterator[str]:
    title = plan.data_marts[name].title
    body = {"title": title, "storageId": storage}
    mart = _made(owox, ids, f"mart {name}", "/data-marts", body)
    view = f"{project.environments[name].database}.{plan.view}"
    definition = {"definitionType": "VIEW", "definition": {"fullyQualifiedName": view}}
    owox.send("PUT", f"/data-marts/{mart}/definition", definition)
    owox.valid(f"/data-marts/{mart}/validate-definition", f"the Data Mart {title}")
    trigger = owox.send("POST", f"/data-marts/{mart}/schema-actualize-triggers")["triggerId"]
    owox.finished(mart, str(trigger))
    owox.send("PUT", f"/data-marts/{mart}/publish")
    yield f"data mart  {title}: {view}, published"


def _made(owox: Owox, ids: MutableMapping[str, str], name: str, path: str, body: Mapping[str, Any]) -> str:
    """Return the id of a thing in OWOX; create it if it does not exist."""
    if name not in ids:
        ids[name] = str(owox.send("POST", path, body)["id"])
    return ids[name]


def _storage(title: str, account: Account) -> Mapping[str, Any]:
    return {
        "title": title,
        "config": {"region": account.region, "outputBucket": account.bucket},
        "credentials": {"accessKeyId": account.access_key, "secretAccessKey": account.secret_key},
        "availableForUse": True,
        "availableForMaintenance": True,
    }


def _report(title: str, plan: Plan, ids: Mapping[str, str], name: str) -> Mapping[str, Any]:
    seconds = max(_LEAST_CACHE_SECONDS, int(plan.cache.total_seconds()))
    return {
        "title": title,
        "dataMartId": ids[f"mart {name}"],
        "dataDestinationId": ids["destination"],
        "destinationConfig": {"type": "looker-studio-config", "cacheLifetime": seconds},
    }
