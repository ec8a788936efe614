"""Feature views as tables: columns of a source, values of aggregates after each event, SQL, or Python over polars."""

from __future__ import annotations

from typing import Any

import duckdb

from headrace.declarations.base import table_name
from headrace.declarations.derivation import Derivation
from headrace.declarations.feature_view import FeatureView
from headrace.engine.session import parquet, write_parquet
from headrace.engine.windows import WindowFeature, WindowJoin, windows_sql
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import HeadraceError, ValidationError, closest
from headrace.store.digests import describe, quote, table_digest

EVENTS = "events.parquet"


def compute_feature_view(view: FeatureView, bench: Workbench) -> Computed:
    """Write the view's rows, sorted by its keys and timestamp, so that point-in-time joins merge instead of sort."""
    if view.windowed:
        return _aggregates(view, bench)
    if view.derivation is None:
        _columns(view, bench)
    elif view.derivation.sql is not None:
        _sql(view, view.derivation.sql, bench)
    else:
        _python(view, view.derivation, bench)
    return Computed()


def _order(view: FeatureView) -> str:
    times = filter(None, (view.timestamp, view.created))
    return ", ".join(quote(name) for name in dict.fromkeys((*view.keys, *times))) or "all"


def _columns(view: FeatureView, bench: Workbench) -> None:
    apart = dict.fromkeys((*view.keys, *filter(None, (view.timestamp, view.created))))
    picked = [quote(name) for name in apart]
    picked += [f"{quote(column)} as {quote(name)}" for name, column in view.selected or ()]
    table = table_name(view.inputs[0].key)
    write_parquet(
        bench.connection, f"select {', '.join(picked)} from {table} order by {_order(view)}", bench.main_table
    )


def _aggregates(view: FeatureView, bench: Workbench) -> Computed:
    """Two files: the events, from which a window is exact at any moment, and the features' values after each event."""
    connection, table = bench.connection, parquet(bench.draft / EVENTS)
    source = table_name(view.inputs[0].key)
    kept = ", ".join(quote(name) for name in _event_columns(view, connection, source))
    write_parquet(connection, f"select {kept} from {source} order by {_order(view)}", bench.draft / EVENTS)
    moments = ", ".join(quote(name) for name in (*view.keys, str(view.timestamp)))
    numbered = (
        f"select row_number() over (order by {moments}) - 1 as __row, * from (select distinct {moments} from {table})"
    )
    connection.execute(f"create temp table moments as {numbered}").fetchall()
    join = window_join(view, "moments", table, [(key, key) for key in view.keys], str(view.timestamp))
    features = ", ".join(quote(one.name) for one in view.windowed)
    joined = f"({windows_sql(join)}) join moments using (__row)"
    write_parquet(connection, f"select {moments}, {features} from {joined} order by __row", bench.main_table)
    events = connection.sql(f"select count(*) from {table}").fetchall()[0][0]
    return Computed({"events": events}, table_digest(connection, table))


def _event_columns(view: FeatureView, connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    """What the aggregates read; every column where a condition, which may mention any, has to be evaluated."""
    if any(one.where for one in view.windowed):
        return [name for name, _ in describe(connection, source)]
    times = [name for name in (view.timestamp, view.created) if name is not None]
    read = [one.column for one in view.windowed if one.column is not None]
    return list(dict.fromkeys((*view.keys, *times, *read)))


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
        WindowFeature(names[one.name], one.function, one.column, one.length, one.where)
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
        bench.connection.execute(f"create temp table result as {sql.rstrip().rstrip(';')}").fetchall()
    except duckdb.Error as error:
        raise HeadraceError(f"{view.key}: DuckDB refused its SQL: {error}\nNothing was published.") from error
    _write_result(view, bench)


def _python(view: FeatureView, derivation: Derivation, bench: Workbench) -> None:
    frames: dict[str, Any] = {}
    for (name, declaration), kind in zip(derivation.tables, derivation.frames, strict=True):
        frame = bench.connection.sql(f"select * from {table_name(declaration.key)}").pl()
        frames[name] = frame.lazy() if kind == "LazyFrame" else frame
    made = derivation.function(**frames)
    made = made.collect() if hasattr(made, "collect") else made
    if not hasattr(made, "to_arrow"):
        raise HeadraceError(f"{view.key}: its function returned {type(made).__name__}, not a polars frame.")
    bench.connection.register("returned", made.to_arrow())
    bench.connection.execute("create temp table result as select * from returned").fetchall()
    bench.connection.unregister("returned")
    _write_result(view, bench)


def _write_result(view: FeatureView, bench: Workbench) -> None:
    found = [name for name, _ in describe(bench.connection, "result")]
    needed = [*view.keys, *filter(None, (view.timestamp, view.created))]
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
    write_parquet(bench.connection, f"select * from result order by {_order(view)}", bench.main_table)
