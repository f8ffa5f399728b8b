"""The pages in Airflow's UI: those of the engine, and those a project adds."""

import json
import subprocess
import sys

CODE = """
import json
from pathlib import Path
from openaq_assets.airflow.ui import Page, build_app
def paths(own):
    routes = build_app(Path("/nowhere"), own).routes
    return sorted({route.path for route in routes if getattr(route, "path", "")})
print(json.dumps([paths({}), paths({"overview": Page("Overview", ("dashboard",))})]))
"""


def test_a_page_is_there_only_if_the_project_adds_it() -> None:
    """The engine has the asset graph and the records; the overview is the project's own."""
    done = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    without, added = json.loads(done.stdout.splitlines()[-1])
    assert without == ["/assets/", "/records/{asset}"] and set(added) - set(without) == {"/overview/"}
