"""The column lineage of stored versions. SQL is parsed when somebody looks, not while building, and only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.builder.project import Project
from headrace.builder.statements import identity_of
from headrace.declarations.base import table_name
from headrace.errors import CorruptObject
from headrace.lineage.canonical import digest
from headrace.lineage.column_lineage import Lineage, Origins, lineage_in, listed
from headrace.lineage.reads import column_names
from headrace.store.manifest import Manifest

_TRACE = 1  # raise it when what `trace` finds changes


def lineage_of(project: Project, manifest: Manifest) -> Lineage:
    """Where the columns of a version come from."""
    lineage = lineage_in(manifest.details, manifest.inputs)
    return lineage if lineage.sql is None else _refined(project, manifest, lineage, lineage.sql)


def _refined(project: Project, manifest: Manifest, lineage: Lineage, sql: str) -> Lineage:
    columns = [name for name, _ in manifest.columns]
    lineage = replace(lineage, values=_narrowed(project, manifest, lineage.values, sql))
    known = {key: _mentioned(project, key, one) for key, one in manifest.inputs.items()}

    def ask() -> Mapping[str, Sequence[str]]:
        from headrace.lineage.sql_lineage import trace

        return trace(sql, columns, known)

    from headrace.lineage.sql_lineage import refined

    return refined(lineage, project.statements.remembered(digest(["trace", _TRACE, sql, columns, known]), ask))


def _narrowed(project: Project, manifest: Manifest, values: Origins, sql: str) -> Origins:
    """What can change each column, of all that the statement reads."""
    inputs = {key: str(one["version"]) for key, one in manifest.inputs.items()}
    try:
        tables = {key: project.store.load(key, version).columns for key, version in inputs.items()}
    except CorruptObject:
        return values  # an input is deleted: any column that is read may change any other
    inputs_now = [project.graph.nodes[key] for key in tables if key in project.graph.nodes]
    order = {table_name(one.key): sorted(identity) for one in inputs_now if (identity := identity_of(one))}
    analysis = project.statements.analysis_of(sql, tables, order)
    outputs = None if analysis is None else analysis.outputs
    known = {key: [name for name, _ in one] for key, one in tables.items()}
    return {name: listed(outputs[name], known) if outputs and name in outputs else one for name, one in values.items()}


def _mentioned(project: Project, key: str, recorded: Mapping[str, list[str] | str | None]) -> list[str]:
    """The columns of an input that a statement may mention."""
    reads = recorded.get("reads")
    if isinstance(reads, list):
        return column_names(tuple(reads)) or []
    try:
        return [name for name, _ in project.store.load(key, str(recorded["version"])).columns]
    except CorruptObject:
        return []  # deleted: then only names that say their table can be traced
