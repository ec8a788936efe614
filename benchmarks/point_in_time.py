"""Point-in-time retrieval: ten features as of each spine row's moment, at most 30 days old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from benchmarks.measure import Contestant, Race, Task, race
from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.session import connect, parquet, write_parquet

TITLE = "Point-in-time retrieval"
ABOUT = """\
Feature rows over 90 days in Parquet, sorted by entity and time as the store sorts them; out come an Arrow table of the
spine's row number and ten DOUBLE features, one in fifty null. The hand-written range join picks on narrow columns and
gathers the features of the picked rows by entity and time; it and the ASOF join lean on times being unique in an
entity, which Headrace's plan does not. polars is given the spine as a frame and sorts it in the measured time."""

FEATURES = [f"f{number}" for number in range(10)]
TTL = timedelta(days=30)
START, DAYS = datetime(2026, 1, 1), 90


@dataclass(frozen=True)
class Shape:
    """How much data: `rows` feature rows spread over `entities`, one spine for each size in `spines`."""

    name: str
    entities: int
    rows: int
    spines: tuple[int, ...]


FULL = (
    Shape("50 k entities x 40 rows", 50_000, 2_000_000, (10_000, 100_000, 500_000)),
    Shape("1 k entities x 2,000 rows", 1_000, 2_000_000, (20_000,)),
)
QUICK = (Shape("20 entities x 25 rows", 20, 500, (100,)),)


def run(*, quick: bool) -> list[Race]:
    """One race for each size of the spine, in each shape of the feature rows."""
    return [one for shape in (QUICK if quick else FULL) for one in _races(shape, quick)]


def _races(shape: Shape, quick: bool) -> list[Race]:
    with TemporaryDirectory() as folder:
        view = Path(folder) / "view.parquet"
        _write_view(shape, view)
        races = []
        for size in shape.spines:
            spine = Path(folder) / f"spine_{size}.parquet"
            _spine(shape, size).write_parquet(spine)
            contestants = [
                Contestant("Headrace `as_of_sql`", duckdb_task, ("headrace", spine, view)),
                Contestant("DuckDB ASOF join, by hand", duckdb_task, ("asof", spine, view)),
                Contestant("DuckDB range join + row_number, by hand", duckdb_task, ("range", spine, view)),
                Contestant("polars `join_asof`", polars_task, (spine, view)),
            ]
            title = f"{shape.name}, spine of {size:,} rows"
            races.append(race(title, contestants, np.testing.assert_array_equal, isolated=not quick))
        return races


def _moments(rng: np.random.Generator, count: int) -> pl.Series:
    offsets = rng.integers(0, DAYS * 86_400_000_000, count)
    return pl.Series(np.datetime64(START, "us") + offsets.astype("timedelta64[us]"))


def _write_view(shape: Shape, path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = {"entity": rng.integers(0, shape.entities, shape.rows), "at": _moments(rng, shape.rows)}
    columns |= {name: rng.random(shape.rows) for name in FEATURES}
    absent = [pl.when(pl.col(name) >= 0.02).then(pl.col(name)) for name in FEATURES]
    with connect() as connection:
        connection.register("made", pl.DataFrame(columns).with_columns(absent).to_arrow())
        write_parquet(connection, "select * from made order by entity, at", path)


def _spine(shape: Shape, size: int) -> pl.DataFrame:
    """Rows in no order; one entity in fifty has no feature rows."""
    rng = np.random.default_rng(2)
    entities = rng.integers(0, shape.entities + shape.entities // 50, size)
    return pl.DataFrame({"__row": np.arange(size), "entity": entities, "at": _moments(rng, size)})


def duckdb_task(plan: str, spine: Path, view: Path) -> Task:
    """The spine as a table, the view as a view over its file: as when a training set is built."""
    connection = connect()
    connection.execute(f"create table spine as from {parquet(spine)}").fetchall()
    connection.execute(f"create view prices as from {parquet(view)}").fetchall()
    query = {"headrace": _headrace(), "asof": _asof_by_hand(), "range": _range_by_hand()}[plan]
    return Task(lambda: _fetch(connection, query), answer=_by_row)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()


def _headrace() -> str:
    pairs = tuple((name, name) for name in FEATURES)
    return as_of_sql(AsOfJoin("spine", "prices", (("entity", "entity"),), "at", "at", ttl=TTL, features=pairs))


def _asof_by_hand() -> str:
    """The TTL after the join: in its ON clause it would change which row is matched."""
    fresh = ", ".join(f"if(prices.at >= spine.at - interval {TTL.days} day, {name}, null) as {name}" for name in FEATURES)
    meets = "spine.entity = prices.entity and spine.at >= prices.at"
    return f"select __row, {fresh} from spine asof left join prices on {meets}"


def _range_by_hand() -> str:
    features = ", ".join(FEATURES)
    meets = (
        "spine.entity = prices.entity and prices.at <= spine.at"
        f" and prices.at >= spine.at - interval {TTL.days} day"
    )
    latest = "row_number() over (partition by __row order by prices.at desc) = 1"
    picked = f"select __row, prices.entity, prices.at from spine join prices on {meets} qualify {latest}"
    found = f"select __row, {features} from ({picked}) join prices using (entity, at)"
    return f"select __row, {features} from spine left join ({found}) using (__row)"


def polars_task(spine: Path, view: Path) -> Task:
    """Both sides sorted by entity and time, which polars has to be promised instead of checking."""
    rows = pl.read_parquet(spine)

    def call() -> pa.Table:
        right = pl.scan_parquet(view).set_sorted("entity").with_columns(pl.col("at"))
        left = rows.lazy().sort("entity", "at")
        joined = left.join_asof(right, on="at", by="entity", tolerance=TTL, check_sortedness=False)
        return joined.select("__row", *FEATURES).collect().to_arrow()

    return Task(call, answer=_by_row)


def _by_row(table: pa.Table) -> npt.NDArray[np.float64]:
    """(rows, 1 + features), in the spine's order, NaN for null."""
    return pl.DataFrame(table).sort("__row").select(pl.all().cast(pl.Float64).fill_null(float("nan"))).to_numpy()
