"""Health check: exit with 0 if a part of Airflow is healthy, as in ``healthy.py scheduler``.

It imports nothing of Airflow, which would cost 100 MB and two seconds at every check.
"""

import json
import os
import sys
import urllib.request


def main(part: str) -> int:
    """Ask the api-server for the health of a part; return the exit code."""
    api = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].rsplit("/execution", 1)[0]
    try:
        with urllib.request.urlopen(f"{api}/api/v2/monitor/health", timeout=8) as answer:
            status = json.load(answer).get(part, {}).get("status")
    except (OSError, ValueError) as error:
        print(f"no answer from {api}: {error}")
        return 1
    print(f"{part}: {status}")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
