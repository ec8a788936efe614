"""headrace.duckdb: a file of views over the current tables, for any DuckDB client, replaced and never written into."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from headrace.builder.project import Project
from headrace.errors import StoreError
from headrace.lineage.canonical import digest
from headrace.store.atomic import disk_errors, write_atomically
from headrace.store.manifest import MAIN_TABLE


def current_tables(project: Project) -> dict[str, Path]:
    """The Parquet file, or folder of files, of every current table, by asset key."""
    return _tables(project, project.store.refs(project.environment).current())


def _tables(project: Project, versions: Mapping[str, str]) -> dict[str, Path]:
    tables = {key: project.store.folder(key, version) / MAIN_TABLE for key, version in versions.items()}
    return {key: path for key, path in tables.items() if path.exists()}


def views_are_current(project: Project) -> bool:
    """Whether the file of views shows what is current; not so after a process was killed before it could renew it."""
    versions = project.store.refs(project.environment).current()
    return project.views_file.is_file() and _shown(project) == digest(versions) and not _draft(project).exists()


def refresh_views(project: Project) -> None:
    """Put a new file of views in place of the old one.

    A client that has the old file open keeps reading it: its views point at immutable versions. So nobody waits for
    anybody's lock.
    """
    import duckdb  # here, as it is not needed to see that there is nothing to do

    try:
        _replace_views(project)
    except (StoreError, duckdb.IOException) as error:
        problem = f"{project.views_file} could not be replaced and shows older versions: {error}"
        raise StoreError(f"{problem} What was built is published all the same; `headrace sql` shows it.") from error


def _replace_views(project: Project) -> None:
    from headrace.engine.session import connect, show_tables

    draft = _draft(project)
    with disk_errors(project.views_file), FileLock(project.store_folder / "locks" / "views.lock"):
        draft.unlink(missing_ok=True)  # of a process that was killed here
        versions = project.store.refs(project.environment).current()
        try:
            with connect(str(draft)) as connection:
                show_tables(connection, _tables(project, versions))
            os.replace(draft, project.views_file)
        finally:
            draft.unlink(missing_ok=True)
        write_atomically(_note(project), digest(versions), durable=False)


def _draft(project: Project) -> Path:
    return project.views_file.with_name(f".{project.views_file.name}.draft")


def _note(project: Project) -> Path:
    """Where it is written down which versions the file shows."""
    return project.store_folder / "cache" / f"views.{project.environment}"


def _shown(project: Project) -> str | None:
    try:
        return _note(project).read_text(encoding="utf-8")
    except OSError:
        return None  # never shown, or the cache was deleted: shown again
