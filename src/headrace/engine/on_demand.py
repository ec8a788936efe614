"""On-demand features: one function over a frame, the same for a training set and for a single question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headrace.declarations.feature_view import FeatureSelection
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.request import Request
from headrace.engine.frames import polars_types
from headrace.errors import OnDemandError, ValidationError
from headrace.store.digests import describe, quote

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_BATCH = 200_000
_TRIED_ALONE = 8
_TOLERANCE = 1e-9
_TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_FLOATS = {"FLOAT", "DOUBLE", "REAL"}


def run_on_demand(one: OnDemand, frame: pl.DataFrame) -> pl.DataFrame:
    """The features of each row of `frame`, whose columns are the inputs; in order, without the inputs.

    A column that the function returns under the name of an input is that input. Raises OnDemandError when the
    function fails, or returns something else than one row of every feature for each row.
    """
    import polars as pl

    try:
        made = one.function(frame)
        made = made.collect() if isinstance(made, pl.LazyFrame) else made
    except Exception as error:
        raise OnDemandError(one.where, f"its function failed: {type(error).__name__}: {error}") from error
    if not isinstance(made, pl.DataFrame):
        raise OnDemandError(one.where, f"its function returned {type(made).__name__}, not a polars frame.")
    if made.height != frame.height:
        problem = f"its function returned {made.height} rows for {frame.height}."
        raise OnDemandError(one.where, f"{problem} It must return one row for each row, in their order.")
    return _features(one, made, set(frame.columns))


def _features(one: OnDemand, made: pl.DataFrame, inputs: set[str]) -> pl.DataFrame:
    import polars as pl

    found = [name for name in made.columns if name not in inputs]
    wanted = one.feature_names()
    missing = [name for name in wanted or () if name not in found]
    if missing or not found:
        got = ", ".join(found) or "no column that is not an input"
        lacks = f" without {', '.join(missing)}" if missing else ""
        raise OnDemandError(one.where, f"its function returned {got}{lacks}.")
    features = made.select(wanted or found)
    strange = [name for name, kind in features.schema.items() if kind == pl.Object]
    if strange:
        raise OnDemandError(one.where, f"{strange[0]!r} holds Python objects, which no table can keep.")
    types = one.types
    if not types:
        return features
    kinds = dict(zip(types, polars_types(tuple(types.values())), strict=True))
    try:
        return features.cast(kinds)  # type: ignore[arg-type]  # invariant in the keys of a mapping
    except pl.exceptions.PolarsError as error:
        raise OnDemandError(one.where, f"its result is not what it declares: {error}") from error


def join_on_demand(
    connection: duckdb.DuckDBPyConnection,
    spine: str,
    one: OnDemand,
    joined: Mapping[FeatureSelection, tuple[str, Sequence[str]]],
    target: str,
) -> list[str]:
    """Make the temp table `target` with `__row` and the features of each spine row; returns their names.

    Args:
        spine: has `__row`, 0 to n - 1, and the requested values as columns.
        joined: of each selection that it takes, the temp table with `__row`, and the columns of that.
    """
    origins = dict.fromkeys(joined[selection][0] for selection in one.selections)
    taken = [f"{joined[each][0]}.{quote(name)}" for each in one.selections for name in joined[each][1]]
    taken += _requested(connection, spine, one)
    tables = " ".join((f"{spine} as __asking", *(f"join {name} using (__row)" for name in origins)))
    rows = connection.sql(f"select count(*) from {spine}").fetchall()[0][0]
    names: list[str] = []
    for start in range(0, max(rows, 1), _BATCH):
        within = f"__asking.__row >= {start} and __asking.__row < {start + _BATCH}"
        query = f"select {', '.join(taken)} from {tables} where {within} order by __asking.__row"
        frame = in_utc(connection.sql(query).pl())
        features = run_on_demand(one, frame)
        if start == 0:
            _refuse_mixing(one, frame, features)
        names = features.columns
        _append(connection, target, features.with_row_index("__row", offset=start), first=start == 0)
    return names


def _requested(connection: duckdb.DuckDBPyConnection, spine: str, one: OnDemand) -> list[str]:
    kinds = dict(describe(connection, spine))
    return [_as_requested(one, request, kinds[request.name]) for request in one.requests]


def _as_requested(one: OnDemand, request: Request, kind: str) -> str:
    """SQL of a spine column in the type of a request; only where no value can change its meaning by it."""
    column, wanted = f"__asking.{quote(request.name)}", request.type
    if not _holds(wanted, kind):
        failure: dict[str, object] = {"column": request.name, "check": f"is {kind}, not {wanted}", "count": "all"}
        fix = f"Cast the spine's column, or declare hr.Request({request.name!r}, {kind!r}). Nothing was published."
        raise ValidationError(f"requests of {one.where}", [failure], fix)
    if wanted == _TIMESTAMPTZ and kind != _TIMESTAMPTZ:
        return f"timezone('UTC', {column}::timestamp) as {quote(request.name)}"
    return f"{column}::{wanted} as {quote(request.name)}"


def _holds(wanted: str, kind: str) -> bool:
    numbers = kind in _INTEGERS or kind.startswith("DECIMAL")
    if wanted in _INTEGERS:
        return kind in _INTEGERS
    if wanted in _FLOATS:
        return numbers or kind in _FLOATS
    if wanted.startswith("DECIMAL"):
        return numbers
    if wanted.startswith("TIMESTAMP"):
        return kind.startswith("TIMESTAMP") or kind == "DATE"
    return kind == wanted or wanted.endswith("]") or kind.startswith("ENUM")


def in_utc(frame: pl.DataFrame) -> pl.DataFrame:
    """Moments in UTC, whatever the time zone of the session that they come from."""
    import polars as pl

    zoned = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
    return frame.with_columns(pl.col(name).dt.convert_time_zone("UTC") for name in zoned) if zoned else frame


def _refuse_mixing(one: OnDemand, frame: pl.DataFrame, features: pl.DataFrame) -> None:
    """Single rows must come out as they do among others: that is how they are asked when serving."""
    from polars.testing import assert_frame_equal

    step = max(1, frame.height // _TRIED_ALONE)
    for row in range(0, frame.height, step):
        alone = run_on_demand(one, frame.slice(row, 1))
        try:
            assert_frame_equal(alone, features.slice(row, 1), rel_tol=_TOLERANCE)
        except AssertionError as error:
            problem = f"row {row} comes out otherwise alone than among {frame.height} rows: {error}"
            fix = "Compute each row from itself; put what needs other rows into a feature view."
            raise OnDemandError(one.where, f"{problem}\n{fix} Nothing was published.") from error


def _append(connection: duckdb.DuckDBPyConnection, target: str, rows: pl.DataFrame, *, first: bool) -> None:
    connection.register("__returned", rows.to_arrow())
    begin = f"create or replace temp table {target} as" if first else f"insert into {target}"
    connection.execute(f"{begin} select * from __returned").fetchall()
    connection.unregister("__returned")
