"""headrace dev: the project in Dagster's webserver, with its daemon."""

from __future__ import annotations

import argparse
import os
import sys

from headrace.cli.command import Command, open_store, whole_number
from headrace.errors import ProjectError

_HOST, _PORT = "127.0.0.1", 3000


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=whole_number, default=_PORT, metavar="P", help=f"default: {_PORT}")
    parser.add_argument("--host", default=_HOST, metavar="H", help=f"default: {_HOST}, reached from this machine only")


def run(given: argparse.Namespace) -> int:
    """Become `dagster dev`, with the instance that builds from the command line are recorded in."""
    from headrace.orchestration.instance import dagster_home

    project = open_store(None)
    if (project.root / "workspace.yaml").is_file():
        code = ["-w", "workspace.yaml"]
    elif (project.root / "definitions.py").is_file():
        code = ["-m", "definitions"]
    else:
        raise ProjectError(f"{project.root} has neither workspace.yaml nor definitions.py. See `headrace init --help`.")
    environment = dict(os.environ)
    if not (
        project.root / "dagster.yaml"
    ).is_file():  # which names the same records, and is not read beside DAGSTER_HOME
        environment["DAGSTER_HOME"] = str(dagster_home(project))
    print(f"http://{given.host}:{given.port}", file=sys.stderr)
    os.chdir(project.root)
    command = [sys.executable, "-m", "dagster", "dev", *code, "-h", given.host, "-p", str(given.port)]
    os.execve(sys.executable, command, environment)  # noqa: S606  # no shell is wanted: Ctrl-C goes to Dagster itself


COMMAND = Command(
    name="dev",
    summary="open the project in Dagster's webserver",
    description="""\
Start Dagster's webserver and daemon for this project (`dagster dev`): the same assets with lineage,
checks, plots and sensors. It shows builds of the command line too, and builds there are seen here.""",
    examples=(("headrace dev", f"on http://{_HOST}:{_PORT}"), ("headrace dev --port 4000", "on another port")),
    arguments=_arguments,
    run=run,
)
