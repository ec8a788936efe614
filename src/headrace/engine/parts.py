"""Work on arrays part by part: parts that fit the processor's cache, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# Rows that fit a core's cache with all that is made of them on the way.
PART = 1 << 14
_WORTH_THREADS = 1 << 16


def in_parts(rows: int, work: Callable[[slice], object], size: int = PART) -> None:
    """Call `work` for slices that together are all rows, in no particular order.

    >>> done = []
    >>> in_parts(5, lambda part: done.append((part.start, part.stop)), 2)
    >>> sorted(done)
    [(0, 2), (2, 4), (4, 5)]
    """
    parts = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
    if rows < _WORTH_THREADS:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(os.cpu_count() or 1, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass  # a failure of a part is raised here
