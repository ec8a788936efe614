"""Warehouse: DuckDB over the project's current tables, for anybody's own Dagster assets."""

# No `from __future__ import annotations`: Dagster reads a resource's field types when the class is made.
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field, field_validator

from headrace.builder.project import Project, project_from
from headrace.builder.views import current_tables
from headrace.engine.session import connect, literal, show_tables
from headrace.errors import ProjectError
from headrace.settings import find_root

MEMORY = ":memory:"


class Warehouse(DuckDBResource):
    """Connections in which every current table is a view, as in `select * from features.customer_activity`.

    A connection is in memory and reads immutable files: it never waits for anybody, nobody waits for it, and what it
    sees stays as it was when it was opened. `hr.definitions` fills in the project.

    Args:
        project: a folder of the project; by default the working directory's project.
        environment: whose tables are shown; by default the project's.
        connection_config: DuckDB settings of each connection, such as `{"threads": 2}`.

    >>> Warehouse(database="shop.duckdb")
    Traceback (most recent call last):
    headrace.errors.ProjectError: Warehouse(database='shop.duckdb'): a warehouse is in memory. ...
    """

    database: str = Field(default=MEMORY, description="Always in memory; a dagster_duckdb.DuckDBResource opens files.")
    project: str = Field(default="", description="A folder of the project; by default the working directory's.")
    environment: str = Field(default="", description="Whose tables are shown; by default the project's.")

    @field_validator("database")
    @classmethod
    def _in_memory(cls, given: Any) -> Any:
        if given != MEMORY:
            fix = "Open a file with dagster_duckdb.DuckDBResource."
            raise ProjectError(f"Warehouse(database={given!r}): a warehouse is in memory. {fix}")
        return given

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def of(self, project: Project) -> Self:
        """The same warehouse with the project and environment filled in where they are empty."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        fields["project"] = fields["project"] or str(project.root)
        fields["environment"] = fields["environment"] or project.environment
        return type(self)(**fields)

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for this block; raises ProjectError outside a project."""
        root = find_root(Path(self.project)) if self.project else find_root(Path.cwd())
        project = project_from((), root, self.environment or None)
        scratch = project.store_folder / "cache" / f"spill-{uuid.uuid4().hex}"
        try:
            with connect(scratch=scratch, memory=project.memory or None) as connection:
                for name, value in self.connection_config.items():
                    connection.execute(f"set {name} = {literal(str(value))}").fetchall()
                show_tables(connection, current_tables(project))
                yield connection
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
