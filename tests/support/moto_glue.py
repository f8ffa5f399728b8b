"""Glue for these tests: runs of the job by a script of this machine, and crawls of objects in S3.

The job's script runs where Spark is (``SparkScript``); what it reads is copied out of S3 before, and what
it wrote is put there after. Tests that are not about rows define what a run does.
"""

import datetime as dt
import io
import json
import os
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars

from openaq_assets.graph.partitions import COLUMNS, around, key_of, segment
from support.refused import Refused

Body = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "glue_jobs" / "openaq_raw_to_dev.py"
OVER = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")


@dataclass
class Run:
    """A run of a job."""

    id: str
    job: str
    arguments: dict[str, str]
    timeout: int
    state: str = "RUNNING"
    error: str = ""
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def as_answer(self) -> Body:
        """Return the run as GetJobRun does."""
        answer: Body = {
            "Id": self.id, "JobName": self.job, "Arguments": self.arguments, "JobRunState": self.state,
            "StartedOn": self.started, "Timeout": self.timeout, "Attempt": 0,
        }
        return {**answer, "ErrorMessage": self.error} if self.error else answer


class Jobs:
    """The actions of Glue jobs. ``script`` does what a run does: from its arguments to '' or an error."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._lock = threading.RLock()
        self.spark = SparkScript(client)
        self.forget()
        self.actions = {
            "Glue.StartJobRun": self.start,
            "Glue.GetJobRun": self.get,
            "Glue.GetJobRuns": self.list,
            "Glue.BatchStopJobRun": self.stop,
        }

    def forget(self) -> None:
        """Forget all runs, and run the real script."""
        self.runs: list[Run] = []
        self.script: Callable[[Run], str] = self.spark

    def close(self) -> None:
        """End what runs."""
        self.spark.close()

    def start(self, body: Body) -> Body:
        try:
            job = self._client("glue").get_job(JobName=body["JobName"])["Job"]
        except Exception:
            raise Refused("EntityNotFoundException", f"Failed to start job run due to missing metadata: {body['JobName']}") from None
        most = job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
        with self._lock:
            going = [run for run in self.runs if run.state not in OVER]
            if len(going) >= most and not body.get("JobRunQueuingEnabled"):
                raise Refused("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {body['JobName']}")
            run = Run(f"jr_{uuid.uuid4().hex}", body["JobName"], body.get("Arguments", {}), job.get("Timeout", 480))
            self.runs.append(run)
        threading.Thread(target=self._carry_out, args=(run,), daemon=True).start()
        return {"JobRunId": run.id}

    def _carry_out(self, run: Run) -> None:
        script = self.script
        error = script(run)
        with self._lock:
            if run.state == "RUNNING":
                run.state, run.error = ("FAILED", error) if error else ("SUCCEEDED", "")

    def _of(self, run_id: str) -> Run:
        for run in self.runs:
            if run.id == run_id:
                return run
        raise Refused("EntityNotFoundException", f"Job run {run_id} was not found.")

    def get(self, body: Body) -> Body:
        return {"JobRun": self._of(body["RunId"]).as_answer()}

    def list(self, body: Body) -> Body:
        answers = [run.as_answer() for run in reversed(self.runs) if run.job == body["JobName"]]
        return {"JobRuns": answers[: body.get("MaxResults", 200)]}

    def stop(self, body: Body) -> Body:
        stopped = []
        for run_id in body["JobRunIds"]:
            run = self._of(run_id)
            with self._lock:
                if run.state not in OVER:
                    run.state = "STOPPED"
                    stopped.append({"JobName": run.job, "JobRunId": run_id})
        return {"SuccessfulSubmissions": stopped, "Errors": []}


@dataclass
class SparkScript:
    """The real script in a real Spark of this machine, as tests/spark runs it; started when first used."""

    client: Callable[[str], Any]
    process: "subprocess.Popen[str] | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def python() -> Path:
        """Return the path of the Python with Spark, which may be missing."""
        return ROOT / ".venv-spark35" / "bin" / "python"

    def __call__(self, run: Run) -> str:
        """Run the script as Glue would; '' or how it failed."""
        with self._lock, tempfile.TemporaryDirectory(prefix="glue-") as folder:
            mirror = Mirror(self.client("s3"), Path(folder))
            arguments = run.arguments
            text = arguments.get("--operation") or mirror.get(arguments["--operation-uri"]).decode()
            operation = json.loads(text)
            mirror.fetch(operation)
            facts = Path(folder) / "facts.json"
            argv = ["--JOB_NAME", run.job, "--operation", json.dumps(mirror.mirrored(operation))]
            argv += ["--facts-uri", str(facts), "--TempDir", f"{folder}/staging"]
            answer = self._send({"argv": argv, "glue": True})
            mirror.store(operation)
            if not answer["error"]:
                mirror.put(arguments["--facts-uri"], facts.read_bytes())
            return str(answer["error"]).replace(f"{folder}/", "s3://")

    def _send(self, request: Body) -> Body:
        process = self.process = self.process or self._started()
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer: Body = json.loads(process.stdout.readline() or '{"error": "Spark ended"}')
        return answer

    def _started(self) -> "subprocess.Popen[str]":
        python = str(self.python())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPARK"))}
        submit = (
            "--master local[2] --conf spark.ui.enabled=false --conf spark.driver.bindAddress=127.0.0.1"
            " --conf spark.driver.host=127.0.0.1 --conf spark.ui.showConsoleProgress=false pyspark-shell"
        )
        environment = {**kept, "PYSPARK_PYTHON": python, "PYSPARK_SUBMIT_ARGS": submit,
                       "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        return subprocess.Popen(
            [python, str(ROOT / "tests" / "support" / "spark_worker.py"), str(SCRIPT)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir(),
        )

    def close(self) -> None:
        """End Spark."""
        if self.process:
            assert self.process.stdin and self.process.stdout
            self.process.stdin.close()
            self.process.wait(60)
            self.process.stdout.close()
            self.process = None


@dataclass
class Mirror:
    """The objects a run reads and writes, as files: Spark has no S3 here."""

    s3: Any
    folder: Path

    def path(self, uri: str) -> str:
        """Return the path of an object during a run."""
        return f"{self.folder}/{uri.removeprefix('s3://')}"

    def mirrored(self, operation: Body) -> Body:
        """Return the operation with paths of this machine."""
        refs = {name: {**operation[name], "uri": self.path(operation[name]["uri"])} for name in REFS}
        return {**operation, **refs}

    def fetch(self, operation: Body) -> None:
        """Copy what is there of the operation's days."""
        for uri in self._folders(operation):
            for object_uri in self._list(uri):
                path = Path(self.path(object_uri))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.get(object_uri))

    def store(self, operation: Body) -> None:
        """Put what the run wrote, and remove what it removed."""
        for uri in self._folders(operation):
            if uri.startswith(operation["source"]["uri"] + "/"):
                continue
            left = {str(file): file for file in Path(self.path(uri)).rglob("*") if file.is_file()}
            for name, file in left.items():
                if not file.name.startswith("."):
                    self.put("s3://" + name.removeprefix(f"{self.folder}/"), file.read_bytes())
            for object_uri in self._list(uri):
                if self.path(object_uri) not in left:
                    bucket, key = split(object_uri)
                    self.s3.delete_object(Bucket=bucket, Key=key)

    def _folders(self, operation: Body) -> Iterator[str]:
        days = operation["into"]["partitions"]
        near = {near_day for day in days for near_day in around(day, operation["recipe"]["spread"])}
        yield from (f"{operation['source']['uri']}/{segment(day)}" for day in sorted(near))
        for name in ("into", "quarantine"):
            yield from (f"{operation[name]['uri']}/{segment(day)}" for day in days)

    def _list(self, uri: str) -> list[str]:
        bucket, key = split(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/")
        return [f"s3://{bucket}/{entry['Key']}" for page in pages for entry in page.get("Contents", ())]

    def get(self, uri: str) -> bytes:
        bucket, key = split(uri)
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def put(self, uri: str, body: bytes) -> None:
        bucket, key = split(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)


REFS = ("source", "into", "quarantine")


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and key of ``s3://bucket/key``."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


HIVE = {polars.String: "string", polars.Int64: "bigint", polars.Int32: "int", polars.Float64: "double",
        polars.Boolean: "boolean", polars.Date: "date"}


@dataclass
class Crawl:
    """The state of a crawler, and the objects that it saw when it began."""

    state: str = "READY"
    seen: list[str] = field(default_factory=list)
    polls: int = 0
    last: Body = field(default_factory=dict)


class Crawlers:
    """The actions of crawlers: a crawl registers the tables and partitions that were there when it began."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._lock = threading.RLock()
        self.forget()
        self.actions = {
            "Glue.StartCrawler": self.start, "Glue.GetCrawler": self.get, "Glue.StopCrawler": self.stop,
        }

    def forget(self) -> None:
        """Forget all crawls."""
        self.crawls: dict[str, Crawl] = {}
        self.started = 0
        self.wait = 1
        self.fails: list[str] = []  # why the next crawls fail

    def _declared(self, name: str) -> Body:
        glue = self._client("glue")
        for crawler in glue.get_crawlers()["Crawlers"]:
            if crawler["Name"] == name:
                return dict(crawler)
        raise Refused("EntityNotFoundException", f"Crawler entry with name {name} does not exist")

    def start(self, body: Body) -> Body:
        declared = self._declared(body["Name"])
        with self._lock:
            crawl = self.crawls.setdefault(body["Name"], Crawl())
            if crawl.state != "READY":
                raise Refused("CrawlerRunningException", f"Crawler with name {body['Name']} has already started")
            self.started += 1
            seen = [uri for target in declared["Targets"]["S3Targets"] for uri in self._objects(target)]
            crawl.state, crawl.seen, crawl.polls = "RUNNING", seen, 0
        return {}

    def get(self, body: Body) -> Body:
        declared = self._declared(body["Name"])
        with self._lock:
            crawl = self.crawls.setdefault(body["Name"], Crawl())
            crawl.polls += 1
            if crawl.state == "RUNNING" and crawl.polls > self.wait:
                crawl.state = "READY"
                crawl.last = {"Status": "FAILED", "ErrorMessage": self.fails.pop(0)} if self.fails else self._crawl(declared, crawl)
            crawler = {"Name": body["Name"], "State": crawl.state, "Targets": declared["Targets"]}
            return {"Crawler": {**crawler, "LastCrawl": crawl.last} if crawl.last else crawler}

    def stop(self, body: Body) -> Body:
        crawl = self.crawls.get(body["Name"], Crawl())
        if crawl.state != "RUNNING":
            raise Refused("CrawlerNotRunningException", f"Crawler with name {body['Name']} isn't running")
        crawl.state, crawl.last = "READY", {"Status": "CANCELLED"}
        return {}

    def _objects(self, target: Body) -> list[str]:
        bucket, key = split(target["Path"])
        pages = self._client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        uris = [f"s3://{bucket}/{entry['Key']}" for page in pages for entry in page.get("Contents", ())]
        return [uri for uri in uris if uri.endswith(".parquet") and "/_" not in uri]

    def _crawl(self, declared: Body, crawl: Crawl) -> Body:
        """Register a table per folder of the level, with the columns of its first file, and a partition per day."""
        level = json.loads(declared["Configuration"])["Grouping"]["TableLevelConfiguration"]
        tables: dict[str, list[str]] = {}
        for uri in crawl.seen:
            parts = uri.removeprefix("s3://").split("/")
            tables.setdefault("s3://" + "/".join(parts[:level]), []).append(uri)
        for folder, uris in tables.items():
            self._register(declared["DatabaseName"], folder, uris)
        return {"Status": "SUCCEEDED"}

    def _register(self, database: str, folder: str, uris: list[str]) -> None:
        glue, name = self._client("glue"), folder.rsplit("/", 1)[1]
        bucket, key = split(uris[0])
        body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        schema = polars.read_parquet_schema(io.BytesIO(body))
        columns = [{"Name": n, "Type": HIVE.get(type(kind) if not isinstance(kind, type) else kind, "timestamp")} for n, kind in schema.items()]
        formats = "org.apache.hadoop.hive.ql.io.parquet.Mapred"
        storage = {"Columns": columns, "Location": f"{folder}/", "InputFormat": f"{formats}ParquetInputFormat",
                   "OutputFormat": f"{formats}ParquetOutputFormat",
                   "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}}
        days = sorted({day for uri in uris if (day := key_of(uri))})
        keys = [{"Name": name, "Type": "string"} for name in COLUMNS] if days else []
        table = {"Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": keys, "StorageDescriptor": storage,
                 "Parameters": {"classification": "parquet", "CrawlerSchemaDeserializerVersion": "1.0"}}
        try:
            glue.create_table(DatabaseName=database, TableInput=table)
        except glue.exceptions.AlreadyExistsException:
            glue.update_table(DatabaseName=database, TableInput=table)
        for day in days:
            partition = {"Values": day.split("-"), "StorageDescriptor": {**storage, "Location": f"{folder}/{segment(day)}/"}}
            glue.batch_create_partition(DatabaseName=database, TableName=name, PartitionInputList=[partition])
