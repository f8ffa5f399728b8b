"""The handler of weighings for platforms whose objects are files or memory."""

import json
from collections.abc import Mapping

from measuring_kit.kinds import Weigh
from openaq_assets import Facts, Work


def weigh(operation: Weigh, work: Work) -> Mapping[str, Facts]:
    """Keep the sum of the readings, in the unit of the profile."""
    rows = work.platform.read(operation.readings).rows
    unit = work.environment.profile.settings["measuring"].unit
    body = json.dumps({"weight": sum(row[0] for row in rows), "unit": unit}).encode()
    work.platform.objects.put(f"{operation.into.uri}/weight.json", body)
    return {"": Facts(rows=len(rows), bytes=len(body), objects=1, version=str(len(body)))}
