"""The asking rows of point-in-time reads, and the numbers that keys go by in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa

from headrace.engine.point_in_time import FOREVER, instant
from headrace.engine.point_in_time_timeline import NOWHERE, Ints
from headrace.store.digests import quote

# Types whose values are numbers that fit 64 bits; all other keys are told apart by DuckDB.
INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
# How much longer than the keys a list of all numbers between them may be, to be looked up instead of searched.
_SPARSE = 4


@dataclass(frozen=True)
class Asked:
    """Rows that ask what was known at their moment.

    Attributes:
        table: their key columns, and whatever else was read with them.
        at: their moments in microseconds, before everything where they are null; None: after everything.
    """

    connection: duckdb.DuckDBPyConnection
    table: pa.Table
    at: Ints | None = field(repr=False)

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def moments(self, every: int | None = None) -> Ints:
        """The moment of each row; with `every`, the last step of that length, since 1970, at or before it."""
        if self.at is None:
            return np.full(self.rows, FOREVER, dtype=np.int64)
        return self.at if every is None else np.where(np.abs(self.at) < FOREVER, self.at - self.at % every, self.at)

    def integers(self, column: str) -> tuple[Ints, Ints | None]:
        """A column of integers, and the places of its nulls where there are any."""
        found = self.table[column]
        if not pa.types.is_integer(found.type) or found.type == pa.uint64():
            found = self._as_integers(column)
        nulls = np.flatnonzero(found.is_null().to_numpy()) if found.null_count else None
        return integers(found.cast(pa.int64()), 0), nulls

    def _as_integers(self, column: str) -> pa.ChunkedArray:
        """A column of other numbers; null for what equals no integer of 64 bits."""
        self.connection.register("__asking", self.table.select([column]))
        name = quote(column)
        whole = f"case when try_cast({name} as bigint) = {name} then try_cast({name} as bigint) end"
        found = self.connection.sql(f"select {whole} as k from __asking").to_arrow_table()["k"]
        self.connection.unregister("__asking")
        return found

    def numbered(self, columns: Sequence[str], table: str, keys: Sequence[str]) -> Ints:
        """The column `__number` of the row of `table` whose keys equal these columns, or `NOWHERE`."""
        place = pa.array(np.arange(self.rows))
        self.connection.register(
            "__asking", self.table.select(list(dict.fromkeys(columns))).append_column("__place", place)
        )
        meets = " and ".join(f"a.{quote(ours)} = b.{quote(key)}" for ours, key in zip(columns, keys, strict=True))
        query = f"select __place, __number from __asking a join {table} b on {meets}"
        found = self.connection.sql(query).to_arrow_table()
        self.connection.unregister("__asking")
        numbers = np.full(self.rows, NOWHERE, dtype=np.int64)
        numbers[integers(found["__place"])] = integers(found["__number"])
        return numbers


def ask(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[str],
    time: str | None,
    more: Sequence[str] = (),
) -> Asked:
    """The rows of a relation as they ask: by these key columns, at this time; `more` columns are read with them."""
    named = [quote(name) for name in dict.fromkeys((*columns, *more))]
    named.append(f"{'null::bigint' if time is None else instant(time)} as __at")
    found = connection.sql(f"select {', '.join(named)} from {relation}").to_arrow_table()
    at = None if time is None else integers(found["__at"], -FOREVER - 1)
    return Asked(connection, found, at)


class Keys(Protocol):
    """The keys of a table, numbered from zero."""

    @property
    def count(self) -> int: ...

    def numbers(self, asked: Asked, columns: Sequence[str]) -> Ints:
        """The number of each asking row's key, or `NOWHERE`."""
        ...


class NoKeys:
    """All rows belong together: one key, which every row has."""

    count = 1

    def numbers(self, asked: Asked, columns: Sequence[str]) -> Ints:
        return np.zeros(asked.rows, dtype=np.int64)


@dataclass(frozen=True)
class IntegerKeys:
    """One column of integers; `values` are the different ones, in order."""

    values: Ints

    @property
    def count(self) -> int:
        return len(self.values)

    def numbers(self, asked: Asked, columns: Sequence[str]) -> Ints:
        given, nulls = asked.integers(columns[0])
        found = self._searched(given) if self._table is None else self._looked_up(given, self._table)
        if nulls is not None:
            found[nulls] = NOWHERE
        return found

    @cached_property
    def _table(self) -> Ints | None:
        """The number of each integer from the least key to the greatest, where these lie close together."""
        if not len(self.values):
            return None
        width = int(self.values[-1]) - int(self.values[0]) + 1
        if width > _SPARSE * len(self.values) + 1024:
            return None
        table = np.full(width, NOWHERE, dtype=np.int64)
        table[self.values - self.values[0]] = np.arange(len(self.values))
        return table

    def _looked_up(self, given: Ints, table: Ints) -> Ints:
        inside = (given >= self.values[0]) & (given <= self.values[-1])
        return np.where(inside, table[np.where(inside, given - self.values[0], 0)], NOWHERE)

    def _searched(self, given: Ints) -> Ints:
        if not len(self.values):
            return np.full(len(given), NOWHERE, dtype=np.int64)
        found = np.searchsorted(self.values, given).astype(np.int64)
        found[found == len(self.values)] = 0
        return np.where(self.values[found] == given, found, NOWHERE)


@dataclass(frozen=True)
class TableKeys:
    """Keys of any types, in a relation with a column `__number`."""

    relation: str
    keys: tuple[str, ...]
    count: int

    def numbers(self, asked: Asked, columns: Sequence[str]) -> Ints:
        return asked.numbered(columns, self.relation, self.keys)


def integers(column: pa.ChunkedArray, null: int = 0) -> Ints:
    """A BIGINT column as an array."""
    found = column.fill_null(null) if column.null_count else column
    whole = found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int64)
