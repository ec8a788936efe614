"""Content digests of tables and of some of their columns: independent of row order and of float noise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

ALGORITHM = 3
_FLOATS = ("FLOAT", "DOUBLE", "REAL")
# 2**13 + 1 splits the 53 bits of a double into 40 that count and 13 that are noise: twelve decimal digits.
_SPLIT = "8193.0"
_HUGE = "1e300"  # beyond, the split would overflow

Columns = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Sums:
    """What the digests of a table are made from. Those of two tables with the same columns add up to those of both.

    Attributes:
        columns: `[[name, SQL type], ...]`.
        total: the sum of all rows' hashes, `each` those of each column's values.
    """

    columns: list[list[str]]
    rows: int
    total: int
    each: dict[str, int]

    def __add__(self, other: Sums) -> Sums:
        if self.columns != other.columns:
            raise ValueError(f"tables with other columns cannot be added: {self.columns} and {other.columns}")
        each = {name: value + other.each[name] for name, value in self.each.items()}
        return Sums(self.columns, self.rows + other.rows, self.total + other.total, each)

    def digest(self, probe: str) -> TableDigest:
        """The digest of the table, with `probe` from `hash_probe`."""
        rows = str(self.rows)
        alone = {name: _digest(probe, [[name, kind]], rows, str(self.each[name])) for name, kind in self.columns}
        return TableDigest(self.rows, _digest(probe, self.columns, rows, str(self.total)), alone, probe)


@dataclass(frozen=True)
class TableDigest:
    """What a table holds.

    Attributes:
        rows: how many.
        whole: 32 hex digits for all columns and rows together; what `projection_digest` gives for every column.
        columns: 32 hex digits for the type and values of each column by itself, to say what changed.
        probe: see `hash_probe`.
    """

    rows: int
    whole: str
    columns: dict[str, str]
    probe: str


def quote(name: str) -> str:
    """A column or table name as a SQL identifier.

    >>> quote("order")
    '"order"'
    """
    return '"' + name.replace('"', '""') + '"'


def describe(connection: duckdb.DuckDBPyConnection, table: str) -> list[list[str]]:
    """`[[column, SQL type], ...]` of a table, view or table function."""
    return [[str(row[0]), str(row[1])] for row in connection.execute(f"describe select * from {table}").fetchall()]


def digest_table(
    connection: duckdb.DuckDBPyConnection, table: str, columns: list[list[str]] | None = None
) -> TableDigest:
    """The digest of a table and of each of its columns, in one pass.

    Every value is hashed, the hashes of a row are hashed together, and those of all rows summed: order does not
    matter, duplicates do, and a value moved to another row shows. Names and types count, because DuckDB's hash does
    not tell 1 from 1.0. Doubles count to 40 bits (twelve digits): sums of several threads differ in the last ones from
    run to run. They are cut by Dekker's splitting (Numerische Mathematik 18, 1971).

    Args:
        columns: what `describe` says of the table, where that is known.
    """
    return table_sums(connection, table, columns).digest(hash_probe(connection))


def table_sums(connection: duckdb.DuckDBPyConnection, table: str, columns: list[list[str]] | None = None) -> Sums:
    """What the digest of a table and of each of its columns are made from, in one pass."""
    columns = describe(connection, table) if columns is None else columns
    hashes = [f"h{number}" for number in range(len(columns))]
    sums = "".join(f", coalesce(sum({name}), 0)::varchar" for name in hashes)
    rows, total, *each = _run(connection, table, columns, f"{_row_sum(hashes)}{sums}")
    alone = {name: int(one) for (name, _), one in zip(columns, each, strict=True)}
    return Sums(columns, int(rows), int(total), alone)


def file_sums(
    connection: duckdb.DuckDBPyConnection, files: Sequence[str], columns: Columns
) -> dict[str, tuple[int, int]]:
    """`{file: (rows, sum of their hashes)}` of some columns of Parquet files; one without rows is left out.

    Args:
        columns: those that count, with their types, in the order of the table.
    """
    values = ", ".join(["__file", *(f"{_hash(name, kind)} as h{n}" for n, (name, kind) in enumerate(columns))])
    wanted = _row_sum([f"h{number}" for number in range(len(columns))])
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    table = f"read_parquet([{paths}], filename = '__file')"
    query = f"select __file, count(*), {wanted} from (select {values} from {table}) group by 1"
    return {str(name): (int(rows), int(total)) for name, rows, total in connection.sql(query).fetchall()}


def sums_digest(probe: str, columns: Columns, rows: int, total: int) -> str:
    """The digest of a projection whose rows' hashes have that sum; as `projection_digest` makes it."""
    return _digest(probe, columns, str(rows), str(total))


def projection_digest(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], known: Columns | None = None
) -> str:
    """The digest of some columns' rows, 32 hex digits: what a consumer that reads no others can know of the table.

    The order of `columns` counts, that of the table does not: who reads by name gives them sorted. With no column at
    all, it is that of the number of rows. Raises KeyError for a column that is not there.

    Args:
        known: what `describe` says of the table, where that is known.
    """
    kinds = {str(name): str(kind) for name, kind in known or describe(connection, table)}
    picked = [[name, kinds[name]] for name in columns]
    rows, total = _run(connection, table, picked, _row_sum([f"h{number}" for number in range(len(picked))]))
    return _digest(hash_probe(connection), picked, rows, total)


def table_digest(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The digest of a whole table, 32 hex digits."""
    return projection_digest(connection, table, [name for name, _ in describe(connection, table)])


def hash_probe(connection: duckdb.DuckDBPyConnection) -> str:
    """What tells whether digests can be compared: our way of making them, and what DuckDB's hash makes of known values.

    DuckDB changed its hash of strings and lists before; digests of another probe are made anew, never trusted.
    """
    known = "hash('probe'), hash(1), hash(0.5::double), hash(timestamp '2024-01-01'), hash(hash(1), hash('a'))"
    row = connection.sql(f"select {known}").fetchall()[0]
    return hashlib.blake2b(json.dumps([ALGORITHM, *map(str, row)]).encode(), digest_size=4).hexdigest()


def _run(connection: duckdb.DuckDBPyConnection, table: str, columns: Columns, wanted: str) -> tuple[str, ...]:
    values = ", ".join(f"{_hash(name, kind)} as h{number}" for number, (name, kind) in enumerate(columns))
    query = f"select count(*)::varchar, {wanted} from (select {values or '1'} from {table})"
    return tuple(str(one) for one in connection.execute(query).fetchall()[0])


def _row_sum(hashes: Sequence[str]) -> str:
    return f"coalesce(sum(hash({', '.join(hashes) or '0'})), 0)::varchar"


def _digest(probe: str, columns: Columns, rows: str, total: str) -> str:
    text = json.dumps([ALGORITHM, probe, [list(column) for column in columns], rows, total])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _hash(name: str, kind: str) -> str:
    column = quote(name)
    if kind in _FLOATS:
        value = f"{column}::double"
        kept = f"({value} * {_SPLIT} - ({value} * {_SPLIT} - {value}))"
        # 0.0 and -0.0 hash alike, but 1 / x tells them apart; so do their texts. The sign of NaN means nothing.
        text = f"hash(case when isnan({value}) then 'nan' else {value}::varchar end)"
        zero = f"when 1 / {value} = 'infinity'::double then hash(0::double)"
        return f"case when abs({value}) < {_HUGE} and {value} <> 0 then hash({kept}) {zero} else {text} end"
    if kind.startswith("UNION"):
        return f"hash(union_tag({column})::varchar, {column}::varchar)"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"hash({column}::varchar)"  # hash() does not tell NULL, [] and [NULL] apart
    return f"hash({column})"
