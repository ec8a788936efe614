"""headrace gc: delete the versions that nobody needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headrace.cli.command import Command, add_json, open_store
from headrace.cli.console import say, say_json
from headrace.cli.format import short, size, table

if TYPE_CHECKING:
    from headrace.store.garbage import Collection
    from headrace.store.stored import Stored

_SHOWN = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep", type=_count, default=3, metavar="N", help="keep the newest N of each asset (default: 3)"
    )
    parser.add_argument(
        "--older-than", type=_age, default="7d", metavar="AGE", help="only what was not used for so long (default: 7d)"
    )
    parser.add_argument("--broken", action="store_true", help="delete versions that cannot be read as well")
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
    add_json(parser)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _age(text: str) -> timedelta:
    from headrace.declarations.duration import parse_duration
    from headrace.errors import DeclarationError

    try:
        return parse_duration(text, "--older-than")
    except DeclarationError as error:
        raise argparse.ArgumentTypeError(f"{error.problem} {error.fix}") from error


def run(given: argparse.Namespace) -> int:
    """Collect garbage, and print what was freed."""
    from headrace.store.garbage import Rules, collect

    rules = Rules(keep=given.keep, unused=given.older_than, broken=given.broken)
    found = collect(open_store(None).store, rules, dry_run=given.dry_run)
    if given.json:
        say_json(_to_json(found, dry_run=given.dry_run))
    else:
        _print(found, dry_run=given.dry_run)
    return 0


def _to_json(found: Collection, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "bytes": found.bytes,
        "removed": [_stored_json(one) for one in found.removed],
        "kept": [_stored_json(one) for one in found.kept],
        "broken": [{**_stored_json(one), "problem": one.problem} for one in found.broken],
        "drafts": found.drafts,
        "locks": found.locks,
        "caches": found.caches,
    }


def _stored_json(one: Stored) -> dict[str, Any]:
    return {"asset": one.asset, "version": one.version, "bytes": one.bytes, "used_at": one.used_at.isoformat()}


def _print(found: Collection, *, dry_run: bool) -> None:
    rows = [_row(asset, group) for asset, group in _by_asset(found.removed).items()]
    for line in table(["asset", "versions", "partitions", "size", ""], rows) if rows else ():
        say(line)
    deletes, frees = ("would delete", "would free") if dry_run else ("deleted", "freed")
    say(f"{deletes} {_counted(found.removed)}, {frees} {size(found.bytes)}")
    if found.kept:
        kept = size(sum(one.bytes for one in found.kept))
        say(f"kept {_counted(found.kept)} that no environment needs, {kept}: the newest, and what was used lately")
    for one in found.broken:
        gone = one in found.removed
        say((f"broken{', deleted' if gone and not dry_run else ''}: {one.problem}", "red"))
    if any(one not in found.removed for one in found.broken):
        say("`headrace gc --broken` deletes broken versions, but for what an environment names: build that first.")


def _row(asset: str, group: list[Stored]) -> list[object]:
    versions = [one for one in group if not one.is_partition]
    named = ", ".join(short(one.version) for one in versions[:_SHOWN]) + (", ..." if len(versions) > _SHOWN else "")
    return [asset, len(versions), len(group) - len(versions), size(sum(one.bytes for one in group)), named]


def _counted(found: list[Stored]) -> str:
    partitions = sum(one.is_partition for one in found)
    versions = f"{len(found) - partitions:,} versions"
    return f"{versions} and {partitions:,} partitions" if partitions else versions


def _by_asset(versions: Iterable[Stored]) -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = {}
    for one in versions:
        found.setdefault(one.asset, []).append(one)
    return found


COMMAND = Command(
    name="gc",
    summary="delete versions that nobody needs",
    description="""\
Delete versions that no environment names, that nothing which one names was made from, and that a rollback
would not bring back. Of each asset the newest three of these are kept, and whatever was made or was current
within a week, so that switching a branch back costs nothing. Builds and readers may go on meanwhile; nothing
younger than an hour, or than the oldest build in progress, is touched.""",
    examples=(
        ("headrace gc --dry-run", "what would be deleted"),
        ("headrace gc", "delete it"),
        ("headrace gc --keep 0 --older-than 1d", "keep only what is needed or was used today"),
    ),
    arguments=_arguments,
    run=run,
)
