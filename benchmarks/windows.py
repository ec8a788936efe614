"""Exact windows: sum and count of the events in the 1, 7 and 30 days before each spine row's moment.

Events and spine are tables in one DuckDB session; the result is a table in memory.
"""

from __future__ import annotations

from datetime import timedelta

import duckdb
import numpy as np
import polars as pl

from benchmarks.measure import OURS, Case, interleave
from headrace.engine.session import connect
from headrace.engine.windows import WindowFeature, WindowJoin, windows_sql

LENGTHS = (1, 7, 30)
DAYS = 90
START = np.datetime64("2025-01-01T00:00:00", "us")
DAY = 86_400_000_000


def run(quick: bool = False) -> list[Case]:
    events, spine, keys = (10_000, 1_000, 200) if quick else (1_000_000, 100_000, 20_000)
    crowded = keys // 200
    with connect() as connection:
        even = _case(connection, f"{keys:,} keys alike", (events, spine), [(1.0, keys)])
        title = f"{keys:,} keys, 30 % of all rows on {crowded:,} of them"
        skewed = _case(connection, title, (events, spine), [(0.3, crowded), (0.7, keys - crowded)])
    return [even, skewed]


def _case(
    connection: duckdb.DuckDBPyConnection, title: str, sizes: tuple[int, int], shares: list[tuple[float, int]]
) -> Case:
    events, spine = sizes
    random = np.random.default_rng(3)
    for name, size in (("events", events), ("spine", spine)):
        connection.register("given", _rows(random, size, shares).to_arrow())
        connection.execute(f"create or replace table {name} as select * from given")
    queries = {OURS: windows_sql(_declared()), "DuckDB, range join with FILTER by hand": range_join()}
    timings, results = interleave(
        {name: lambda query=query: connection.sql(query).to_arrow_table() for name, query in queries.items()}
    )
    ours, theirs = (pl.DataFrame(result).sort("__row") for result in results.values())
    assert ours.height == spine
    assert ours.equals(theirs.select(ours.columns)), "the range join gives other values"
    full = f"{spine:,} spine rows, {events:,} events, {title}, sum and count over 1, 7 and 30 days"
    return Case(full, timings, f"all {spine:,} rows equal in every value")


def _rows(random: np.random.Generator, size: int, shares: list[tuple[float, int]]) -> pl.DataFrame:
    """Rows of which each share falls on as many keys of its own."""
    keys, first = [], 0
    for share, count in shares:
        keys.append(random.integers(first, first + count, int(size * share)))
        first += count
    columns = {"at": START + random.integers(0, DAYS * DAY, size), "cents": random.integers(1, 100_000, size)}
    return pl.DataFrame({"__row": np.arange(size), "key": random.permutation(np.concatenate(keys)), **columns})


def _declared() -> WindowJoin:
    features = []
    for days in LENGTHS:
        features.append(WindowFeature(f"sum_{days}", "sum", "cents", timedelta(days=days)))
        features.append(WindowFeature(f"count_{days}", "count", None, timedelta(days=days)))
    return WindowJoin("spine", "events", (("key", "key"),), "at", "at", features=tuple(features))


def range_join() -> str:
    columns = []
    for days in LENGTHS:
        within = f"filter (where e.at > s.at - interval {days} day)"
        columns.append(f"cast(sum(e.cents) {within} as bigint) as sum_{days}")
        columns.append(f"count(*) {within} as count_{days}")
    return (
        f"select s.__row, {', '.join(columns)} from spine s left join events e"
        f" on s.key = e.key and e.at <= s.at and e.at > s.at - interval {max(LENGTHS)} day group by s.__row"
    )
