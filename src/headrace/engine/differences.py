"""What differs between two tables of one asset: columns, rows by key, and values, in one pass by DuckDB."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from headrace.engine.session import parquet
from headrace.store.digests import describe, quote

POSITION = "file_row_number"
"""The key of rows that nothing but their place identifies."""

# Digests keep 40 bits of a double (see store.digests); what agrees to that is noise of sums made in another order.
_NOISE = "1e-12"
_SPLIT = "8193.0"
_FLOATS = ("FLOAT", "DOUBLE", "REAL")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = {*_FLOATS, *_INTEGERS, *(f"U{kind}" for kind in _INTEGERS)}

Row = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """One value that differs: the row's key, and the value before and now."""

    key: Row
    before: Any
    now: Any


@dataclass(frozen=True)
class ColumnDifference:
    """How one column's values differ in rows that both tables have.

    Attributes:
        differ: how many values; rounding: how many more differ only beyond twelve digits.
        appeared, vanished: how many of `differ` were null before, or are now.
        largest, relative: the largest absolute difference of numbers, and the largest one relative to the old value.
    """

    name: str
    differ: int
    rounding: int
    appeared: int
    vanished: int
    largest: float | None
    relative: float | None
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class TableDifference:
    """How a table differs from what it was.

    Attributes:
        keys: the columns that identify a row; empty where whole rows are compared, with doubles to twelve digits.
        rows: how many there were, and are.
        new_columns, gone_columns: `{name: type}`; retyped: `{name: (type before, type now)}`.
        changed: rows with the same key and other values; rounding: rows that differ only beyond twelve digits.
        added_examples, removed_examples: the first of such rows, by their keys.
    """

    keys: tuple[str, ...]
    rows: tuple[int, int]
    new_columns: dict[str, str]
    gone_columns: dict[str, str]
    retyped: dict[str, tuple[str, str]]
    added: int
    removed: int
    changed: int = 0
    rounding: int = 0
    columns: tuple[ColumnDifference, ...] = ()
    added_examples: tuple[Row, ...] = ()
    removed_examples: tuple[Row, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to tell."""
        return not (
            self.new_columns or self.gone_columns or self.retyped or self.added or self.removed or self.changed
        ) and not any(one.rounding for one in self.columns)


def without_values(found: TableDifference, hidden: Collection[str], text: str) -> TableDifference:
    """The same difference with `text` in place of the values of hidden columns, nulls apart."""

    def masked(row: Row) -> Row:
        return {name: text if name in hidden and value is not None else value for name, value in row.items()}

    def told(column: ColumnDifference) -> ColumnDifference:
        examples = tuple(replace(one, key=masked(one.key)) for one in column.examples)
        if column.name not in hidden:
            return replace(column, examples=examples)
        said = tuple(
            replace(one, before=None if one.before is None else text, now=None if one.now is None else text)
            for one in examples
        )
        return replace(column, examples=said, largest=None, relative=None)

    return replace(
        found,
        columns=tuple(told(one) for one in found.columns),
        added_examples=tuple(masked(row) for row in found.added_examples),
        removed_examples=tuple(masked(row) for row in found.removed_examples),
    )


def compare_tables(
    connection: duckdb.DuckDBPyConnection,
    before: Path,
    now: Path,
    keys: Sequence[Sequence[str]] = (),
    examples: int = 3,
) -> TableDifference:
    """Compare two Parquet files, or folders of them.

    Args:
        keys: columns that may identify a row. The first that do so in both tables are taken; without any, rows are
            matched by place when their keys stand in the same order, else compared as wholes.
        examples: how many rows to show of each kind of difference.
    """
    return _Comparison(connection, before, now, examples).run(keys)


class _Comparison:
    def __init__(self, connection: duckdb.DuckDBPyConnection, before: Path, now: Path, examples: int) -> None:
        self._connection = connection
        self._examples = examples
        self._tables = (parquet(before), parquet(now))
        self._placed = tuple(f"{table[:-1]}, {POSITION} = true)" for table in self._tables)
        self._are_files = before.is_file() and now.is_file()
        self._before, self._now = (dict(describe(connection, table)) for table in self._tables)
        self._common = [name for name in self._now if name in self._before]
        counts = [self._ask(f"select count(*) from {table}")[0] for table in self._tables]
        self._rows = (int(counts[0]), int(counts[1]))

    def run(self, keys: Sequence[Sequence[str]]) -> TableDifference:
        usable = [list(one) for one in keys if one and set(one) <= set(self._common)]
        found = next((one for one in usable if self._identifies(one)), None)
        if found is not None:
            return self._by_key(found, self._tables)
        if usable and self._are_files and self._rows[0] == self._rows[1] and self._same_order(usable[-1]):
            return self._by_key([POSITION], self._placed)
        return self._as_wholes()

    def _ask(self, query: str) -> tuple[Any, ...]:
        return tuple(self._connection.sql(query).fetchall()[0])

    def _identifies(self, keys: Sequence[str]) -> bool:
        names = ", ".join(map(quote, keys))
        counts = [self._ask(f"select count(*) from (select distinct {names} from {one})")[0] for one in self._tables]
        return tuple(counts) == self._rows

    def _same_order(self, keys: Sequence[str]) -> bool:
        one, two = self._tables
        differ = " or ".join(f"b.{quote(key)} is distinct from n.{quote(key)}" for key in keys)
        return not self._ask(f"select count(*) from {one} b positional join {two} n where {differ}")[0]

    def _schema(self) -> dict[str, Any]:
        before, now = self._before, self._now
        return {
            "rows": self._rows,
            "new_columns": {name: kind for name, kind in now.items() if name not in before},
            "gone_columns": {name: kind for name, kind in before.items() if name not in now},
            "retyped": {name: (before[name], now[name]) for name in self._common if before[name] != now[name]},
        }

    def _by_key(self, keys: list[str], tables: Sequence[str]) -> TableDifference:
        values = [name for name in self._common if name not in keys]
        joined = f"with joined as ({self._join(keys, values, tables)})"
        differ = [f"d{n} and not r{n}" for n in range(len(values))]
        changed = " or ".join(differ) or "false"
        rounding = " or ".join(f"r{n}" for n in range(len(values))) or "false"
        parts = [
            "count(*) filter (not was)",
            "count(*) filter (not is_now)",
            f"count(*) filter ({changed})",
            f"count(*) filter (({rounding}) and not ({changed}))",
            self._first("key", "not was"),
            self._first("key", "not is_now"),
        ]
        for n, name in enumerate(values):
            parts += self._column(n, name)
        added, removed, rows, rounded, new, gone, *rest = self._ask(f"{joined} select {', '.join(parts)} from joined")
        each = [rest[n * 7 : n * 7 + 7] for n in range(len(values))]
        columns = [_column(name, facts) for name, facts in zip(values, each, strict=True)]
        return TableDifference(
            keys=tuple(keys),
            **self._schema(),
            added=added,
            removed=removed,
            changed=rows,
            rounding=rounded,
            columns=tuple(one for one in columns if one.differ or one.rounding),
            added_examples=tuple(new or ()),
            removed_examples=tuple(gone or ()),
        )

    def _join(self, keys: Sequence[str], values: Sequence[str], tables: Sequence[str]) -> str:
        """Rows of both tables side by side, with `d` where a value differs and `r` where only by rounding."""
        match = " and ".join(f"b.{self._key(key)} is not distinct from n.{self._key(key)}" for key in keys)
        key = ", ".join(f"{quote(one)}: coalesce(b.{self._key(one)}, n.{self._key(one)})" for one in keys)
        picked = [f"b.{quote(name)} as b{n}, n.{quote(name)} as n{n}" for n, name in enumerate(values)]
        flags = [self._flags(n, name) for n, name in enumerate(values)]
        sides = [f"(select *, true as __there from {one})" for one in tables]
        rows = ", ".join(
            [f"{{{key}}} as key", "b.__there is not null as was", "n.__there is not null as is_now", *picked]
        )
        inner = f"select {rows} from {sides[0]} b full join {sides[1]} n on {match}"
        return f"select {', '.join(['*', *flags])} from ({inner})"

    def _key(self, name: str) -> str:
        kinds = {POSITION} if name == POSITION else {self._before[name], self._now[name]}
        return quote(name) if len(kinds) == 1 or all(map(_is_number, kinds)) else f"{quote(name)}::varchar"

    def _flags(self, n: int, name: str) -> str:
        kinds = self._before[name], self._now[name]
        both = "was and is_now"
        if kinds[0] != kinds[1] and not all(map(_is_number, kinds)):
            return f"({both} and b{n}::varchar is distinct from n{n}::varchar) as d{n}, false as r{n}"
        if not any(kind in _FLOATS for kind in kinds):
            return f"({both} and b{n} is distinct from n{n}) as d{n}, false as r{n}"
        old, new = f"b{n}::double", f"n{n}::double"
        # Digests tell 0.0 from -0.0.
        sign = f"({old} = 0 and {new} = 0 and {old}::varchar <> {new}::varchar)"
        near = f"abs({old} - {new}) <= {_NOISE} * greatest(abs({old}), abs({new}))"
        differ = f"({both} and ({old} is distinct from {new} or {sign} is true))"
        return f"{differ} as d{n}, ({differ} and (isfinite({old}) and isfinite({new}) and {near}) is true) as r{n}"

    def _column(self, n: int, name: str) -> list[str]:
        differs = f"d{n} and not r{n}"
        numbers = _is_number(self._before[name]) and _is_number(self._now[name])
        distance = f"abs(n{n}::double - b{n}::double)"
        finite = f"{differs} and isfinite(b{n}::double) and isfinite(n{n}::double)"
        return [
            f"count(*) filter ({differs})",
            f"count(*) filter (r{n})",
            f"count(*) filter ({differs} and b{n} is null)",
            f"count(*) filter ({differs} and n{n} is null)",
            f"max({distance}) filter ({finite})" if numbers else "null",
            f"max({distance} / abs(b{n}::double)) filter ({finite} and b{n} <> 0)" if numbers else "null",
            self._first(f"{{key: key, before: b{n}, now: n{n}}}", differs),
        ]

    def _first(self, what: str, where: str) -> str:
        return f"arg_min({what}, key, {self._examples}) filter ({where})"

    def _as_wholes(self) -> TableDifference:
        columns = [_rounded(name, self._now[name]) for name in self._common if name not in self._schema()["retyped"]]
        named = ", ".join(columns) or "1 as one"
        one, two = self._tables
        both = f"select {named}, -1 as __times from {one} union all select {named}, 1 as __times from {two}"
        summed = f"select * exclude (__times), sum(__times) as __times from ({both}) group by all"
        kept = f"with rows as ({summed} having sum(__times) <> 0)"
        counts = [f"coalesce(sum(greatest({sign}__times, 0)), 0)::bigint" for sign in ("", "-")]
        added, removed = self._ask(f"{kept} select {', '.join(counts)} from rows")
        return TableDifference(
            keys=(),
            **self._schema(),
            added=added,
            removed=removed,
            added_examples=self._whole_rows(f"{kept} select * exclude (__times) from rows where __times > 0"),
            removed_examples=self._whole_rows(f"{kept} select * exclude (__times) from rows where __times < 0"),
        )

    def _whole_rows(self, query: str) -> tuple[Row, ...]:
        found = self._connection.sql(f"{query} order by all limit {self._examples}")
        return tuple(dict(zip(found.columns, row, strict=True)) for row in found.fetchall())


def _column(name: str, facts: Sequence[Any]) -> ColumnDifference:
    differ, rounding, appeared, vanished, largest, relative, found = facts
    examples = tuple(Example(one["key"], one["before"], one["now"]) for one in found or ())
    return ColumnDifference(name, differ, rounding, appeared, vanished, largest, relative, examples)


def _rounded(name: str, kind: str) -> str:
    """A column with its doubles cut to what digests keep of them."""
    column = quote(name)
    if kind != "DOUBLE":
        return column
    cut = f"{column} * {_SPLIT} - ({column} * {_SPLIT} - {column})"
    return f"case when abs({column}) < 1e300 then {cut} else {column} end as {column}"


def _is_number(kind: str) -> bool:
    return kind in _NUMBERS or (kind.startswith("DECIMAL(") and kind.endswith(")"))
