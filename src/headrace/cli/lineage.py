"""headrace lineage: what an asset or a column is made from, and what is made from it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from headrace.cli.command import Command, add_environment, add_json
from headrace.cli.console import say, say_json
from headrace.cli.tree import Children, edges, tree_lines

if TYPE_CHECKING:
    from headrace.builder.project import Project


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
    root, up, down = _of_column(project, asset, column) if column else _of_asset(project, asset)
    if given.json:
        found: dict[str, object] = {"asset": asset, "column": column or None}
        if not given.down:
            found["upstream"] = [{"from": child, "to": node} for node, child in edges(root, up)]
        if not given.up:
            found["downstream"] = [{"from": node, "to": child} for node, child in edges(root, down)]
        say_json(found)
        return 0
    say((root, "bold"))
    if not given.down:
        _print("made from", root, up)
    if not given.up:
        _print("used by", root, down)
    return 0


def _of_asset(project: Project, asset: str) -> tuple[str, Children, Children]:
    return asset, project.graph.upstream.__getitem__, project.graph.downstream.__getitem__


def _of_column(project: Project, asset: str, column: str) -> tuple[str, Children, Children]:
    from headrace.cli.column_graph import column_graph

    project.store.current(asset, project.environment)  # raises NotBuilt: only a build finds the columns out
    graph = column_graph(project)
    graph.require(asset, column)
    return f"{asset}.{column}", graph.made_from, graph.used_by


def _print(title: str, root: str, children: Children) -> None:
    say((title, "dim"))
    for line in tree_lines(root, children) or ["(nothing)"]:
        say(f"  {line}")


COMMAND = Command(
    name="lineage",
    summary="show what an asset or column is made from, and what is made from it",
    description="""\
Show everything upstream and downstream of an asset, or of one of its columns. Columns are those of the
current versions; `asset.*` stands for all columns of an asset, and a block of a matrix for its columns.""",
    examples=(
        ("headrace lineage purchases", "up- and downstream assets"),
        ("headrace lineage purchases.spend_7d --up", "where a column comes from"),
        ("headrace lineage orders.amount --down", "what would change with a column"),
    ),
    arguments=_arguments,
    run=run,
)
