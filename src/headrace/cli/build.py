"""headrace build: make what is out of date, and nothing else."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json, add_selection, whole_number
from headrace.cli.console import say, say_json
from headrace.cli.format import duration

if TYPE_CHECKING:
    from headrace.builder.build import Report
    from headrace.builder.project import Project


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    add_json(parser)
    add_environment(parser)
    parser.add_argument(
        "--jobs", type=whole_number, metavar="N", help="assets built side by side (default: one a core)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="compute each asset twice and compare; exit with 1 where it differs"
    )
    parser.add_argument("--partition", metavar="LABEL", help="only this partition of what is selected, or FIRST..LAST")
    parser.add_argument("--quiet", action="store_true", help="no progress, only failures")


def run(given: argparse.Namespace) -> int:
    """Build the selection and record the build in Dagster's instance."""
    from headrace.cli.failures import open_project

    report = build_and_record(open_project(given.env), given)
    if given.json:
        say_json(report.to_json())
    return exit_code(report)


def build_and_record(project: Project, given: argparse.Namespace) -> Report:
    """Build with progress and a summary on stderr; a build that did something is shown in the webserver."""
    from headrace.builder.build import build
    from headrace.builder.partition_choice import choose_partitions
    from headrace.cli.progress import progress

    label = getattr(given, "partition", None)
    with progress(quiet=given.quiet) as listener:
        report = build(
            project,
            given.selection,
            only=given.only,
            force=given.force,
            verify=getattr(given, "verify", False),
            partitions=None if label is None else choose_partitions(label),
            jobs=given.jobs,
            listener=listener,
        )
    _print_failures(report)
    _print_unstable(report)
    if not given.quiet:
        say(summary(report), stream=sys.stderr)
    for note in report.notes:
        say(note, stream=sys.stderr)
    if report.failed or report.keys("built") or report.keys("reused"):
        _record(project, report)
    return report


def _record(project: Project, report: Report) -> None:
    """Show the build in the webserver. What is published stays so, whatever becomes of Dagster's own records."""
    # Imported only now: a build with nothing to do does without Dagster.
    from dagster import DagsterError
    from sqlalchemy.exc import SQLAlchemyError

    from headrace.orchestration.record import record_build

    try:
        record_build(project, report)
    except (DagsterError, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        say(f"The webserver will not show this build: Dagster could not record it ({reason}).", stream=sys.stderr)


def exit_code(report: Report) -> int:
    """0, or 1 when an asset failed or came out otherwise the second time."""
    return 1 if report.failed or report.unstable else 0


def summary(report: Report) -> str:
    """One line that says what a build did."""
    counts = {state: len(report.keys(state)) for state in ("built", "reused", "fresh")}
    counts |= {"failed": len(report.failed), "skipped": len(report.skipped)}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing to build"
    return f"{said} in {duration(report.seconds)}"


def _print_failures(report: Report) -> None:
    from headrace.cli.failures import print_failure

    for asset, error in sorted(report.failed.items()):
        print_failure(asset, error, sys.stderr)
    if report.failed:
        say("\nNothing of what failed was published; its last good versions stay current.", stream=sys.stderr)


def _print_unstable(report: Report) -> None:
    if report.unstable is None:
        return
    for asset, columns in sorted(report.unstable.items()):
        where = f" in {', '.join(columns)}" if columns else ""
        say(f"{asset} came out otherwise when it was computed again{where}.", stream=sys.stderr)
    if report.unstable:
        way_out = "Look for now(), random(), unordered first() or list(), and give them a seed or an order."
        say(f"What is not reproducible makes everything downstream run again. {way_out}", stream=sys.stderr)
    else:
        say("Each asset came out the same when it was computed again.", stream=sys.stderr)


COMMAND = Command(
    name="build",
    summary="make what is out of date, and nothing else",
    description="""\
Build what `headrace plan` says, upstream first, independent assets side by side. Versions that exist are
reused; where an asset comes out as it was, what depends on it is left alone. A failed asset stops what
depends on it and nothing else, and is not published. Out-of-date inputs of the selection are built too.""",
    examples=(
        ("headrace build", "everything that is out of date"),
        ("headrace build recommend", "one asset, after what it needs"),
        ("headrace build 'features/*' --only", "the feature views from their inputs as they are"),
        ("headrace build spend --verify", "whether it comes out the same when it is computed again"),
        ("headrace build orders+ --json", "an asset and all that depends on it; a report for programs"),
    ),
    arguments=_arguments,
    run=run,
)
