"""Make a partitioned asset current: compute the partitions that need it, and put a version together from all."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from headrace.builder.facts import ProjectFacts
from headrace.builder.outcome import Request
from headrace.builder.partition_making import PartitionMaking
from headrace.builder.partition_versions import Assembly
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import PLACE
from headrace.declarations.source import Source
from headrace.errors import CorruptObject, HeadraceError
from headrace.lineage.partitioned import counted, listed
from headrace.lineage.plan import Step
from headrace.store.manifest import Manifest
from headrace.store.partitions import Partition, PartitionObjects


class PartitionedMaking:
    """The partitions of one asset that are out of date, or those of them that are asked for.

    Each becomes an object of its own as soon as it is computed, so that a build that is killed goes on with the rest.
    """

    def __init__(
        self,
        project: Project,
        declaration: Declaration,
        facts: ProjectFacts,
        step: Step,
        inputs: Mapping[str, Manifest],
        request: Request,
    ) -> None:
        self._project = project
        self._declaration = declaration
        self._facts = facts
        self._step = step
        self._inputs = inputs
        self._request = request
        self._objects = PartitionObjects(project.store, declaration.key)
        self._computed = False

    def publish(self, before: Manifest | None) -> tuple[Manifest, bool]:
        """Compute what is needed; the version that stands afterwards, and whether anything had to be computed.

        Args:
            before: what is current now.
        """
        started = time.perf_counter()
        asked = self._asked()
        made = self._partitions(asked)
        entries = {**self._kept(before, asked), **made}
        assembly = Assembly(self._project, self._declaration, self._facts, self._step, self._inputs, self._request)
        made_now = assembly.publish(dict(sorted(entries.items())), before, time.perf_counter() - started)
        return made_now, self._computed

    def differing(self, standing: Manifest) -> list[str] | None:
        """Compute all once more, without publishing: see `Making.differing`."""
        with self._staged([*standing.partitions]) as staged:
            for label, one in standing.partitions.items():
                part = self._objects.find(one["fingerprint"])
                if part is not None and self._making(label, staged).differs(part):
                    return []
        return None

    def _asked(self) -> list[str]:
        """The labels that have to be right afterwards."""
        asked = self._request.partitions
        found = [label for label in self._step.marks if asked is None or label in asked]
        if not found:
            text = listed(sorted(asked)) if isinstance(asked, list) else str(asked)
            problem = f"{self._declaration.key} has no data for partition {text}."
            raise HeadraceError(f"{problem} It has {counted([*self._step.marks])}. Nothing was built.")
        return found

    def _kept(self, before: Manifest | None, asked: Collection[str]) -> dict[str, Partition]:
        """Partitions that are left as they are, whether they are out of date or not."""
        known = {} if before is None else before.partitions
        kept = {}
        for label in self._step.marks:
            if label in asked or label not in known:
                continue
            try:
                kept[label] = self._objects.load(known[label]["object"])
            except CorruptObject:
                continue  # it is then missing, and the plan says so
        return kept

    def _partitions(self, labels: Sequence[str]) -> dict[str, Partition]:
        found = {label: None if self._is_forced(label) else self._find(label) for label in labels}
        todo = [label for label, one in found.items() if one is None]
        made = self._compute(todo) if todo else {}
        return {label: made[label] if one is None else one for label, one in found.items()}

    def _is_forced(self, label: str) -> bool:
        return self._request.forced and label in self._step.marks

    def _find(self, label: str) -> Partition | None:
        return self._objects.find(self._step.marks[label])

    def _compute(self, labels: Sequence[str]) -> dict[str, Partition]:
        """Side by side, but for users' Python, which may not bear that."""
        self._computed = True
        made: dict[str, Partition] = {}
        with self._staged(labels) as staged, ThreadPoolExecutor(self._workers()) as pool:
            futures = {pool.submit(self._make, label, staged, len(labels), made): label for label in labels}
            try:
                _, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
            for future in futures:
                if not future.cancelled() and future not in waiting:
                    future.result()
        return made

    def _workers(self) -> int:
        derivation = self._declaration.derivation if isinstance(self._declaration, FeatureView) else None
        return 1 if derivation is not None and derivation.sql is None else os.cpu_count() or 1

    def _make(self, label: str, staged: Mapping[str, Path], count: int, made: dict[str, Partition]) -> None:
        made[label] = self._making(label, staged).partition()
        self._request.progress(f"partition {label}", len(made) / count)

    def _making(self, label: str, staged: Mapping[str, Path]) -> PartitionMaking:
        place = staged.get(label)
        return PartitionMaking(
            self._project, self._declaration, self._facts, self._step, self._inputs, self._request, label, place
        )

    @contextmanager
    def _staged(self, labels: Sequence[str]) -> Iterator[Mapping[str, Path]]:
        """The rows of partitions whose files hold several of them, each file read once."""
        source = self._declaration
        if not isinstance(source, Source) or PLACE.search(source.path):
            yield {}
            return
        from headrace.engine.sources import stage

        labelled = self._facts.labelled(source)
        together: dict[tuple[str, ...], list[str]] = {}
        for label in labels:
            together.setdefault(tuple(labelled[label]), []).append(label)
        with self._project.store.draft() as folder:
            found: dict[str, Path] = {}
            for number, (names, several) in enumerate(together.items()):
                if len(several) > 1:
                    files = [self._project.data_folder / name.removeprefix("file ") for name in names]
                    (folder / str(number)).mkdir()
                    found |= stage(source, files, several, folder / str(number))
            yield found
