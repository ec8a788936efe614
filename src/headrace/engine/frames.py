"""Tables as polars frames for users' functions: in a fixed row order, and observed in which columns they give away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import duckdb

from headrace.declarations.base import Declaration, table_name
from headrace.store.digests import describe, quote

if TYPE_CHECKING:
    import polars as pl


def read_frame(
    connection: duckdb.DuckDBPyConnection, declaration: Declaration, picked: Sequence[str] | None = None
) -> pl.DataFrame:
    """The rows that a function may see, ordered by the table's keys and times, then by every other column.

    A function may depend on the order of rows, and digests do not see it; so it follows from the content alone.

    Args:
        picked: the columns that it gets, in this order; by default all.
    """
    table = table_name(declaration.key)
    columns = [name for name, _ in describe(connection, table)] if picked is None else list(picked)
    first = [name for name in order_columns(declaration) if name in columns]
    by = ", ".join(quote(name) for name in dict.fromkeys((*first, *columns)))
    query = f"select {', '.join(map(quote, columns))} from {table} order by {by}"
    frame: pl.DataFrame = connection.sql(query).pl()
    return frame


def order_columns(declaration: Declaration) -> tuple[str, ...]:
    """The keys and times that a table is sorted by."""
    times = (getattr(declaration, name, None) for name in ("timestamp", "created"))
    return tuple(dict.fromkeys((*getattr(declaration, "keys", ()), *filter(None, times))))


@cache
def polars_types(kinds: tuple[str, ...]) -> tuple[pl.DataType, ...]:
    """The polars types in which values of these SQL types arrive in a frame; moments in UTC.

    >>> polars_types(("BIGINT", "DECIMAL(10,2)", "VARCHAR[]"))
    (Int64, Decimal(precision=10, scale=2), List(String))
    """
    from headrace.engine.session import connect

    columns = ", ".join(f"null::{kind} as c{number}" for number, kind in enumerate(kinds))
    with connect() as connection:
        found = connection.sql(f"select {columns} limit 0").pl().dtypes if kinds else []
    return tuple(_in_utc(kind) for kind in found)


def _in_utc(kind: pl.DataType) -> pl.DataType:
    import polars as pl

    zoned = isinstance(kind, pl.Datetime) and kind.time_zone
    return pl.Datetime(kind.time_unit, "UTC") if isinstance(kind, pl.Datetime) and zoned else kind


class Observed:
    """A frame handed out lazily, with a record of the columns that were taken from it.

    polars asks a source for the columns that its optimised plan needs, each time that a query is run; no other can
    have had an influence. So do the columns that decide the order of rows.
    """

    def __init__(self, frame: pl.DataFrame, declaration: Declaration) -> None:
        self._frame = frame
        order = [name for name in order_columns(declaration) if name in frame.columns]
        unique = bool(order) and frame.select(order).is_unique().all()
        self._seen = set(order) if unique else set(frame.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """What was taken so far, in the order of the table."""
        return tuple(name for name in self._frame.columns if name in self._seen)

    def lazy(self) -> pl.LazyFrame:
        from polars.io.plugins import register_io_source

        return register_io_source(self._give, schema=self._frame.schema, validate_schema=False)

    def _give(
        self, with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        names = self._frame.columns if with_columns is None else with_columns
        self._seen.update(names)
        given = self._frame
        if predicate is not None:
            self._seen.update(predicate.meta.root_names())
            given = given.filter(predicate)
        yield given.select(names) if n_rows is None else given.select(names).head(n_rows)
