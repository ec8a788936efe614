"""Whether a run that Dagster believes to be in progress still has a process: a killed one never says that it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from headrace.builder.project import Project
from headrace.lineage.canonical import digest
from headrace.store.atomic import disk_errors

# How long a run may be between two steps, or start, without a sign of life.
_QUIET_SECONDS = 300.0


@contextmanager
def at_work(project: Project, run_id: str, asset: str) -> Iterator[None]:
    """Hold a lock while a step of a run computes; the system lets go of it when the process dies."""
    path = _folder(project) / f"run-{run_id}.{digest(asset)[:12]}.lock"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def is_alive(project: Project, instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run in progress was heard of lately, waits in the queue, or computes."""
    if run.status is dg.DagsterRunStatus.QUEUED or any(_is_held(path) for path in _locks(project, run.run_id)):
        return True
    newest = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    return bool(newest) and time.time() - newest[0].timestamp < _QUIET_SECONDS


def _locks(project: Project, run_id: str) -> list[Path]:
    return list(_folder(project).glob(f"run-{run_id}.*.lock"))


def _folder(project: Project) -> Path:
    return project.store.root / "locks"


def _is_held(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
