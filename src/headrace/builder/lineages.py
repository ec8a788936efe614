"""The column lineage of stored versions. SQL is parsed when somebody looks, not while building, and only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.builder.project import Project
from headrace.errors import CorruptObject
from headrace.lineage.canonical import digest
from headrace.lineage.column_lineage import Lineage, lineage_in
from headrace.lineage.reads import SCHEMA
from headrace.store.manifest import Manifest

_TRACE = 1  # raise it when what `trace` finds changes


def lineage_of(project: Project, manifest: Manifest) -> Lineage:
    """Where the columns of a version come from."""
    lineage = lineage_in(manifest.details, manifest.inputs)
    return lineage if lineage.sql is None else _refined(project, manifest, lineage, lineage.sql)


def _refined(project: Project, manifest: Manifest, lineage: Lineage, sql: str) -> Lineage:
    columns = [name for name, _ in manifest.columns]
    known = {key: _mentioned(project, key, one) for key, one in manifest.inputs.items()}

    def ask() -> Mapping[str, Sequence[str]]:
        from headrace.lineage.sql_lineage import trace

        return trace(sql, columns, known)

    from headrace.lineage.sql_lineage import refined

    return refined(lineage, project.statements.remembered(digest(["trace", _TRACE, sql, columns, known]), ask))


def _mentioned(project: Project, key: str, recorded: Mapping[str, list[str] | str | None]) -> list[str]:
    """The columns of an input that a statement may mention."""
    reads = recorded.get("reads")
    if isinstance(reads, list):
        return [name for name in reads if name != SCHEMA]
    try:
        return [name for name, _ in project.store.load(key, str(recorded["version"])).columns]
    except CorruptObject:
        return []  # deleted: then only names that say their table can be traced
