"""The log of rows that were pushed to a source: numbered Parquet files, written once and never changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from headrace.store.atomic import disk_errors, fsync_folder

FOLDER = "pushed"
PUSHES = "pushes"
"""Where a manifest says how many pushes of each source are in it."""
_SUFFIX = ".parquet"


class PushLog:
    """The pushes to one source, below `<root>/pushed/<source>`; each is durable once it has its number."""

    def __init__(self, root: Path, source: str) -> None:
        self.folder = root / FOLDER / source
        self._lock = root / "locks" / f"pushed.{source}.lock"

    def files(self, after: int = 0, through: int | None = None) -> dict[int, Path]:
        """The files by number, in order: those after one number, up to and with another."""
        numbers = {int(path.stem): path for path in self.folder.glob(f"*{_SUFFIX}") if path.stem.isdigit()}
        last = max(numbers, default=0) if through is None else through
        return {number: numbers[number] for number in sorted(numbers) if after < number <= last}

    @property
    def last(self) -> int:
        """The number of the latest push; 0 when there was none."""
        return max(self.files(), default=0)

    def append(self, write: Callable[[Path], None]) -> int:
        """Add what `write` puts into a file; returns its number once it would survive a power cut."""
        with disk_errors(self.folder):
            is_new = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock):
                number = self.last + 1
                draft = self.folder / f".{number}.draft"
                try:
                    write(draft)
                    with draft.open("rb") as file:
                        os.fsync(file.fileno())
                    os.rename(draft, self.folder / f"{number:010d}{_SUFFIX}")
                finally:
                    with suppress(FileNotFoundError):
                        draft.unlink()
            fsync_folder(self.folder)
            if is_new:
                fsync_folder(self.folder.parent)
                fsync_folder(self.folder.parent.parent)
        return number
