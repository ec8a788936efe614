"""Rows pushed to a source: taken in with the source's types, and put beside the rows of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from headrace.declarations.source import Source
from headrace.engine.schema_types import sql_type
from headrace.engine.session import literal, parquet
from headrace.errors import ValidationError
from headrace.store.digests import describe, quote

_NOTHING = "Nothing was pushed."
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def declared_types(source: Source) -> dict[str, str] | None:
    """The types of its columns as far as its schema tells all of them."""
    if source.schema is None:
        return None
    found = {name: sql_type(column) for name, column in source.schema.columns.items()}
    return None if None in found.values() else {name: str(kind) for name, kind in found.items()}


def typed_rows(
    source: Source, rows: Any, types: Mapping[str, str], connection: duckdb.DuckDBPyConnection, target: str
) -> int:
    """Make the table `target` of pushed rows with exactly the source's columns and types; returns how many.

    Args:
        rows: dicts, or a polars, pandas or Arrow table, or a DuckDB relation of the same connection.

    Raises ValidationError for a column that is missing or unknown, and for a value that is not of its type: text is not
    taken for a number, nor a fraction for a whole one.
    """
    given = _shown(source, rows, connection)
    found = {name: kind for name, kind in describe(connection, given)}  # noqa: C416  pairs are lists
    _check_columns(source, found, types)
    picked = ", ".join(f"{quote(name)}::{kind} as {quote(name)}" for name, kind in types.items())
    try:
        connection.execute(f"create or replace temp table {target} as select {picked} from {given}").fetchall()
    except duckdb.Error as error:
        text = str(error).strip().splitlines()[0]
        failure: dict[str, object] = {"column": "(row)", "check": text, "count": "some"}
        raise ValidationError(source.key, [failure], _NOTHING) from error
    _check_keys(source, connection, target)
    return int(connection.sql(f"select count(*) from {target}").fetchall()[0][0])


def _shown(source: Source, rows: Any, connection: duckdb.DuckDBPyConnection) -> str:
    """The rows as something that can be selected from."""
    import pyarrow as pa

    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, Sequence) and rows and all(one and isinstance(one, Mapping) for one in rows):
        rows = pa.Table.from_pylist([dict(one) for one in rows])
    elif hasattr(rows, "to_arrow_table"):
        rows = rows.to_arrow_table()
    elif hasattr(rows, "to_arrow"):
        rows = rows.to_arrow()
    elif not hasattr(rows, "__arrow_c_stream__"):
        problem = "holds no row" if rows in ([], ()) else f"is {rows!r:.80}"
        failure: dict[str, object] = {"column": "(rows)", "check": f"{problem}; give mappings or a table", "count": 0}
        raise ValidationError(source.key, [failure], _NOTHING)
    connection.register("pushed_rows", rows)
    return "pushed_rows"


def _check_columns(source: Source, found: Mapping[str, str], types: Mapping[str, str]) -> None:
    failures: list[dict[str, object]] = [
        {"column": name, "check": f"is missing; the rows have {', '.join(found) or 'no columns'}", "count": "all"}
        for name in types
        if name not in found
    ]
    failures += [
        {"column": name, "check": f"is not among the columns {', '.join(types)}", "count": "all"}
        for name in found
        if name not in types
    ]
    failures += [
        {"column": name, "check": f"is {found[name]}, not {kind}", "count": "all"}
        for name, kind in types.items()
        if name in found and not _fits(found[name], kind)
    ]
    if failures:
        raise ValidationError(source.key, failures, _NOTHING)


def _fits(given: str, wanted: str) -> bool:
    if given in (wanted, '"NULL"', "NULL"):
        return True
    if (given == "VARCHAR") != (wanted == "VARCHAR" or wanted.startswith("ENUM")):
        return False
    return wanted not in _WHOLE or given in _WHOLE


def _check_keys(source: Source, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    failures: list[dict[str, object]] = []
    for name in dict.fromkeys((*source.keys, str(source.timestamp))):
        nulls = connection.sql(f"select count(*) from {table} where {quote(name)} is null").fetchall()[0][0]
        if nulls:
            failures.append({"column": name, "check": "is null", "count": nulls})
    if failures:
        raise ValidationError(source.key, failures, _NOTHING)


def add_pushed(source: Source, files: Sequence[Path], connection: duckdb.DuckDBPyConnection, file: str) -> None:
    """Add pushed rows to the table `raw`; of those with equal keys, one of them pushed, the greatest is kept.

    The greatest (timestamp, created), then the greatest values in the order of the columns, null being least.

    Args:
        file: the column of `raw` that holds the name of each row's file.
    """
    if not files:
        return
    pushed = f"(select *, {literal(str(files[0]))} as {quote(file)} from {parquet(*files)})"
    connection.execute(f"create or replace temp table raw as from raw union all by name from {pushed}").fetchall()
    if source.keys:
        keys = ", ".join(quote(name) for name in source.keys)
        touched = f"select distinct {keys} from {pushed}"
        connection.execute(f"create temp table touched as {touched}").fetchall()
        latest = f"select * from raw semi join touched using ({keys}) qualify {first_by(source, connection)} = 1"
        untouched = f"select * from raw anti join touched using ({keys})"
        connection.execute(f"create or replace temp table raw as {untouched} union all by name {latest}").fetchall()


def first_by(source: Source, connection: duckdb.DuckDBPyConnection) -> str:
    """SQL that numbers the rows of `raw` with equal keys, the one that counts being the first."""
    times = [name for name in (source.timestamp, source.created) if name]
    others = [name for name, _ in describe(connection, "raw") if name not in (*source.keys, *times)]
    order = ", ".join(f"{quote(name)} desc nulls last" for name in (*times, *others))
    keys = ", ".join(quote(name) for name in source.keys)
    return f"row_number() over (partition by {keys} order by {order})"
