"""Which columns of which tables can change the result of a SQL statement, from DuckDB's own plan of it."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import duckdb

from headrace.engine.plan_order import Node, arrangement, order_dependent, walk, without_order
from headrace.engine.session import connect
from headrace.store.digests import describe, quote

Columns = Mapping[str, tuple[str, ...]]
Tables = Mapping[str, Sequence[tuple[str, str]]]
# Positions of a table and of its column; `_ROWS` for the table's number of rows.
_Found = set[tuple[int, int]]
_ROWS = -1
# So many columns of a result are asked for one by one; of more, groups first.
_FEW = 8
# The first one prunes columns, the others give it shorter plans. The rest are off: several look at the tables'
# statistics, and these are empty.
_KEPT = ("unused_columns", "cte_inlining", "deliminator", "projection_pullup")
_HIDDEN = "__hidden"
# Each hidden table is filtered by a column of this name, so that a scan which was pruned lists at least this one:
# DuckDB lists none both where it needs none and where it never looked.
_MARK = "pruned"
_WHOLE, _UNORDERED = f"{_HIDDEN}.whole", f"{_HIDDEN}.unordered"
_SCAN = re.compile(rf"\.{_HIDDEN}\.t(\d+)$")
# What depends on names and types of columns and not on what is in them: no scan shows it.
_READS_SCHEMA = re.compile(r"\b(summarize|typeof|pg_typeof|get_type|can_cast_implicitly)\b", re.IGNORECASE)
_DESCRIBES = re.compile(r"\b(desc|describe|show)\b", re.IGNORECASE)
# SQL that is put together, so that its words cannot be looked for in the statement's text.
_RUNS_TEXT = re.compile(r"\b(json_execute_serialized_sql|query\s*\((?!\s*'[^']*'\s*\)))", re.IGNORECASE)
_CATALOG = ("DUCKDB_", "PRAGMA_", "PG_", "SQLITE_")


@dataclass(frozen=True)
class SqlColumns:
    """What a statement depends on: table -> columns, in the table's order, tables named as they were given.

    A table with no columns counts by its number of rows alone; a table that is absent does not count at all.

    Args:
        reads: what the whole statement reads, its last `order by` included.
        outputs: for each column of the result (named as a table made of it would be), everything that can change it.
        rows: what decides how many rows the result has.
    """

    reads: Columns
    outputs: Mapping[str, Columns]
    rows: Columns


def planner() -> duckdb.DuckDBPyConnection:
    """An empty database for `sql_columns`: opening one takes longer than most statements, so that many share it."""
    connection = connect(threads=1)
    names = [name for (name,) in connection.execute("select name from duckdb_optimizers()").fetchall()]
    disabled = ",".join(name for name in names if name not in _KEPT)
    connection.execute(f"set disabled_optimizers = '{disabled}'").fetchall()
    return connection


def sql_columns(
    sql: str,
    tables: Tables,
    *,
    order: Mapping[str, Sequence[str]] | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> SqlColumns:
    """The columns that can change a statement's result.

    The statement is planned on empty tables. DuckDB scans no column that cannot change what is asked for, so whatever
    the plan of `select "x" from (statement)` does not scan cannot change x: filters, join keys, groups, `distinct` and
    set operations are in it. Decided here, as no scan shows it:

    - What depends on the order of rows (`limit`, samples, `first` or `list`, `row_number` and `lag`, frames in `rows`,
      `distinct on`, as-of joins, ...), with or without `order by`, for there may be ties, depends on the columns that
      decide the order of the tables below it: those given in `order`, or all. It depends on all that the statement
      reads if another column of the result has a window, join or group of its own, which may arrange the rows anew.
    - The last `order by` counts in `reads` only, unless a `limit` or a `distinct on` makes use of it.
    - Statements that read names or types of columns (`describe`, `typeof`, the catalogue) depend on every column.
    - Rounding of sums in another order, `now()`, `random()` and errors that a value raises are not followed.

    Args:
        tables: every table that the statement may name, `schema.table`, with its columns and their SQL types.
        order: columns that decide the order of a table's rows, such as its unique keys; every column where not given.
        connection: from `planner`; one of its own is opened where not given. It is left as it was.

    Raises:
        duckdb.Error: the statement cannot be bound, or is not one query. A `pivot` over values that are looked up in
            the data is one of these, as it has no columns before it runs.

    >>> tables = {"sources.orders": [("id", "BIGINT"), ("amount", "DOUBLE"), ("state", "VARCHAR"), ("note", "VARCHAR")]}
    >>> found = sql_columns("select id, amount * 2 as twice from sources.orders where state = 'paid'", tables)
    >>> found.outputs["twice"]
    {'sources.orders': ('amount', 'state')}
    >>> found.rows
    {'sources.orders': ('state',)}
    >>> sql_columns("select nothing from sources.orders", tables)
    Traceback (most recent call last):
        ...
    _duckdb.BinderException: Binder Error: Referenced column "nothing" not found in FROM clause!...
    """
    if connection is None:
        with closing(planner()) as own:
            return sql_columns(sql, tables, order=order, connection=own)
    connection.begin()
    try:
        _create(connection, tables)
        return _SqlPlans(connection, sql, tables, order or {}).columns()
    finally:
        connection.rollback()


def takes_whole(sql: str, tables: Tables, table: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a statement takes whatever columns `table` has, as `*` does, or shows the order they have.

    It is tried: with one column more, which such a statement reads, and with the columns in reverse.

    Args:
        connection: from `planner`.
    """
    more = {**tables, table: [*tables[table], ("one_column_more", "VARCHAR")]}
    turned = {**tables, table: tables[table][::-1]}
    try:
        reads, _ = _reads_and_names(sql, more, connection)
        return "one_column_more" in reads.get(table, ()) or (
            _reads_and_names(sql, turned, connection)[1] != _reads_and_names(sql, tables, connection)[1]
        )
    except duckdb.Error:
        return True  # one more was one too many, as for `select * from a union select x from b`


def _reads_and_names(sql: str, tables: Tables, connection: duckdb.DuckDBPyConnection) -> tuple[Columns, list[str]]:
    connection.begin()
    try:
        _create(connection, tables)
        return _SqlPlans(connection, sql, tables, {}).reads_and_names()
    finally:
        connection.rollback()


def _create(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Each table as a view, which has no row number to refer to, over an empty one whose names say only a position."""
    schemas = dict.fromkeys([_HIDDEN, *(_qualified(name)[0] for name in tables)])
    statements = [f"create schema if not exists {quote(schema)}" for schema in schemas]
    for number, (name, columns) in enumerate(tables.items()):
        hidden, view = f"{_HIDDEN}.t{number}", ".".join(map(quote, _qualified(name)))
        types = ", ".join([f"{_MARK} boolean", *(f"c{position} {kind}" for position, (_, kind) in enumerate(columns))])
        names = ", ".join(f"c{position} as {quote(column)}" for position, (column, _) in enumerate(columns))
        statements += [
            f"create table {hidden} ({types})",
            f"create view {view} as select {names} from {hidden} where {_MARK}",
        ]
    connection.execute("; ".join(statements)).fetchall()


def _qualified(name: str) -> tuple[str, str]:
    schema, dot, table = name.partition(".")
    return (schema, table) if dot else ("main", name)


class _SqlPlans:
    """Plans of queries over one statement, which is stored as a view so that it is parsed once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, sql: str, tables: Tables, order: Mapping[str, Sequence[str]]
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._names = {table: [column for column, _ in columns] for table, columns in tables.items()}
        self._order = [order.get(table, names) for table, names in self._names.items()]
        self._whole: tuple[_Found, object] | None = None

    def columns(self) -> SqlColumns:
        self._create_view(_WHOLE, self._sql)
        names = [name for name, _ in describe(self._connection, _WHOLE)]
        view = self._unordered(names)
        whole = self._scanned(f"from {view}")
        count = self._scanned(f"select count(*) from {view}")
        outputs = self._outputs(view, names, count) if len(names) > 1 else {names[0]: whole}
        reads = (whole if view == _WHOLE else self._scanned(f"from {_WHOLE}")).union(*outputs.values())
        # As many rows as values of any one column, so that what one of them does not depend on cannot change this.
        rows = count.intersection(*outputs.values())
        return SqlColumns(
            self._named(reads), {name: self._named(one) for name, one in outputs.items()}, self._named(rows)
        )

    def reads_and_names(self) -> tuple[Columns, list[str]]:
        """What the whole statement reads, and the columns it gives."""
        self._create_view(_WHOLE, self._sql)
        names = [name for name, _ in describe(self._connection, _WHOLE)]
        return self._named(self._scanned(f"from {_WHOLE}")), names

    def _unordered(self, names: list[str]) -> str:
        """The view without its last `order by`, which does not change what its rows are."""
        shorter = without_order(self._sql)
        if shorter is None:
            return _WHOLE
        self._create_view(_UNORDERED, shorter)
        return _UNORDERED if [name for name, _ in describe(self._connection, _UNORDERED)] == names else _WHOLE

    def _create_view(self, name: str, sql: str) -> None:
        # Parsed before anything runs: a text of several statements is refused, not executed.
        statements = self._connection.extract_statements(f"create view {name} as {sql}")
        if len(statements) != 1:
            raise duckdb.InvalidInputException(f"Expected one query, got {len(statements)} statements.")
        self._connection.execute(statements[0]).fetchall()

    def _outputs(self, view: str, names: list[str], count: _Found) -> dict[str, _Found]:
        """What each column depends on.

        Of many columns first two groups for each bit of their numbers: what a group does not scan none of its columns
        depends on, and what one column alone depends on has found it then. Only the others are asked one by one.
        """
        if len(names) <= _FEW:
            return {name: self._picked(view, [name]) for name in names}
        found = {name: self._all() for name in names}
        for bit, side in itertools.product(range((len(names) - 1).bit_length()), (0, 1)):
            group = [name for number, name in enumerate(names) if number >> bit & 1 == side]
            scanned = self._picked(view, group)
            found |= {name: found[name] & scanned for name in group}
        times = Counter(itertools.chain.from_iterable(found.values()))
        shared = count & self._picked(view, names[:1])
        doubtful = {column for column, number in times.items() if number > 1} - shared
        return {name: one & self._picked(view, [name]) if one & doubtful else one for name, one in found.items()}

    def _picked(self, view: str, names: Sequence[str]) -> _Found:
        return self._scanned(f"select {', '.join(map(quote, names))} from {view}")

    def _scanned(self, query: str) -> _Found:
        """What a query's plan scans and what decides the order of rows where it counts, or every column."""
        plan = self._connection.execute(f"explain (format json) {query}").fetchall()[0][1]
        try:
            roots = json.loads(plan, strict=False)
        except RecursionError:  # a plan of many hundred levels
            return self._all()
        nodes = [node for root in roots for node in walk(root)]
        if self._reads_schema(nodes):
            return self._all()
        found, arranged = self._scans(nodes), arrangement(nodes)
        dependent = list(order_dependent(roots, self._sql))
        for node in dependent:
            below = list(walk(node))
            scans = found if any("CTE_SCAN" in one["name"] for one in below) else self._scans(below)
            found = found.union(*(self._columns_of(number, self._order[number]) for number, _ in scans))
        if self._whole is None:
            self._whole = found, arranged
        # What this query does without puts rows in another order when the statement runs as a whole.
        return found | self._whole[0] if dependent and arranged != self._whole[1] else found

    def _scans(self, nodes: Iterable[Node]) -> _Found:
        found: _Found = set()
        names = list(self._names.values())
        for node in nodes:
            table = _SCAN.search(node["extra_info"].get("Table", ""))
            if table is not None:
                number, scanned = int(table[1]), node["extra_info"].get("Projections", "")
                columns = [scanned] if isinstance(scanned, str) else scanned
                if _MARK not in columns:
                    found |= self._columns_of(number, names[number])
                # A field of a struct is scanned as `c3.field`.
                found |= {(number, int(name.partition(".")[0][1:])) for name in columns if name not in (_MARK, "")}
                found.add((number, _ROWS))
        return found

    def _reads_schema(self, nodes: Sequence[Node]) -> bool:
        names = [node["name"] for node in nodes]
        return (
            _READS_SCHEMA.search(self._sql) is not None
            or _RUNS_TEXT.search(self._sql) is not None
            or any(name.startswith(_CATALOG) for name in names)
            or ("COLUMN_DATA_SCAN" in names and _DESCRIBES.search(self._sql) is not None)
        )

    def _all(self) -> _Found:
        return set().union(*(self._columns_of(number, names) for number, names in enumerate(self._names.values())))

    def _columns_of(self, number: int, chosen: Sequence[str]) -> _Found:
        names = list(self._names.values())[number]
        return {(number, _ROWS)} | {(number, position) for position, name in enumerate(names) if name in chosen}

    def _named(self, found: _Found) -> dict[str, tuple[str, ...]]:
        return {
            table: tuple(name for position, name in enumerate(names) if (number, position) in found)
            for number, (table, names) in enumerate(self._names.items())
            if (number, _ROWS) in found
        }
