"""What is kept online of a view: the latest row of each entity, or the events that windows still reach.

Nothing here depends on when it is computed, but for rows of the future: those are kept beside the latest row, and the
store serves them when their time has come.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from headrace.declarations.base import table_name
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.online import OnlineView
from headrace.declarations.source import Source
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.point_in_time import FOREVER, instant
from headrace.engine.session import parquet, write_parquet
from headrace.engine.windows import WindowFeature, WindowJoin
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import DeclarationError, ValidationError
from headrace.store.digests import describe, quote
from headrace.store.online.rows import TIMES
from headrace.store.online.windows import FUNCTIONS as ONLINE_FUNCTIONS

WHERE = "__where"
IDENTITY = "__identity"
_MICROSECOND = timedelta(microseconds=1)


def compute_online(online: OnlineView, bench: Workbench) -> Computed:
    """Write the snapshot, sorted by key and time, and say in its details how it is read; see `OnlineSchema`."""
    _check_times(online, bench)
    facts = _events(online.view, bench) if online.view.windowed else _latest(online.view, bench)
    return Computed({"online": facts})


def _check_times(online: OnlineView, bench: Workbench) -> None:
    view = online.view
    table = parquet(bench.folder(view.key) / EVENTS) if view.windowed else table_name(view.key)
    kinds = dict(describe(bench.connection, table))
    failures: list[dict[str, object]] = [
        {"column": name, "check": f"is {kinds[name]}, which is no time", "count": "all"}
        for name in _times(view)
        if kinds[name] not in TIMES
    ]
    if failures:
        raise ValidationError(online.key, failures, "Cast it to TIMESTAMP in its source. Nothing was published.")


def _latest(view: FeatureView, bench: Workbench) -> dict[str, Any]:
    table = table_name(view.key)
    columns = describe(bench.connection, table)
    until, latest = _watermark(view, f"(from {table})", bench)
    keys = [quote(name) for name in view.keys]
    features = [(name, kind) for name, kind in columns if name not in (*view.keys, view.timestamp, view.created)]
    query = latest_sql(view, table, [name for name, _ in features], until)
    order = ", ".join((*keys, *map(quote, _times(view)))) or "all"
    names = ", ".join(quote(name) for name in (*view.keys, *_times(view), *(name for name, _ in features)))
    write_parquet(bench.connection, f"select {names} from ({query}) order by {order}", bench.main_table)
    taken = dict(view.selected or ())
    stored = [(taken.get(name, name), kind) for name, kind in features]
    facts = {**_facts(view, columns, latest), "features": features, "columns": features}
    return {**facts, "until": _known(until), "push": _push(view, list(map(lowered, stored)))}


def latest_sql(view: FeatureView, table: str, features: Sequence[str], until: int) -> str:
    """The rows that answer at `until` microseconds, one for each key, and those that may answer later.

    Two narrow steps come before the wide one: the time of each key's latest row, then the rows of these times.
    """
    keys = ", ".join(quote(name) for name in view.keys) or "__one"
    created = "__created" if view.created else f"{-FOREVER}"
    order = ", ".join(("__created desc", *(f"{quote(name)} desc nulls last" for name in features)))
    known = "greatest(__event, __created)" if view.created else "__event"
    return (
        f"with __view as not materialized ({_moments(view, table)}), __last as materialized ("
        f" select {keys}, max(__event) as __event from __view where {known} <= {until} group by {keys}),"
        f" __current as (select __view.* from __view join __last using ({keys}, __event) where {known} <= {until}),"
        f" __tied as materialized (select {keys} from __current group by {keys} having count(*) > 1),"
        f" __first as (select * from __current semi join __tied using ({keys})"
        f" qualify row_number() over (partition by {keys} order by {order}) = 1),"
        f" __later as (select __view.* from __view left join __last as last using ({keys})"
        f" where {known.replace('__event', '__view.__event')} > {until}"
        f" and __view.__event >= coalesce(last.__event, {-FOREVER}))"
        f" select * from __current anti join __tied using ({keys}) union all select * from __first"
        f" union all select * from __later"
    ).replace("__created desc, ", f"{created} desc, " if not view.created else "__created desc, ")


def _moments(view: FeatureView, table: str) -> str:
    """Its rows with their times in microseconds; without those that nothing ever matches."""
    event = instant(view.timestamp) if view.timestamp else f"{-FOREVER}"
    columns = ["*", f"{event} as __event"]
    columns += [f"coalesce({instant(view.created)}, {-FOREVER}) as __created"] if view.created else []
    columns += [] if view.keys else ["1 as __one"]
    needed = [*view.keys, *filter(None, [view.timestamp])]
    condition = " and ".join(f"{quote(name)} is not null" for name in needed)
    return f"select {', '.join(columns)} from {table}" + (f" where {condition}" if condition else "")


def _watermark(view: FeatureView, rows: str, bench: Workbench) -> tuple[int, int | None]:
    """Up to which moment the data tell everything, but at most now; and the latest event by then.

    Of a view that moves in steps, the last step by then.
    """
    if not view.timestamp and not view.created:
        return FOREVER, None
    now = time.time_ns() // 1000
    highest = ", ".join(f"max({instant(name)})" for name in _times(view))
    found = [one for one in bench.connection.sql(f"select {highest} from {rows}").fetchall()[0] if one is not None]
    until = min([now, max(found)]) if found else now
    if view.step is not None:
        until -= until % (view.step // _MICROSECOND)  # no reader stands at a later moment than the step before
    if not view.timestamp:
        return until, None
    event = instant(view.timestamp)
    latest = bench.connection.sql(f"select max({event}) from {rows} where {event} <= {until}").fetchall()[0][0]
    return until, latest


def _known(until: int) -> int | None:
    return None if until == FOREVER else until


def _times(view: FeatureView) -> list[str]:
    return list(dict.fromkeys(filter(None, (view.timestamp, view.created))))


def _facts(view: FeatureView, columns: Sequence[tuple[str, str]] | Any, latest: int | None) -> dict[str, Any]:
    kinds = dict(columns)
    return {
        "keys": [(name, kinds[name]) for name in view.keys],
        "ttl": None if view.lifetime is None else view.lifetime.total_seconds(),
        "timed": view.timestamp is not None,
        "created": view.created is not None,
        "every": None if view.step is None else view.step.total_seconds(),
        "latest": latest,
        "times": [view.timestamp, view.created],
    }


def _events(view: FeatureView, bench: Workbench) -> dict[str, Any]:
    events = parquet(bench.folder(view.key) / EVENTS)
    join = window_join(view, "spine", events, [(key, key) for key in view.keys], "at")
    until, latest = _watermark(view, events, bench)
    reaches = [join.reach(one) for one in join.features]
    since = None if None in reaches else until - max(one for one in reaches if one is not None)
    needed = " and ".join(f"{quote(name)} is not null" for name in (*view.keys, str(view.timestamp)))
    condition = needed if since is None else f"{needed} and {instant(str(view.timestamp))} >= {since}"
    read = list(dict.fromkeys(one.column for one in join.features if one.column is not None))
    conditions = list(dict.fromkeys(one.where for one in join.features if one.where is not None))
    wanted = [*dict.fromkeys((*view.keys, *_times(view), *read))]
    picked = [quote(name) for name in wanted]
    picked += [f"coalesce(({text})::boolean, false) as {quote(f'{WHERE}{n}')}" for n, text in enumerate(conditions)]
    picked += [f"{identity_sql(view.identity)} as {IDENTITY}"] if view.identity else []
    order = ", ".join(quote(name) for name in (*view.keys, *_times(view)))
    query = f"select {', '.join(picked)} from {events} where {condition} order by {order}"
    write_parquet(bench.connection, query, bench.main_table)
    stored = describe(bench.connection, parquet(bench.main_table))
    names = [*read, *(f"{WHERE}{number}" for number in range(len(conditions)))]
    kinds = dict(describe(bench.connection, table_name(view.key)))
    held = [(name, dict(stored)[name]) for name in names]
    taken = [lowered(one) for one in held[: len(read)]]
    return {
        **_facts(view, stored, latest),
        "until": until,
        "push": _push(view, [*taken, *(f"coalesce(({text})::boolean, false)" for text in conditions)]),
        "features": [(one.name, kinds[one.name]) for one in join.features],
        "columns": held,
        "windows": [_definition(view, join, one, conditions) for one in join.features],
        "complete_from": since,
    }


def _push(view: FeatureView, stored: Sequence[str]) -> dict[str, Any] | None:
    """How rows pushed to its source become rows of the view at once; None where only a build can tell."""
    source = view.source
    if not isinstance(source, Source) or not source.push or view.until is not None:
        return None
    times = [instant(name) if name else "null" for name in (view.timestamp, view.created)]
    identity = identity_sql(view.identity) if view.identity else "''::blob"
    select = [*map(quote, view.keys), *times, *stored, identity]
    return {"source": source.name, "keys": len(view.keys), "select": select}


def identity_sql(columns: Sequence[str]) -> str:
    """16 bytes that are the same for equal values, and for no others."""
    sized = " || ".join(f"strlen({quote(name)}::varchar) || ':' || {quote(name)}::varchar" for name in columns)
    return f"unhex(md5({sized}))"


def lowered(column: tuple[str, str]) -> str:
    """SQL that reads a column for the online store: times as microseconds, which cost nothing to make."""
    name, kind = column
    return instant(name) if kind in TIMES else quote(name)


def _definition(view: FeatureView, join: WindowJoin, one: WindowFeature, conditions: Sequence[str]) -> dict[str, Any]:
    if one.function not in ONLINE_FUNCTIONS:
        raise DeclarationError(
            view.where, f"{one.name}: {one.function} cannot be read online.", fix="Say online=False."
        )
    where = None if one.where is None else f"{WHERE}{conditions.index(one.where)}"
    defined = {"name": one.name, "function": one.function, "column": one.column}
    return {**defined, "reach": join.reach(one), "where": where, "parameter": one.parameter}
