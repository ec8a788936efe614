"""Point-in-time retrieval: ten features of the row that was current at each asking row's moment.

The feature rows are in one Parquet file, sorted by key and time; the asking rows are a table in the session; the result
is a table in memory. Every contestant reads the file anew, and Headrace plans anew. The floor searches packed keys and
gathers rows, both mapped into memory from files made beforehand; `with its index` is Headrace over the asset
`indexes/<view>`. Asking rows hold unknown keys and moments beyond the TTL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.measure import OURS, Case, interleave
from headrace.declarations.entity import Entity
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.index import view_index
from headrace.declarations.source import Source
from headrace.engine.feature_joins import take_features
from headrace.engine.index import compute_index
from headrace.engine.session import connect, show_table, write_parquet
from headrace.engine.workbench import Workbench

FEATURES = [f"f{number}" for number in range(10)]
DAYS = 90
TTL = timedelta(days=30)
START = np.datetime64("2025-01-01T00:00:00", "us")
DAY = 86_400_000_000
INDEXED = "Headrace with its index"
FLOOR = "packed keys and rows, mapped"


@dataclass(frozen=True)
class Shape:
    """How many feature rows of how many keys, and how many rows ask."""

    rows: int
    keys: int
    sizes: tuple[int, ...]


def run(quick: bool = False) -> list[Case]:
    shapes = [Shape(20_000, 500, (500,))] if quick else [
        Shape(5_000_000, 100_000, (10_000, 100_000, 1_000_000)),
        Shape(2_500_000, 1_000, (100_000,)),
    ]  # fmt: skip
    return [case for shape in shapes for case in _cases(shape)]


def _cases(shape: Shape) -> list[Case]:
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        bench = made(connection, Path(folder), shape)
        return [_case(connection, bench, shape, size) for size in shape.sizes]


def view() -> FeatureView:
    source = Source("rows", path="rows.parquet", timestamp="at")
    entity = Entity("key", keys=["key"])
    return FeatureView("view", entity=entity, source=source, features=FEATURES, ttl="30d", index=True)


def made(connection: duckdb.DuckDBPyConnection, folder: Path, shape: Shape) -> Workbench:
    """A view and its index, stored as a build stores them, and the floor's files."""
    declared = view()
    folders = {declared.key: folder / "view", "indexes/view": folder / "index"}
    for one in folders.values():
        one.mkdir()
    path = folder / "view" / "data.parquet"
    rows = feature_rows(shape.rows, shape.keys)
    connection.register("given", rows.to_arrow())
    write_parquet(connection, "from given", path)
    connection.unregister("given")
    show_table(connection, declared.key, path)
    bench = Workbench(connection, folders, {declared.key: "same"}, folder / "index", folder)
    index = view_index(declared)
    assert index is not None
    compute_index(index, bench)
    packed = rows["key"].to_numpy() * (1 << 44) + rows["at"].cast(pl.Int64).to_numpy() - START.astype(np.int64)
    np.save(folder / "packed.npy", packed)
    np.save(folder / "rows.npy", rows.select(FEATURES).to_numpy(order="c"))
    return bench


def _case(connection: duckdb.DuckDBPyConnection, bench: Workbench, shape: Shape, size: int) -> Case:
    spine = spine_rows(size, shape.keys)
    connection.register("given", spine.to_arrow())
    connection.execute("create or replace table spine as select * from given")
    path = bench.folder("features/view") / "data.parquet"
    plain = {key: folder for key, folder in bench.folders.items() if key != "indexes/view"}
    contestants: dict[str, Callable[[], Any]] = {
        OURS: lambda: _ours(connection, bench, plain),
        INDEXED: lambda: _ours(connection, bench, dict(bench.folders)),
        "DuckDB, wide ASOF by hand": _query(connection, wide_asof(path)),
        "polars join_asof": lambda: polars_asof(path, spine),
        FLOOR: lambda: floor(bench.draft.parent, spine),
    }
    if shape.rows // shape.keys * size < 200_000_000:  # each row meets all rows of its key
        contestants["DuckDB, range join and row_number by hand"] = _query(connection, range_join(path))
    timings, results = interleave(contestants)
    expected = _in_order(results[OURS])
    assert expected.height == size
    assert 0 < expected["f0"].null_count() < size
    for name, result in results.items():
        assert _in_order(result).equals(expected), f"{name} gives other rows"
    title = (
        f"{size:,} rows ask, {shape.rows:,} feature rows of {shape.keys:,} keys, {len(FEATURES)} features, TTL 30 days"
    )
    return Case(title, timings, f"all {size:,} rows equal in every value", frozenset({FLOOR, INDEXED}))


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
    unknown = max(keys // 100, 1)
    return pl.DataFrame({"__row": np.arange(size), "key": random.integers(0, keys + unknown, size), "at": times})


def _ours(connection: duckdb.DuckDBPyConnection, bench: Workbench, folders: dict[str, Path]) -> pa.Table:
    """Planned anew: a workbench remembers how it read a view."""
    fresh = Workbench(connection, folders, bench.digests, bench.draft, bench.data_folder)
    return take_features(connection, "spine", "at", FeatureSelection(view()), fresh)[0]


def wide_asof(path: Path) -> str:
    columns = [f"case when v.at >= s.at - interval 30 day then v.{name} end as {name}" for name in FEATURES]
    return (
        f"select s.__row, {', '.join(columns)} from spine s asof left join '{path}' v on s.key = v.key and s.at >= v.at"
    )


def range_join(path: Path) -> str:
    columns = [f"v.{name}" for name in FEATURES]
    return (
        f"select s.__row, {', '.join(columns)} from spine s left join '{path}' v"
        " on s.key = v.key and v.at <= s.at and v.at >= s.at - interval 30 day"
        " qualify row_number() over (partition by s.__row order by v.at desc) = 1"
    )


def polars_asof(path: Path, spine: pl.DataFrame) -> pl.DataFrame:
    left = spine.lazy().sort("key", "at")
    options: dict[str, Any] = {"on": "at", "by": "key", "tolerance": TTL, "check_sortedness": False}
    return left.join_asof(pl.scan_parquet(path), strategy="backward", **options).select("__row", *FEATURES).collect()


def floor(folder: Path, spine: pl.DataFrame) -> pl.DataFrame:
    """What is left when nothing has to be read, sorted or checked: for one integer key, no ties and no nulls."""
    packed, rows = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("packed", "rows"))
    keys, at = spine["key"].to_numpy(), spine["at"].cast(pl.Int64).to_numpy() - START.astype(np.int64)
    asked = keys * (1 << 44) + np.maximum(at, -1)
    order = np.argsort(asked)
    found = np.empty(len(asked), dtype=np.int64)
    found[order] = np.searchsorted(packed, asked[order], side="right") - 1
    seen = (found >= 0) & (packed[found] >> 44 == keys) & (at - (packed[found] & ((1 << 44) - 1)) <= 30 * DAY)
    gathered = np.take(rows, np.maximum(found, 0), axis=0)
    missing = pl.Series(~seen)
    columns = {name: pl.Series(np.ascontiguousarray(gathered[:, n])) for n, name in enumerate(FEATURES)}
    frame = pl.DataFrame({"__row": spine["__row"], **columns})
    return frame.with_columns(pl.when(missing).then(None).otherwise(pl.col(FEATURES)).name.keep())


def _query(connection: duckdb.DuckDBPyConnection, query: str) -> Callable[[], Any]:
    return lambda: connection.sql(query).to_arrow_table()


def _in_order(result: Any) -> pl.DataFrame:
    frame = result if isinstance(result, pl.DataFrame) else pl.DataFrame(result)
    return frame.sort("__row")
