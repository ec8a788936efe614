"""Failures: what could not be made, and from what, so that sensors do not try the same thing again and again.

Only sensors ask. Builds by hand, from the webserver and by schedules try again whenever they are told to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from headrace.errors import StoreError
from headrace.store.atomic import disk_errors, write_atomically
from headrace.store.store import Store

_LONGEST = 300


@dataclass(frozen=True)
class Failure:
    """One failed attempt: a mark of what was tried, the error in a line, and when (UTC, ISO 8601)."""

    mark: str
    error: str
    at: str


@contextmanager
def remembering(store: Store, environment: str, asset: str, fingerprint: str | None = None) -> Iterator[None]:
    """Remember what goes wrong in this block, an attempt at `fingerprint`, or forget what went wrong before it.

    Without a fingerprint, as where raw data cannot be read, the error itself tells one attempt from another. What the
    store fails at, such as a full disk, says nothing of the asset and is not remembered.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        remember_failure(store, environment, asset, mark_of(fingerprint, str(error)) or "", error)
        raise
    if fingerprint:
        forget_failure(store, environment, asset)


def mark_of(fingerprint: str | None, problem: str = "") -> str | None:
    """What tells one attempt from another: the fingerprint, or for raw data that cannot be read, what is said of it.

    >>> mark_of("ab12"), mark_of(None), mark_of(None, "no such file")
    ('ab12', None, 'fd872dab7e30c92063bd86a940d464ef')
    """
    if fingerprint:
        return fingerprint
    return hashlib.blake2b(problem.encode(), digest_size=16).hexdigest() if problem else None


def remember_failure(store: Store, environment: str, asset: str, mark: str, error: Exception) -> None:
    """Write down that `asset` failed on what `mark` stands for; an older failure of it is forgotten."""
    text = " ".join(str(error).split()) or type(error).__name__
    summary = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    failure = Failure(mark, summary, datetime.now(UTC).isoformat(timespec="seconds"))
    _change(store, environment, lambda known: {**known, asset: failure})


def forget_failure(store: Store, environment: str, asset: str) -> None:
    """`asset` was made: whatever failed before may be tried again. Costs nothing where nothing failed."""
    if asset in failed_marks(store, environment):
        _change(store, environment, lambda known: {key: one for key, one in known.items() if key != asset})


def failed_marks(store: Store, environment: str) -> dict[str, Failure]:
    """The last failure of each asset that has not been made since."""
    try:
        text = _path(store, environment).read_text(encoding="utf-8")
        return {asset: Failure(**one) for asset, one in json.loads(text)["assets"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # what failed is only tried once more


def _change(store: Store, environment: str, change: Callable[[dict[str, Failure]], dict[str, Failure]]) -> None:
    path = _path(store, environment)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            known = change(failed_marks(store, environment))
            content = {"environment": environment, "assets": {key: asdict(one) for key, one in sorted(known.items())}}
            write_atomically(path, json.dumps(content, indent=1))


def _path(store: Store, environment: str) -> Path:
    return store.root / "failures" / f"{environment}.json"
