"""The only place that opens DuckDB connections: in memory, with assets' current tables as views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from headrace.declarations.base import table_name
from headrace.store.digests import describe, quote
from headrace.store.manifest import MAIN_TABLE as MAIN_TABLE


def connect(
    database: str = ":memory:", *, scratch: Path | None = None, threads: int | None = None, memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with its own catalogue. `scratch` is where work larger than memory spills.

    Args:
        memory: a limit such as "8GB"; by default DuckDB's own, 80 % of the machine's.
    """
    # In UTC, so that days and texts of moments do not depend on the machine.
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "TimeZone": "UTC",
    }
    if scratch is not None:
        config["temp_directory"] = str(scratch)
    if threads is not None:
        config["threads"] = threads
    if memory is not None:
        config["memory_limit"] = memory
    return duckdb.connect(database, config=config)


def memory_limit(connection: duckdb.DuckDBPyConnection) -> int:
    """How many bytes DuckDB may use."""
    text = str(connection.sql("select current_setting('memory_limit')").fetchall()[0][0])
    number, _, unit = text.partition(" ")
    return int(float(number) * 1024 ** ("B", "KiB", "MiB", "GiB", "TiB").index("B" if unit == "bytes" else unit))


def show_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Path]) -> None:
    """Make each asset's table a view: `features/activity` as `features.activity`, over its Parquet file."""
    for key, path in tables.items():
        show_table(connection, key, path)


def show_table(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    path: Path,
    columns: Sequence[str] | None = None,
    known: Sequence[Sequence[str]] | None = None,
) -> None:
    """Make an asset's table a view: all of it, or the values of some of its columns, every other one being null.

    Columns that are not read stay, without their values, so that a statement means what it means on the whole table.

    Args:
        known: all columns of the table with their types, if they are known.
    """
    _show(connection, key, parquet(path), columns, known)


def show_files(
    connection: duckdb.DuckDBPyConnection, key: str, folder: Path, files: Sequence[Path], columns: Sequence[str] | None
) -> None:
    """The same of some of the files in the `folder` of an asset's table, maybe of none."""
    chosen = parquet(*files) if files else f"(from {parquet(folder)} where false)"
    _show(connection, key, chosen, columns)


def show_empty(connection: duckdb.DuckDBPyConnection, key: str, columns: Sequence[Sequence[str]]) -> None:
    """Make an asset's table one with these columns, `[[name, SQL type], ...]`, and without rows."""
    values = ", ".join(f"null::{kind} as {quote(name)}" for name, kind in columns)
    _show(connection, key, f"(select {values} where false)", None)


def _show(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    origin: str,
    columns: Sequence[str] | None,
    known: Sequence[Sequence[str]] | None = None,
) -> None:
    schema, _, table = table_name(key).partition(".")
    shown = "*"
    if columns is not None:
        known = describe(connection, origin) if known is None else known
        shown = ", ".join(quote(name) if name in columns else f"null::{kind} as {quote(name)}" for name, kind in known)
    view = f"{quote(schema)}.{quote(table)}"
    connection.execute(
        f"create schema if not exists {quote(schema)}; create or replace view {view} as select {shown} from {origin}"
    )


def sort_table(connection: duckdb.DuckDBPyConnection, key: str, first: Sequence[str]) -> None:
    """Give a table's view the order that follows from its content: by `first`, then by every other column."""
    schema, _, table = table_name(key).partition(".")
    view, unsorted = f"{quote(schema)}.{quote(table)}", f"{table}__unsorted"
    columns = [str(row[0]) for row in connection.sql(f"describe {view}").fetchall()]
    by = dict.fromkeys((*(name for name in first if name in columns), *columns))
    connection.execute(f"alter view {view} rename to {quote(unsorted)}")
    order = ", ".join(quote(name) for name in by)
    connection.execute(f"create view {view} as select * from {quote(schema)}.{quote(unsorted)} order by {order}")


def parquet(*paths: Path) -> str:
    """A table function over Parquet files, or over those of a folder, which all have the same columns.

    >>> parquet(Path("a.parquet"))
    "read_parquet(['a.parquet'], union_by_name = true)"
    """
    if len(paths) == 1 and paths[0].is_dir():
        return f"read_parquet({literal(str(paths[0] / '*.parquet'))})"
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}], union_by_name = true)"


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Store the result of `query`, in its order."""
    connection.execute(
        f"copy ({query}) to {literal(str(path))} (format parquet, parquet_version v2, compression snappy)"
    ).fetchall()
