"""One computation of one partition, from what it can see of its inputs to a partition object."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from headrace.builder.facts import ProjectFacts
from headrace.builder.making import Making, refuse_moved
from headrace.builder.outcome import Request
from headrace.builder.project import Project
from headrace.builder.raw_data import partition_parts
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import PLACE, file_name, partitions_of
from headrace.declarations.source import Source
from headrace.engine.noise import equal_but_for_noise
from headrace.engine.session import parquet, show_files
from headrace.engine.slices import Slice, slice_of
from headrace.engine.workbench import Workbench
from headrace.lineage.plan import Edge, Step
from headrace.store.atomic import disk_errors
from headrace.store.digests import hash_probe, table_sums
from headrace.store.manifest import Manifest
from headrace.store.partitions import Partition, PartitionObjects


class PartitionMaking(Making):
    """One computation of one partition.

    Args:
        staged: where its rows are, if they were taken out of raw files already.
    """

    def __init__(
        self,
        project: Project,
        declaration: Declaration,
        facts: ProjectFacts,
        step: Step,
        inputs: Mapping[str, Manifest],
        request: Request,
        label: str,
        staged: Path | None = None,
    ) -> None:
        super().__init__(project, declaration, facts, step, inputs, request)
        self._label = label
        self._mark = step.marks[label]
        self._staged = staged
        self._objects = PartitionObjects(project.store, declaration.key)
        self._labelled = facts.labelled(declaration)[label] if isinstance(declaration, Source) else {}

    def partition(self) -> Partition:
        """Compute, validate and publish; the object that stands afterwards."""
        with self._part() as (bench, made):
            standing = self._objects.find(self._mark)
            if standing is not None and self._equals(bench, made, standing) and self._objects.is_sound(standing):
                return standing
            return self._objects.publish(bench.draft, made)

    def differs(self, standing: Partition) -> bool:
        """Compute once more, without publishing: whether it comes out otherwise."""
        with self._part() as (bench, made):
            return not self._equals(bench, made, standing)

    @contextmanager
    def _part(self) -> Iterator[tuple[Workbench, Partition]]:
        """The finished and validated draft, with what it holds."""
        started = time.perf_counter()
        with self._project.store.draft() as folder, disk_errors(folder):
            draft = folder / "object"
            draft.mkdir()
            with self._bench(folder, draft) as bench:
                made, _, checked = self._checked(bench)
                self._refuse_moved()
                sums = {path.name: table_sums(bench.connection, parquet(path)) for path in draft.glob("*.parquet")}
                part = Partition(
                    label=self._label,
                    fingerprint=self._mark,
                    sums=sums,
                    probe=hash_probe(bench.connection),
                    definitions=made.definitions,
                    details={**made.details, "checks": {"schema": checked}},
                    inputs=self._labelled or {key: one.version for key, one in self._inputs.items()},
                    run_id=self._request.run_id,
                    created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
                )
                yield bench, replace(part, seconds=round(time.perf_counter() - started, 3))

    def _show(self, connection: duckdb.DuckDBPyConnection, key: str, table: Path, edge: Edge) -> None:
        """Of a partitioned input only what is in reach."""
        partitions, labels = partitions_of(self._declaration), edge.version.partitions
        parted = any(partitions_of(one) for one in self._declaration.inputs if one.key == key)
        if not parted or not labels or partitions is None:
            return super()._show(connection, key, table, edge)
        back = self._declaration.back if isinstance(self._declaration, FeatureView) else None
        seen = partitions.reach(self._label, sorted(labels), back)
        show_files(connection, key, table, [table / file_name(label) for label in seen], self._shown(key, edge))
        return None

    def _slice(self) -> Slice | None:
        partitions = partitions_of(self._declaration)
        if partitions is None:
            return None
        found = slice_of(partitions, self._label)
        if not isinstance(self._declaration, Source):
            return found
        files = [self._project.data_folder / name.removeprefix("file ") for name in self._labelled]
        alone = PLACE.search(self._declaration.path) is not None
        return replace(found, files=files, alone=alone, staged=self._staged)

    def _refuse_moved(self) -> None:
        """A file written to while it was read would give a partition that no fingerprint describes."""
        if isinstance(self._declaration, Source):
            after = partition_parts(self._project, self._declaration, self._labelled)
            refuse_moved(self._declaration, self._labelled, after)

    def _equals(self, bench: Workbench, made: Partition, standing: Partition) -> bool:
        """Whether a draft equals an object, the last digits of doubles apart."""
        if made.sums == standing.sums and made.probe == standing.probe:
            return True
        folder = self._objects.folder(standing.name)
        return {*made.sums} == {*standing.sums} and all(
            one == standing.sums[name]
            or equal_but_for_noise(bench.connection, parquet(folder / name), parquet(bench.draft / name))
            for name, one in made.sums.items()
        )
