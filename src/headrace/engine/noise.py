"""Whether two tables are equal but for the noise of floating point, as when threads summed in another order."""

from __future__ import annotations

import duckdb

from headrace.store.digests import describe, quote

_FLOATS = ("FLOAT", "DOUBLE")
# Of a value, or of the largest of its column where a sum cancelled out.
_RELATIVE = 1e-11
_OF_LARGEST = 1e-14


def equal_but_for_noise(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> bool:
    """Whether the tables hold the same rows, doubles compared with a relative tolerance of 1e-11.

    Rows are brought side by side by all columns but the doubles, then by these: among rows that are otherwise equal
    the order of doubles is that of their values, which noise cannot change by more than itself.
    """
    columns = describe(connection, one)
    if columns != describe(connection, other):
        return False
    floats = [name for name, kind in columns if kind in _FLOATS]
    exact = [name for name, kind in columns if kind not in _FLOATS]
    if not floats:
        return False  # they would have the same digest
    by = ", ".join(quote(name) for name in (*exact, *floats))
    numbered = "select row_number() over (order by {by}) as __row, * from {table}"
    sides = [f"({numbered.format(by=by, table=table)})" for table in (one, other)]
    differs = " or ".join([_differs(name) for name in exact] + [_apart(name, one) for name in floats])
    joined = f"{sides[0]} as a full join {sides[1]} as b using (__row)"
    return not connection.sql(f"select 1 from {joined} where {_unmatched()} or {differs} limit 1").fetchall()


def _unmatched() -> str:
    return "a.__row is null or b.__row is null"


def _differs(name: str) -> str:
    return f"a.{quote(name)} is distinct from b.{quote(name)}"


def _apart(name: str, table: str) -> str:
    one, other = f"a.{quote(name)}", f"b.{quote(name)}"
    largest = f"(select max(abs({quote(name)})) from {table} where isfinite({quote(name)}))"
    near = f"abs({one} - {other}) <= {_RELATIVE} * greatest(abs({one}), abs({other})) + {_OF_LARGEST} * {largest}"
    return f"({one} is distinct from {other} and not coalesce({near}, false))"
