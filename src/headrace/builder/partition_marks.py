"""Fingerprints of partitions: what decides the content of each, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import Partitions, partitions_of
from headrace.lineage.canonical import digest
from headrace.lineage.partitioned import own_parts, partition_fingerprint
from headrace.lineage.plan import Version
from headrace.lineage.reads import SCHEMA, Reading, Reads, column_names
from headrace.store.manifest import MAIN_TABLE

if TYPE_CHECKING:
    from headrace.builder.edges import Edges


def with_partition_columns(declaration: Declaration, reading: Reading, inputs: Mapping[str, Version]) -> Reading:
    """The columns read, with those that tell the inputs' partitions apart: they decide which rows are seen."""
    found = dict(reading)
    for one in declaration.inputs:
        partitions, reads = partitions_of(one), found.get(one.key)
        if partitions is None or reads is None or one.key not in inputs:
            continue
        known = [name for name, _ in inputs[one.key].columns]
        found[one.key] = tuple(dict.fromkeys((*reads, *(name for name in known if name == partitions.column))))
    return found


def source_marks(parts: Mapping[str, Any], labelled: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The fingerprint of each partition of a source, from the files that hold it."""
    own = own_parts(parts)
    return {label: partition_fingerprint(own, label, files, {}) for label, files in labelled.items()}


def view_marks(
    edges: Edges, declaration: Declaration, parts: Mapping[str, Any], inputs: Mapping[str, Version], reading: Reading
) -> dict[str, str]:
    """The fingerprint of each partition of a view, from what it can see of its inputs."""
    partitions = partitions_of(declaration)
    if partitions is None or not isinstance(declaration, FeatureView):
        return {}
    parted = {one.key: inputs[one.key] for one in declaration.inputs if partitions_of(one)}
    labels = sorted({label for version in parted.values() for label in version.partitions})
    whole = {key: edges.digest(version, reading[key]) for key, version in inputs.items() if key not in parted}
    seen = {key: _Seen(edges, partitions, version, reading[key]) for key, version in parted.items()}
    found = {}
    back = declaration.back
    for label in labels:
        digests = {key: one.digest(label, back) for key, one in seen.items()}
        found[label] = partition_fingerprint(parts, label, {}, {**whole, **digests})
    return found


class _Seen:
    """What the partitions of a view see of one input.

    Sums of hashes add up, so that what one partition sees is the difference of two of the sums so far.
    """

    def __init__(self, edges: Edges, partitions: Partitions, version: Version, reads: Reads) -> None:
        self._partitions = partitions
        self._probe = edges.probe
        known = [name for name, _ in version.columns]
        missing = [name for name in column_names(reads) or () if name not in known]  # the reader fails on them
        self._more = [version.columns if SCHEMA in (reads or ()) else None, missing]
        kinds = {name: kind for name, kind in version.columns}  # noqa: C416  pairs are lists
        self._columns = [[name, kinds[name]] for name in (known if reads is None else reads) if name in kinds]
        self._labels: Sequence[str] = sorted(version.partitions)
        sums = edges.parts(version, self._columns, MAIN_TABLE)
        self._rows = [0, *accumulate(sums[label][0] for label in self._labels)]
        self._totals = [0, *accumulate(sums[label][1] for label in self._labels)]
        self._places = {label: place for place, label in enumerate(self._labels)}

    def digest(self, label: str, back: timedelta | None) -> str:
        from headrace.store.digests import sums_digest

        seen = self._partitions.reach(label, self._labels, back)
        first = self._places[seen[0]] if seen else 0
        last = first + len(seen)
        rows, total = self._rows[last] - self._rows[first], self._totals[last] - self._totals[first]
        content = sums_digest(self._probe, self._columns, rows, total)
        return digest([*self._more, content])
