"""Runs where pyspark is: a line of JSON comes in, the Glue script runs as Glue would run it, a line goes out."""

import contextlib
import io
import json
import runpy
import sys
import types
from typing import Any


def run(script: str, argv: list[str], glue: bool) -> dict[str, Any]:
    """Return the output of the script, its error, and the number of its Glue contexts."""
    contexts: list[Any] = []
    if glue:
        context = types.ModuleType("awsglue.context")
        context.GlueContext = glue_context(contexts)
        sys.modules |= {"awsglue": types.ModuleType("awsglue"), "awsglue.context": context}
    sys.argv = [script, *argv]
    output, error = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            runpy.run_path(script, run_name="__main__")
    except BaseException as raised:
        error = f"{type(raised).__name__}: {raised}"
    finally:
        for name in ("awsglue", "awsglue.context"):
            sys.modules.pop(name, None)
    return {"output": output.getvalue(), "error": error, "contexts": len(contexts)}


def glue_context(made: list[Any]) -> type:
    """Return a GlueContext as the script knows it."""

    class GlueContext:
        def __init__(self, context: Any) -> None:
            from pyspark.sql import SparkSession

            self.spark_session = SparkSession(context)
            made.append(self)

    return GlueContext


if __name__ == "__main__":
    script = sys.argv[1]
    for line in sys.stdin:
        request = json.loads(line)
        answer = run(script, request["argv"], request["glue"])
        print(json.dumps(answer), flush=True)
