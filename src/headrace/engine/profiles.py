"""Profiles: what the values of each column of a table look like. Reads the file's own statistics and a few rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from headrace.engine.session import connect, literal, parquet
from headrace.store.digests import describe, quote

FORMAT = 1
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_WHOLE = 65_536
_BLOCK, _BLOCKS = 1_024, 32
_TOP = 10
_LONGEST = 60
_FLOATS = ("FLOAT", "DOUBLE")
_OTHER = ("UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_TEMPORAL = ("TIMESTAMP", "DATE")
_COUNTED = ("VARCHAR", "BOOLEAN", "ENUM", "UUID")


@dataclass(frozen=True)
class ColumnProfile:
    """What one column's values look like.

    Attributes:
        nulls: how many there are in the whole table; None where the file does not say.
        hidden: whether its values are not to be shown; then nothing but their type and nulls is known here.
        least, greatest: of the whole table, for numbers and times (ISO 8601, or plain where that is all JSON has).
        not_finite: how many of the rows looked at are NaN or infinite; all other figures leave these out.
        mean, deviation: of numbers; of booleans, the share that is true. The deviation is that of a sample (n - 1).
        quantiles: at SHARES, each a value that occurs.
        distinct: how many different values the rows looked at have.
        top: the most frequent values of the rows looked at with their counts, for texts, booleans and few numbers.
    """

    name: str
    type: str
    nulls: int | None = None
    hidden: bool = False
    least: Any = None
    greatest: Any = None
    not_finite: int = 0
    mean: float | None = None
    deviation: float | None = None
    quantiles: list[Any] = field(default_factory=list)
    distinct: int | None = None
    top: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Profile:
    """The profile of a table: its rows, how many of them were looked at, and its columns in order."""

    rows: int
    looked_at: int
    columns: tuple[ColumnProfile, ...] = ()
    format: int = FORMAT

    def column(self, name: str) -> ColumnProfile | None:
        """The profile of one column; None for one that the table does not have."""
        return next((one for one in self.columns if one.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def profile_in(values: dict[str, Any]) -> Profile | None:
    """What `Profile.to_json` gave, back; None where another Headrace wrote it."""
    if values.get("format") != FORMAT:
        return None
    columns = tuple(ColumnProfile(**one) for one in values["columns"])
    return Profile(values["rows"], values["looked_at"], columns)


def profile_table(path: Path, hidden: Collection[str] = (), memory: str | None = None) -> Profile:
    """The profile of a Parquet file, or of a folder of them with the same columns.

    Nulls, least and greatest values are exact: they stand in the file's footer. All else is of every row up to
    65,536 rows, and beyond that of 32 blocks of 1,024 rows at equal distances: a table is sorted by its keys, so
    these are the rows of entities that have nothing in common. The same file gives the same profile.

    Args:
        hidden: the columns whose values must not be in it.
    """
    with connect(threads=1, memory=memory) as connection:
        table = parquet(path)
        kinds = describe(connection, table)
        shown = [(name, kind) for name, kind in kinds if name not in hidden and _is_told(kind)]
        ends = _footers(connection, path, kinds)
        rows = connection.sql(f"select count(*) from {table}").fetchall()[0][0]
        looked_at = _look_at(connection, path, rows, shown)
        figures = _figures(connection, shown)
        tops = _tops(connection, [one for one in shown if _is_listed(one[1], figures[one[0]])])
    columns = [_column(name, kind, name in hidden, ends, figures, tops) for name, kind in kinds]
    return Profile(rows, looked_at, tuple(columns))


def _is_told(kind: str) -> bool:
    """Whether there is more to say of such values than how many are null."""
    return _is_number(kind) or kind.startswith((*_TEMPORAL, *_COUNTED))


def _is_number(kind: str) -> bool:
    return not kind.endswith("]") and kind.startswith(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", *_OTHER)
    )


def _is_listed(kind: str, figures: dict[str, Any]) -> bool:
    return kind.startswith(_COUNTED) or (_is_number(kind) and figures["distinct"] <= _TOP)


def _footers(
    connection: duckdb.DuckDBPyConnection, path: Path, kinds: Sequence[Sequence[str]]
) -> dict[str, tuple[int | None, Any, Any]]:
    """The nulls, least and greatest value of each column; None where a file does not say."""
    files = literal(str(path / "*.parquet" if path.is_dir() else path))
    counts = "case when count(*) = count(stats_null_count) then sum(stats_null_count)::bigint end as nulls"
    columns = "path_in_schema as name, stats_null_count, stats_min_value as low, stats_max_value as high"
    connection.execute(f"create temp table footers as select {columns} from parquet_metadata({files})").fetchall()
    nulls = dict(connection.sql(f"select name, {counts} from footers group by name").fetchall())
    ends: dict[str, tuple[Any, Any]] = {}
    by_kind: dict[str, list[str]] = {}
    for name, kind in kinds:
        if _is_number(kind) or kind.startswith(_TEMPORAL):
            by_kind.setdefault(kind, []).append(name)
    for kind, names in by_kind.items():
        known = ", ".join(map(literal, names))
        least, greatest = (f"{one}(try_cast({end} as {kind}))" for one, end in (("min", "low"), ("max", "high")))
        query = f"select name, {least}, {greatest} from footers where name in ({known}) group by name"
        ends |= {name: (low, high) for name, low, high in connection.sql(query).fetchall()}
    return {name: (nulls.get(name), *ends.get(name, (None, None))) for name, _ in kinds}


def _look_at(connection: duckdb.DuckDBPyConnection, path: Path, rows: int, shown: Sequence[Sequence[str]]) -> int:
    """Put the rows to look at into the table `looked_at`; returns how many."""
    names = ", ".join(_value(name, kind) for name, kind in shown) or "1 as nothing"
    table, where = parquet(path), ""
    if rows > _WHOLE:
        table = f"read_parquet({literal(str(path / '*.parquet' if path.is_dir() else path))}, file_row_number = true)"
        starts = [number * rows // _BLOCKS for number in range(_BLOCKS)]
        blocks = " or ".join(f"file_row_number between {one} and {one + _BLOCK - 1}" for one in starts)
        # Rows are numbered within each file; of many files every so many rows are taken.
        where = f" where file_row_number % {rows // (_BLOCK * _BLOCKS)} = 0" if path.is_dir() else f" where {blocks}"
    connection.execute(f"create temp table looked_at as select {names} from {table}{where}").fetchall()
    count: int = connection.sql("select count(*) from looked_at").fetchall()[0][0]
    return count


def _value(name: str, kind: str) -> str:
    column = quote(name)
    if kind in _FLOATS:
        flag = f"{column} is not null and not isfinite({column}) as {quote(f'{name} is not finite')}"
        return f"case when isfinite({column}) then {column} end as {column}, {flag}"
    return f"left({column}, {_LONGEST}) as {column}" if kind == "VARCHAR" else column


def _figures(connection: duckdb.DuckDBPyConnection, shown: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
    """What one pass over the rows to look at says of each column."""
    wanted = [(name, label, sql) for name, kind in shown for label, sql in _aggregates(name, kind)]
    if not wanted:
        return {}
    found = connection.sql(f"select {', '.join(sql for _, _, sql in wanted)} from looked_at").fetchall()[0]
    figures: dict[str, dict[str, Any]] = {name: {} for name, _ in shown}
    for (name, label, _), value in zip(wanted, found, strict=True):
        figures[name][label] = value
    return figures


def _aggregates(name: str, kind: str) -> Iterator[tuple[str, str]]:
    column = quote(name)
    yield "distinct", f"count(distinct {column})"
    if kind == "BOOLEAN":
        yield "mean", f"avg({column}::int)"
    if not (_is_number(kind) or kind.startswith(_TEMPORAL)):
        return
    shares = ", ".join(map(str, SHARES))
    yield "quantiles", f"quantile_disc({column}, [{shares}])"
    yield "least", f"min({column})"
    yield "greatest", f"max({column})"
    if _is_number(kind):
        yield "mean", f"avg({column}::double)"
        # DuckDB refuses values whose squares a double cannot hold.
        yield "deviation", f"case when max(abs({column}::double)) < 1e150 then stddev_samp({column}::double) end"
    if kind in _FLOATS:
        yield "not_finite", f"count(*) filter (where {quote(f'{name} is not finite')})"


def _tops(connection: duckdb.DuckDBPyConnection, shown: Sequence[Sequence[str]]) -> dict[str, list[list[Any]]]:
    """The most frequent values of each column with their counts, in one query."""
    if not shown:
        return {}
    each = (
        f"(select {number} as n, {quote(name)}::varchar as v, count(*) as c from looked_at "
        f"where {quote(name)} is not null group by all order by c desc, v limit {_TOP})"
        for number, (name, _) in enumerate(shown)
    )
    found: dict[str, list[list[Any]]] = {name: [] for name, _ in shown}
    for number, value, count in connection.sql(f"{' union all '.join(each)} order by n, c desc, v").fetchall():
        found[shown[number][0]].append([value, count])
    return found


def _column(
    name: str,
    kind: str,
    hidden: bool,
    ends: dict[str, tuple[int | None, Any, Any]],
    figures: dict[str, dict[str, Any]],
    tops: dict[str, list[list[Any]]],
) -> ColumnProfile:
    nulls, least, greatest = ends[name]
    if name not in figures:
        return ColumnProfile(name, kind, nulls, hidden)
    found = figures[name]
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=nulls,
        least=_plain(found.get("least") if least is None else least),
        greatest=_plain(found.get("greatest") if greatest is None else greatest),
        not_finite=found.get("not_finite", 0),
        mean=_plain(found.get("mean")),
        deviation=_plain(found.get("deviation")),
        quantiles=[_plain(one) for one in found.get("quantiles") or ()],
        distinct=found["distinct"],
        top=tops.get(name, []),
    )


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, int | str):
        return value
    return str(value) if isinstance(value, timedelta) else float(value)
