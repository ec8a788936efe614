"""The only place that opens DuckDB connections: in memory, with assets' current tables as views."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from headrace.declarations.base import table_name
from headrace.store.digests import quote

MAIN_TABLE = "data.parquet"


def connect(
    database: str = ":memory:", *, scratch: Path | None = None, threads: int | None = None, memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with its own catalogue. `scratch` is where work larger than memory spills.

    Args:
        memory: a limit such as "8GB"; by default DuckDB's own, 80 % of the machine's.
    """
    config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}
    if scratch is not None:
        config["temp_directory"] = str(scratch)
    if threads is not None:
        config["threads"] = threads
    if memory is not None:
        config["memory_limit"] = memory
    return duckdb.connect(database, config=config)


def show_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Path]) -> None:
    """Make each asset's table a view: `features/activity` as `features.activity`, over its Parquet file."""
    for schema in sorted({key.split("/")[0] for key in tables}):
        connection.execute(f"create schema if not exists {quote(schema)}")
    for key, path in tables.items():
        schema, _, table = table_name(key).partition(".")
        view = f"{quote(schema)}.{quote(table)}"
        connection.execute(f"create or replace view {view} as select * from {parquet(path)}")


def parquet(*paths: Path) -> str:
    """A table function over Parquet files.

    >>> parquet(Path("a.parquet"))
    "read_parquet(['a.parquet'], union_by_name = true)"
    """
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}], union_by_name = true)"


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Store the result of `query`, in its order."""
    connection.execute(f"copy ({query}) to {literal(str(path))} (format parquet, compression zstd)").fetchall()
