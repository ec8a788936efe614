"""SQL types for the dtypes of a pandera.polars schema."""

from __future__ import annotations

from typing import Any

_SIMPLE = {
    "Int8": "TINYINT",
    "Int16": "SMALLINT",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "UInt8": "UTINYINT",
    "UInt16": "USMALLINT",
    "UInt32": "UINTEGER",
    "UInt64": "UBIGINT",
    "Float32": "FLOAT",
    "Float64": "DOUBLE",
    "Boolean": "BOOLEAN",
    "String": "VARCHAR",
    "Utf8": "VARCHAR",
    "Date": "DATE",
    "Time": "TIME",
    "Binary": "BLOB",
}


def sql_type(column: Any) -> str | None:
    """The DuckDB type of a pandera column, or None where the reader should decide."""
    name = str(column.dtype)
    if name.startswith("Datetime"):
        return "TIMESTAMPTZ" if "time_zone='" in name else "TIMESTAMP"
    return _SIMPLE.get(name)
