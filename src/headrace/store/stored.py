"""What lies in a store: versions and partitions with their sizes, whole or broken."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headrace.errors import CorruptObject, StoreError
from headrace.store.manifest import FILE_NAME, FORMAT, Manifest
from headrace.store.partitions import FACTS, FOLDER
from headrace.store.store import Store

_VERSION = re.compile(r"[0-9a-f]{16}(\.\d+)?")

Name = tuple[str, str]
"""An asset and a version of it, or `partitions/<object>`."""


@dataclass(frozen=True)
class File:
    """A file on disk; hard links to it are one and the same `inode`."""

    inode: tuple[int, int]
    bytes: int
    links: int


@dataclass(frozen=True)
class Stored:
    """One version, or one partition that versions are put together from.

    Attributes:
        used_at: when it was made, or last became current or ceased to be.
        inputs: what it was made from; parts: the partitions that it consists of.
        problem: why it cannot be read; then nothing else may be known of it.
    """

    asset: str
    version: str
    files: tuple[File, ...]
    used_at: datetime
    inputs: tuple[Name, ...] = ()
    parts: tuple[Name, ...] = ()
    fingerprint: str = ""
    problem: str = ""

    @property
    def name(self) -> Name:
        return self.asset, self.version

    @property
    def is_partition(self) -> bool:
        return self.version.startswith(f"{FOLDER}/")

    @property
    def bytes(self) -> int:
        """The size of its files, those that it shares with others included."""
        return sum(one.bytes for one in self.files)


def freed(gone: Iterable[Stored]) -> int:
    """How many bytes deleting these frees: a file is there as long as anything links to it."""
    links: dict[tuple[int, int], int] = {}
    files: dict[tuple[int, int], File] = {}
    for one in gone:
        for file in one.files:
            links[file.inode] = links.get(file.inode, 0) + 1
            files[file.inode] = file
    return sum(file.bytes for inode, file in files.items() if links[inode] >= file.links)


def everything_stored(store: Store, used: Mapping[Name, datetime]) -> Iterator[Stored]:
    """Every version and partition; raises StoreError when some are of a newer Headrace, which may need any other.

    Args:
        used: when a version last became current somewhere, or ceased to be.
    """
    root = store.root / "objects"
    for place, folders, _ in os.walk(root):
        folder = Path(place)
        asset = folder.relative_to(root).as_posix()
        depth = len(folder.relative_to(root).parts)
        if depth > 2 and folder.name == FOLDER and any((folder / name / FACTS).is_file() for name in folders):
            yield from (_partition(folder / name, folder.parent.relative_to(root).as_posix()) for name in folders)
            folders.clear()
            continue
        versions = [name for name in folders if depth > 1 and _is_version(folder / name)]
        folders[:] = [name for name in folders if name not in versions]
        yield from (_version(store, asset, name, used.get((asset, name))) for name in versions)


def _is_version(folder: Path) -> bool:
    """Whether a folder is a version, whole or not; a stage's name could look like one."""
    if not _VERSION.fullmatch(folder.name):
        return False
    return (folder / FILE_NAME).exists() or not any(_VERSION.fullmatch(inner.name) for inner in folder.iterdir())


def _version(store: Store, asset: str, version: str, used: datetime | None) -> Stored:
    folder = store.folder(asset, version)
    made = _made(folder)
    try:
        manifest = store.load(asset, version)
    except CorruptObject as error:
        _refuse_newer(folder)
        return Stored(asset, version, _files(folder), max(made, used or made), problem=str(error))
    created = datetime.fromisoformat(manifest.created_at) if manifest.created_at else made
    return Stored(
        asset,
        version,
        _files(folder),
        max(created, used or created),
        inputs=tuple((key, str(one["version"])) for key, one in manifest.inputs.items()),
        parts=_parts(manifest),
        fingerprint=manifest.fingerprint,
    )


def _parts(manifest: Manifest) -> tuple[Name, ...]:
    return tuple((manifest.asset, f"{FOLDER}/{one['object']}") for one in manifest.partitions.values())


def _partition(folder: Path, asset: str) -> Stored:
    return Stored(asset, f"{FOLDER}/{folder.name}", _files(folder), _made(folder))


def _made(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)


def _files(folder: Path) -> tuple[File, ...]:
    found = (path.stat() for path in folder.rglob("*") if path.is_file())
    return tuple(File((one.st_dev, one.st_ino), one.st_size, one.st_nlink) for one in found)


def _refuse_newer(folder: Path) -> None:
    try:
        found = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(found, dict) and found.get("format", 0) > FORMAT:
        problem = f"{folder} was written by a newer Headrace (format {found['format']})."
        raise StoreError(f"{problem} Upgrade headrace before you collect garbage. Nothing was deleted.")


def in_use(partitions: Collection[Stored], versions: Iterable[Stored]) -> set[Name]:
    """The partitions that some version consists of, and those that are found by way of one.

    Of several with one fingerprint (`ab12`, `ab12.2`) a later one is found only when those before it are there.
    """
    named = {part for one in versions for part in one.parts}
    last: dict[Name, int] = {}
    for asset, version in named:
        mark, _, number = version.partition(".")
        last[asset, mark] = max(int(number or 1), last.get((asset, mark), 1))
    found = set(named)
    for one in partitions:
        mark, _, number = one.version.partition(".")
        if int(number or 1) <= last.get((one.asset, mark), 0):
            found.add(one.name)
    return found
