"""Which online store a project has: LMDB below its store, or Redis where the settings name one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from headrace.store.online.base import OnlineStore

if TYPE_CHECKING:
    from headrace.settings import Settings

FOLDER = "online"


def online_folder(root: Path, environment: str) -> Path:
    """Where the LMDB file of an environment lies."""
    return root / FOLDER / environment


def online_lock(root: Path, environment: str) -> FileLock:
    """Held by whoever fills the online store of an environment, or pushes to it."""
    folder = root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"online.{environment}.lock")


def open_online(root: Path, environment: str, settings: Settings | None = None) -> OnlineStore:
    """The online store of an environment; close it after use.

    Args:
        root: the folder of versions and refs.
        settings: their `online` may say `url = "redis://..."`; None is LMDB.
    """
    url = (settings.online if settings else {}).get("url", "")
    if url:
        from headrace.store.online.redis_store import RedisStore

        return RedisStore(url, environment)
    from headrace.store.online.lmdb_store import LmdbStore

    return LmdbStore(online_folder(root, environment))
