"""What is asked of the builder for one asset, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Literal

from headrace.lineage.plan import Reason
from headrace.store.manifest import Manifest

Done = Literal["built", "reused", "fresh"]


def _silent(message: str, share: float | None) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Outcome:
    """What became of one asset: its current version, how it came about, and why.

    Attributes:
        partitions: the labels of what is new or other than before.
    """

    asset: str
    state: Done
    manifest: Manifest
    reasons: tuple[Reason, ...] = ()
    previous: str | None = None
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """Who wants an asset made current, and how.

    Attributes:
        partitions: of a partitioned asset, only these; None is all.
    """

    forced: bool = False
    partitions: Container[str] | None = None
    run_id: str = ""
    progress: Callable[[str, float | None], None] = field(default=_silent)
