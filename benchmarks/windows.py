"""Windows that end at each spine row's own moment: sum and count over 1, 7 and 30 days."""

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
from headrace.engine.session import connect, parquet, write_parquet
from headrace.engine.windows import WindowFeature, WindowJoin, windows_sql

TITLE = "Windows at the training row's time"
ABOUT = """\
Events over 90 days in Parquet, sorted by entity and time; windows are open at the left and closed at the right. Amounts
are quarters, so sums are exact in any order and answers must be equal. The range join degrades where an entity has many
events, one timeline of spine and events where there are many entities with few; Headrace's plan chooses by entity."""

WINDOWS = (1, 7, 30)
START, DAYS = datetime(2026, 1, 1), 90


@dataclass(frozen=True)
class Shape:
    """How much data: `events` spread over `entities`, one spine for each size in `spines`."""

    name: str
    entities: int
    events: int
    spines: tuple[int, ...]


FULL = (
    Shape("50 k entities x 20 events", 50_000, 1_000_000, (100_000, 300_000)),
    Shape("500 entities x 2,000 events", 500, 1_000_000, (20_000,)),
)
QUICK = (Shape("20 entities x 25 events", 20, 500, (100,)),)


def run(*, quick: bool) -> list[Race]:
    """One race for each size of the spine, in each shape of the events."""
    return [one for shape in (QUICK if quick else FULL) for one in _races(shape, quick)]


def _races(shape: Shape, quick: bool) -> list[Race]:
    with TemporaryDirectory() as folder:
        events = Path(folder) / "events.parquet"
        _write_events(shape, events)
        races = []
        for size in shape.spines:
            spine = Path(folder) / f"spine_{size}.parquet"
            _spine(shape, size).write_parquet(spine)
            contestants = [
                Contestant("Headrace `windows_sql`", task, ("headrace", spine, events)),
                Contestant("DuckDB range join with FILTER, by hand", task, ("range", spine, events)),
                Contestant("DuckDB union with RANGE windows, by hand", task, ("union", spine, events)),
            ]
            title = f"{shape.name}, spine of {size:,} rows"
            races.append(race(title, contestants, np.testing.assert_array_equal, isolated=not quick))
        return races


def _moments(rng: np.random.Generator, count: int) -> pl.Series:
    offsets = rng.integers(0, DAYS * 86_400_000_000, count)
    return pl.Series(np.datetime64(START, "us") + offsets.astype("timedelta64[us]"))


def _write_events(shape: Shape, path: Path) -> None:
    rng = np.random.default_rng(1)
    amounts = rng.integers(1, 400, shape.events) / 4
    columns = {"entity": rng.integers(0, shape.entities, shape.events), "at": _moments(rng, shape.events)}
    with connect() as connection:
        connection.register("made", pl.DataFrame({**columns, "amount": amounts}).to_arrow())
        write_parquet(connection, "select * from made order by entity, at", path)


def _spine(shape: Shape, size: int) -> pl.DataFrame:
    """Rows in no order; one entity in fifty has no events."""
    rng = np.random.default_rng(2)
    entities = rng.integers(0, shape.entities + shape.entities // 50, size)
    return pl.DataFrame({"__row": np.arange(size), "entity": entities, "at": _moments(rng, size)})


def task(plan: str, spine: Path, events: Path) -> Task:
    """The spine as a table, the events as a view over their file: as when a training set is built."""
    connection = connect()
    connection.execute(f"create table spine as from {parquet(spine)}").fetchall()
    connection.execute(f"create view orders as from {parquet(events)}").fetchall()
    query = {"headrace": _headrace(), "range": _range_by_hand(), "union": _union_by_hand()}[plan]
    return Task(lambda: _fetch(connection, query), answer=_by_row)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()


def _headrace() -> str:
    features = [
        WindowFeature(f"{function}_{days}", function, column, timedelta(days=days))
        for days in WINDOWS
        for function, column in (("sum", "amount"), ("count", None))
    ]
    return windows_sql(WindowJoin("spine", "orders", (("entity", "entity"),), "at", "at", features=tuple(features)))


def _range_by_hand() -> str:
    """Each spine row with the events of the longest window; the shorter ones filter."""
    features = []
    for days in WINDOWS:
        inside = f"filter (where orders.at > spine.at - interval {days} day)"
        features += [f"sum(amount) {inside} as sum_{days}", f"count(orders.at) {inside} as count_{days}"]
    meets = (
        "spine.entity = orders.entity and orders.at <= spine.at"
        f" and orders.at > spine.at - interval {max(WINDOWS)} day"
    )
    return f"select __row, {', '.join(features)} from spine left join orders on {meets} group by __row"


def _union_by_hand() -> str:
    """Spine and events on one timeline. A frame's left edge is closed, so it is a microsecond short."""
    timeline = (
        "select entity, at, amount, null as __row from orders"
        " union all select entity, at, null as amount, __row from spine"
    )
    features = [f"sum(amount) over w{days} as sum_{days}, count(amount) over w{days} as count_{days}" for days in WINDOWS]
    frames = [
        f"w{days} as (partition by entity order by at range between"
        f" interval {days} day - interval 1 microsecond preceding and current row)"
        for days in WINDOWS
    ]
    evaluated = f"select __row, {', '.join(features)} from ({timeline}) window {', '.join(frames)}"
    return f"from ({evaluated}) where __row is not null"


def _by_row(table: pa.Table) -> npt.NDArray[np.float64]:
    """(rows, 1 + features), in the spine's order, NaN for null."""
    frame = pl.DataFrame(table)
    ordered = frame.select("__row", *sorted(name for name in frame.columns if name != "__row")).sort("__row")
    return ordered.select(pl.all().cast(pl.Float64).fill_null(float("nan"))).to_numpy()
