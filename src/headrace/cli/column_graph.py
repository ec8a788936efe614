"""Columns of every current table, what each is made from, and what is made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from headrace.cli.tree import Children, Link
from headrace.errors import UnknownName
from headrace.lineage.column_lineage import EVERY, FITTED_TABLE, Lineage

if TYPE_CHECKING:
    from headrace.builder.project import Project
    from headrace.declarations.published import Published
    from headrace.lineage.graph import Graph

Table = tuple[Sequence[str], Lineage]
"""The columns of an asset's current table, and where they come from."""


class ColumnGraph:
    """The column lineage of the current versions.

    A node is a column, `asset.column`; all columns of an asset, `asset.*`; the number of its rows, `asset`; or the
    files of a source, `file orders/*.csv`. Columns of other projects are `features/spend.total of ../shop`; what
    these come from, and what a published table here comes from, is asked of `elsewhere`.
    """

    def __init__(
        self,
        graph: Graph,
        table_of: Callable[[str], Table | None],
        elsewhere: Callable[[str], list[str] | None] = lambda node: None,
    ) -> None:
        self._graph = graph
        self._table_of = table_of
        self._elsewhere = elsewhere
        self._tables: dict[str, Table] = {}

    def require(self, asset: str, column: str) -> None:
        """Raise UnknownName for a column that `asset` does not have."""
        known = self.columns(asset)
        if column not in known:
            raise UnknownName(asset, "column", column, known)

    def __contains__(self, asset: str) -> bool:
        return asset in self._graph.nodes

    def columns(self, asset: str) -> Sequence[str]:
        """The columns of an asset's current version and the blocks of a matrix; none before it is built."""
        return self._table(asset)[0]

    def made_from(self, name: str) -> list[Link]:
        """What a node comes from, values first."""
        beyond = self._elsewhere(name)
        if beyond is not None:
            return [Link(one) for one in beyond]
        asset, dot, column = name.partition(".")
        files = _files(self._graph, asset)
        if files or asset not in self._graph.nodes:
            return [Link(one) for one in files]
        if not dot:
            return [Link(one, "rows") for one in self._row_deciders(asset)]
        _, lineage = self._table(asset)
        asked = self.columns(asset) if column == EVERY else [column]
        values = _union(lineage.values, asked)
        rows = [one for one in _union(lineage.rows, asked) if one not in values]
        # What is among all columns of a table need not be named again.
        wide = {one.removesuffix(EVERY) for one in values if one.endswith(f".{EVERY}")}
        return [
            *(Link(one) for one in values),
            *(Link(one, "rows") for one in rows if f"{one.partition('.')[0]}." not in wide),
        ]

    def used_by(self, name: str) -> list[Link]:
        """What comes from a node, values first."""
        asset = name.partition(".")[0]
        found = [link for one in self._graph.downstream.get(asset, ()) for link in self._users(one, name)]
        return sorted(found, key=lambda link: link.via == "rows")

    def spelled(self, children: Children) -> Children:
        """The same neighbours with every column of `asset.*` by itself."""

        def spell(link: Link) -> list[Link]:
            asset, _, column = link.node.partition(".")
            names = self.columns(asset) if column == EVERY and asset in self._graph.nodes else ()
            return [Link(f"{asset}.{one}", link.via) for one in names] or [link]

        def spelled(node: str) -> list[Link]:
            found: dict[str, Link] = {}
            for link in children(node):
                for one in spell(link):
                    found.setdefault(one.node, one)
            return list(found.values())

        return spelled

    def _table(self, asset: str) -> Table:
        if asset not in self._tables:
            self._tables[asset] = self._table_of(asset) or ((), Lineage())
        return self._tables[asset]

    def _users(self, user: str, name: str) -> list[Link]:
        columns, lineage = self._table(user)
        by_value = [one for one in columns if _mentions(lineage.values.get(one, ()), name)]
        by_rows = [one for one in columns if one not in by_value and _mentions(lineage.rows.get(one, ()), name)]
        links = [Link(f"{user}.{one}") for one in by_value] + [Link(f"{user}.{one}", "rows") for one in by_rows]
        if len(links) == len(columns) > 1:
            links = [Link(f"{user}.{EVERY}", "value" if by_value else "rows")]
        if _mentions(self._row_deciders(user), name) and self._is_counted(user):
            links.append(Link(user, "rows"))
        return links

    def _is_counted(self, asset: str) -> bool:
        """Whether the number of its rows alone changes something downstream."""
        tables = [self._table(one)[1] for one in self._graph.downstream[asset]]
        return any(asset in origins for one in tables for part in (one.values, one.rows) for origins in part.values())

    def _row_deciders(self, asset: str) -> list[str]:
        """What decides how many rows an asset has: of what every one of its columns hangs on, a part."""
        columns, lineage = self._table(asset)
        each = [self._spread([*lineage.values.get(one, ()), *lineage.rows.get(one, ())]) for one in columns]
        common = [one for one in each[0] if all(one in other for other in each)] if each else []
        named = {one.partition(".")[0] for one in common if "." in one}
        return [one for one in common if one not in named]

    def _spread(self, origins: Iterable[str]) -> dict[str, None]:
        """Origins one by one, each with the number of rows of its table."""
        found: dict[str, None] = {}
        for one in origins:
            asset, _, column = one.partition(".")
            names = self.columns(asset) if column == EVERY else [column]
            found |= dict.fromkeys([asset, *(f"{asset}.{name}" for name in names if name)])
        return found


class Groups:
    """The same graph with the columns of one asset that are neighbours in the same way as one node."""

    def __init__(self, graph: ColumnGraph, children: Children) -> None:
        self._graph = graph
        self._children = graph.spelled(children)
        self._columns: dict[str, list[str]] = {}

    def parts(self, node: str) -> Sequence[str]:
        """The single columns of a node."""
        return self._columns.get(node, [node])

    def children(self, node: str) -> list[Link]:
        found: dict[str, Link] = {}
        for one in self.parts(node):
            for link in self._children(one):
                if link.node not in found or found[link.node].via == "rows":
                    found[link.node] = link
        groups: dict[Link, list[str]] = {}
        for link in sorted(found.values(), key=lambda link: link.via == "rows"):
            asset, dot, _ = link.node.partition(".")
            groups.setdefault(Link(asset if dot and asset in self._graph else link.node, link.via), []).append(
                link.node
            )
        return [Link(self._name(link.node, nodes), link.via) for link, nodes in groups.items()]

    def _name(self, asset: str, nodes: Sequence[str]) -> str:
        names = [node.partition(".")[2] for node in nodes]
        if nodes == [asset]:
            return asset
        plain = [name for name in names if not (asset.startswith("transforms/") and name in FITTED_TABLE)] or names
        whole = len(names) > 1 and set(names) >= set(self._graph.columns(asset))
        label = f"{asset}.{EVERY}" if whole else f"{asset}.{', .'.join(plain)}"
        self._columns[label] = [f"{asset}.{name}" for name in (names if whole else plain)]
        return label


def _union(origins: dict[str, list[str]], columns: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(one for column in columns for one in origins.get(column, ()))


def _mentions(origins: Sequence[str], name: str) -> bool:
    asset, _, column = name.partition(".")
    if column == EVERY:
        return any(one.startswith(f"{asset}.") for one in origins)
    return name in origins or (bool(column) and f"{asset}.{EVERY}" in origins)


def _files(graph: Graph, asset: str) -> list[str]:
    """Where the data of a source comes from, as one node."""
    from headrace.declarations.published import Published
    from headrace.declarations.source import Source

    source = graph.nodes.get(asset)
    if isinstance(source, Published):
        return [source.origin]
    return [f"file {source.origin}"] if isinstance(source, Source) else []


def file_links(graph: Graph, asset: str) -> list[Link]:
    """What an asset is made from, a source from its files."""
    return [Link(one) for one in (*_files(graph, asset), *graph.upstream.get(asset, ()))]


class Elsewhere:
    """The lineage of published tables in the projects that they come from."""

    _OF = " of "

    def __init__(self, graph: Graph) -> None:
        from headrace.declarations.published import Published

        self._sources = {key: one for key, one in graph.nodes.items() if isinstance(one, Published)}
        self._projects = {f"{one.project} ({one.environment})": one for one in self._sources.values()}

    def made_from(self, node: str) -> list[str] | None:
        """What a node comes from; None where it is no published table, nor a column of another project."""
        asset, _, column = node.partition(".")
        source = self._sources.get(asset)
        if source is not None and column:
            place = f"{source.project} ({source.environment})"
            return [f"{source.asset}.{column}{self._OF}{place}"]
        name, _, place = node.partition(self._OF)
        known = self._projects.get(place)
        return None if known is None else [f"{one}{self._OF}{place}" for one in self._origins(known, name)]

    def _origins(self, source: Published, name: str) -> list[str]:
        from pathlib import Path

        from headrace.builder.sharing import lineage_there

        asset, _, column = name.partition(".")
        lineage = lineage_there(Path(source.store), source.environment, asset)
        if lineage is None:
            return []
        asked = lineage.values if column == EVERY else [column]
        return list(_union(lineage.values, asked)) or list(_union(lineage.rows, asked))


def column_graph(project: Project) -> ColumnGraph:
    """The column graph of the current versions; assets that were never built have no columns in it."""
    versions = project.store.refs(project.environment).current()

    def table_of(asset: str) -> Table | None:
        from headrace.builder.lineages import lineage_of

        if asset not in versions:
            return None
        manifest = project.store.load(asset, versions[asset])
        lineage = lineage_of(project, manifest)
        return list(dict.fromkeys([*(name for name, _ in manifest.columns), *lineage.values])), lineage

    return ColumnGraph(project.graph, table_of, Elsewhere(project.graph).made_from)
