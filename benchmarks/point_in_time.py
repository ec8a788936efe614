"""Point-in-time retrieval: ten features of the row that was current at each spine row's moment.

The feature rows are in one Parquet file, sorted by key and time; the spine is in memory; the result is a table in
memory. Every contestant reads the file anew. The spine holds unknown keys and moments beyond the TTL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from benchmarks.measure import OURS, Case, interleave
from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.session import connect

FEATURES = [f"f{number}" for number in range(10)]
DAYS = 90
TTL = timedelta(days=30)
START = np.datetime64("2025-01-01T00:00:00", "us")
DAY = 86_400_000_000


def run(quick: bool = False) -> list[Case]:
    rows, keys, sizes = (20_000, 500, [500]) if quick else (2_000_000, 50_000, [10_000, 100_000])
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        path = Path(folder) / "view.parquet"
        feature_rows(rows, keys).write_parquet(path, statistics=True)
        connection.execute(f"create view feature_rows as select * from read_parquet('{path}')")
        return [_case(connection, path, rows, keys, size) for size in sizes]


def _case(connection: duckdb.DuckDBPyConnection, path: Path, rows: int, keys: int, size: int) -> Case:
    spine = spine_rows(size, keys)
    connection.register("given", spine.to_arrow())
    connection.execute("create or replace table spine as select * from given")
    timings, results = interleave(
        {
            OURS: _query(connection, _ours()),
            "DuckDB, wide ASOF by hand": _query(connection, wide_asof()),
            "DuckDB, range join and row_number by hand": _query(connection, range_join()),
            "polars join_asof": lambda: polars_asof(path, spine),
        }
    )
    expected = _in_order(results[OURS])
    assert expected.height == size
    assert 0 < expected["f0"].null_count() < size
    for name, result in results.items():
        assert _in_order(result).equals(expected), f"{name} gives other rows"
    title = f"{size:,} spine rows, {rows:,} feature rows of {keys:,} keys, {len(FEATURES)} features, TTL 30 days"
    return Case(title, timings, f"all {size:,} rows equal in every value")


def feature_rows(rows: int, keys: int) -> pl.DataFrame:
    """As many rows for each key, one at a random moment in each of as many equal parts of the time."""
    random = np.random.default_rng(1)
    depth = rows // keys
    part = DAYS * DAY // depth
    times = np.tile(np.arange(depth) * part, keys) + random.integers(0, part, rows)
    columns = {name: random.normal(size=rows) for name in FEATURES}
    return pl.DataFrame({"key": np.repeat(np.arange(keys), depth), "at": START + times, **columns})


def spine_rows(size: int, keys: int) -> pl.DataFrame:
    random = np.random.default_rng(2)
    times = START + random.integers(-5 * DAY, (DAYS + 40) * DAY, size)
    return pl.DataFrame({"__row": np.arange(size), "key": random.integers(0, keys + keys // 100, size), "at": times})


def _ours() -> str:
    pairs = tuple((name, name) for name in FEATURES)
    return as_of_sql(AsOfJoin("spine", "feature_rows", (("key", "key"),), "at", "at", ttl=TTL, features=pairs))


def wide_asof() -> str:
    columns = [f"case when v.at >= s.at - interval 30 day then v.{name} end as {name}" for name in FEATURES]
    return (
        f"select s.__row, {', '.join(columns)} from spine s"
        " asof left join feature_rows v on s.key = v.key and s.at >= v.at"
    )


def range_join() -> str:
    columns = [f"v.{name}" for name in FEATURES]
    return (
        f"select s.__row, {', '.join(columns)} from spine s left join feature_rows v"
        " on s.key = v.key and v.at <= s.at and v.at >= s.at - interval 30 day"
        " qualify row_number() over (partition by s.__row order by v.at desc) = 1"
    )


def polars_asof(path: Path, spine: pl.DataFrame) -> pl.DataFrame:
    view = pl.scan_parquet(path)
    left = spine.lazy().sort("key", "at")
    joined = left.join_asof(view, on="at", by="key", strategy="backward", tolerance=TTL, check_sortedness=False)
    return joined.select("__row", *FEATURES).collect()


def _query(connection: duckdb.DuckDBPyConnection, query: str) -> Callable[[], Any]:
    return lambda: connection.sql(query).to_arrow_table()


def _in_order(result: Any) -> pl.DataFrame:
    frame = result if isinstance(result, pl.DataFrame) else pl.DataFrame(result)
    return frame.sort("__row")
