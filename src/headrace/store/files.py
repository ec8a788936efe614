"""Content hashes of raw files, remembered by size, times and inode so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from headrace.store.atomic import write_atomically

# A file written within this time of being hashed may change again without a new time stamp (git calls it racy).
_RACY_SECONDS = 2.0


class FileHashes:
    """blake2b hashes of files, with a memory in one JSON file that may be deleted at any time."""

    def __init__(self, memory: Path) -> None:
        self._path = memory
        self._known: dict[str, list[object]] | None = None
        self._changed = False

    def hash_all(self, paths: Iterable[Path]) -> dict[Path, str]:
        """`{path: hash of its content}`; raises FileNotFoundError for a file that is gone."""
        found = {path: self._hash(path) for path in paths}
        self._save()
        return found

    def _hash(self, path: Path) -> str:
        known = self._load()
        status = os.stat(path)
        # The change time as well: a tool that sets the modification time back cannot set this one.
        stamp: list[object] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        name = str(path)
        if name in known and known[name][:-1] == stamp:
            return str(known[name][-1])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        if time.time() - max(status.st_mtime, status.st_ctime) > _RACY_SECONDS:
            known[name] = [*stamp, digest]
            self._changed = True
        return digest

    def _load(self) -> dict[str, list[object]]:
        if self._known is None:
            try:
                self._known = dict(json.loads(self._path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                self._known = {}  # the memory only saves time
        return self._known

    def _save(self) -> None:
        if not self._changed:
            return
        try:
            text = json.dumps(dict(self._load()))  # of a copy: other threads may be hashing
            write_atomically(self._path, text, durable=False)
        except OSError:
            return  # whoever cannot write here, or has no space left, hashes again next time
        self._changed = False
