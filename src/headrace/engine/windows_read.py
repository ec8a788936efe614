"""Events read for windows: from the view's file, or from its index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from headrace.engine.index import KNOWN, ViewIndex, condition_name
from headrace.engine.point_in_time import AsOfJoin
from headrace.engine.point_in_time_asked import integers
from headrace.engine.point_in_time_gather import numbered
from headrace.engine.point_in_time_search import read_line
from headrace.engine.windows import WindowFeature, WindowJoin
from headrace.engine.windows_arrays import ArrayWindows, supports
from headrace.store.digests import quote


def read_windows(
    connection: duckdb.DuckDBPyConnection,
    join: WindowJoin,
    path: Path,
    *,
    only: str | None = None,
    known_by: datetime | None = None,
) -> ArrayWindows | None:
    """The events of a file, ready for `join`; None where only SQL can answer it.

    That is so for types that arrays have no order for.
    """
    schema = connection.sql(f"select * from {numbered(path)} limit 0").to_arrow_table().schema
    kinds = {name: schema.field(name).type for name in schema.names}
    if not all(supports(one, kinds) for one in join.features):
        return None
    columns, conditions = columns_of(join.features)
    more = [*map(quote, columns), *(f"coalesce(({one}), false)" for one in conditions)]
    keys, line, table = read_line(connection, events_join(join), path, only=only, known_by=known_by, more=more or ["0"])
    values = [_whole(table[f"m{number}"]) for number in range(len(more))]
    masks = [np.asarray(one.to_numpy(zero_copy_only=False)) for one in values[len(columns) :]]
    found = dict(zip(columns, values, strict=False))
    known = integers(table["created"]) if join.hides else None
    late = None if known is None or not (known > line.event).any() else known
    return ArrayWindows(join, keys, line, line.tied, found, dict(zip(conditions, masks, strict=True)), late)


def indexed_windows(join: WindowJoin, index: ViewIndex) -> ArrayWindows | None:
    """The same of a view's index."""
    columns, conditions = columns_of(join.features)
    kinds = {name: index.values.kind(name) for name in columns}
    if not all(supports(one, kinds) for one in join.features):
        return None
    values = {name: index.values.column(name) for name in columns}
    masks = {
        one: np.asarray(index.values.column(condition_name(one)).to_numpy(zero_copy_only=False)) for one in conditions
    }
    known = integers(pa.chunked_array([index.values.column(KNOWN)])) if join.hides and index.late else None
    return ArrayWindows(join, index.keys, index.line, index.line.tied, values, masks, known)


def events_join(join: WindowJoin) -> AsOfJoin:
    """How events are ordered: all of them count, whenever they came to be known."""
    return AsOfJoin(
        spine="",
        view="",
        keys=join.keys,
        spine_time=join.spine_time,
        view_time=join.event_time,
        created=join.created,
        known_only=False,
    )


def columns_of(features: Sequence[WindowFeature]) -> tuple[list[str], list[str]]:
    """The event columns and the conditions that features use, each once."""
    columns = dict.fromkeys(one.column for one in features if one.column is not None)
    return list(columns), list(dict.fromkeys(one.where for one in features if one.where is not None))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else (pa.array([], column.type))
    )
