"""headrace history: the versions of an asset, and what made each differ from the one before."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json
from headrace.cli.console import STYLES, say, say_json
from headrace.cli.format import duration, moment, short

if TYPE_CHECKING:
    from headrace.builder.project import Project
    from headrace.store.manifest import Manifest


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset", metavar="ASSET", help="an asset's key or name")
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Print every version that was current in the environment, newest first."""
    from headrace.cli.assets import one_asset
    from headrace.cli.failures import open_project

    project = open_project(given.env)
    asset = one_asset(given.asset, project.graph.keys)
    moves = [move for move in history(project, asset) if move["version"] is not None]
    if given.json:
        say_json({"asset": asset, "environment": project.environment, "versions": moves})
        return 0
    for move in moves:
        _print(move)
    return 0


def history(project: Project, asset: str) -> list[dict[str, Any]]:
    """Every move of the asset's pointer, newest first; raises NotBuilt when there is none."""
    current = project.store.current(asset, project.environment).version
    moves = project.store.refs(project.environment).history(asset)
    newest = max((n for n, move in enumerate(moves) if move["to"] == current), default=-1)
    found = [_describe(project, move, is_current=n == newest) for n, move in enumerate(moves)]
    return found[::-1]


def _describe(project: Project, move: dict[str, Any], *, is_current: bool) -> dict[str, Any]:
    from headrace.builder.changes import stored

    before, now = (stored(project, move["asset"], version) for version in (move["from"], move["to"]))
    return {
        "at": move["at"],
        "version": move["to"],
        "state": move["state"],
        "current": is_current,
        "rows": now.rows if now else None,
        "seconds": now.seconds if now else None,
        "changes": _changes(project, move, before, now),
    }


def _changes(project: Project, move: dict[str, Any], before: Manifest | None, now: Manifest | None) -> list[str]:
    """What a person would say of the difference between two versions."""
    from headrace.builder.changes import changes_between

    if move["from"] is None:
        return ["first version"]
    if before is None or now is None:
        return ["one of the two versions is no longer stored"]
    found = [reason.detail for reason in changes_between(project, before, now)]
    return found or ["same code and inputs, other content"]


def _print(move: dict[str, Any]) -> None:
    rows = "deleted" if move["rows"] is None else f"{move['rows']:,} rows"
    took = "" if move["seconds"] is None else duration(move["seconds"])
    say(
        f"{'*' if move['current'] else ' '} {moment(move['at'])}  {short(move['version']).ljust(10)}  ",
        (move["state"].ljust(7), STYLES.get(move["state"], "")),
        f"  {rows:>14}  {took:>8}  {'; '.join(move['changes'])}",
    )


COMMAND = Command(
    name="history",
    summary="list an asset's versions, and what made each differ",
    description="""\
List the versions of an asset that were current in the environment, newest first: when, version, whether it
was built or reused, rows, seconds it took to build, and what made it differ. `*` is current now.""",
    examples=(
        ("headrace history purchases", "a training set's versions"),
        ("headrace history recommend --json", "for programs"),
    ),
    arguments=_arguments,
    run=run,
)
