"""Feature readers: which plan answers for a view, and the view prepared for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.index import view_index
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.index import ViewIndex, load_index
from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.point_in_time_asked import Asked
from headrace.engine.point_in_time_search import Searched, known_condition, searched
from headrace.engine.session import memory_limit, parquet
from headrace.engine.windows import windows_sql
from headrace.engine.windows_arrays import ArrayWindows
from headrace.engine.windows_read import indexed_windows, read_windows
from headrace.engine.workbench import Workbench
from headrace.store.digests import describe, quote
from headrace.store.manifest import MAIN_TABLE

Features = tuple[tuple[str, str], ...]
Plan = Literal["index", "search", "sql"]
# What ordering a view's keys and times takes: keys, two times and a place of eight bytes, and as much to sort them.
_ROW_BYTES = 96
# From this share of a view's rows on, leaving out rows of other keys takes longer than reading them.
_FEW = 200


class Reader(Protocol):
    """A view prepared to be read at any number of moments."""

    plan: Plan
    kinds: list[str]

    def take(self, asked: Asked, spine: str) -> list[pa.ChunkedArray]:
        """The features of each asking row, in their order; `spine` is the SQL name of the same rows, with `__row`."""
        ...


def choose_plan(asked: int, rows: int, memory: int, *, indexed: bool) -> Plan:
    """How rows are found.

    A search reads the keys and times of a view once and holds them, and so is the fastest for any number of asking
    rows; where they do not fit a half of the memory, DuckDB sorts them, on disk if need be. An index was searched
    through before, so that nothing has to be read at all.

    >>> choose_plan(1_000, 5_000_000, 8 << 30, indexed=False), choose_plan(1_000, 10**9, 8 << 30, indexed=False)
    ('search', 'sql')
    """
    if indexed:
        return "index"
    return "search" if rows * _ROW_BYTES + asked * _ROW_BYTES <= memory // 2 else "sql"


@dataclass
class ArrayReader:
    """A view searched in memory, or through an index."""

    view: Searched | ArrayWindows
    plan: Plan
    kinds: list[str]

    def take(self, asked: Asked, spine: str) -> list[pa.ChunkedArray]:
        return self.view.take(asked)


@dataclass
class SqlReader:
    """A join as one SQL statement, which DuckDB spills to disk where memory is short."""

    connection: duckdb.DuckDBPyConnection
    query: str
    features: list[str]
    kinds: list[str]
    plan: Plan = "sql"

    def take(self, asked: Asked, spine: str) -> list[pa.ChunkedArray]:
        names = ", ".join(quote(name) for name in self.features)
        query = self.query.replace(SPINE, spine)
        if not names:
            return []
        # The rows come back in the order in which they asked.
        order = pa.table({"__row": asked.table["__row"], "__place": np.arange(asked.rows)})
        self.connection.register("__asking", order)
        ordered = f"select {names} from ({query}) join __asking using (__row) order by __place"
        found = self.connection.sql(ordered).to_arrow_table()
        self.connection.unregister("__asking")
        return [found[name] for name in self.features]


SPINE = "__the_spine"


def open_reader(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    spine_time: str | None,
    selection: FeatureSelection,
    features: Features,
    bench: Workbench,
) -> Reader:
    """The reader of a selection; `spine` are the first rows to ask, or all of them."""
    view = selection.view
    if view.windowed:
        return _window_reader(connection, spine, spine_time, selection, features, bench)
    path = bench.folder(view.key) / MAIN_TABLE
    join = _as_of(selection, spine_time, features, bench)
    shown = dict(describe(connection, parquet(path)))
    kinds = [shown[name] for _, name in features]
    index = current_index(connection, view, bench)
    usable = index is not None and index.serves(join) and bench.knowledge.known_by is None
    asked, rows = _count(connection, spine), _count(connection, parquet(path))
    plan = choose_plan(asked, rows, memory_limit(connection), indexed=usable)
    if plan == "index" and index is not None:
        return ArrayReader(index.searched(join), plan, kinds)
    if plan == "sql":
        return SqlReader(connection, as_of_sql(join), [output for output, _ in features], kinds)
    only = spine if bench.whole_spine and asked * _FEW < rows else None
    found = searched(connection, join, path, only=only, known_by=bench.knowledge.known_by)
    return ArrayReader(found, plan, kinds)


def current_index(connection: duckdb.DuckDBPyConnection, view: FeatureView, bench: Workbench) -> ViewIndex | None:
    """The view's index, where it has one that was made of what the view holds now."""
    index = view_index(view)
    folder = None if index is None else bench.folders.get(index.key)
    if folder is None:
        return None
    loaded = load_index(connection, view, folder)
    return loaded if loaded.digest == bench.digests.get(view.key) else None


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.sql(f"select count(*) from {table}").fetchall()[0][0])


def _known(table: str, view: FeatureView, bench: Workbench) -> str:
    """The rows of a table that were known by the moment that is asked for."""
    moment = bench.knowledge.known_by
    return table if moment is None else f"(from {table} where {known_condition(view.timestamp, view.created, moment)})"


def _as_of(selection: FeatureSelection, spine_time: str | None, features: Features, bench: Workbench) -> AsOfJoin:
    view = selection.view
    return AsOfJoin(
        spine=SPINE,
        view=_known(parquet(bench.folder(view.key) / MAIN_TABLE), view, bench),
        keys=selection.keys,
        spine_time=spine_time if view.timestamp or view.created else None,
        view_time=view.timestamp,
        created=view.created,
        known_only=bench.knowledge.known_only,
        ttl=view.lifetime,
        features=features,
        every=view.step,
    )


def _window_reader(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    spine_time: str | None,
    selection: FeatureSelection,
    features: Features,
    bench: Workbench,
) -> Reader:
    view = selection.view
    shown = dict(describe(connection, parquet(bench.folder(view.key) / MAIN_TABLE)))
    kinds = [shown[name] for _, name in features]
    path, known_by = bench.folder(view.key) / EVENTS, bench.knowledge.known_by
    wanted = {name: output for output, name in features}
    joined = window_join(view, SPINE, _known(parquet(path), view, bench), list(selection.keys), str(spine_time), wanted)
    join = replace(joined, known_only=bench.knowledge.known_only, every=view.step)
    outputs = [output for output, _ in features]
    ordered = {one.name: one for one in join.features}
    join = replace(join, features=tuple(ordered[name] for name in outputs))
    index = current_index(connection, view, bench) if known_by is None else None
    indexed = None if index is None else indexed_windows(join, index)
    if indexed is not None:
        return ArrayReader(indexed, "index", kinds)
    asked, rows = _count(connection, spine), _count(connection, parquet(path))
    read = None
    if choose_plan(asked, rows, memory_limit(connection), indexed=False) == "search":
        only = spine if bench.whole_spine and asked * _FEW < rows else None
        read = read_windows(connection, join, path, only=only, known_by=known_by)
    if read is not None:
        return ArrayReader(read, "search", kinds)
    return SqlReader(connection, windows_sql(join), outputs, kinds)
