"""headrace promote: give one environment the versions of another."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_json
from headrace.cli.console import say, say_json
from headrace.cli.format import short, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.builder.environments import Change, Mismatch, Promotion


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="the environment whose versions are given, such as dev")
    parser.add_argument("target", metavar="TO", help="the environment that gets them, such as prod")
    parser.add_argument(
        "selection",
        nargs="*",
        metavar="SELECTION",
        help="assets, such as NAME, 'features/*', +NAME, NAME+ (default: all)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would move, and move nothing")
    add_json(parser)


def run(given: argparse.Namespace) -> int:
    """Promote, and print what moved and what did not."""
    from headrace.builder.environments import promote
    from headrace.cli.failures import open_project

    project = open_project(None)
    found = promote(project, given.source, given.target, given.selection, dry_run=given.dry_run)
    if given.json:
        say_json(_to_json(found, dry_run=given.dry_run))
    else:
        _print(found, dry_run=given.dry_run)
    return 0


def _to_json(found: Promotion, *, dry_run: bool) -> dict[str, Any]:
    return {
        "from": found.source,
        "to": found.target,
        "dry_run": dry_run,
        "moved": changes_json(found.changes),
        "unchanged": list(found.unchanged),
        "unbuilt": list(found.unbuilt),
        "undeclared": list(found.undeclared),
        "out_of_date": mismatches_json(found.behind),
        "notes": list(found.notes),
    }


def changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Moves of pointers as JSON."""
    return [{"asset": one.asset, "from": one.before, "to": one.after, "because": one.because} for one in changes]


def mismatches_json(found: Sequence[Mismatch]) -> list[dict[str, Any]]:
    """Assets that were made from other content than an environment has, as JSON."""
    return [{"asset": one.asset, "input": one.input, "made_from": one.made_from, "has": one.has} for one in found]


def _print(found: Promotion, *, dry_run: bool) -> None:
    print_changes(found.changes)
    moved = f"{len(found.changes)} {'would move' if dry_run else 'moved'} in {found.target}"
    same = f"{len(found.unchanged)} the same in {found.source} and {found.target} already"
    say("; ".join([*([moved] if found.changes else []), *([same] if found.unchanged else [])]) or "Nothing to promote.")
    if found.unbuilt:
        say(f"never built in {found.source}: {', '.join(found.unbuilt)}")
    if found.undeclared:
        say(f"left alone, for this project no longer declares them: {', '.join(found.undeclared)}")
    print_behind(found.behind, found.target)
    for note in found.notes:
        say(note)


def print_changes(changes: Sequence[Change]) -> None:
    """A line for each pointer that moves."""
    rows = [[one.asset, _name(one.before, "-"), "->", _name(one.after, "none")] for one in changes]
    lines = table(["asset", "before", "", "after"], rows)
    width = max(map(len, lines))
    for line, one in zip(lines[1:], changes, strict=True):
        say(f"{line.ljust(width)}  ", (one.because, "dim"))


def _name(version: str | None, nothing: str) -> str:
    return short(version) if version else nothing


def print_behind(found: Sequence[Mismatch], environment: str) -> None:
    """What is out of date in an environment once pointers have moved."""
    if not found:
        return
    say(f"out of date in {environment} then, for they stay and what they were made from moves:")
    for asset in dict.fromkeys(one.asset for one in found):
        say(f"  {asset} ({', '.join(one.input for one in found if one.asset == asset)})")


COMMAND = Command(
    name="promote",
    summary="give one environment the versions of another",
    description="""\
Set the pointers of environment TO to the versions of environment FROM, all at once; nothing is computed or
copied. Every version is first found to be whole. What the selection was made from comes along where TO has
other content of it, and a cascade moves with all its stages or not at all; what is out of date in FROM itself
is refused. `headrace rollback --env TO` takes a promotion back.""",
    examples=(
        ("headrace promote dev prod", "everything"),
        ("headrace promote dev prod recommend --dry-run", "what a cascade would bring along"),
        ("headrace promote dev prod 'features/*' --json", "the feature views; a report for programs"),
    ),
    arguments=_arguments,
    run=run,
)
