"""`python rebuild_materialized.py` in a project's folder: its every asset in one Dagster run, as the webserver does.

Printed are the assets that had to be computed: Dagster runs all of them, and each says what became of it.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import dagster as dg

import headrace as hr
from headrace.orchestration.definitions import BUILD_ALL
from headrace.orchestration.metadata import STATE


def main() -> None:
    sys.path.insert(0, str(Path.cwd()))
    definitions = hr.definitions(importlib.import_module("assets"))
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(BUILD_ALL).execute_in_process(instance=instance)
        made = [event.materialization for event in result.get_asset_materialization_events()]
    states = {"/".join(one.asset_key.path): (one.tags or {})[STATE] for one in made if one.asset_key is not None}
    print(json.dumps({"built": [key for key, state in states.items() if state == "built"], "all": len(states)}))


if __name__ == "__main__":
    main()
