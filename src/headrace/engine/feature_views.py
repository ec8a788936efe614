"""Feature views as tables: columns of a source, values of aggregates after each event, SQL, or Python over polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from headrace.declarations.base import table_name
from headrace.declarations.derivation import Derivation
from headrace.declarations.feature_view import FeatureView
from headrace.engine.frames import Observed, read_frame
from headrace.engine.session import parquet, write_parquet
from headrace.engine.sql_columns import sql_columns
from headrace.engine.validation import require_times
from headrace.engine.windows import WindowFeature, WindowJoin, windows_sql
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import DeclarationError, HeadraceError, UnknownName, ValidationError, closest
from headrace.store.digests import describe, quote

EVENTS = "events.parquet"
_ARITHMETIC = ("sum", "mean", "stddev", "quantile")
_NO_NUMBERS = ("VARCHAR", "BLOB", "DATE", "TIME", "UUID", "STRUCT", "MAP")


def compute_feature_view(view: FeatureView, bench: Workbench) -> Computed:
    """Write the view's rows, sorted by its keys and timestamp, so that point-in-time joins merge instead of sort."""
    if view.derivation is None:
        _check_columns(view, bench.connection)
    if view.windowed:
        try:
            return _aggregates(view, bench)
        except (duckdb.BinderException, duckdb.ParserException) as error:
            raise HeadraceError(
                f"{view.key}: DuckDB refused its aggregates: {error}\nNothing was published."
            ) from error
    if view.derivation is None:
        _columns(view, bench)
    elif view.derivation.sql is not None:
        _sql(view, view.derivation.sql, bench)
    else:
        return _python(view, view.derivation, bench)
    return Computed()


def _check_columns(view: FeatureView, connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse names that its source lacks, which may show in its data only, and arithmetic with what is no number."""
    kinds = dict(describe(connection, table_name(view.inputs[0].key)))
    known = list(kinds)
    read = [one.column for one in view.windowed] + [column for _, column in view.selected or ()]
    lowered = {name.lower() for name in known}  # case does not count in SQL
    for name in filter(None, (*view.keys, view.timestamp, view.created, *read)):
        if name.lower() not in lowered:
            raise UnknownName(view.where, f"column of {view.inputs[0].key}", name, known)
    require_times(view.key, (view.timestamp, view.created), kinds)
    for one in view.windowed:
        kind = kinds.get(str(one.column), "")
        if one.function in _ARITHMETIC and kind.startswith(_NO_NUMBERS):
            fix = "Make it a number in its source's schema or in a SQL view."
            raise DeclarationError(view.where, f"{one.name}: {one.column!r} is {kind}, no number.", fix=fix)


def _order(view: FeatureView) -> str:
    times = filter(None, (view.timestamp, view.created))
    return ", ".join(quote(name) for name in dict.fromkeys((*view.keys, *times))) or "all"


def _where(bench: Workbench) -> str:
    """What leaves only the partition that is computed."""
    return "" if bench.slice is None else f" where {bench.slice.condition}"


def _columns(view: FeatureView, bench: Workbench) -> None:
    apart = dict.fromkeys((*view.keys, *filter(None, (view.timestamp, view.created))))
    picked = [quote(name) for name in apart]
    picked += [f"{quote(column)} as {quote(name)}" for name, column in view.selected or ()]
    table = table_name(view.inputs[0].key)
    if view.until is None:
        query = f"select {', '.join(picked)} from {table}{_where(bench)}"
    else:
        query = _validities(view, view.until, picked, table)
    write_parquet(bench.connection, f"select * from ({query}) order by {_order(view)}", bench.main_table)


def _validities(view: FeatureView, until: str, picked: Sequence[str], table: str) -> str:
    """The rows that held for a while, and a row of nulls for each that ceased before the next of its key began.

    So whoever asks as of a moment, in whatever way, finds nothing after the end of a validity.
    """
    keys, begun, ended = ", ".join(map(quote, view.keys)), quote(str(view.timestamp)), quote(until)
    held = f"select * from {table} where {ended} is null or {ended} > {begun}"
    next_one = f"lead({begun}) over (partition by {keys or 'true'} order by {begun}, {ended} nulls last) as __next"
    kept = [*map(quote, view.keys), f"{ended} as {begun}", *([quote(view.created)] if view.created else [])]
    gone = f"{ended} is not null and (__next is null or __next > {ended})"
    ends = f"select {', '.join(kept)} from (select *, {next_one} from ({held})) where {gone}"
    return f"select {', '.join(picked)} from ({held}) union all by name {ends}"


def _aggregates(view: FeatureView, bench: Workbench) -> Computed:
    """Two files: the events, from which a window is exact at any moment, and the features' values after each event."""
    connection, table = bench.connection, parquet(bench.draft / EVENTS)
    source = table_name(view.inputs[0].key)
    kept = ", ".join(quote(name) for name in _event_columns(view, connection, source))
    query = f"select {kept} from {source}"
    write_parquet(connection, f"{query}{_where(bench)} order by {_order(view)}", bench.draft / EVENTS)
    moments = ", ".join(quote(name) for name in (*view.keys, str(view.timestamp)))
    numbered = (
        f"select row_number() over (order by {moments}) - 1 as __row, * from (select distinct {moments} from {table})"
    )
    connection.execute(f"create temp table moments as {numbered}").fetchall()
    # The windows of a partition's first rows reach into those before it, which `source` then holds as well.
    met = table if bench.slice is None else f"({query})"
    join = window_join(view, "moments", met, [(key, key) for key in view.keys], str(view.timestamp))
    features = ", ".join(quote(one.name) for one in view.windowed)
    joined = f"({windows_sql(join)}) join moments using (__row)"
    write_parquet(connection, f"select {moments}, {features} from {joined} order by __row", bench.main_table)
    events = connection.sql(f"select count(*) from {table}").fetchall()[0][0]
    return Computed({"events": events}, content=EVENTS, definitions=_definitions(view, describe(connection, table)))


def _definitions(view: FeatureView, events: Sequence[Sequence[str]]) -> dict[str, Any]:
    features = {
        one.name: {
            "function": one.function,
            "column": one.column,
            "window": one.window,
            "where": one.where,
            **({"parameter": one.parameter} if one.parameter is not None else {}),
            "reads": _condition_columns(one.where, events),
        }
        for one in view.windowed
    }
    moment = [*view.keys, *filter(None, (view.timestamp, view.created))]
    return {"moment": moment, "ttl": view.ttl, "features": features}


def _condition_columns(where: str | None, events: Sequence[Sequence[str]]) -> list[str]:
    """The columns of the events that a condition mentions."""
    if where is None:
        return []
    found = sql_columns(f"select ({where}) from main.events", {"main.events": [(name, kind) for name, kind in events]})
    return sorted(found.reads.get("main.events", ()))


def _event_columns(view: FeatureView, connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    """What the aggregates and their conditions read."""
    times = [name for name in (view.timestamp, view.created) if name is not None]
    read = [one.column for one in view.windowed if one.column is not None]
    known = describe(connection, source) if any(one.where for one in view.windowed) else []
    read += [name for one in view.windowed for name in _condition_columns(one.where, known)]
    return list(dict.fromkeys((*view.keys, *times, *read, *view.identity)))


def window_join(
    view: FeatureView,
    spine: str,
    events: str,
    keys: list[tuple[str, str]],
    spine_time: str,
    wanted: dict[str, str] | None = None,
) -> WindowJoin:
    """The join that evaluates a view's aggregates at each spine row; `wanted` maps features to output names."""
    names = wanted or {one.name: one.name for one in view.windowed}
    features = tuple(
        WindowFeature(names[one.name], one.function, one.column, one.length, one.where, one.parameter)
        for one in view.windowed
        if one.name in names
    )
    return WindowJoin(
        spine=spine,
        events=events,
        keys=tuple(keys),
        spine_time=spine_time,
        event_time=str(view.timestamp),
        created=view.created,
        ttl=view.lifetime,
        features=features,
    )


def _sql(view: FeatureView, sql: str, bench: Workbench) -> None:
    try:
        _make_result(sql.rstrip().rstrip(";"), bench.connection)
        _write_result(view, bench)
    except duckdb.Error as error:
        raise HeadraceError(f"{view.key}: DuckDB refused its SQL: {error}\nNothing was published.") from error


def _make_result(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    """A view, whose rows are sorted and stored without being kept in between; a table where no view can be made of it.

    A PIVOT that takes its columns from the data, for one.
    """
    try:
        connection.execute(f"create temp view result as {sql}").fetchall()
    except duckdb.Error:
        connection.execute(f"create temp table result as {sql}").fetchall()


def _python(view: FeatureView, derivation: Derivation, bench: Workbench) -> Computed:
    frames: dict[str, Any] = {}
    observed: dict[str, Observed] = {}
    for (name, declaration), kind in zip(derivation.tables, derivation.frames, strict=True):
        frames[name] = read_frame(bench.connection, declaration, derivation.picked.get(declaration.key))
        if kind == "LazyFrame" and declaration.key not in derivation.picked:
            observed[declaration.key] = observed.get(declaration.key) or Observed(frames[name], declaration)
            frames[name] = observed[declaration.key].lazy()
        elif kind == "LazyFrame":
            frames[name] = frames[name].lazy()
    made = derivation.function(**frames)
    made = made.collect() if hasattr(made, "collect") else made
    if not hasattr(made, "to_arrow"):
        raise HeadraceError(f"{view.key}: its function returned {type(made).__name__}, not a polars frame.")
    bench.connection.register("returned", made.to_arrow())
    bench.connection.execute("create temp table result as select * from returned").fetchall()
    bench.connection.unregister("returned")
    _write_result(view, bench)
    return Computed(reads={key: one.columns for key, one in observed.items()})


def _write_result(view: FeatureView, bench: Workbench) -> None:
    kinds = dict(describe(bench.connection, "result"))
    found = list(kinds)
    parted = view.partitions.column if view.partitions else None
    needed = [*view.keys, *filter(None, (view.timestamp, view.created, parted))]
    missing = [name for name in needed if name not in found]
    if missing:
        near = {name: closest(name, found) for name in missing}
        failures: list[dict[str, object]] = [
            {
                "column": name,
                "check": f"is not returned (did you mean {near[name]!r}?)" if near[name] else "is not returned",
                "count": "all",
            }
            for name in missing
        ]
        raise ValidationError(view.key, failures, f"It returned {', '.join(found)}. Nothing was published.")
    require_times(view.key, (view.timestamp, view.created), kinds)
    if bench.slice is not None and parted is not None:
        _refuse_nulls(view, parted, bench.connection)
    write_parquet(bench.connection, f"select * from result{_where(bench)} order by {_order(view)}", bench.main_table)


def _refuse_nulls(view: FeatureView, column: str, connection: duckdb.DuckDBPyConnection) -> None:
    """A row without a time or key would be in no partition."""
    rows = connection.sql(f"select count(*) from result where {quote(column)} is null").fetchall()[0][0]
    if rows:
        failure: dict[str, object] = {
            "column": column,
            "check": "is null, so its row is in no partition",
            "count": rows,
        }
        raise ValidationError(view.key, [failure], "Leave such rows out of its result. Nothing was published.")
