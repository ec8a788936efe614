"""headrace lineage: what an asset or a column is made from, and what is made from it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json
from headrace.cli.console import say, say_json
from headrace.cli.tree import Children, Link, edges, tree_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.builder.project import Project

_MOST_COLUMNS = 6


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset", metavar="ASSET[.COLUMN]", help="an asset, or one of its columns")
    direction = parser.add_mutually_exclusive_group()
    direction.add_argument("--up", action="store_true", help="only what it is made from")
    direction.add_argument("--down", action="store_true", help="only what is made from it")
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Print the trees up- and downstream of an asset or column."""
    from headrace.cli.assets import one_asset
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    name, _, column = given.asset.partition(".")
    asset = one_asset(name, project.graph.keys)
    if column:
        _show_column(project, given, asset, column)
        project.statements.save()
    else:
        _show_asset(project, given, asset)
    return 0


def _show_asset(project: Project, given: argparse.Namespace, asset: str) -> None:
    from headrace.cli.column_graph import file_links

    graph = project.graph
    up: Children = partial(file_links, graph)
    down: Children = lambda key: [Link(one) for one in graph.downstream[key]]  # noqa: E731
    if given.json:
        say_json({"asset": asset, "column": None, **_edges(given, asset, up, down)})
        return
    say((asset, "bold"))
    for title, children in _wanted(given, up, down):
        _print(title, tree_lines(asset, children, _say))


def _show_column(project: Project, given: argparse.Namespace, asset: str, column: str) -> None:
    from headrace.cli.column_graph import Groups, column_graph

    project.store.current(asset, project.environment)  # raises NotBuilt: only a build finds the columns out
    graph = column_graph(project)
    graph.require(asset, column)
    root, up, down = f"{asset}.{column}", graph.made_from, graph.used_by
    if given.json:
        found = _edges(given, root, graph.spelled(up), graph.spelled(down))
        say_json({"asset": asset, "column": column, **found})
        return
    say((root, "bold"))
    for title, children in _wanted(given, up, down):
        groups = Groups(graph, children)
        _print(title, tree_lines(root, groups.children, _say, groups.parts))


def _wanted(given: argparse.Namespace, up: Children, down: Children) -> list[tuple[str, Children]]:
    return [*([] if given.down else [("made from", up)]), *([] if given.up else [("used by", down)])]


def _edges(given: argparse.Namespace, root: str, up: Children, down: Children) -> dict[str, object]:
    found: dict[str, object] = {}
    if not given.down:
        found["upstream"] = [{"from": link.node, "to": node, "via": link.via} for node, link in edges(root, up)]
    if not given.up:
        found["downstream"] = [{"from": node, "to": link.node, "via": link.via} for node, link in edges(root, down)]
    return found


def _print(title: str, lines: Sequence[str]) -> None:
    say((title, "dim"))
    for line in lines or ["(nothing)"]:
        say(f"  {line}")


def _say(link: Link) -> str:
    names = link.node.removeprefix("file ").split(", .")
    more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
    text = ", .".join(names[:_MOST_COLUMNS]) + more
    if link.via == "value":
        return text
    return f"{text}  (by filter or join)" if "." in link.node else f"the number of rows of {text}"


COMMAND = Command(
    name="lineage",
    summary="show what an asset or column is made from, and what is made from it",
    description="""\
Show everything upstream and downstream of an asset, or of one of its columns. Columns are those of the
current versions; `asset.*` stands for all columns of an asset, and a block of a matrix for its columns.

What is marked `(by filter or join)` is no part of the values, but decides which rows there are or which of
them meet: filters, join keys, groups, windows' keys and times, splits. Upstream is everything that can change
a column, down to the files.""",
    examples=(
        ("headrace lineage purchases", "up- and downstream assets"),
        ("headrace lineage purchases.spend_7d --up", "where a column comes from"),
        ("headrace lineage orders.amount --down", "what would change with a column"),
    ),
    arguments=_arguments,
    run=run,
)
