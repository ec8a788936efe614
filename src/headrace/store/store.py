"""Store: immutable versions of assets under one folder, safe for any number of processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from headrace.errors import CorruptObject, NotBuilt
from headrace.store.atomic import disk_errors, fsync_folder, fsync_tree, write_atomically
from headrace.store.manifest import FILE_NAME, Manifest, read_manifest
from headrace.store.refs import Refs

VERSION_LENGTH = 16
_STRAY_SECONDS = 3600.0


class Store:
    """Objects, refs and drafts below `root`.

    objects/<asset>/<version>/   immutable, with a manifest
    refs/<environment>.json      which versions are current
    drafts/<id>/                 what is being written now
    locks/                       who is building what
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def refs(self, environment: str) -> Refs:
        return Refs(self.root / "refs", environment)

    def folder(self, asset: str, version: str) -> Path:
        return self.root / "objects" / asset / version

    def load(self, asset: str, version: str) -> Manifest:
        """The manifest of one version; its files must all be there with the recorded sizes."""
        folder = self.folder(asset, version)
        manifest = read_manifest(folder)
        for name, facts in manifest.files.items():
            path = folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != facts["bytes"]:
                found = "is missing" if size is None else f"has {size} bytes instead of {facts['bytes']}"
                raise CorruptObject(f"{path} {found}. Delete {folder} and build {asset} again.")
        return manifest

    def verify(self, manifest: Manifest) -> None:
        """Compare every file of a version with the hash in its manifest; raises CorruptObject."""
        folder = self.folder(manifest.asset, manifest.version)
        for name, facts in manifest.files.items():
            if file_facts(folder / name)["blake2b"] != facts["blake2b"]:
                raise CorruptObject(f"{folder / name} was changed since it was built. Delete {folder} and build again.")

    def current(self, asset: str, environment: str) -> Manifest:
        """The current version of `asset`; raises NotBuilt when there is none."""
        version = self.refs(environment).current().get(asset)
        if version is None:
            raise NotBuilt(asset, environment)
        return self.load(asset, version)

    def versions(self, asset: str) -> list[Manifest]:
        """Every readable version of `asset`, oldest first."""
        folder = self.root / "objects" / asset
        found = []
        for path in folder.glob("*"):
            with suppress(CorruptObject):  # `headrace gc` tells of it
                found += [read_manifest(path)] if (path / FILE_NAME).is_file() else []
        return sorted(found, key=lambda manifest: (manifest.created_at, manifest.version))

    def find(self, asset: str, fingerprint: str) -> Manifest | None:
        """The newest sound version with that fingerprint, in whatever environment it was built."""
        folder = self.root / "objects" / asset
        names = (path.name for path in folder.glob(f"{fingerprint[:VERSION_LENGTH]}*"))
        for name in sorted(names, key=_number, reverse=True):
            try:
                manifest = self.load(asset, name)
            except CorruptObject:
                continue  # a damaged version is as good as none: the build makes it anew beside it
            if manifest.fingerprint == fingerprint:
                return manifest
        return None

    @contextmanager
    def building(self, asset: str, fingerprint: str) -> Iterator[None]:
        """Hold the right to compute one version, so that two processes never compute it twice."""
        name = hashlib.blake2b(f"{asset}@{fingerprint}".encode(), digest_size=16).hexdigest()
        with disk_errors(self.root):
            folder = self.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{name}.lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A new empty folder to write a version into; gone afterwards, unless published."""
        drafts = self.root / "drafts"
        with disk_errors(drafts):
            drafts.mkdir(parents=True, exist_ok=True)
            folder, lock = _locked_name(drafts)
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def publish(self, draft: Path, manifest: Manifest, known: Mapping[str, dict[str, Any]] | None = None) -> Manifest:
        """Make the draft an immutable version; returns the manifest of what now stands.

        Args:
            known: the facts of files that are links to others, and need not be read again.

        When an equal version stands already (same fingerprint and digest), that one is kept. A version with the same
        fingerprint but other content, as a forced rebuild of something not deterministic makes, stands beside it.
        """
        standing = self.find(manifest.asset, manifest.fingerprint)
        if standing is not None and standing.digest == manifest.digest and self.is_sound(standing):
            return standing
        target = self._free_folder(manifest)
        sealed = replace(manifest, version=target.name, files=_all_files(draft, known or {}))
        with disk_errors(target):
            write_atomically(draft / FILE_NAME, sealed.to_json())
            fsync_tree(draft, known or {})
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(draft, target)
            for folder in (target.parent, *target.parent.parents):  # some of them may be new
                fsync_folder(folder)
                if folder == self.root:
                    break
        return sealed

    def is_sound(self, manifest: Manifest) -> bool:
        """Whether every file of a version is what it was when it was published."""
        try:
            self.verify(manifest)
        except CorruptObject:
            return False  # a forced build heals it: what is published now stands beside it
        return True

    def _free_folder(self, manifest: Manifest) -> Path:
        folder = self.root / "objects" / manifest.asset
        name = manifest.fingerprint[:VERSION_LENGTH]
        taken = max((_number(path.name) for path in folder.glob(f"{name}*")), default=0)
        return folder / (f"{name}.{taken + 1}" if taken else name)

    def sweep(self) -> int:
        """Remove the drafts of processes that died; returns how many. Drafts in use are left alone."""
        removed = 0
        for stray in (self.root / "cache").rglob(".*"):  # written and never renamed
            with suppress(FileNotFoundError):
                if time.time() - stray.stat().st_mtime > _STRAY_SECONDS:  # else it may be about to be
                    stray.unlink()
        for lock_file in (self.root / "drafts").glob("*.lock"):
            lock = FileLock(lock_file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
            lock.release()
            removed += 1
        return removed


def _locked_name(drafts: Path) -> tuple[Path, FileLock]:
    """A draft's name with its lock held. A sweep that finds the lock file before it is held takes it away."""
    while True:
        folder = drafts / uuid.uuid4().hex
        lock = FileLock(f"{folder}.lock")
        lock.acquire()
        if Path(lock.lock_file).exists():
            return folder, lock
        lock.release()


def _number(version: str) -> int:
    """Which of the versions with one fingerprint: 1 for `ab12`, 2 for `ab12.2`."""
    return int(version.partition(".")[2] or 1)


def _all_files(folder: Path, known: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE_NAME)
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: known[name] if name in known else file_facts(path) for name, path in names.items()}


def file_facts(path: Path) -> dict[str, Any]:
    """How large a file is, and a hash of its content."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    return {"bytes": path.stat().st_size, "blake2b": digest.hexdigest()}
