"""One Dagster asset for each declaration. What it does is one call of the builder."""

# No `from __future__ import annotations`: Dagster inspects the asset function, whose first parameter is `context`.
import time
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from headrace.builder.governance import record_governance
from headrace.builder.materialize import materialize
from headrace.builder.online import Refill
from headrace.builder.outcome import Outcome, Request
from headrace.builder.project import Project
from headrace.builder.services import publish_services
from headrace.builder.views import refresh_views
from headrace.declarations.base import Declaration, table_name
from headrace.declarations.partitions import partitions_of
from headrace.errors import HeadraceError, ValidationError
from headrace.lineage.kinds import kinds
from headrace.orchestration.agreement import agree, code_version, materialization
from headrace.orchestration.automation import WANTED_TAG
from headrace.orchestration.checks import asset_key, check_spec, failed, failure_metadata, passed
from headrace.orchestration.describe import description
from headrace.orchestration.liveness import at_work
from headrace.orchestration.metadata import STATE, metadata_of
from headrace.orchestration.online import freshness, online_checks, refill, replayed
from headrace.orchestration.partitions import asked, definition_of, dependency, retell, told

FORCE_TAG = "headrace/force"
_SECONDS_BETWEEN_LOGS = 2.0

Events = Iterator[dg.MaterializeResult[object] | dg.AssetCheckResult]


def asset_of(project: Project, declaration: Declaration) -> dg.AssetsDefinition:
    """The declaration as a Dagster asset, with its schema as a blocking check."""

    @dg.asset(
        key=asset_key(declaration.key),
        deps=[dependency(declaration, one) for one in declaration.inputs],
        partitions_def=definition_of(declaration),
        backfill_policy=dg.BackfillPolicy.single_run() if partitions_of(declaration) else None,
        group_name=declaration.kind,
        kinds=kinds(declaration),
        owners=list(declaration.owners),
        tags=dict(declaration.tags),
        description=description(declaration),
        code_version=code_version(project, declaration),
        check_specs=[check_spec(declaration), *online_checks(declaration)],
        metadata={"dagster/table_name": table_name(declaration.key)},
    )
    def compute(context: dg.AssetExecutionContext) -> Events:
        yield from _run(context, project, declaration)

    return compute


def _run(context: dg.AssetExecutionContext, project: Project, declaration: Declaration) -> Events:
    labels = asked(context, declaration)
    request = Request(
        # A run of automation is for all that is out of date; its partitions only say where that is.
        partitions=None if WANTED_TAG in context.run.tags else labels,
        forced=context.run.tags.get(FORCE_TAG, "").lower() == "true",
        run_id=context.run.run_id,
        progress=_progress(context.log.info),
    )
    try:
        with at_work(project, context.run.run_id, declaration.key):
            outcome = materialize(project, declaration, request)
            record_governance(project, [declaration.key])
            filled = refill(project, declaration)
            if outcome.state != "fresh":
                refresh_views(project)
                for name, error in publish_services(project).items():
                    context.log.error(f"{name} keeps its last description: {error}")
    except ValidationError as error:
        yield failed(declaration, error)
        raise _failure(error) from None
    except HeadraceError as error:
        raise _failure(error) from None
    context.log.info(_say(outcome))
    yield result_of(project, declaration, outcome, labels, filled)
    if partitions_of(declaration):
        _tell_partitions(project, context.instance, declaration, outcome, labels)
    if outcome.state != "fresh":
        made_here = {"/".join(key.path) for key in context.job_def.asset_layer.selected_asset_keys}
        agree(project, context.instance, [declaration.key], apart=made_here)
        retell(project, context.instance, [outcome], apart=made_here)


def result_of(
    project: Project,
    declaration: Declaration,
    outcome: Outcome,
    labels: Sequence[str] | None = None,
    filled: Refill | None = None,
) -> dg.MaterializeResult[object]:
    """What Dagster is told of an asset that is current now, whether it had to be computed or not."""
    key = declaration.key
    replays = [replayed(key, filled.replays[key])] if filled is not None and key in filled.replays else []
    changed = None if filled is None else filled.changed.get(key)
    only = outcome.manifest.partitions.get(labels[0]) if labels and len(labels) == 1 else None
    return dg.MaterializeResult(
        asset_key=asset_key(declaration.key),
        data_version=dg.DataVersion(only["digest"] if only else outcome.manifest.digest),
        metadata={**metadata_of(project, declaration, outcome, look=True), **freshness(project, declaration, changed)},
        tags={STATE: outcome.state},
        check_results=[passed(declaration, outcome.manifest), *replays],
    )


def _tell_partitions(
    project: Project,
    instance: dg.DagsterInstance,
    declaration: Declaration,
    outcome: Outcome,
    labels: Sequence[str] | None,
) -> None:
    """Each partition's own data version, and last that of the whole, which what is not partitioned depends on."""
    changed = dict.fromkeys((*(labels or ()), *outcome.partitions))
    for event in told(project, instance, declaration, outcome, [*changed]):
        instance.report_runless_asset_event(event)
    if labels is not None:
        instance.report_runless_asset_event(materialization(project, outcome, {}))


def _failure(error: HeadraceError) -> dg.Failure:
    return dg.Failure(str(error), metadata=failure_metadata(error), allow_retries=False)


def _say(outcome: Outcome) -> str:
    reasons = "; ".join(reason.detail for reason in outcome.reasons) or "nothing changed"
    return f"{outcome.asset} {outcome.state} ({reasons}), version {outcome.manifest.short}"


def _progress(log: Callable[[str], None]) -> Callable[[str, float | None], None]:
    """Progress into the run's log, but not more than a line every two seconds: each one is written to disk."""
    last = 0.0

    def progress(message: str, share: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LOGS:
            last = time.monotonic()
            log(message if share is None else f"{message} ({share:.0%} done)")

    return progress
