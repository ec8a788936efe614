"""What the command line built, told to Dagster, so that the webserver shows it and agrees on what is stale.

A build is recorded as events without a run, by public API only. Measured on two cores with a local disk: 18 ms an
asset (one materialisation, one check) when the disk is idle, up to 130 ms when it is busy, nearly all of it SQLite
waiting for the disk; opening the instance costs 0.1 s, and 2 s the first time, when its tables are made. Hence it
comes after a build, never between its steps, and nothing is written that Dagster already knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg

from headrace.builder.build import Report
from headrace.builder.outcome import Outcome
from headrace.builder.project import Project
from headrace.orchestration.agreement import agree, agrees, last_tags, materialization
from headrace.orchestration.checks import SCHEMA, asset_key, failed, passed
from headrace.orchestration.instance import instance_for
from headrace.orchestration.online import REPLAY, replayed
from headrace.orchestration.partitions import retell, told

Events = Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]


def record_build(project: Project, report: Report) -> None:
    """Report a finished build to the project's Dagster instance.

    Built and reused assets are reported, failed ones as a failed check, and fresh ones only where Dagster knows
    something else of them, as after a build on another machine. So are the readers of what was built that the build
    did not visit.
    """
    made = {outcome.asset: outcome for outcome in report.outcomes}
    with instance_for(project) as instance:
        stale = _unknown(instance, project, made)
        for key in project.graph.keys:
            if key in made and (made[key].state != "fresh" or key in stale):
                for event in _events(project, instance, made[key], made):
                    instance.report_runless_asset_event(event)
        for key, one in report.replays.items():
            instance.report_runless_asset_event(_evaluation(key, replayed(key, one)))
        for key in report.failed.keys() & project.graph.nodes.keys():  # the rest is no asset: a service
            error = report.failed[key]
            instance.report_runless_asset_event(_evaluation(key, failed(project.graph.nodes[key], error)))
        agree(project, instance, [key for key, one in made.items() if one.state != "fresh"], apart=made)
        retell(project, instance, report.outcomes)


def _unknown(instance: dg.DagsterInstance, project: Project, made: Mapping[str, Outcome]) -> set[str]:
    """The assets of which Dagster does not know what is current, or whose last check failed."""
    fresh = [key for key, outcome in made.items() if outcome.state == "fresh"]
    known = last_tags(instance, fresh)
    healthy = _checked(instance, fresh)
    return {key for key in fresh if key not in healthy or not agrees(project, made[key], made, known.get(key, {}))}


def _checked(instance: dg.DagsterInstance, keys: Iterable[str]) -> set[str]:
    """The assets whose last schema check passed, in one query."""
    wanted = [dg.AssetCheckKey(asset_key(key), SCHEMA) for key in keys]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(wanted)
    return {"/".join(key.asset_key.path) for key, record in found.items() if record.status.value == "SUCCEEDED"}


def _events(project: Project, instance: dg.DagsterInstance, outcome: Outcome, made: Mapping[str, Outcome]) -> Events:
    yield from told(project, instance, project.graph.nodes[outcome.asset], outcome, outcome.partitions)
    yield materialization(project, outcome, made)
    yield _evaluation(outcome.asset, passed(project.graph.nodes[outcome.asset], outcome.manifest))


def _evaluation(key: str, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(key),
        check_name=result.check_name or SCHEMA,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        blocking=result.check_name != REPLAY,
    )
