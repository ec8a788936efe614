"""What Dagster compares to tell what is stale, kept in agreement with the plan.

Dagster calls an asset stale as soon as a direct input has another data version. The plan calls it fresh when the
change is in columns that it does not read. Where the two differ, the asset's last materialisation is told anew, with
the data versions that its inputs have now: a run-less event, nothing is computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from headrace.builder.facts import ProjectFacts
from headrace.builder.outcome import Outcome
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.lineage.canonical import digest
from headrace.orchestration.checks import asset_key
from headrace.orchestration.metadata import STATE, metadata_of
from headrace.orchestration.wanted import step_now
from headrace.store.manifest import Manifest

# The tags that Dagster itself puts on a materialisation, and compares to tell what is stale.
_CODE = "dagster/code_version"
_DATA = "dagster/data_version"
_OURS = "dagster/data_version_is_user_provided"
_INPUT = "dagster/input_data_version/"
_POINTER = "dagster/input_event_pointer/"


def code_version(project: Project, declaration: Declaration) -> str:
    """Twelve hex digits that change with what decides the data: data-bearing fields and code, not raw files."""
    return digest(project.declared_parts(declaration))[:12]


def agree(
    project: Project, instance: dg.DagsterInstance, moved: Collection[str], apart: Collection[str] = ()
) -> tuple[str, ...]:
    """Tell Dagster of each direct reader of a `moved` asset that is fresh all the same; returns those it was told of.

    Args:
        apart: readers that are told of otherwise, such as those that the same run makes.
    """
    readers = {one for key in moved for one in project.graph.downstream[key]} - {*apart}
    told = []
    facts = ProjectFacts(project)
    for key, tags in last_tags(instance, readers).items():
        manifest = _outdated(project, facts, key, tags)
        if manifest is not None:
            instance.report_runless_asset_event(materialization(project, Outcome(key, "fresh", manifest), {}))
            told.append(key)
    return tuple(sorted(told))


def _outdated(project: Project, facts: ProjectFacts, key: str, known: Mapping[str, str]) -> Manifest | None:
    """The version of a fresh asset of which Dagster knows something else; None if it is right to call it stale."""
    manifest = facts.current(key)
    if manifest is None or agrees(project, Outcome(key, "fresh", manifest), {}, known):
        return None
    step = step_now(project, facts, key)
    return manifest if step is not None and step.state == "fresh" else None


def last_tags(instance: dg.DagsterInstance, keys: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The tags of each asset's last materialisation, in one query."""
    found: dict[str, Mapping[str, str]] = {}
    for record in instance.get_asset_records([asset_key(key) for key in keys]):
        event = record.asset_entry.last_materialization
        if event is not None and event.asset_materialization is not None:
            found["/".join(record.asset_entry.asset_key.path)] = event.asset_materialization.tags or {}
    return found


def agrees(project: Project, outcome: Outcome, made: Mapping[str, Outcome], known: Mapping[str, str]) -> bool:
    """Whether the tags that Dagster knows say what is so."""
    compared = {name: value for name, value in known.items() if name in (_CODE, _DATA) or name.startswith(_INPUT)}
    wanted = version_tags(project, outcome, made)
    return compared == {name: value for name, value in wanted.items() if name in (_CODE, _DATA) or _INPUT in name}


def materialization(project: Project, outcome: Outcome, made: Mapping[str, Outcome]) -> dg.AssetMaterialization:
    """An asset's current version as an event. `made` saves looking up inputs that the same build made."""
    return dg.AssetMaterialization(
        asset_key(outcome.asset),
        metadata=metadata_of(project, project.graph.nodes[outcome.asset], outcome),
        tags={**version_tags(project, outcome, made), STATE: outcome.state},
    )


def version_tags(project: Project, outcome: Outcome, made: Mapping[str, Outcome]) -> dict[str, str]:
    """What Dagster would have written had it run the asset itself."""
    declaration = project.graph.nodes[outcome.asset]
    inputs = {one.key: _current(project, one, made).digest for one in declaration.inputs}
    return {
        _CODE: code_version(project, declaration),
        _DATA: outcome.manifest.digest,
        _OURS: "true",
        **{f"{_INPUT}{key}": digest for key, digest in inputs.items()},
        **{f"{_POINTER}{key}": "NULL" for key in inputs},
    }


def _current(project: Project, declaration: Declaration, made: Mapping[str, Outcome]) -> Manifest:
    known = made.get(declaration.key)
    return known.manifest if known else project.store.current(declaration.key, project.environment)
