"""Who takes part in the comparison of feature stores, and how what they answer is compared."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.feature_store_worker import Answer, Worker
from benchmarks.measure import Timing, median
from benchmarks.rebuild_peers import Peer

SQLITE = "{type: sqlite, path: online.db}"
# Who needs longer than this is not run again.
PATIENCE = 20.0
_STATUSES = {"PRESENT": "present", "NOT_FOUND": "missing", "NULL_VALUE": "present", "OUTSIDE_MAX_AGE": "expired"}
# How Feast differs online: it does not look at the TTL when it is read, and its Redis store calls unknown keys present.
KNOWN = frozenset({"expired here, present in Feast", "missing here, present as null in Feast"})


class Feast(Peer):
    """Only its environment: what Feast is asked is in `feature_store_feast`."""

    name = "Feast"
    command = "feast"
    package = "feast"
    requirements = ("feast[redis,duckdb]",)


def ours(folder: Path, data: Path, views: Mapping[str, Sequence[str]], **options: Any) -> Worker:
    """Headrace in a process, over a project that it has declared in a folder."""
    worker = Worker(sys.executable, "feature_store_ours", folder)
    worker.ask("declare", folder=str(folder), data=str(data), views=views, **options)
    return worker


def feast(
    folder: Path,
    data: Path,
    views: Mapping[str, Sequence[str]],
    offline: str = "duckdb",
    online: str = SQLITE,
    **options: Any,
) -> Worker:
    """Feast in a process, over a repository that it has declared in a folder."""
    worker = Worker(Feast.python(), "feature_store_feast", folder)
    given = {"folder": str(folder), "data": str(data), "views": views, "offline": offline, "online": online}
    worker.ask("declare", **given, **options)
    return worker


def raced(contestants: Mapping[str, Callable[[], Answer]], repeats: int) -> tuple[dict[str, Timing], dict[str, Answer]]:
    """Everyone runs once a round, each round begun by another; returns medians and last answers."""
    names = list(contestants)
    found: dict[str, list[Answer]] = {name: [] for name in names}
    for number in range(repeats):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            if not found[name] or found[name][0].timing.wall < PATIENCE:
                found[name].append(contestants[name]())
    timings = {name: median([timing_of(one) for one in answers]) for name, answers in found.items()}
    return timings, {name: answers[-1] for name, answers in found.items()}


def timing_of(answer: Answer) -> Timing:
    return replace(answer.timing, peak=answer.peak)


def in_order(path: Path, features: Sequence[str]) -> pl.DataFrame:
    """Training rows in the order in which they asked; what pandas could only say as NaN is null again."""
    frame = pl.read_parquet(path).select("row", *features).sort("row")
    return frame.with_columns(pl.col(features).cast(pl.Float64).fill_nan(None), pl.col("row").cast(pl.Int64))


def unequal(expected: pl.DataFrame, found: pl.DataFrame) -> list[str]:
    """The features in which rows differ, bit for bit. Both have the same rows."""
    assert expected["row"].equals(found["row"])
    return [name for name in expected.columns if not expected[name].equals(found[name])]


def lost_rows(expected: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The rows of `expected` that `found` does not have."""
    assert found["row"].is_unique().all()
    return expected.join(found, on="row", how="anti", maintain_order="left")


def online_differences(mine: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many values of ours and Feast's are equal, by status, and in what the others differ."""
    told: dict[str, int] = {}
    for one, other in zip(mine, theirs, strict=True):
        pairs = zip(one["values"], one["statuses"], other["values"], other["statuses"], strict=True)
        for value, status, their_value, their_status in pairs:
            what = _difference(value, status, their_value, _STATUSES[their_status])
            told[what] = told.get(what, 0) + 1
    return told


def _difference(value: Any, status: str, their_value: Any, their_status: str) -> str:
    if status != their_status and their_value is None:
        return f"{status} here, {their_status} as null in Feast"
    if status != their_status:
        return f"{status} here, {their_status} in Feast"
    return f"equal and {status}" if value == their_value else f"another value, {status}"
