"""The Dagster instance of a project: one event log for the command line and the webserver."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from headrace.builder.project import Project
from headrace.store.atomic import disk_errors, write_atomically

# Dagster's default coordinator leaves runs queued until a daemon takes them; this one starts them at once.
_SETTINGS = """\
# Written once by Headrace; change it as you like. Set DAGSTER_HOME to use an instance of your own.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""


def dagster_home(project: Project) -> Path:
    """The folder of the project's Dagster instance: DAGSTER_HOME if that is set, else `dagster` in its store.

    The folder is made when absent, and in the store also its dagster.yaml. A DAGSTER_HOME of yours is left as it is.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given).expanduser() if given else project.store_folder / "dagster"
    with disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        if not given and not (home / "dagster.yaml").exists():
            write_atomically(home / "dagster.yaml", _SETTINGS)
    return home


@contextmanager
def instance_for(project: Project) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance, closed at the end."""
    with dg.DagsterInstance.from_config(str(dagster_home(project))) as instance:
        yield instance
