"""One Dagster asset for each declaration. What it does is one call of the builder."""

# No `from __future__ import annotations`: Dagster inspects the asset function, whose first parameter is `context`.
import time
from collections.abc import Callable, Iterator

import dagster as dg

from headrace.builder.materialize import Outcome, Request, materialize
from headrace.builder.project import Project
from headrace.builder.views import refresh_views
from headrace.declarations.base import Declaration, table_name
from headrace.errors import HeadraceError, ValidationError
from headrace.lineage.canonical import digest
from headrace.lineage.fingerprint import parts_of
from headrace.orchestration.checks import asset_key, check_spec, failed, failure_metadata, passed
from headrace.orchestration.describe import description, kinds
from headrace.orchestration.metadata import STATE, metadata_of

FORCE_TAG = "headrace/force"
_SECONDS_BETWEEN_LOGS = 2.0

Events = Iterator[dg.MaterializeResult[object] | dg.AssetCheckResult]


def code_version(declaration: Declaration) -> str:
    """Twelve hex digits that change with what decides the data: data-bearing fields and code, not raw files."""
    return digest(parts_of(declaration))[:12]


def asset_of(project: Project, declaration: Declaration) -> dg.AssetsDefinition:
    """The declaration as a Dagster asset, with its schema as a blocking check."""

    @dg.asset(
        key=asset_key(declaration.key),
        deps=[asset_key(one.key) for one in declaration.inputs],
        group_name=declaration.kind,
        kinds=kinds(declaration),
        owners=list(declaration.owners),
        tags=dict(declaration.tags),
        description=description(declaration),
        code_version=code_version(declaration),
        check_specs=[check_spec(declaration)],
        metadata={"dagster/table_name": table_name(declaration.key)},
    )
    def compute(context: dg.AssetExecutionContext) -> Events:
        yield from _run(context, project, declaration)

    return compute


def _run(context: dg.AssetExecutionContext, project: Project, declaration: Declaration) -> Events:
    request = Request(
        forced=context.run.tags.get(FORCE_TAG, "").lower() == "true",
        run_id=context.run.run_id,
        progress=_progress(context.log.info),
    )
    try:
        outcome = materialize(project, declaration, request)
        if outcome.state != "fresh":
            refresh_views(project)
    except ValidationError as error:
        yield failed(declaration, error)
        raise _failure(error) from None
    except HeadraceError as error:
        raise _failure(error) from None
    context.log.info(_say(outcome))
    yield result_of(project, declaration, outcome)


def result_of(project: Project, declaration: Declaration, outcome: Outcome) -> dg.MaterializeResult[object]:
    """What Dagster is told of an asset that is current now, whether it had to be computed or not."""
    return dg.MaterializeResult(
        asset_key=asset_key(declaration.key),
        data_version=dg.DataVersion(outcome.manifest.digest),
        metadata=metadata_of(project, declaration, outcome),
        tags={STATE: outcome.state},
        check_results=[passed(declaration, outcome.manifest)],
    )


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
