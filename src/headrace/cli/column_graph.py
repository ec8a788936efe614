"""Columns of every current table, what each is made from, and what is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headrace.errors import UnknownName

if TYPE_CHECKING:
    from headrace.builder.project import Project
    from headrace.lineage.graph import Graph

# Of each asset, of each column: the input columns it comes from, as `asset.column`; `asset.*` is every column.
Origins = Mapping[str, Mapping[str, list[str]]]
EVERY = "*"


class ColumnGraph:
    """The column lineage written down when the current versions were built. Columns are named `asset.column`."""

    def __init__(self, graph: Graph, origins: Origins) -> None:
        self._graph = graph
        self._origins = origins

    def require(self, asset: str, column: str) -> None:
        """Raise UnknownName for a column that `asset` does not have."""
        known = self._origins[asset]
        if column not in known:
            raise UnknownName(asset, "column", column, known)

    def made_from(self, name: str) -> list[str]:
        asset, _, column = name.partition(".")
        return self._origins.get(asset, {}).get(column, [])

    def used_by(self, name: str) -> list[str]:
        asset, _, column = name.partition(".")
        return [user for one in self._graph.downstream[asset] for user in self._users(one, asset, column)]

    def _users(self, asset: str, source: str, column: str) -> list[str]:
        origins = self._origins.get(asset, {})
        wanted = {f"{source}.{column}", f"{source}.{EVERY}"}
        if column == EVERY:
            found = [name for name, made in origins.items() if any(one.startswith(f"{source}.") for one in made)]
        else:
            found = [name for name, made in origins.items() if wanted & set(made)]
        if len(found) > 1 and len(found) == len(origins):
            return [f"{asset}.{EVERY}"]
        return [f"{asset}.{name}" for name in found]


def column_graph(project: Project) -> ColumnGraph:
    """The column graph of the current versions; assets that were never built have no columns in it."""
    versions = project.store.refs(project.environment).current()
    known = [key for key in project.graph.keys if key in versions]
    return ColumnGraph(project.graph, {key: _origins(project, key, versions[key]) for key in known})


def _origins(project: Project, asset: str, version: str) -> dict[str, list[str]]:
    manifest = project.store.load(asset, version)
    origins: dict[str, list[str]] = {name: [] for name, _ in manifest.columns}
    origins |= manifest.details.get("column lineage", {})
    rows = getattr(project.graph.nodes[asset], "rows", None)
    for block, facts in manifest.details.get("blocks", {}).items():
        if rows is not None:  # the columns of a matrix's blocks are too many to name: the block stands for them
            origins[block] = [f"{rows.key}.{feature}" for feature in facts["features"]]
    return origins
