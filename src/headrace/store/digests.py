"""Content digests of tables: independent of row order and of float noise, sound with duplicates."""

from __future__ import annotations

import hashlib
import json

import duckdb

_FLOATS = ("FLOAT", "DOUBLE", "REAL")
# Beyond these, scaling a double to twelve digits leaves the range of doubles.
_TINY, _HUGE = "1e-150", "1e150"


def quote(name: str) -> str:
    """A column or table name as a SQL identifier.

    >>> quote("order")
    '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def describe(connection: duckdb.DuckDBPyConnection, table: str) -> list[list[str]]:
    """`[[column, SQL type], ...]` of a table, view or table function."""
    return [[str(row[0]), str(row[1])] for row in connection.sql(f"describe select * from {table}").fetchall()]


def table_digest(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """32 hex digits for the content and schema of `table`, in one pass.

    Rows are hashed whole and the hashes summed, twice with different salts, so order does not matter, duplicates do,
    and a value moved to another row shows. Doubles count to 12 significant digits: parallel sums differ in the last
    bits from run to run. DuckDB's own hash is probed, so that a release that changes it changes every digest.
    """
    columns = describe(connection, table)
    values = ", ".join(_hashable(name, kind) for name, kind in columns) or "0"
    sums = f"coalesce(sum(hash({values})), 0)::varchar, coalesce(sum(hash('salt', {values})), 0)::varchar"
    probe = "hash('probe', 1, 0.5::double)::varchar"
    row = connection.sql(f"select count(*)::varchar, {sums}, {probe} from {table}").fetchall()[0]
    text = json.dumps([1, columns, list(row)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _hashable(name: str, kind: str) -> str:
    column = quote(name)
    if kind in _FLOATS:
        size = f"abs({column})"
        rounded = f"round({column}::double, 11 - floor(log10({size}))::int)"
        return f"case when {size} between {_TINY} and {_HUGE} then {rounded} else {column}::double end"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"{column}::varchar"  # hash() does not tell NULL, [] and [NULL] apart
    return column
