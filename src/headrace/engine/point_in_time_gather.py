"""Feature values of rows that go by a number: from Parquet files, or from columns mapped into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa

from headrace.engine.point_in_time_timeline import NOWHERE, Ints, Timeline
from headrace.engine.session import literal
from headrace.store.digests import quote

# The number of a row: that of its file, then its place in the file.
_FILE_BITS = 40
_LARGEST = 2**31 - 1
# Up to how many times as many rows as are asked for are ticked off one by one.
_DENSE = 32


class Values(Protocol):
    """The columns of a table, read by the numbers of rows."""

    def take(self, places: Ints, columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """These columns of these rows, in their order; nulls for `NOWHERE`."""
        ...


@dataclass(frozen=True)
class ParquetValues:
    """A Parquet file, or a folder of files, of which only the columns and rows asked for are decoded."""

    connection: duckdb.DuckDBPyConnection
    path: Path

    @property
    def relation(self) -> str:
        """SQL for its rows with their numbers as `__place`."""
        return numbered(self.path)

    def take(self, places: Ints, columns: Sequence[str]) -> list[pa.ChunkedArray]:
        wanted, rows = different(places)
        self.connection.register("__wanted", pa.table({"__place": wanted}))
        named = ", ".join(("__place", *(f"{quote(name)} as c{number}" for number, name in enumerate(columns))))
        query = f"select {named} from {self.relation} semi join __wanted using (__place)"
        found = self.connection.sql(query).to_arrow_table()
        self.connection.unregister("__wanted")
        order = found["__place"].to_numpy()
        if not np.array_equal(order, wanted):
            rows = np.argsort(order, kind="stable")[rows]
        chosen = pa.array(rows, mask=places == NOWHERE)
        return [picked(found[f"c{number}"], chosen) for number in range(len(columns))]


def different(places: Ints) -> tuple[Ints, Ints]:
    """The different places in order, `NOWHERE` apart, and for each place which of them it is (0 for `NOWHERE`).

    >>> [one.tolist() for one in different(np.array([7, -1, 3, 7]))]
    [[3, 7], [1, 0, 0, 1]]
    """
    greatest = int(places.max()) if len(places) else NOWHERE
    if greatest <= _DENSE * len(places):  # ticking them off is faster than sorting
        ticked = np.zeros(greatest + 1, dtype=bool)
        ticked[places[places != NOWHERE]] = True
        rank = np.cumsum(ticked, dtype=np.int64)
        return np.flatnonzero(ticked), np.where(places == NOWHERE, 0, rank[places] - 1) if len(rank) else places + 1
    ordered = np.sort(places[places != NOWHERE])
    wanted = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    return wanted, np.where(places == NOWHERE, 0, np.searchsorted(wanted, places))


def numbered(path: Path) -> str:
    """SQL for the rows of a Parquet file, or of a folder of such, each with its number as `__place`."""
    files = literal(str(path / "*.parquet" if path.is_dir() else path))
    place = f"(file_index::bigint << {_FILE_BITS}) + file_row_number" if path.is_dir() else "file_row_number"
    return (
        f"(select * exclude (file_row_number), {place} as __place from read_parquet({files}, file_row_number = true))"
    )


def picked(column: pa.ChunkedArray, rows: pa.Array) -> pa.ChunkedArray:
    """The values at these places; texts beyond two gigabytes stay in their chunks, as Arrow's offsets are short."""
    if column.num_chunks != 1 and column.nbytes <= _LARGEST:
        whole = column.combine_chunks()
        column = whole if isinstance(whole, pa.ChunkedArray) else pa.chunked_array([whole])
    if column.num_chunks == 1:
        return pa.chunked_array([column.chunk(0).take(rows)])
    return column.take(rows)


def untied(
    connection: duckdb.DuckDBPyConnection, line: Timeline, found: Ints, values: Values, columns: Sequence[str]
) -> Ints:
    """Of rows that nothing but their values tells apart the one with the greatest, null being least.

    Args:
        found: positions on the timeline, as `Timeline.find` gives them: of tied rows the last.
        columns: which values count, in their order.

    Returns:
        positions.
    """
    if line.tied is None or not columns or not len(line):
        return found
    safe = np.maximum(found, 0)
    hit = np.unique(found[(found != NOWHERE) & (line.tied[safe] != safe)])
    if not len(hit):
        return found
    sizes = hit - line.tied[hit] + 1
    groups = np.repeat(np.arange(len(hit)), sizes)
    rivals = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(line.tied[hit], sizes)
    places = rivals if line.place is None else line.place[rivals]
    named = [f"c{number}" for number in range(len(columns))]
    table = pa.table(
        [pa.array(groups), pa.array(rivals), *values.take(places, columns)], ["__group", "__rival", *named]
    )
    connection.register("__rivals", table)
    order = ", ".join(f"{name} desc nulls last" for name in (*named, "__rival"))
    first = f"row_number() over (partition by __group order by {order}) = 1"
    winners = connection.sql(f"select __group, __rival from __rivals qualify {first}").to_arrow_table()
    connection.unregister("__rivals")
    best = np.empty(len(hit), dtype=np.int64)
    best[winners["__group"].to_numpy()] = winners["__rival"].to_numpy()
    tied = np.minimum(np.searchsorted(hit, safe), len(hit) - 1)
    return np.where((found != NOWHERE) & (hit[tied] == found), best[tied], found)
