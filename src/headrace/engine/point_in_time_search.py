"""Plan: find each asking row's feature row by binary search among the times of its key, then fetch what was found.

Only keys and times of the feature rows are held in memory; of their values, those that are found.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from headrace.engine.point_in_time import FOREVER, AsOfJoin, instant, key_columns, key_names, span
from headrace.engine.point_in_time_asked import INTEGERS, Asked, IntegerKeys, Keys, NoKeys, TableKeys, integers
from headrace.engine.point_in_time_gather import ParquetValues, Values, numbered, picked, untied
from headrace.engine.point_in_time_timeline import NOWHERE, Ints, Timeline, timeline
from headrace.store.digests import describe, quote


@dataclass(frozen=True)
class Searched:
    """A view's rows, ready to be searched for any number of asking rows."""

    join: AsOfJoin
    keys: Keys
    line: Timeline
    values: Values

    def take(self, asked: Asked) -> list[pa.ChunkedArray]:
        """The join's features of each asking row, in their order."""
        columns = [column for _, column in self.join.features]
        found = untied(asked.connection, self.line, self.find(asked), self.values, columns)
        return self.values.take(self._places(found), columns)

    def find(self, asked: Asked) -> Ints:
        """Positions on the timeline. The last step decides what is seen, the moment itself what has expired."""
        join, line = self.join, self.line
        ttl, every = span(join.ttl), span(join.every)
        keys = self.keys.numbers(asked, [ours for ours, _ in join.keys])
        found = line.find(keys, asked.moments(every), ttl if every is None else None)
        if every is None or ttl is None or not len(line):
            return found
        return np.where(line.event[np.maximum(found, 0)] < asked.moments() - ttl, NOWHERE, found)

    def _places(self, found: Ints) -> Ints:
        place = self.line.place
        return found if place is None or not len(place) else np.where(found < 0, found, place[np.maximum(found, 0)])


def searched(
    connection: duckdb.DuckDBPyConnection,
    join: AsOfJoin,
    path: Path,
    *,
    only: str | None = None,
    known_by: datetime | None = None,
) -> Searched:
    """Read the keys and times of a view's rows.

    Args:
        path: the view's Parquet file, or folder of files; `join.view` is not looked at. Rows in the order of keys,
            time and `created` need no sorting.
        only: a relation with the asking rows' key columns: rows of other keys are left out.
        known_by: rows that were not known at this moment are left out; see `known_condition`.
    """
    keys, line, _ = read_line(connection, join, path, only=only, known_by=known_by)
    return Searched(join, keys, line, ParquetValues(connection, path))


def read_line(
    connection: duckdb.DuckDBPyConnection,
    join: AsOfJoin,
    path: Path,
    *,
    only: str | None = None,
    known_by: datetime | None = None,
    more: Sequence[str] = (),
) -> tuple[Keys, Timeline, pa.Table]:
    """The keys and the timeline of a table's rows, and further columns of them in the order of the timeline.

    Args:
        more: SQL of the further columns, which are called `m0`, `m1` and so on. The timeline then has no other places.
    """
    kinds = dict(describe(connection, numbered(path)))
    rows = _narrow(join, path, known_by, more)
    if only is not None:
        asking = ", ".join(key_columns(ours for ours, _ in join.keys))
        rows = f"({rows} semi join (select {asking} from {only}) using ({', '.join(key_names(join.keys))}))"
    keys, found = _read(connection, join, rows, [kinds[key] for _, key in join.keys], more)
    if keys is None:
        keys, numbers = _numbered(integers(found["number"]))
    else:
        numbers = integers(found["number"])
    created = integers(found["created"]) if join.created else None
    place = None if more else integers(found["place"])
    line = timeline(numbers, integers(found["event"]), created, place, count=keys.count, hide=join.hides)
    if not more:
        return keys, line, found
    order = line.place
    return keys, replace(line, place=None), found if order is None else found.take(pa.array(order))


def _narrow(join: AsOfJoin, path: Path, known_by: datetime | None, more: Sequence[str]) -> str:
    """The keys, times and numbers of the rows that can be seen at all."""
    columns = key_columns(key for _, key in join.keys)
    columns += [f"{instant(join.view_time) if join.view_time else -FOREVER} as __event"]
    columns += [f"coalesce({instant(join.created)}, {-FOREVER}) as __created"] if join.created else []
    columns += [f"{expression} as m{number}" for number, expression in enumerate(more)]
    conditions = [f"{quote(name)} is not null" for name in (*(key for _, key in join.keys), join.view_time) if name]
    conditions += [known_condition(join.view_time, join.created, known_by)] if known_by else []
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"(select {', '.join((*columns, '__place'))} from {numbered(path)}{where})"


def _read(
    connection: duckdb.DuckDBPyConnection, join: AsOfJoin, rows: str, kinds: list[str], more: Sequence[str]
) -> tuple[Keys | None, pa.Table]:
    """The keys, and the rows in the order of the table: `number`, `event`, maybe `created`, `place`, and what is more.

    The number is that of a row's key; of a single integer key, which is not numbered yet, the key itself.
    """
    times = {"event": "__event", **({"created": "__created"} if join.created else {}), "place": "__place"}
    selected = [f"{column} as {name}" for name, column in times.items()]
    selected += [f"m{number}" for number in range(len(more))]
    listed = ", ".join(selected)
    keys: Keys | None = None
    if not kinds:
        keys, query = NoKeys(), f"select 0::bigint as number, {listed} from {rows}"
    elif len(kinds) == 1 and kinds[0] in INTEGERS:
        query = f"select __k0::bigint as number, {listed} from {rows}"
    else:
        keys = _tabled(connection, join, rows)
        names = ", ".join(keys.keys)
        query = f"select __number as number, {listed} from {rows} join {keys.relation} using ({names})"
    return keys, _in_place(connection.sql(query).to_arrow_table())


def _in_place(rows: pa.Table) -> pa.Table:
    """Rows in the order of their table; a join gives them in a few pieces, which a stable sort soon puts together."""
    place = integers(rows["place"])
    if not (place[1:] < place[:-1]).any():
        return rows
    order = pa.array(np.argsort(place, kind="stable"))
    return pa.table([picked(column, order) for column in rows.columns], rows.column_names)


def _numbered(values: Ints) -> tuple[IntegerKeys, Ints]:
    """Integer keys and their numbers; those in order are not sorted again."""
    steps = values[1:] != values[:-1]
    if not (values[1:] < values[:-1]).any():
        different = values[np.concatenate([[True], steps])] if len(values) else values
        return IntegerKeys(different), np.concatenate([[0], np.cumsum(steps)])[: len(values)]
    different, numbers = np.unique(values, return_inverse=True)
    return IntegerKeys(different), numbers.astype(np.int64)


def _tabled(connection: duckdb.DuckDBPyConnection, join: AsOfJoin, rows: str) -> TableKeys:
    """Keys of any types, numbered in their order, in a temporary table of their own."""
    names = key_names(join.keys)
    table = f"__keys_{uuid.uuid4().hex[:12]}"
    listed = ", ".join(names)
    number = f"row_number() over (order by {listed}) - 1 as __number"
    query = f"select {number}, {listed} from (select distinct {listed} from {rows})"
    connection.execute(f"create temp table {table} as {query}").fetchall()
    count = connection.sql(f"select count(*) from {table}").fetchall()[0][0]
    return TableKeys(table, names, int(count))


def known_condition(view_time: str | None, created: str | None, known_by: datetime) -> str:
    """SQL for the rows that were known at a moment: by `created`, where that is null or not declared by their time.

    >>> known_condition(None, "seen", datetime(1970, 1, 1, 0, 0, 1))[-10:]
    '<= 1000000'
    """
    moments = [instant(name) for name in (created, view_time) if name is not None]
    return f"coalesce({', '.join((*moments, str(-FOREVER)))}) <= {microseconds(known_by)}"


def microseconds(moment: datetime) -> int:
    """A moment in microseconds since 1970; without a zone it is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
