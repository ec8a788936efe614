"""Make one asset current: reuse the version that has its fingerprint, or compute, validate and publish it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import duckdb

from headrace.builder.compute import compute
from headrace.builder.facts import ProjectFacts, parts_with_files
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.source import Source
from headrace.engine.session import MAIN_TABLE, connect, parquet, show_tables
from headrace.engine.validation import validate
from headrace.engine.workbench import Computed, Progress, Workbench
from headrace.errors import SourceError
from headrace.lineage.column_lineage import column_lineage
from headrace.lineage.plan import Reason, Step, decide
from headrace.store.atomic import disk_errors, disk_failure
from headrace.store.digests import describe, table_digest
from headrace.store.manifest import Manifest

Done = Literal["built", "reused", "fresh"]


def _silent(message: str, share: float | None) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Outcome:
    """What became of one asset: its current version, how it came about, and why."""

    asset: str
    state: Done
    manifest: Manifest
    reasons: tuple[Reason, ...] = ()
    previous: str | None = None


@dataclass(frozen=True)
class Request:
    """Who wants an asset made current, and how."""

    forced: bool = False
    run_id: str = ""
    progress: Progress = field(default=_silent)


def materialize(project: Project, declaration: Declaration, request: Request | None = None) -> Outcome:
    """Make `declaration` current in the project's environment, given its inputs as they are now.

    Raises NotBuilt when an input has no version, SourceError, ValidationError and others when the asset cannot be
    made; then nothing is published and the last good version stays current.
    """
    request = request or Request()
    store, refs = project.store, project.store.refs(project.environment)
    inputs = {one.key: store.current(one.key, project.environment) for one in declaration.inputs}
    facts = ProjectFacts(project)
    if isinstance(declaration, Source):
        facts.parts(declaration)  # raises here, rather than becoming a reason of the plan
    upstream = {key: Step(key, "fresh", (), one.fingerprint, one.digest) for key, one in inputs.items()}
    step = decide(declaration, facts, upstream, forced=request.forced)
    previous = refs.current().get(declaration.key)
    if step.state == "fresh":
        return Outcome(declaration.key, "fresh", store.current(declaration.key, project.environment))
    mark = step.fingerprint or ""
    with store.building(declaration.key, mark):
        found = None if request.forced else store.find(declaration.key, mark)
        manifest = found or _compute(project, declaration, facts.parts(declaration), mark, inputs, request)
    state: Done = "built" if found is None else "reused"
    refs.move({declaration.key: manifest.version}, run_id=request.run_id, state=state)
    return Outcome(declaration.key, state, manifest, step.reasons, previous)


def _compute(
    project: Project,
    declaration: Declaration,
    parts: dict[str, Any],
    mark: str,
    inputs: Mapping[str, Manifest],
    request: Request,
) -> Manifest:
    started = time.perf_counter()
    with project.store.draft() as folder, disk_errors(folder):
        draft = folder / "object"
        draft.mkdir()
        with _bench(project, folder, draft, inputs, request) as bench:
            made = compute(declaration, bench)
            checked = validate(declaration, bench.main_table)
            _refuse_moved_files(project, declaration, parts)
            manifest = _describe(declaration, bench, made, inputs)
        manifest = replace(
            manifest,
            fingerprint=mark,
            parts=parts,
            details={**manifest.details, "checks": {"schema": checked}},
            seconds=round(time.perf_counter() - started, 3),
            created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            run_id=request.run_id,
        )
        return project.store.publish(draft, manifest)


@contextmanager
def _bench(
    project: Project, folder: Path, draft: Path, inputs: Mapping[str, Manifest], request: Request
) -> Iterator[Workbench]:
    folders = {key: project.store.folder(key, one.version) for key, one in inputs.items()}
    memory = project.memory or None
    try:
        with connect(scratch=folder / "spill", memory=memory) as connection:
            show_tables(connection, {key: path / MAIN_TABLE for key, path in folders.items()})
            digests = {key: one.digest for key, one in inputs.items()}
            yield Workbench(connection, folders, digests, draft, project.data_folder, request.progress)
    except duckdb.IOException as error:
        code = re.search(r'"errno":"(\d+)"', str(error))
        found = disk_failure(folder, int(code[1])) if code else None
        if found is None:
            raise
        raise found from error


def _describe(declaration: Declaration, bench: Workbench, made: Computed, inputs: Mapping[str, Manifest]) -> Manifest:
    """What the finished draft holds, as a manifest without its origin."""
    table = parquet(bench.main_table)
    columns = describe(bench.connection, table)
    known = {key: [name for name, _ in one.columns] for key, one in inputs.items()}
    lineage = column_lineage(declaration, [name for name, _ in columns], known)
    return Manifest(
        asset=declaration.key,
        version="",
        fingerprint="",
        digest=made.digest or table_digest(bench.connection, table),
        parts={},
        inputs={key: {"version": one.version, "digest": one.digest} for key, one in inputs.items()},
        columns=columns,
        rows=bench.connection.sql(f"select count(*) from {table}").fetchall()[0][0],
        files={},
        details={**made.details, "column lineage": lineage},
        libraries={name: version(name) for name in ("headrace", "duckdb", "polars", "scikit-learn")},
    )


def _refuse_moved_files(project: Project, declaration: Declaration, parts: dict[str, Any]) -> None:
    """A file written to while it was read would give a version that no fingerprint describes."""
    if not isinstance(declaration, Source):
        return
    after = parts_with_files(project, declaration)
    moved = sorted(name for name in {*parts, *after} if parts.get(name) != after.get(name))
    if moved:
        problem = f"{moved[0].removeprefix('file ')} changed while it was read."
        raise SourceError(declaration.name, declaration.path, problem, "Build again. Nothing was published.")
