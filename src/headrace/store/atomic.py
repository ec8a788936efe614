"""Files that appear whole or not at all, and disk failures that say what was not done."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.errors import StoreError

_REASONS = {
    errno.ENOSPC: "the disk is full. Free some space",
    errno.EDQUOT: "the disk quota is used up. Free some space",
    errno.EROFS: "the file system is read-only. Make it writable or choose another store in pyproject.toml",
    errno.EACCES: "permission is denied. Make the folder writable for you",
    errno.EPERM: "permission is denied. Make the folder writable for you",
}


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn a failure of the disk under `place` into a StoreError that names it."""
    try:
        yield
    except OSError as error:
        found = disk_failure(error.filename or place, error.errno or 0)
        if found is None:
            raise
        raise found from error


def disk_failure(place: Path | str, code: int) -> StoreError | None:
    """The error for an errno that means a full, read-only or forbidden disk; None for any other."""
    reason = _REASONS.get(code)
    if reason is None:
        return None
    problem = f"Cannot write {place}: {reason}, then build again."
    return StoreError(f"{problem} Nothing was published; current versions stay as they are.")


def fsync_tree(folder: Path, known: Collection[str] = ()) -> None:
    """Force every file below `folder`, and the folders themselves, to disk.

    Args:
        known: files, by their names below `folder`, whose content is there already.
    """
    kept = {folder / name for name in known}
    for path in [*(path for path in folder.rglob("*") if path not in kept), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Force the entries of `folder` to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace the file at `path` by one that holds `text`; a reader sees the old or the new, never a part.

    Args:
        durable: wait for the disk, so that a power cut finds the new one; a cache does without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    if durable:
        fsync_folder(path.parent)
