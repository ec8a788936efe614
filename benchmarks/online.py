"""The online store: reading 20 features of two views as Python values, and filling it with the latest rows.

The floor packs ten doubles by hand with `struct` and unpacks them, without names, types, expiry, status or event time;
for one view it has one key and one value in LMDB or Redis. By hand the latest row of each key comes from a window in
DuckDB, and each change is written where it belongs. Reads of DuckDB are lookups by primary key, prepared.
"""

from __future__ import annotations

import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import lmdb
import numpy as np
import polars as pl

import headrace as hr
from benchmarks.measure import OURS, Case, Timing, interleave
from headrace.declarations.online import OnlineView
from headrace.engine.online import compute_online
from headrace.engine.online_changes import Snapshots, schema_of
from headrace.engine.session import connect, show_table
from headrace.engine.workbench import Workbench
from headrace.store.online.base import Fill, OnlineStore, Read
from headrace.store.online.lmdb_store import LmdbStore

FEATURES = [f"f{number}" for number in range(10)]
PACKED = struct.Struct("<q10d")
FLOOR = "floor: LMDB and struct by hand"
REDIS_FLOOR = "floor: one MGET and struct by hand"
customer = hr.Entity("customer", keys=["key"])
rows = hr.Source("rows", path="rows.parquet", timestamp="at")
views = [
    OnlineView(name, hr.FeatureView(name, entity=customer, source=rows, features=FEATURES, ttl="3650d"))
    for name in ("one", "two")
]


def run(quick: bool = False) -> list[Case]:
    size, keys = (20_000, 2_000) if quick else (5_000_000, 200_000)
    with tempfile.TemporaryDirectory() as folder:
        made = Bench(Path(folder), size, keys)
        cases = [made.filling(), made.changing()]
        return [*cases, *made.reading(quick), *_redis_cases(made, quick)]


class Bench:
    """The feature rows, and everyone's database."""

    def __init__(self, folder: Path, size: int, keys: int) -> None:
        self.folder, self.size, self.keys = folder, size, keys
        self.now = folder / "now.parquet"
        self.later = folder / "later.parquet"
        frame = feature_rows(size, keys)
        frame.write_parquet(self.now)
        changed = pl.col("at") + pl.duration(days=1), *(pl.col(name) + 1 for name in FEATURES)
        latest = frame.group_by("key", maintain_order=True).last().filter(pl.col("key") % 100 == 0)
        pl.concat([frame, latest.with_columns(*changed)]).sort("key", "at").write_parquet(self.later)
        self.store = LmdbStore(folder / "ours")
        self.by_hand = lmdb.open(str(folder / "hand"), map_size=2**33, max_dbs=2)

    def snapshot(self, online: OnlineView, table: Path, name: str) -> tuple[Path, dict[str, Any]]:
        """What a build of `online/<view>` computes and stores."""
        draft = self.folder / name
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        with connect() as connection:
            show_table(connection, online.view.key, table)
            details = compute_online(online, Workbench(connection, {}, {}, draft, self.folder)).details["online"]
        return draft / "data.parquet", details

    def fill(self, store: OnlineStore, online: OnlineView, new: Path, details: Any, old: Path | None = None) -> int:
        schema = schema_of(details, new.parent.name, "dev", 0)
        with Snapshots(schema, ("at", None), new, old) as found:
            return store.fill(online.name, schema, Fill(found.rows(), found.gone(), whole=old is None))

    def filling(self) -> Case:
        def ours() -> int:
            made = views[0], *self.snapshot(views[0], self.now, "v1")
            return self.fill(self.store, *made)

        timings, found = interleave({OURS: ours, "DuckDB, struct and LMDB by hand": self._fill_by_hand})
        assert set(found.values()) == {self.keys}
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        with closing(LmdbStore(self.folder / "fresh")) as fresh:
            self.fill(fresh, views[0], *self.snapshot(views[0], self.now, "v1"))
        megabytes = (self.folder / "fresh" / "data.mdb").stat().st_size / 1e6
        title = f"fill: {self.size:,} rows to {self.keys:,} entities x {len(FEATURES)} features"
        return Case(title, timings, f"the same number of entities; a fresh file has {megabytes:.1f} MB")

    def _fill_by_hand(self) -> int:
        with connect() as connection:
            latest = f"select * from '{self.now}' qualify row_number() over (partition by key order by \"at\" desc) = 1"
            columns = ", ".join(("key", 'epoch_us("at")', *FEATURES))
            found = connection.sql(f"select {columns} from ({latest}) order by key").fetchall()
        database = self.by_hand.open_db(b"one")
        with self.by_hand.begin(write=True, db=database) as write:
            write.drop(database, delete=False)
            with write.cursor() as cursor:
                cursor.putmulti([(row[0].to_bytes(8, "big"), PACKED.pack(*row[1:])) for row in found], append=True)
        return len(found)

    def changing(self) -> Case:
        """The store goes to a snapshot in which every hundredth entity differs, and back."""
        snapshots = [self.snapshot(views[0], path, name) for path, name in ((self.now, "v1"), (self.later, "v2"))]
        self.fill(self.store, views[0], *snapshots[0])
        turns = [0, 0]

        def ours() -> int:
            turns[0] += 1
            new, old = snapshots[turns[0] % 2], snapshots[(turns[0] + 1) % 2]
            return self.fill(self.store, views[0], *new, old[0])

        def by_hand() -> int:
            turns[1] += 1
            new, old = snapshots[turns[1] % 2][0], snapshots[(turns[1] + 1) % 2][0]
            return self._change_by_hand(new, old)

        timings, found = interleave({OURS: ours, "DuckDB, struct and LMDB by hand": by_hand}, rounds=4)
        assert set(found.values()) == {-(-self.keys // 100)}
        return Case(f"refill: 1 % of {self.keys:,} entities changed", timings, "the same number of entities changed")

    def _change_by_hand(self, new: Path, old: Path) -> int:
        columns = ", ".join(("key", 'epoch_us("at")', *FEATURES))
        with connect() as connection:
            found = connection.sql(f"select {columns} from '{new}' except select {columns} from '{old}'").fetchall()
        with self.by_hand.begin(write=True, db=self.by_hand.open_db(b"one")) as write:
            for row in found:
                write.put(row[0].to_bytes(8, "big"), PACKED.pack(*row[1:]))
        return len(found)

    def fill_both(self, store: OnlineStore) -> None:
        for online in views:
            self.fill(store, online, *self.snapshot(online, self.now, "v1"))

    def reading(self, quick: bool) -> list[Case]:
        self.fill_both(self.store)
        names = [b"one", b"two"]
        databases = [self.by_hand.open_db(name) for name in names]
        with self.by_hand.begin(write=True) as write:
            for key, value in write.cursor(databases[0]):
                write.put(key, value, db=databases[1])
        with connect() as connection:
            for name in ("one", "two"):
                table = self.folder / "v1" / "data.parquet"
                connection.execute(f'create table {name} (key bigint primary key, "at" timestamp, f0 double)')
                connection.execute(f"alter table {name} drop f0")
                for feature in FEATURES:
                    connection.execute(f"alter table {name} add column {feature} double")
                connection.execute(f"insert into {name} from '{table}'")
            return [self._reading(databases, connection, count, quick) for count in (1, 100)]

    def _reading(self, databases: list[Any], connection: duckdb.DuckDBPyConnection, count: int, quick: bool) -> Case:
        asked = questions(self.keys, count)
        columns = ", ".join(FEATURES)

        def ours() -> Any:
            keys = next(asked)
            return self.store.read_many([Read("one", keys), Read("two", keys)])

        def floor() -> Any:
            keys = next(asked)
            with self.by_hand.begin() as read:
                return [
                    [PACKED.unpack(read.get(key.to_bytes(8, "big"), db=database)) for (key,) in keys]
                    for database in databases
                ]

        def by_duckdb() -> Any:
            keys = next(asked)
            holes = ", ".join("?" * len(keys))
            values = [key for (key,) in keys]
            return [
                connection.execute(f"select {columns} from {name} where key in ({holes})", values).fetchall()
                for name in ("one", "two")
            ]

        contestants = {OURS: ours, FLOOR: floor, "DuckDB primary key": by_duckdb}
        times = quick_or(quick, 2000 // count + 20)
        timings = {
            name: _typical(contestant, times if name in (OURS, FLOOR) else 30)
            for name, contestant in contestants.items()
        }
        calm, busy = tails(ours, times), self._tails_while_filling(ours, times)
        told = (
            f"p50 {calm[0]:.0f} us, p99 {calm[1]:.0f} us; while a refill runs p50 {busy[0]:.0f}, p99 {busy[1]:.0f} us"
        )
        title = f"read {count} key(s), 2 views x {len(FEATURES)} features, LMDB"
        return Case(title, timings, f"ours: {told}", frozenset({FLOOR}))

    def _tails_while_filling(self, reader: Callable[[], Any], times: int) -> tuple[float, float]:
        """Another process refills all the time."""
        command = f"from benchmarks.online import refill_forever; refill_forever({str(self.folder)!r})"
        with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            try:
                return tails(reader, times)
            finally:
                process.kill()


def refill_forever(folder: str) -> None:
    """Write every hundredth entity again and again; for a process of its own."""
    store = LmdbStore(Path(folder) / "ours")
    schema = store.describe("one")
    paths = [Path(folder) / name / "data.parquet" for name in ("v1", "v2")]
    print("filling", flush=True)
    for turn in range(1, 10_000):
        new, old = paths[turn % 2], paths[(turn + 1) % 2]
        with Snapshots(schema, ("at", None), new, old) as found:
            store.fill("one", replace(schema, version=new.parent.name), Fill(found.rows(), found.gone()))


def tails(reader: Callable[[], Any], times: int) -> tuple[float, float]:
    """The median and the 99th percentile of single calls, in microseconds."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        reader()
        found.append(time.perf_counter() - started)
    found.sort()
    return found[len(found) // 2] * 1e6, found[int(len(found) * 0.99)] * 1e6


def _typical(reader: Callable[[], Any], times: int) -> Timing:
    reader()
    cpu = time.process_time()
    median = tails(reader, times)[0] / 1e6
    return Timing(median, (time.process_time() - cpu) / times)


def quick_or(quick: bool, times: int) -> int:
    return 20 if quick else times


def questions(keys: int, count: int) -> Iterator[list[tuple[int]]]:
    """The same random keys for everyone, without end."""
    dice = random.Random(3)
    prepared = [[(dice.randrange(keys),) for _ in range(count)] for _ in range(2000 // count + 1)]
    while True:
        yield from prepared


def feature_rows(rows: int, keys: int) -> pl.DataFrame:
    """As many rows for each key, sorted by key and time."""
    dice = np.random.default_rng(1)
    depth = rows // keys
    at = np.tile(np.arange(depth) * 3_600_000_000, keys) + dice.integers(0, 3_600_000_000, rows)
    columns = {name: dice.normal(size=rows) for name in FEATURES}
    start = np.datetime64("2026-01-01T00:00:00", "us")
    return pl.DataFrame({"key": np.repeat(np.arange(keys), depth), "at": start + at, **columns})


@contextmanager
def redis_server() -> Iterator[str | None]:
    """A Redis of our own on a free port; None where there is none to be started."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            try:
                for _ in range(200):
                    with socket.socket() as asking:
                        if asking.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.05)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                process.terminate()


def _redis_cases(made: Bench, quick: bool) -> list[Case]:
    with redis_server() as url:
        if url is None:
            return []
        import redis

        from headrace.store.online.redis_store import RedisStore

        client = redis.Redis.from_url(url)
        with closing(RedisStore(url, "dev")) as store:
            made.fill_both(store)
            names = client.keys("headrace:dev:row:*")
            record = client.get(names[0])
            for start in range(made.keys):
                if start % 10_000 == 0:
                    keys = range(start, min(start + 10_000, made.keys))
                    for view in ("one", "two"):
                        client.mset({f"{view}:{key}": PACKED.pack(0, *range(10)) for key in keys})
            cases = [_redis_case(made, store, client, count, quick) for count in (1, 100)]
        assert record is not None
    return cases


def _redis_case(made: Bench, store: OnlineStore, client: Any, count: int, quick: bool) -> Case:
    asked = questions(made.keys, count)

    def ours() -> Any:
        keys = next(asked)
        return store.read_many([Read("one", keys), Read("two", keys)])

    def floor() -> Any:
        names = [f"{view}:{key}" for view in ("one", "two") for (key,) in next(asked)]
        return [PACKED.unpack(one) for one in client.mget(names)]

    times = quick_or(quick, 500)
    timings = {OURS: _typical(ours, times), REDIS_FLOOR: _typical(floor, times)}
    ratio = timings[OURS].wall / timings[REDIS_FLOOR].wall
    title = f"read {count} key(s), 2 views x {len(FEATURES)} features, Redis"
    return Case(title, timings, f"{ratio:.2f}x the floor", frozenset({REDIS_FLOOR}))


if __name__ == "__main__":
    for case in run():
        print(case.title)
        for name, timing in case.timings.items():
            print(f"    {name}: {timing.wall * 1e6:,.0f} us wall, {timing.cpu * 1e6:,.0f} us CPU")
        print(f"    {case.compared}")
