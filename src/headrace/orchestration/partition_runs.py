"""Runs over partitioned assets: what can run together, and for which partitions.

Dagster wants every run of a partitioned asset to be for some partitions, and one run can be for those of one kind
only: assets by day and assets by key are run one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import dagster as dg

from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.partitions import ByKey, TimePartitions, partitions_of
from headrace.orchestration.partitions import dynamic_name

_FIRST = "dagster/asset_partition_range_start"
_LAST = "dagster/asset_partition_range_end"

Kind = tuple[object, ...]


def kind_of(declaration: Declaration) -> Kind | None:
    """What the partitions of two assets have in common if one run can be for both; None without partitions."""
    partitions = partitions_of(declaration)
    if partitions is None:
        return None
    dynamic = isinstance(partitions, ByKey) and partitions.values is None
    return (*partitions.kin(), dynamic_name(declaration) if dynamic else "")


def by_kind(project: Project, keys: Iterable[str]) -> dict[Kind, list[str]]:
    """The partitioned ones among `keys`, by what can run together."""
    found: dict[Kind, list[str]] = {}
    for key in keys:
        kind = kind_of(project.graph.nodes[key])
        if kind is not None:
            found.setdefault(kind, []).append(key)
    return found


def together(project: Project, keys: Sequence[str]) -> list[str]:
    """Those of `keys`, upstream first, that one run can be for; other kinds wait, and so does all that needs them."""
    kinds = list(by_kind(project, keys))
    waiting: set[str] = set()
    for key in keys:
        kind = kind_of(project.graph.nodes[key])
        if (kind is not None and kind != kinds[0]) or not waiting.isdisjoint(project.graph.upstream[key]):
            waiting.add(key)
    return [key for key in keys if key not in waiting]


def range_tags(
    project: Project,
    instance: Callable[[], dg.DagsterInstance],
    keys: Iterable[str],
    touched: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """The tags of one run for all partitions, of those assets, that are out of date; none without partitions."""
    parted = [project.graph.nodes[key] for key in keys if partitions_of(project.graph.nodes[key])]
    if not parted:
        return {}
    labels = sorted({label for one in parted for label in touched.get(one.key, ())})
    partitions = partitions_of(parted[0])
    if isinstance(partitions, TimePartitions):
        labels = labels or [partitions.start]
    elif isinstance(partitions, ByKey):
        labels = [*(partitions.values or _dynamic(instance(), dynamic_name(parted[0]), labels))]
    return {_FIRST: labels[0], _LAST: labels[-1]} if labels else {}


def _dynamic(instance: dg.DagsterInstance, name: str, labels: Sequence[str]) -> Sequence[str]:
    """All keys that Dagster knows, once those in the data are among them."""
    if labels:
        instance.add_dynamic_partitions(name, list(labels))
    return instance.get_dynamic_partitions(name)
