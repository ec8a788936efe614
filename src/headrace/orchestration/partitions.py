"""Partitions as Dagster has them: definitions, mappings, and what each partition is told to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg

from headrace.builder.facts import ProjectFacts
from headrace.builder.outcome import Outcome
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import ByKey, Hourly, Monthly, Partitions, TimePartitions, partitions_of
from headrace.orchestration.agreement import version_tags
from headrace.orchestration.checks import asset_key
from headrace.orchestration.metadata import STATE
from headrace.orchestration.wanted import step_now

_DATA = "dagster/data_version"
_POINTER = "dagster/input_event_pointer/"


def definition_of(declaration: Declaration) -> dg.PartitionsDefinition[str] | None:
    """The partitions of an asset; those of keys that only the data tells are dynamic."""
    partitions = partitions_of(declaration)
    if isinstance(partitions, ByKey):
        return _by_key(declaration, partitions)
    return _in_time(partitions) if isinstance(partitions, TimePartitions) else None


def _by_key(declaration: Declaration, partitions: ByKey) -> dg.PartitionsDefinition[str]:
    if partitions.values is not None:
        return dg.StaticPartitionsDefinition(list(partitions.values))
    return dg.DynamicPartitionsDefinition(name=dynamic_name(declaration))


def dynamic_name(declaration: Declaration) -> str:
    """One set of keys for a source and all that is computed from it key by key."""
    above = next((one for one in declaration.inputs if partitions_of(one)), None)
    return declaration.key if above is None else dynamic_name(above)


def _in_time(partitions: TimePartitions) -> dg.PartitionsDefinition[str]:
    # The hour, day or month that is not over yet has data as well.
    if isinstance(partitions, Hourly):
        return dg.HourlyPartitionsDefinition(start_date=partitions.start, end_offset=1)
    kind = dg.MonthlyPartitionsDefinition if isinstance(partitions, Monthly) else dg.DailyPartitionsDefinition
    return kind(start_date=partitions.start, timezone=partitions.timezone, end_offset=1)


def dependency(declaration: Declaration, upstream: Declaration) -> dg.AssetDep:
    """How an asset depends on an input: on the same partition and those within its look-back, or on all."""
    own, theirs = partitions_of(declaration), partitions_of(upstream)
    key = asset_key(upstream.key)
    if theirs is None:
        return dg.AssetDep(key)
    if own is None:
        return dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping())
    return dg.AssetDep(key, partition_mapping=_mapping(own, declaration))


def _mapping(own: Partitions, declaration: Declaration) -> dg.PartitionMapping:
    back = declaration.back if isinstance(declaration, FeatureView) else timedelta(0)
    if not isinstance(own, TimePartitions):
        return dg.IdentityPartitionMapping()
    if back is None:
        return dg.AllPartitionMapping()
    return dg.TimeWindowPartitionMapping(start_offset=-own.count(back), allow_nonexistent_upstream_partitions=True)


def asked(context: dg.AssetExecutionContext, declaration: Declaration) -> list[str] | None:
    """The partitions that a run is for; None is all that are out of date."""
    if partitions_of(declaration) is None or (not context.has_partition_key and not context.has_partition_key_range):
        return None
    return list(context.partition_keys)


def told(
    project: Project, instance: dg.DagsterInstance, declaration: Declaration, outcome: Outcome, labels: Sequence[str]
) -> Iterator[dg.AssetMaterialization]:
    """Each of these partitions with its own data version, which a run of several would not give them.

    Dagster then says itself which partitions are stale, as long as each depends on fewer than a hundred.
    """
    tags = _tags(project, instance, outcome)
    known = outcome.manifest.partitions
    for label in _known_to_dagster(instance, declaration, labels):
        if label in known:
            yield dg.AssetMaterialization(
                asset_key(declaration.key),
                partition=label,
                tags={**tags, _DATA: str(known[label]["digest"])},
                metadata={"dagster/row_count": int(known[label]["rows"]), "version": outcome.manifest.version},
            )


def retell(
    project: Project, instance: dg.DagsterInstance, outcomes: Iterable[Outcome], apart: Collection[str] = ()
) -> None:
    """Tell Dagster of partitions that are fresh though something in their reach was made, as they do not read it.

    Args:
        apart: assets that are told of otherwise, such as those that the same run makes.
    """
    made = {one.asset: one.partitions for one in outcomes}
    facts = ProjectFacts(project)
    for key, declaration in project.graph.nodes.items():
        moved = sorted({label for one in project.graph.upstream[key] for label in made.get(one, ())})
        partitions, manifest = partitions_of(declaration), facts.current(key)
        if key in apart or not moved or partitions is None or manifest is None:
            continue
        step = step_now(project, facts, key)
        back = declaration.back if isinstance(declaration, FeatureView) else None
        others = {*made.get(key, ()), *(() if step is None else step.partitions)}
        hit = [one for one in manifest.partitions if one not in others and partitions.reach(one, moved, back)]
        for event in told(project, instance, declaration, Outcome(key, "fresh", manifest), hit):
            instance.report_runless_asset_event(event)


def _tags(project: Project, instance: dg.DagsterInstance, outcome: Outcome) -> dict[str, str]:
    pointers = _pointers(instance, outcome.manifest.inputs)
    return {
        **version_tags(project, outcome, {}),
        **{f"{_POINTER}{key}": pointer for key, pointer in pointers.items()},
        STATE: outcome.state,
    }


def _pointers(instance: dg.DagsterInstance, keys: Collection[str]) -> Mapping[str, str]:
    """Up to which event Dagster's log of each input has been seen: what is told later makes partitions stale."""
    records = instance.get_asset_records([asset_key(key) for key in keys]) if keys else ()
    last = {"/".join(one.asset_entry.asset_key.path): one.asset_entry.last_materialization_record for one in records}
    return {key: str(record.storage_id) if (record := last.get(key)) else "NULL" for key in keys}


def _known_to_dagster(instance: dg.DagsterInstance, declaration: Declaration, labels: Sequence[str]) -> Sequence[str]:
    """The labels that its partitions definition has, once new keys are added to a dynamic one."""
    definition = definition_of(declaration)
    if isinstance(definition, dg.DynamicPartitionsDefinition) and definition.name is not None:
        instance.add_dynamic_partitions(definition.name, list(labels))
        return labels
    known = set() if definition is None else {*definition.get_partition_keys()}
    return [label for label in labels if label in known]
