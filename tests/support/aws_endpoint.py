"""An AWS endpoint on loopback: moto's server, with what moto does not do put in front of it.

Whatever is not intercepted goes to moto. Every request is noted, and any of them can be made to fail.
"""

import datetime as dt
import io
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app

from openaq_assets.platforms.aws.clients import hooks_of
from support.loopback import serving
from support.moto_athena import DuckAthena
from support.moto_glue import Crawlers, Jobs
from support.refused import Refused

REGION, BUCKET = "us-east-1", "openaq-test"
JOB, CRAWLER, WORKGROUP = "openaq_raw_to_dev", "openaq_dev_processed", "openaq"
Body = dict[str, Any]


@dataclass
class Fault:
    """So many requests of an action (of some path, if given) fail like this."""

    action: str
    code: str
    status: int = 400
    times: int = 1
    message: str = "because the test says so"
    path: str = ""
    after: bool = False  # the work is done, and the answer is lost


@dataclass(frozen=True)
class Call:
    """A request: ``Glue.StartJobRun`` or ``S3.PutObject``, its path and JSON body."""

    action: str
    path: str
    body: Body


@dataclass
class Endpoint:
    """The endpoint, by its parts; ``url`` is where it listens."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self.athena = DuckAthena(self.client)
        self.jobs = Jobs(self.client)
        self.crawlers = Crawlers(self.client)
        self._ours: Mapping[str, Callable[[Body], Body]] = {
            **self.athena.actions, **self.jobs.actions, **self.crawlers.actions
        }

    def client(self, service: str) -> Any:
        """Return a client of the tests, which faults do not affect."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def _new_client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION,
            aws_access_key_id="testing", aws_secret_access_key="testing",  # what moto takes
            config=boto3.session.Config(user_agent_extra="of-the-test"),
        )

    # --- what tests say and ask

    def fail(self, action: str, code: str, **how: Any) -> Fault:
        """Make requests fail."""
        fault = Fault(action, code, **how)
        self.faults.append(fault)
        return fault

    def called(self, action: str) -> list[Body]:
        """Return the bodies of all requests of an action so far."""
        return [call.body for call in self.calls if call.action == action]

    def fresh(self) -> None:
        """Reset the account to what a deployment makes: bucket, databases, job, crawler, work group."""
        self.jobs.forget()
        self.crawlers.forget()
        self.athena.forget()
        self.faults.clear()
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).read()
        deploy(self)
        self.calls.clear()

    def close(self) -> None:
        """End what was started."""
        self.jobs.close()
        self.athena.close()

    # --- WSGI

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        body = _body(environ) if target else {}
        action = _action(environ, target)
        ours = "of-the-test" in environ.get("HTTP_USER_AGENT", "")
        if not ours:
            self.calls.append(Call(action, environ.get("PATH_INFO", ""), body))
            fault = self._fault(action, environ.get("PATH_INFO", ""))
            if fault and fault.after:
                self._answer(action, body, environ, lambda *_: None)
            if fault:
                return _refusal(target, Refused(fault.code, fault.message, fault.status), start_response)
        return self._answer(action, body, environ, start_response)

    def _answer(self, action: str, body: Body, environ: Any, start_response: Any) -> Iterable[bytes]:
        if action not in self._ours:
            return list(self._moto(environ, start_response))
        try:
            answer = self._ours[action](body)
        except Refused as error:
            return _refusal(action, error, start_response)
        text = json.dumps(answer, default=_stamp).encode()
        start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
        return [text]

    def _fault(self, action: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.action == action and fault.path in path and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


def _stamp(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.timestamp()
    raise TypeError(type(value))


def _body(environ: Any) -> Body:
    """Return the JSON of a request, which can be read again afterwards."""
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(raw)
    body: Body = json.loads(raw or b"{}")
    return body


def _action(environ: Any, target: str) -> str:
    if target:
        service, _, name = target.partition(".")
        return f"{service.removeprefix('Amazon').removeprefix('AWS')}.{name}"
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "").strip("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if "list-type" in query:
        return "S3.ListObjectsV2"
    noun = "Object" if "/" in path else "Bucket"
    return f"S3.{method.capitalize()}{noun}"


def _refusal(target: str, error: Refused, start_response: Any) -> list[bytes]:
    if target:
        kind = "application/x-amz-json-1.1"
        text = json.dumps({"__type": error.code, "message": str(error), "Message": str(error)})
    else:
        kind = "application/xml"
        text = f"<Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
    start_response(f"{error.status} Refused", [("Content-Type", kind), ("x-amzn-ErrorType", error.code)])
    return [text.encode()]


def deploy(endpoint: Endpoint) -> None:
    """Make in an account what infra/ and 'openaq-assets deploy' make."""
    endpoint.client("s3").create_bucket(Bucket=BUCKET)
    glue = endpoint.client("glue")
    for name in ("openaq_dev", "openaq_prod"):
        glue.create_database(DatabaseInput={"Name": name})
    glue.create_job(
        Name=JOB, Role="arn:aws:iam::123456789012:role/glue", GlueVersion="5.1", Timeout=15,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/code/openaq_raw_to_dev.py"},
        ExecutionProperty={"MaxConcurrentRuns": 2},
    )
    endpoint.client("athena").create_work_group(
        Name=WORKGROUP, Configuration={"BytesScannedCutoffPerQuery": 1_000_000_000}
    )


def crawl_of(endpoint: Endpoint, root: str) -> None:
    """Make the crawler over the processed tables below a root, as infra/ does."""
    level = len(f"{root}/dev/processed".removeprefix("s3://").split("/")) + 1
    grouping = {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": level}
    endpoint.client("glue").create_crawler(
        Name=CRAWLER, Role="arn:aws:iam::123456789012:role/glue", DatabaseName="openaq_dev",
        Targets={"S3Targets": [{"Path": f"{root}/dev/processed/", "Exclusions": ["**/_staging/**"]}]},
        Configuration=json.dumps({"Version": 1.0, "Grouping": grouping}),
    )


@contextmanager
def served() -> Iterator[Endpoint]:
    """Yield the endpoint, listening on loopback."""
    endpoint = Endpoint()
    with serving(endpoint) as endpoint.url:
        try:
            yield endpoint
        finally:
            endpoint.close()


def variables(endpoint: Endpoint) -> dict[str, str]:
    """Return the environment of a process that is to use the endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint.url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "2",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture(scope="session")
def listening() -> Iterator[Endpoint]:
    """Yield one endpoint for all tests of a process."""
    with served() as endpoint:
        yield endpoint


_SPOKEN_TO = [""]


def speak_to(url: str) -> None:
    """Let this process forget clients of any other endpoint: they are kept for as long as it lives."""
    if _SPOKEN_TO[0] != url:
        hooks_of.cache_clear()
        _SPOKEN_TO[0] = url


@pytest.fixture
def endpoint(listening: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Return a fresh account, found by the default chain of this process and its children."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables(listening).items():
        monkeypatch.setenv(name, value)
    speak_to(listening.url)
    listening.fresh()
    return listening
