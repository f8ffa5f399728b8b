"""Exit code 0 if a part of Airflow is healthy, by what the api-server says: ``healthy.py scheduler``.

Imports nothing of Airflow: that would cost 100 MB and two seconds at every check.
"""

import json
import os
import sys
import urllib.request


def main(part: str) -> int:
    """Ask, and give the exit code."""
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
