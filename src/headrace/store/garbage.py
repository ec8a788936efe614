"""Garbage collection: versions that no environment needs and nobody used lately are deleted."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from headrace.store.atomic import disk_errors
from headrace.store.refs import environments
from headrace.store.store import Store
from headrace.store.stored import Name, Stored, everything_stored, freed, in_use
from headrace.store.transactions import Log

_LOCK = re.compile(r"[0-9a-f]{32}\.lock")


@dataclass(frozen=True)
class Rules:
    """What is kept though no environment needs it.

    Attributes:
        keep: so many of the newest such versions of each asset.
        unused: whatever was made, or was current anywhere, within this time.
        broken: delete versions that cannot be read as well.
        grace: nothing younger goes, whatever the other rules: a build may be about to use it.
    """

    keep: int = 3
    unused: timedelta = timedelta(days=7)
    broken: bool = False
    grace: timedelta = timedelta(hours=1)


@dataclass
class Collection:
    """What a collection deleted, or would: versions, and by the way drafts of dead processes, locks and caches.

    `kept` are those that no environment needs, but the rules keep.
    """

    removed: list[Stored] = field(default_factory=list)
    kept: list[Stored] = field(default_factory=list)
    broken: list[Stored] = field(default_factory=list)
    drafts: int = 0
    locks: int = 0
    caches: int = 0

    @property
    def bytes(self) -> int:
        """What is free then; less than the sizes of versions that share files with others."""
        return freed(self.removed)


@contextmanager
def no_collection(store: Store) -> Iterator[None]:
    """Keep garbage collection out while pointers move to versions that no pointer may name yet."""
    place = store.root / "locks" / "collect.lock"
    with disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def collect(store: Store, rules: Rules | None = None, *, dry_run: bool = False) -> Collection:
    """Delete what no environment needs: not current in any, no input of what is, nor what a rollback would bring back.

    Safe beside builds, readers and promotions: a version is first renamed into a draft, under the lock of whoever
    would build it, and put back when a pointer names it by then. Raises CorruptObject when pointers cannot be read,
    StoreError when the store holds versions of a newer Headrace; then nothing is deleted.
    """
    rules = rules or Rules()
    with disk_errors(store.root), no_collection(store):
        if dry_run:
            return _sort(store, rules)
        swept = store.sweep()
    # The lock is given back before the draft is emptied: renaming is quick, deleting is not.
    with disk_errors(store.root), store.draft() as trash, no_collection(store):
        found = _sort(store, rules)
        gone = {one.name: one for one in found.removed if _discard(store, one, trash)}
        current = _current(store)
        staying = [one for one in found.removed if one.name in current or one.name not in gone]
        for name in (current | {part for one in staying for part in one.parts}) & gone.keys():
            one = gone.pop(name)
            os.rename(trash / _trash_name(one), store.folder(one.asset, one.version))
        found.kept += [one for one in found.removed if one.name not in gone]
        found.removed = [*gone.values()]
        found.drafts, found.locks, found.caches = swept, _clear_locks(store, rules), _clear_caches(store)
    return found


def _sort(store: Store, rules: Rules) -> Collection:
    """Everything stored as removed, kept or broken; what an environment needs is none of these."""
    stored = {one.name: one for one in everything_stored(store, _last_used(store))}
    versions = {name: one for name, one in stored.items() if not one.is_partition}
    needed = _needed(store, versions)
    safe = min(datetime.now(UTC) - max(rules.unused, rules.grace), _oldest_build(store))
    found = Collection(broken=[one for one in versions.values() if one.problem])
    spare: dict[str, list[Stored]] = {}
    for one in sorted(versions.values(), key=lambda one: (one.asset, one.used_at, one.version), reverse=True):
        if one.name in needed or (one.problem and not rules.broken):
            continue
        newer = spare.setdefault(one.asset, [])
        if one.used_at > safe or (len(newer) < rules.keep and not one.problem):
            newer.append(one)
        else:
            found.removed.append(one)
    found.removed.reverse()
    found.kept = [one for group in spare.values() for one in group]
    partitions = [one for one in stored.values() if one.is_partition]
    gone = {one.name for one in found.removed}
    used = in_use(partitions, [one for name, one in versions.items() if name not in gone])
    found.removed += [one for one in sorted(partitions, key=lambda one: one.name) if _is_unused(one, used, safe)]
    return found


def _is_unused(partition: Stored, used: set[Name], safe: datetime) -> bool:
    return partition.name not in used and partition.used_at <= safe


def _needed(store: Store, stored: Mapping[Name, Stored]) -> set[Name]:
    """What is current somewhere, what one rollback would make current again, and everything these were made from."""
    waiting = [*_current(store), *_before(store)]
    needed = set(waiting)
    while waiting:
        name = waiting.pop()
        for one in stored[name].inputs if name in stored else ():
            if one not in needed:
                needed.add(one)
                waiting.append(one)
    return needed


def _current(store: Store) -> set[Name]:
    names = environments(store.root / "refs")
    return {pair for name in names for pair in store.refs(name).current().items()}


def _before(store: Store) -> Iterator[Name]:
    for name in environments(store.root / "refs"):
        log = Log(store.refs(name))
        for asset, target in log.before(log.transactions()[:1]).items():
            if target.version is not None:
                yield asset, target.version


def _last_used(store: Store) -> dict[Name, datetime]:
    """When a version last became current in some environment, or ceased to be."""
    used: dict[Name, datetime] = {}
    for name in environments(store.root / "refs"):
        for move in store.refs(name).history():
            at = datetime.fromisoformat(move["at"])
            for version in filter(None, (move["from"], move["to"])):
                pair = (move["asset"], version)
                used[pair] = max(at, used.get(pair, at))
    return used


def _oldest_build(store: Store) -> datetime:
    """When the oldest build in progress began: what was current then it may still be reading."""
    oldest = datetime.now(UTC)
    for lock_file in (store.root / "drafts").glob("*.lock"):
        lock = FileLock(lock_file)
        try:
            began = min(path.stat().st_mtime for path in (lock_file, lock_file.with_suffix("")))
            lock.acquire(timeout=0)
        except Timeout:
            oldest = min(oldest, datetime.fromtimestamp(began, UTC))
        except OSError:
            continue  # it has ended
        else:
            lock.release()
    return oldest


def _discard(store: Store, one: Stored, trash: Path) -> bool:
    """Rename a version into the trash, unless it is being built or has become current meanwhile."""
    with ExitStack() as held:
        try:
            for path in _build_locks(store, one):
                held.enter_context(FileLock(path).acquire(timeout=0))
        except Timeout:
            return False
        if one.name in _current(store):
            return False
        try:
            os.rename(store.folder(one.asset, one.version), trash / _trash_name(one))
        except FileNotFoundError:
            return False
    return True


def _trash_name(one: Stored) -> str:
    return f"{one.asset}@{one.version}".replace("/", "__")


def _build_locks(store: Store, one: Stored) -> Iterator[Path]:
    """The locks that `Store.building` holds for whoever makes it, or puts versions together from partitions."""
    whats = [one.fingerprint]
    if one.parts or one.is_partition:
        whats += [f"partitions in {name}" for name in environments(store.root / "refs")]
    for what in whats:
        name = hashlib.blake2b(f"{one.asset}@{what}".encode(), digest_size=16).hexdigest()
        yield store.root / "locks" / f"{name}.lock"


def _clear_locks(store: Store, rules: Rules) -> int:
    """Delete the lock files of finished builds. Whoever waits for one finds it gone and makes another."""
    removed = 0
    for path in (store.root / "locks").glob("*.lock"):
        if not _LOCK.fullmatch(path.name) or time.time() - path.stat().st_mtime < rules.grace.total_seconds():
            continue
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        path.unlink(missing_ok=True)
        lock.release()
        removed += 1
    return removed


def _clear_caches(store: Store) -> int:
    """Delete what is remembered of versions that are no longer stored."""
    folder = store.root / "cache" / "edges"
    removed = 0
    for path in folder.rglob("*.json"):
        if not store.folder(path.parent.relative_to(folder).as_posix(), path.stem).is_dir():
            path.unlink(missing_ok=True)
            removed += 1
    return removed
