"""headrace diff: what differs between two versions of an asset, or between two environments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json, open_store, whole_number
from headrace.cli.console import say, say_json
from headrace.errors import HeadraceError, ProjectError, name_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.builder.project import Project

_NOTHING_OLDER = 2


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "things",
        nargs="+",
        metavar="A [B]",
        help="two environments, then maybe a SELECTION; or ASSET[@VERSION] [ASSET@VERSION]",
    )
    parser.add_argument(
        "--rows", type=whole_number, default=3, metavar="N", help="examples of each difference (default: 3)"
    )
    parser.add_argument(
        "--all", action="store_true", help="of two environments, list the assets that do not differ too"
    )
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Compare, and print what differs."""
    project = open_store(given.env)
    if _are_environments(project, given.things):
        return _environments(project, given)
    return _versions(project, given)


def _are_environments(project: Project, things: Sequence[str]) -> bool:
    from headrace.store.refs import environments

    known = environments(project.store_folder / "refs")
    if len(things) == 1 or things[0] not in known:
        return False
    if things[1] not in known and "@" not in things[1]:
        raise ProjectError(f"No environment {things[1]!r} in this project's store. Environments: {name_list(known)}.")
    return things[1] in known


def _environments(project: Project, given: argparse.Namespace) -> int:
    from headrace.builder.differences import compare_environments
    from headrace.cli.differences import environments_json, print_environments
    from headrace.cli.failures import open_project
    from headrace.lineage.selection import select

    before, now, *selection = given.things
    # Only a selection needs the declarations.
    assets = select(open_project(None).graph, selection) if selection else ()
    found = compare_environments(project, before, now, assets)
    if given.json:
        say_json(environments_json(before, now, found))
    else:
        print_environments(before, now, found, whole=given.all)
    return 0


def _versions(project: Project, given: argparse.Namespace) -> int:
    from headrace.builder.differences import compare_versions
    from headrace.cli.differences import print_versions, versions_json

    asset, before, now = _named(project, given.things)
    if before == now:
        say_json(_same_json(asset, now)) if given.json else say(f"{asset} {now} is one and the same version.")
        return 0
    found = compare_versions(project, asset, before, now, examples=given.rows)
    if given.json:
        say_json(versions_json(found))
    else:
        print_versions(found)
    return 0


def _same_json(asset: str, version: str) -> dict[str, Any]:
    return {"asset": asset, "before": version, "now": version, "same": True}


def _named(project: Project, things: Sequence[str]) -> tuple[str, str, str]:
    """The asset and two of its versions; one name alone stands for what it was before, or is now."""
    from headrace.builder.versions import known_assets, version_named
    from headrace.cli.assets import one_asset

    if len(things) > _NOTHING_OLDER:
        raise ProjectError("Give two environments, or one asset with one or two of its versions.")
    known = known_assets(project.store)
    name, at, first = things[0].partition("@")
    asset = one_asset(name, known)
    if len(things) == 1:
        before, now = (first, "current") if at else ("previous", "current")
        return asset, version_named(project, asset, before), version_named(project, asset, now)
    other, _, second = things[1].partition("@")
    if other and one_asset(other, known) != asset:
        raise HeadraceError(f"{asset} and {other} are two assets. Compare two versions of one, as in {name}@previous.")
    return asset, version_named(project, asset, first or "current"), version_named(project, asset, second or "current")


COMMAND = Command(
    name="diff",
    summary="say what differs between two versions, or two environments",
    description="""\
Of two environments: for each asset whether it is the same version, another with the same content, or differs,
and in which columns. Of two versions of one asset: what made them differ, columns and types, rows added,
removed and changed by key, values by column, and for transforms and models what they learnt and how good they
are. A version is named by its first characters, or is @current, @previous, or @env:NAME; an asset alone is
compared with what was current before. Values that differ only beyond twelve digits are counted apart.""",
    examples=(
        ("headrace diff dev prod", "two environments"),
        ("headrace diff dev prod 'features/*' --all", "a layer, with what does not differ"),
        ("headrace diff customer_activity", "what the last build changed in an asset"),
        ("headrace diff purchases@ab12cd34 purchases@current", "two of its versions"),
        ("headrace diff recommend@env:prod recommend@env:dev", "what a promotion would change"),
    ),
    arguments=_arguments,
    run=run,
)
