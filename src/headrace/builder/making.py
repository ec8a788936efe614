"""One computation of an asset, from its inputs to a published version."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from headrace.builder.changes import reasons_json
from headrace.builder.compute import compute
from headrace.builder.edges import content_digest
from headrace.builder.facts import ProjectFacts, observed_reads
from headrace.builder.outcome import Request
from headrace.builder.project import Project
from headrace.builder.raw_data import PUSHED, pushes_in
from headrace.builder.sensitivity import Sensitivity
from headrace.builder.statements import identity_of
from headrace.declarations.base import Declaration
from headrace.declarations.source import Source
from headrace.engine.frames import order_columns
from headrace.engine.noise import equal_but_for_noise
from headrace.engine.session import MAIN_TABLE, connect, parquet, show_table, sort_table
from headrace.engine.slices import Slice
from headrace.engine.validation import validate
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import HeadraceError, SourceError
from headrace.lineage.column_lineage import column_lineage
from headrace.lineage.fingerprint import fingerprint
from headrace.lineage.libraries import library_version
from headrace.lineage.plan import Edge, Step
from headrace.lineage.reads import Reads
from headrace.store.atomic import disk_errors, disk_failure
from headrace.store.digests import describe, digest_table
from headrace.store.manifest import Manifest
from headrace.store.pushed import PUSHES, PushLog


class Making:
    """One computation, from its inputs to a published version."""

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
        self._parts = facts.parts(declaration)
        self._edges = dict(step.edges)
        self._reasons = reasons_json(step.reasons)
        self._inputs = inputs
        self._request = request

    def publish(self) -> Manifest:
        """Compute, validate and publish; the version that stands afterwards."""
        started = time.perf_counter()
        with self._drafted() as (bench, manifest):
            store = self._project.store
            standing = store.find(manifest.asset, manifest.fingerprint)
            if standing is not None and self._is_same(bench, manifest, standing) and store.is_sound(standing):
                return standing
            made = replace(
                manifest,
                seconds=round(time.perf_counter() - started, 3),
                created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
                run_id=self._request.run_id,
            )
            return store.publish(bench.draft, made)

    def differing(self, standing: Manifest) -> list[str] | None:
        """Compute once more, without publishing: the columns that differ from a version, or None when it is equal.

        An empty list says that it differs in something that has no columns, such as a model.
        """
        with self._drafted() as (bench, manifest):
            if self._is_same(bench, manifest, standing):
                return None
            names = dict.fromkeys((*manifest.column_digests, *standing.column_digests))
            return [one for one in names if manifest.column_digests.get(one) != standing.column_digests.get(one)]

    @contextmanager
    def _drafted(self) -> Iterator[tuple[Workbench, Manifest]]:
        """The finished and validated draft, with what it holds."""
        with self._project.store.draft() as folder, disk_errors(folder):
            draft = folder / "object"
            draft.mkdir()
            with self._bench(folder, draft) as bench:
                made, columns, checked = self._checked(bench)
                refuse_moved_files(self._project, self._declaration, self._parts)
                self._observe(made)
                manifest = self._describe(bench, made, columns)
                yield bench, replace(manifest, details={**manifest.details, "checks": {"schema": checked}})

    def _checked(self, bench: Workbench) -> tuple[Computed, list[list[str]], dict[str, Any]]:
        """What was computed, its columns with their types, and what was checked of it."""
        try:
            made = compute(self._declaration, bench)
            columns = describe(bench.connection, parquet(bench.main_table))
            names = [name for name, _ in columns]
            return made, columns, validate(self._declaration, bench.main_table, bench.connection, names)
        except HeadraceError as error:
            masked = Sensitivity(self._project).masked(self._declaration, error)
            if masked is error:
                raise
            raise masked from None  # the cause shows the values

    @contextmanager
    def _bench(self, folder: Path, draft: Path) -> Iterator[Workbench]:
        store = self._project.store
        folders = {key: store.folder(key, one.version) for key, one in self._inputs.items()}
        order = self._facts.row_order(self._declaration, self._inputs)
        try:
            with self._connection(folder, one_thread=order != "any") as connection:
                for key, edge in self._edges.items():
                    self._show(connection, key, folders[key] / MAIN_TABLE, edge)
                if order == "sorted":
                    for one in self._declaration.inputs:
                        if not identity_of(one):  # else the file's order follows from its content already
                            sort_table(connection, one.key, order_columns(one))
                digests = {key: one.digest for key, one in self._inputs.items()}
                place = self._project.data_folder
                progress, pushed = self._request.progress, self._pushed()
                yield Workbench(connection, folders, digests, draft, place, progress, self._slice(), pushed)
        except duckdb.IOException as error:
            code = re.search(r'"errno":"(\d+)"', str(error))
            found = disk_failure(folder, int(code[1])) if code else None
            if found is None:
                raise
            raise found from error

    def _connection(self, folder: Path, *, one_thread: bool) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if isinstance(self._declaration, Source) and self._declaration.database is not None:
            # What it attaches would be there for every asset of a shared instance.
            return connect(scratch=folder / "spill", memory=self._project.memory or None)
        return self._project.sessions.catalogue(one_thread=one_thread)

    def _pushed(self) -> tuple[Path, ...]:
        """The pushes that its parts tell of; later ones are for the next build."""
        if not isinstance(self._declaration, Source) or not self._declaration.push:
            return ()
        log = PushLog(self._project.store_folder, self._declaration.name)
        return tuple(log.files(through=pushes_in(self._parts)).values())

    def _pushes_read(self) -> dict[str, Any]:
        """How many pushes of each source are in it, for the online store."""
        found: dict[str, int] = {}
        for one in self._inputs.values():
            found |= one.details.get(PUSHES, {})
        through = pushes_in(self._parts)
        return {PUSHES: {**found, self._declaration.key: through} if through else found} if found or through else {}

    def _show(self, connection: duckdb.DuckDBPyConnection, key: str, table: Path, edge: Edge) -> None:
        """Make what is read of an input a view."""
        show_table(connection, key, table, self._shown(key, edge), edge.version.columns)

    def _shown(self, key: str, edge: Edge) -> Reads:
        """What a computation may see of an input: what it reads, or all where that shows only when it runs."""
        derivation = getattr(self._declaration, "derivation", None)
        return None if derivation is not None and key in derivation.observed else edge.reads

    def _slice(self) -> Slice | None:
        """The partition to compute; None is the whole table."""
        return None

    def _observe(self, made: Computed) -> None:
        """What code took of its inputs while it ran is what it reads."""
        for key, taken in made.reads.items():
            reads = observed_reads(self._declaration, key, taken)
            version = self._inputs[key]
            self._edges[key] = Edge(version, reads, self._facts.edge(key, version, reads))

    def _describe(self, bench: Workbench, made: Computed, columns: list[list[str]]) -> Manifest:
        """What the finished draft holds."""
        known = {key: [name for name, _ in one.columns] for key, one in self._inputs.items()}
        reading = {key: edge.reads for key, edge in self._edges.items()}
        dependencies = self._facts.known_dependencies(self._declaration, self._inputs)
        lineage = column_lineage(self._declaration, [name for name, _ in columns], known, reading, dependencies)
        whole = digest_table(bench.connection, parquet(bench.main_table), columns)
        return Manifest(
            asset=self._declaration.key,
            version="",
            fingerprint=fingerprint(self._parts, {key: edge.digest for key, edge in self._edges.items()}),
            digest=made.digest or content_digest(bench, made, whole),
            parts=self._parts,
            inputs={key: record(edge) for key, edge in self._edges.items()},
            columns=columns,
            rows=whole.rows,
            files={},
            column_digests=whole.columns,
            content="" if made.digest else made.content,
            definitions=made.definitions,
            hash_probe=whole.probe,
            details={**made.details, **lineage.details(), **self._pushes_read(), "reasons": self._reasons},
            libraries={name: library_version(name) for name in ("headrace", "duckdb", "polars", "scikit-learn")},
        )

    def _is_same(self, bench: Workbench, made: Manifest, standing: Manifest) -> bool:
        """Whether a draft equals a version, the last digits of doubles apart."""
        if made.digest == standing.digest:
            return True
        old = self._project.store.folder(standing.asset, standing.version) / made.content
        if not made.content or made.content != standing.content or not old.exists():
            return False
        return equal_but_for_noise(bench.connection, parquet(old), parquet(bench.draft / made.content))


def record(edge: Edge) -> dict[str, Any]:
    """What a manifest says of one input."""
    reads = None if edge.reads is None else list(edge.reads)
    return {"version": edge.version.version, "digest": edge.digest, "reads": reads}


def refuse_moved_files(project: Project, declaration: Declaration, parts: dict[str, Any]) -> None:
    """A file written to while it was read would give a version that no fingerprint describes."""
    if not isinstance(declaration, Source) or declaration.function is not None:
        return  # what changes while a function runs is found by the next plan
    after = ProjectFacts(project).parts(declaration)
    # What was pushed meanwhile is not read: the log only grows.
    refuse_moved(declaration, {**parts, PUSHED: ""}, {**after, PUSHED: ""})


def refuse_moved(declaration: Source, parts: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise SourceError when files are no longer what they were."""
    moved = sorted(name for name in {*parts, *after} if parts.get(name) != after.get(name))
    if moved:
        problem = f"{moved[0].removeprefix('file ')} changed while it was read."
        raise SourceError(declaration.name, declaration.path, problem, "Build again. Nothing was published.")
