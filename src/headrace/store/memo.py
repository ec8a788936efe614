"""Results that are expensive to find and never change for the same question, kept between processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headrace.store.atomic import write_atomically


class Memo:
    """A small table of JSON values in one file, which may be deleted at any time.

    Keys say everything that an answer depends on; hence an answer is never stale. Of two processes that save at the
    same time one may lose what it added, and finds it again when it is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] | None = None
        self._changed = False

    def get(self, key: str) -> Any:
        """What is known of `key`, or None."""
        return self._load().get(key)

    def put(self, key: str, value: Any) -> None:
        self._load()[key] = value
        self._changed = True

    def save(self) -> None:
        """Write down what was added; whoever cannot write here, or has no space left, finds it again next time."""
        if not self._changed:
            return
        self._changed = False
        try:
            write_atomically(self._path, json.dumps({**self._stored(), **self._load()}), durable=False)
        except OSError:
            return

    def _load(self) -> dict[str, Any]:
        if self._known is None:
            self._known = self._stored()
        return self._known

    def _stored(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}
