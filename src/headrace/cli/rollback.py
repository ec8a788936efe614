"""headrace rollback: set an environment's pointers back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_environment, add_json, open_store
from headrace.cli.console import say, say_json
from headrace.cli.format import moment, table

if TYPE_CHECKING:
    from headrace.builder.project import Project
    from headrace.builder.rollback import Rollback
    from headrace.store.transactions import Transaction


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("assets", nargs="*", metavar="ASSET", help="keys or names (default: all that moved)")
    parser.add_argument(
        "--to",
        default="1",
        metavar="WHERE",
        help="how many builds and promotions to take back (default: 1); or what to go back to: a time, "
        "a run, or a version of the one ASSET",
    )
    parser.add_argument("--list", action="store_true", help="list the builds and promotions that can be taken back")
    parser.add_argument("--dry-run", action="store_true", help="say what would move, and move nothing")
    add_json(parser)
    add_environment(parser)


def run(given: argparse.Namespace) -> int:
    """Roll back, and print what moved."""
    from headrace.builder.rollback import rollback
    from headrace.cli.assets import one_asset
    from headrace.store.transactions import Log

    project = open_store(given.env)
    log = Log(project.store.refs(project.environment))
    assets = [one_asset(name, log.assets) for name in given.assets]
    if given.list:
        _list(project, log.transactions(assets or None), as_json=given.json)
        return 0
    found = rollback(project, assets, given.to, dry_run=given.dry_run)
    if given.json:
        say_json(_to_json(found, dry_run=given.dry_run))
    else:
        _print(found, dry_run=given.dry_run)
    return 0


def _list(project: Project, transactions: list[Transaction], *, as_json: bool) -> None:
    if as_json:
        say_json({"environment": project.environment, "runs": [_transaction_json(one) for one in transactions]})
        return
    rows = [
        [n, moment(one.at), one.name[:12], ", ".join(one.states), len(one.assets)]
        for n, one in enumerate(transactions, 1)
    ]
    for line in table(["back", "at", "run", "what", "assets"], rows):
        say(line)


def _transaction_json(one: Transaction) -> dict[str, Any]:
    return {"run": one.name, "at": one.at, "states": list(one.states), "assets": list(one.assets)}


def _to_json(found: Rollback, *, dry_run: bool) -> dict[str, Any]:
    from headrace.cli.promote import changes_json, mismatches_json

    return {
        "environment": found.environment,
        "dry_run": dry_run,
        "moved": changes_json(found.changes),
        "undone": [_transaction_json(one) for one in found.undone],
        "out_of_date": mismatches_json(found.behind),
        "notes": list(found.notes),
    }


def _print(found: Rollback, *, dry_run: bool) -> None:
    from headrace.cli.promote import print_behind, print_changes

    print_changes(found.changes)
    for one in found.undone:
        say(f"undoes run {one.name[:12]} of {moment(one.at)} ({', '.join(one.states)})")
    say(f"{len(found.changes)} {'would move' if dry_run else 'moved'} back in {found.environment}")
    if any(one.after is None for one in found.changes):
        say(f"those with none had no version in {found.environment} before")
    print_behind(found.behind, found.environment)
    for note in found.notes:
        say(note)
    if found.changes:
        said = f"The next build in {found.environment} moves forward again"
        say((f"{said}, unless code and data are set back as well.", "dim"))


COMMAND = Command(
    name="rollback",
    summary="set an environment's pointers back",
    description="""\
Take back the last build or promotion in the environment: all that it moved goes back at once to what was
current before. Nothing is computed or deleted. Repeated, it goes further back; a rollback is not itself
undone by the next one, but `--to` a later time, run or version goes forward again.

A build makes what the declarations say. So the next one moves forward again (it reuses the versions, and
computes nothing) unless the code and data are set back as well; where a promotion is taken back, promote
again when the fault is mended.""",
    examples=(
        ("headrace rollback --env prod", "take back the last promotion"),
        ("headrace rollback --list", "which builds and promotions there are"),
        ("headrace rollback --to 2026-11-23T18:00", "as it was at a time, local unless it says otherwise"),
        ("headrace rollback recommend --dry-run", "one cascade with its stages; only say what would move"),
        ("headrace rollback customer_activity --to ab12cd34", "one asset to one version"),
    ),
    arguments=_arguments,
    run=run,
)
