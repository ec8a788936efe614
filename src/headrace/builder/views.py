"""headrace.duckdb: a file of views over the current tables, for any DuckDB client, replaced and never written into."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
from filelock import FileLock

from headrace.builder.project import Project
from headrace.engine.session import MAIN_TABLE, connect, show_tables
from headrace.errors import StoreError
from headrace.store.atomic import disk_errors


def current_tables(project: Project) -> dict[str, Path]:
    """The Parquet file of every current table, by asset key."""
    store = project.store
    versions = store.refs(project.environment).current()
    tables = {key: store.folder(key, version) / MAIN_TABLE for key, version in versions.items()}
    return {key: path for key, path in tables.items() if path.is_file()}


def refresh_views(project: Project) -> None:
    """Put a new file of views in place of the old one.

    A client that has the old file open keeps reading it: its views point at immutable versions. So nobody waits for
    anybody's lock.
    """
    try:
        _replace_views(project)
    except (StoreError, duckdb.IOException) as error:
        problem = f"{project.views_file} could not be replaced and shows older versions: {error}"
        raise StoreError(f"{problem} What was built is published all the same; `headrace sql` shows it.") from error


def _replace_views(project: Project) -> None:
    draft = project.views_file.with_name(f".{project.views_file.name}.draft")
    with disk_errors(project.views_file), FileLock(project.store_folder / "locks" / "views.lock"):
        draft.unlink(missing_ok=True)  # of a process that was killed here
        try:
            with connect(str(draft)) as connection:
                show_tables(connection, current_tables(project))
            os.replace(draft, project.views_file)
        finally:
            draft.unlink(missing_ok=True)
