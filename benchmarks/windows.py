"""Exact windows: sum and count of the events in the 1, 7 and 30 days before each asking row's moment.

The events are in one Parquet file, sorted by key and time, and for the statements written by hand a table as well; the
asking rows are a table; the result is a table in memory. The floor subtracts running totals of arrays made beforehand;
`with its index` is Headrace over the asset `indexes/<view>`. A second case asks for what running totals cannot give.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.measure import OURS, Case, interleave
from headrace.declarations.aggregate import Aggregate
from headrace.declarations.entity import Entity
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.index import view_index
from headrace.declarations.source import Source
from headrace.engine.feature_joins import take_features
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.index import compute_index
from headrace.engine.session import connect, show_table, write_parquet
from headrace.engine.windows import paired_sql, split_sql
from headrace.engine.workbench import Workbench

LENGTHS = (1, 7, 30)
DAYS = 90
START = np.datetime64("2025-01-01T00:00:00", "us")
DAY = 86_400_000_000
INDEXED = "Headrace with its index"
FLOOR = "running totals, mapped"
SUMS: dict[str, str | Aggregate] = {
    "sum_{window}": Aggregate("sum", "cents", over=["1d", "7d", "30d"]),
    "count_{window}": Aggregate("count", over=["1d", "7d", "30d"]),
}
OTHERS: dict[str, str | Aggregate] = {
    "least_{window}": Aggregate("min", "cents", over=["1d", "7d", "30d"]),
    "deviation_{window}": Aggregate("stddev", "cents", over=["1d", "7d", "30d"]),
    "different_{window}": Aggregate("count_distinct", "shop", over=["1d", "7d", "30d"]),
    "median_{window}": Aggregate("quantile", "cents", over=["1d", "7d", "30d"], q=0.5),
}


def run(quick: bool = False) -> list[Case]:
    events, keys, sizes = (10_000, 200, (1_000,)) if quick else (2_500_000, 100_000, (100_000, 1_000_000))
    crowded = keys // 200
    found = []
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        even = _bench(connection, Path(folder), events, [(1.0, keys)])
        for size in sizes:
            _spine(connection, size, [(1.0, keys)])
            found.append(_sums(connection, even, f"{size:,} rows ask, {events:,} events of {keys:,} keys alike"))
        _spine(connection, sizes[0], [(1.0, keys)])
        found.append(_others(connection, even, f"{sizes[0]:,} rows ask, {events:,} events of {keys:,} keys alike"))
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        shares = [(0.3, crowded), (0.7, keys - crowded)]
        skewed = _bench(connection, Path(folder), events, shares)
        _spine(connection, sizes[0], shares)
        title = f"{sizes[0]:,} rows ask, {events:,} events of {keys:,} keys, 30 % of all rows on {crowded:,} of them"
        found.append(_sums(connection, skewed, title))
    return found


def view(features: dict[str, str | Aggregate]) -> FeatureView:
    source = Source("rows", path="rows.parquet", timestamp="at")
    return FeatureView("view", entity=Entity("key", keys=["key"]), source=source, features=features, index=True)


def _bench(
    connection: duckdb.DuckDBPyConnection, folder: Path, size: int, shares: Sequence[tuple[float, int]]
) -> Workbench:
    """The events and their index, stored as a build stores them, and the floor's files."""
    declared = view({**SUMS, **OTHERS})
    rows = _rows(np.random.default_rng(3), size, shares).drop("__row").sort("key", "at")
    folders = {declared.key: folder / "view", "indexes/view": folder / "index"}
    for one in folders.values():
        one.mkdir()
    connection.register("given", rows.to_arrow())
    write_parquet(connection, "from given", folder / "view" / EVENTS)
    connection.execute("create or replace table events as from given").fetchall()
    names = ", ".join(f"0::{'DOUBLE' if name.startswith(('dev', 'med')) else 'BIGINT'} as {name}" for name in _names())
    write_parquet(connection, f'select key, "at", {names} from given limit 0', folder / "view" / "data.parquet")
    show_table(connection, declared.key, folder / "view" / "data.parquet")
    bench = Workbench(connection, folders, {declared.key: "same"}, folder / "index", folder)
    index = view_index(declared)
    assert index is not None
    compute_index(index, bench)
    np.save(folder / "packed.npy", rows["key"].to_numpy() * (1 << 44) + rows["at"].cast(pl.Int64) - START.astype(int))
    np.save(folder / "totals.npy", np.concatenate([[0], np.cumsum(rows["cents"].to_numpy())]))
    return bench


def _names() -> list[str]:
    return [one.name for one in view({**SUMS, **OTHERS}).windowed]


def _spine(connection: duckdb.DuckDBPyConnection, size: int, shares: Sequence[tuple[float, int]]) -> None:
    connection.register("given", _rows(np.random.default_rng(4), size, shares).to_arrow())
    connection.execute("create or replace table spine as select * from given").fetchall()


def _sums(connection: duckdb.DuckDBPyConnection, bench: Workbench, title: str) -> Case:
    join = window_join(view(SUMS), "spine", "events", [("key", "key")], "at")
    by_hand = {
        "DuckDB, range join with FILTER by hand": range_join(),
        "DuckDB, union and RANGE windows where keys are crowded": split_sql(join),
    }
    spine = connection.sql("from spine").pl()
    more = {FLOOR: lambda: floor(bench.draft.parent, spine)}
    return _case(connection, bench, SUMS, by_hand, more, f"{title}, sum and count over 1, 7 and 30 days")


def _others(connection: duckdb.DuckDBPyConnection, bench: Workbench, title: str) -> Case:
    join = window_join(view(OTHERS), "spine", "events", [("key", "key")], "at")
    by_hand = {"DuckDB, range join with FILTER": paired_sql(join)}
    what = "least, deviation, different and median over 1, 7 and 30 days"
    return _case(connection, bench, OTHERS, by_hand, {}, f"{title}, {what}")


def _case(
    connection: duckdb.DuckDBPyConnection,
    bench: Workbench,
    features: dict[str, str | Aggregate],
    by_hand: dict[str, str],
    more: dict[str, Callable[[], Any]],
    title: str,
) -> Case:
    plain = {key: folder for key, folder in bench.folders.items() if key != "indexes/view"}
    contestants: dict[str, Callable[[], Any]] = {
        OURS: lambda: _ours(connection, bench, plain, features),
        INDEXED: lambda: _ours(connection, bench, dict(bench.folders), features),
        **{name: lambda query=query: connection.sql(query).to_arrow_table() for name, query in by_hand.items()},
        **more,
    }
    timings, results = interleave(contestants)
    expected = pl.DataFrame(results[OURS]).sort("__row").with_columns(pl.selectors.float().round(6))
    for name, result in results.items():
        found = pl.DataFrame(result).sort("__row").select(expected.columns)
        assert found.with_columns(pl.selectors.float().round(6)).equals(expected), f"{name} gives other values"
    floors = frozenset({FLOOR, INDEXED} & set(contestants))
    return Case(title, timings, f"all {expected.height:,} rows equal in every value", floors)


def _ours(
    connection: duckdb.DuckDBPyConnection,
    bench: Workbench,
    folders: dict[str, Path],
    features: dict[str, str | Aggregate],
) -> pa.Table:
    """Planned anew: a workbench remembers how it read a view."""
    fresh = Workbench(connection, folders, bench.digests, bench.draft, bench.data_folder)
    return take_features(connection, "spine", "at", FeatureSelection(view(features)), fresh)[0]


def floor(folder: Path, spine: pl.DataFrame) -> pl.DataFrame:
    """Four searches and six differences: for one integer key, and sums that fit 64 bits."""
    packed, totals = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("packed", "totals"))
    first = spine["key"].to_numpy() * (1 << 44)
    at = spine["at"].cast(pl.Int64).to_numpy() - START.astype(int)
    order = np.argsort(first + at)

    def search(moments: np.ndarray) -> np.ndarray:
        found = np.empty(len(moments), dtype=np.int64)
        found[order] = np.searchsorted(packed, (first + np.maximum(moments, -1))[order], side="right")
        return found

    high = search(at)
    columns = {}
    for days in LENGTHS:
        low = search(at - days * DAY)
        columns[f"sum_{days}d"] = pl.Series(totals[high] - totals[low]).set(pl.Series(high == low), None)
        columns[f"count_{days}d"] = pl.Series(high - low)
    return pl.DataFrame({"__row": spine["__row"], **columns})


def _rows(random: np.random.Generator, size: int, shares: Sequence[tuple[float, int]]) -> pl.DataFrame:
    """Rows of which each share falls on as many keys of its own."""
    keys, first = [], 0
    for share, count in shares:
        keys.append(random.integers(first, first + count, int(size * share)))
        first += count
    columns = {"at": START + random.integers(0, DAYS * DAY, size), "cents": random.integers(1, 100_000, size)}
    columns["shop"] = random.integers(0, 20, size)
    return pl.DataFrame({"__row": np.arange(size), "key": random.permutation(np.concatenate(keys)), **columns})


def range_join() -> str:
    columns = []
    for days in LENGTHS:
        within = f"filter (where e.at > s.at - interval {days} day)"
        columns.append(f"cast(sum(e.cents) {within} as bigint) as sum_{days}d")
        columns.append(f"count(*) {within} as count_{days}d")
    return (
        f"select s.__row, {', '.join(columns)} from spine s left join events e"
        f" on s.key = e.key and e.at <= s.at and e.at > s.at - interval {max(LENGTHS)} day group by s.__row"
    )
