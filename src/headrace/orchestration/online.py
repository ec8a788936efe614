"""An online view in the webserver: how fresh the store is, and the replay check of each refill."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from headrace.builder.online import Refill, refresh_online
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.online import OnlineView
from headrace.engine.replay import Replay
from headrace.orchestration.checks import asset_key
from headrace.orchestration.tables import present, table
from headrace.store.online.open import open_online

REPLAY = "replay"


def online_checks(declaration: Declaration) -> list[dg.AssetCheckSpec]:
    """The check of an online view beside its schema; none for any other declaration."""
    if not isinstance(declaration, OnlineView):
        return []
    text = "What the online store answers, for a sample, against what training rows of the same moments would see."
    return [dg.AssetCheckSpec(REPLAY, asset=asset_key(declaration.key), description=text)]


def refill(project: Project, declaration: Declaration) -> Refill | None:
    """Bring the online store to what is current, and compare; None for what is no online view.

    Raises StoreError when the store cannot be filled.
    """
    if not isinstance(declaration, OnlineView):
        return None
    found = refresh_online(project, only=declaration.key)
    for error in found.failed.values():
        raise error
    return found


def replayed(key: str, found: Replay) -> dg.AssetCheckResult:
    """The outcome of a replay."""
    told = f"{found.values} values of {found.entities} entities at {len(found.moments)} moment(s)"
    text = f"{told} are what training rows see." if found.passed else f"{found.differing} of {told} differ."
    moments = ", ".join(moment.isoformat(sep=" ", timespec="seconds") for moment in found.moments)
    examples = table({name: str(value) for name, value in example.items()} for example in found.examples)
    metadata = {"entities": found.entities, "values": found.values, "differing": found.differing, "moments": moments}
    return dg.AssetCheckResult(
        passed=found.passed,
        asset_key=asset_key(key),
        check_name=REPLAY,
        severity=dg.AssetCheckSeverity.ERROR,
        description=text,
        metadata=present({**metadata, "differences": examples}),
    )


def freshness(project: Project, declaration: Declaration, changed: int | None = None) -> dict[str, Any]:
    """How fresh what the store serves is; nothing for what is no online view."""
    if not isinstance(declaration, OnlineView):
        return {}
    with closing(open_online(project.store_folder, project.environment, project.settings)) as store:
        schema = store.describe(declaration.view.name)
    if schema is None:
        return {}
    age = None if schema.latest is None else datetime.now(UTC) - schema.latest
    return present(
        {
            "online version": schema.version,
            "online filled at": None if schema.filled_at is None else dg.MetadataValue.timestamp(schema.filled_at),
            "online latest event": None if schema.latest is None else dg.MetadataValue.timestamp(schema.latest),
            "online age of latest event (hours)": None if age is None else round(age.total_seconds() / 3600, 2),
            "online ttl (hours)": None if schema.ttl is None else schema.ttl / 3600,
            "online entities changed": changed,
        }
    )
