"""Indexes: a view's keys, times and values as files that are mapped into memory and searched there."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import Index
from headrace.engine.feature_views import EVENTS
from headrace.engine.index_files import load_column, save_column
from headrace.engine.index_rows import PackedRows, layout_of, load_rows, packable, write_rows
from headrace.engine.point_in_time import FOREVER, AsOfJoin, instant, key_columns
from headrace.engine.point_in_time_asked import INTEGERS, IntegerKeys, Keys, NoKeys, TableKeys, integers
from headrace.engine.point_in_time_gather import numbered
from headrace.engine.point_in_time_search import Searched, searched
from headrace.engine.point_in_time_timeline import Ints, Timeline
from headrace.engine.session import literal, write_parquet
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import CorruptObject
from headrace.store.digests import describe, quote
from headrace.store.manifest import MAIN_TABLE

FACTS = "index.json"
# The column of an event's `created` in microseconds, before everything for null.
KNOWN = "known at"
_LINE = "line"
_VALUES = "values"
_ROWS = "rows"


@dataclass(frozen=True)
class ViewIndex:
    """A loaded index.

    Attributes:
        digest: of the content of the view that it was made of.
        late: whether some rows became known after their time; rows that never were the current one are then left out.
    """

    folder: Path
    digest: str
    late: bool
    keys: Keys
    line: Timeline
    values: PackedRows

    def serves(self, join: AsOfJoin) -> bool:
        """Whether it answers a join as any other plan does."""
        return join.hides or not self.late

    def searched(self, join: AsOfJoin) -> Searched:
        """The indexed rows, ready to be searched."""
        return Searched(join, self.keys, self.line, self.values)


def compute_index(index: Index, bench: Workbench) -> Computed:
    """Write the keys with their rows as the main table, and times and values column by column beside it."""
    view = index.view
    path = bench.folder(view.key) / (EVENTS if view.windowed else MAIN_TABLE)
    bench.progress(f"ordering {view.key}", None)
    found = searched(bench.connection, index_join(view), path)
    line = found.line
    _write_keys(view, found, bench)
    (bench.draft / _LINE).mkdir()
    late = _known_late(view, path, bench) if view.windowed else line.visible is not line.event
    event = None if line.visible is line.event else line.event
    parts = {"visible": line.visible, "event": event, "tied": line.tied}
    for name, times in parts.items():
        if times is not None:
            save_column(bench.draft / _LINE / f"{name}.arrow", pa.chunked_array([pa.array(times)]))
    values = _write_values(view, path, line.place, bench)
    facts = {"digest": bench.digests[view.key], "late": late, "lines": sorted(parts), **values}
    (bench.draft / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return Computed({"indexed rows": len(line)})


def index_join(view: FeatureView) -> AsOfJoin:
    """How the rows of a view are ordered. Events are all kept: each counts, whenever it came to be known."""
    return AsOfJoin(
        spine="",
        view="",
        keys=tuple((key, key) for key in view.keys),
        spine_time="at",
        view_time=view.timestamp,
        created=view.created,
        known_only=not view.windowed,
    )


def _write_keys(view: FeatureView, found: Searched, bench: Workbench) -> None:
    first = found.line.first
    rows = {"first_row": first[:-1], "rows": np.diff(first)}
    columns = {name: pa.array(values) for name, values in rows.items()}
    keys = found.keys
    names = ", ".join(quote(name) for name in (*view.keys, *rows))
    if isinstance(keys, IntegerKeys):
        kind = dict(describe(bench.connection, numbered(bench.folder(view.key) / MAIN_TABLE)))[view.keys[0]]
        columns["__k0"] = pa.array(keys.values).cast(pa.int64())
        bench.connection.register("__index", pa.table(columns))
        query = f"select __k0::{kind} as {quote(view.keys[0])}, first_row, rows from __index order by first_row"
    elif isinstance(keys, TableKeys):
        bench.connection.register("__index", pa.table({**columns, "__number": pa.array(np.arange(keys.count))}))
        renamed = ", ".join(f"{inner} as {quote(key)}" for inner, key in zip(keys.keys, view.keys, strict=True))
        joined = f"{keys.relation} join __index using (__number)"
        query = f"select {renamed}, first_row, rows from {joined} order by __number"
    else:
        bench.connection.register("__index", pa.table(columns))
        query = "from __index"
    write_parquet(bench.connection, f"select {names} from ({query})", bench.main_table)
    bench.connection.unregister("__index")


def _write_values(view: FeatureView, path: Path, place: Ints | None, bench: Workbench) -> dict[str, Any]:
    """Values of a fixed length side by side in one file, every other column in a file of its own.

    One column at a time is in memory.
    """
    connection, table = bench.connection, numbered(path)
    apart = {"__place", *view.keys, view.timestamp} | (set() if view.windowed else {view.created})
    columns = {name: quote(name) for name, _ in describe(connection, table) if name not in apart}
    columns |= {condition_name(one.where): f"coalesce(({one.where}), false)" for one in view.windowed if one.where}
    if view.windowed and view.created is not None:
        columns[KNOWN] = f"coalesce({instant(view.created)}, {-FOREVER})"
    (bench.draft / _VALUES).mkdir()

    def read(name: str) -> pa.ChunkedArray:
        bench.progress(f"indexing {name}", list(columns).index(name) / len(columns))
        found = connection.sql(f"select __place, {columns[name]} as value from {table}").to_arrow_table()
        return found["value"] if place is None else _reordered(found["value"], integers(found["__place"]), place)

    counts = ", ".join(("count(*)", *(f"count({one})" for one in columns.values())))
    rows, *filled = connection.sql(f"select {counts} from {table}").fetchall()[0]
    named = ", ".join(f"{one} as {quote(name)}" for name, one in columns.items())
    kinds = connection.sql(f"select {named or '0'} from {table} limit 0").to_arrow_table().schema
    fields = [kinds.field(name).with_nullable(full < rows) for name, full in zip(columns, filled, strict=True)]
    packed = pa.schema([field.remove_metadata() for field in fields if packable(field.type)])
    size = rows if place is None else len(place)
    write_rows(bench.draft / _VALUES / _ROWS, layout_of(packed), size, read)
    others = [name for name in columns if name not in packed.names]
    for number, name in enumerate(others):
        save_column(bench.draft / _VALUES / f"{number}.arrow", read(name))
    return {"rows": size, "packed": base64.b64encode(packed.serialize().to_pybytes()).decode("ascii"), "others": others}


def condition_name(where: str) -> str:
    """What the column is called that says which events meet a condition."""
    return f"where {where}"


def _known_late(view: FeatureView, path: Path, bench: Workbench) -> bool:
    """Whether some event came to be known after its time."""
    if view.created is None:
        return False
    later = f"{instant(view.created)} > {instant(str(view.timestamp))}"
    return bool(bench.connection.sql(f"select count(*) from {numbered(path)} where {later}").fetchall()[0][0])


def _reordered(value: pa.ChunkedArray, given: Ints, wanted: Ints) -> pa.ChunkedArray:
    """The values of the rows `wanted`, where those of the rows `given` are at hand."""
    if np.array_equal(given, wanted):
        return value
    order = np.argsort(given, kind="stable")
    return value.take(pa.array(order[np.searchsorted(given, wanted, sorter=order)]))


def load_index(connection: duckdb.DuckDBPyConnection, view: FeatureView, folder: Path) -> ViewIndex:
    """The index in a version's folder, mapped and not read. Raises CorruptObject where it cannot be."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{folder / FACTS} cannot be read: {error}. Build indexes/{view.name} again.") from error
    line = {name: _mapped(folder / _LINE / f"{name}.arrow") for name in facts["lines"]}
    keys, first = _read_keys(connection, view, folder / MAIN_TABLE)
    visible = line["visible"]
    if visible is None:
        raise CorruptObject(f"{folder / _LINE}/visible.arrow is missing. Build indexes/{view.name} again.")
    others = {name: load_column(folder / _VALUES / f"{number}.arrow") for number, name in enumerate(facts["others"])}
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(facts["packed"])))
    values = load_rows(folder / _VALUES / _ROWS, schema, facts["rows"], others)
    event = line["event"] if line["event"] is not None else visible
    timeline = Timeline(first, visible, event, None, line["tied"])
    return ViewIndex(folder, facts["digest"], facts["late"], keys, timeline, values)


def _mapped(path: Path) -> Ints | None:
    return integers(load_column(path)) if path.exists() else None


def _read_keys(connection: duckdb.DuckDBPyConnection, view: FeatureView, path: Path) -> tuple[Keys, Ints]:
    table = f"read_parquet({literal(str(path))}, file_row_number = true)"
    kinds = dict(describe(connection, table))
    single = len(view.keys) == 1 and kinds[view.keys[0]] in INTEGERS
    named = [f"{quote(view.keys[0])}::bigint as __k0"] if single else []
    found = connection.sql(f"select {', '.join((*named, 'first_row', 'rows'))} from {table} order by first_row, rows")
    read = found.to_arrow_table()
    sizes = integers(read["rows"])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    if not view.keys:
        return NoKeys(), first if len(first) > 1 else np.zeros(2, dtype=np.int64)
    if single:
        return IntegerKeys(integers(read["__k0"])), first
    return TableKeys(_inner(view.keys, table), tuple(f"__k{n}" for n in range(len(view.keys))), len(sizes)), first


def _inner(keys: Sequence[str], table: str) -> str:
    return f"(select {', '.join(key_columns(keys))}, file_row_number as __number from {table})"
