"""Refs: which version of each asset is current in an environment. One file, replaced atomically, under a lock."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from headrace.errors import CorruptObject, StoreError
from headrace.store.atomic import disk_errors, write_atomically


class Refs:
    """The current versions of one environment.

    `current` never blocks. `move` sets several assets at once, all or none, and writes down what moved.
    """

    def __init__(self, folder: Path, environment: str) -> None:
        self.environment = environment
        self._path = folder / f"{environment}.json"
        self._log = folder / f"{environment}.log.jsonl"
        self._lock = folder / f"{environment}.lock"

    def current(self) -> dict[str, str]:
        """`{asset: version}` as it is now; empty before the first build."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            return dict(json.loads(text)["assets"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptObject(f"{self._path} is no ref file: {error}. Restore it, or delete it and build.") from error

    def move(
        self,
        versions: Mapping[str, str | None],
        *,
        run_id: str = "",
        state: str = "",
        undoes: Mapping[str, Sequence[str]] | None = None,
        expected: Mapping[str, str | None] | None = None,
    ) -> None:
        """Point every asset in `versions` at its version at once; None takes it out.

        Args:
            undoes: for an asset that is rolled back, the transactions whose moves of it no longer count.
            expected: what must still be current; raises StoreError, and moves nothing, when something else is.
        """
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock):
                before = self.current()
                self._require(expected or {}, before)
                after = {**before, **versions}
                kept = {asset: version for asset, version in sorted(after.items()) if version is not None}
                undone = {asset: list(names) for asset, names in (undoes or {}).items() if names}
                if kept == before and not undone:
                    return
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                moved = [one for one in versions if before.get(one) != versions[one] or one in undone]
                facts = {"at": now, "state": state, "run_id": run_id}
                for stray in self._path.parent.glob(f".{self._path.name}.*"):
                    stray.unlink()  # of a process that was killed while it held the lock
                # The log first: a disk that is full then stops the move as well, and nothing was published.
                self._append([_line(one, before.get(one), versions[one], facts, undone.get(one)) for one in moved])
                content = {"environment": self.environment, "updated_at": now, "assets": kept}
                write_atomically(self._path, json.dumps(content, indent=1))

    def _require(self, expected: Mapping[str, str | None], found: Mapping[str, str]) -> None:
        for asset, version in expected.items():
            if found.get(asset) != version:
                problem = f"{asset} moved in {self.environment} meanwhile, from {version} to {found.get(asset)}."
                raise StoreError(f"{problem} Nothing was moved; look at it again, and run this once more.")

    def _append(self, moves: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(move) + "\n" for move in moves)
        with self._log.open("a+b") as file:
            if file.tell() and not self._ends_whole(file):
                lines = "\n" + lines
            file.write(lines.encode())

    @staticmethod
    def _ends_whole(file: BinaryIO) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    def history(self, asset: str | None = None) -> list[dict[str, Any]]:
        """Every move of the refs, oldest first: `at`, `asset`, `from`, `to`, `state`, `run_id`, maybe `undoes`."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        moves = [move for move in map(_move, text.split("\n")) if move is not None]
        return [move for move in moves if asset is None or move["asset"] == asset]


def environments(folder: Path) -> list[str]:
    """The environments whose refs are in `folder`, by name."""
    return sorted(path.stem for path in folder.glob("*.json") if not path.name.startswith("."))


def _line(
    asset: str, before: str | None, after: str | None, facts: Mapping[str, Any], undoes: list[str] | None
) -> dict[str, Any]:
    line = {"at": facts["at"], "asset": asset, "from": before, "to": after, **facts}
    return {**line, "undoes": undoes} if undoes else line


def _move(line: str) -> dict[str, Any] | None:
    """A line of the log; None for what a crash in the middle of an append left, a move that never came about."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return None
