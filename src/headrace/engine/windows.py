"""Aggregates of the events in a window that ends, exactly, at each spine row's own moment.

Every function here makes SQL text and runs nothing. A plan is one function; all plans give the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headrace.declarations.aggregate import FUNCTIONS, PARAMETERS
from headrace.engine.point_in_time import FOREVER, instant, key_columns, key_names, span, stepped
from headrace.errors import DeclarationError, UnknownName
from headrace.store.digests import quote

# Rows of a key, on either side, from which a timeline costs less than pairs: a pair costs about a hundredth of a row.
CROWDED = 100


@dataclass(frozen=True)
class WindowFeature:
    """`function` of `column` over the events of `(t - window, t]`; see `windows_sql` for what each function gives.

    Args:
        column: the event column; only `count`, then of events, does without.
        window: its length; None looks back as far as the join's ttl.
        where: a SQL condition on the event's columns; events for which it is false or null do not count.
        parameter: how many values `last_k` and `top_k` list, which `quantile` is meant.

    >>> WindowFeature("spend", "total", "amount", timedelta(days=7))
    Traceback (most recent call last):
    headrace.errors.UnknownName: window feature spend: unknown function 'total'. Known: count, count_distinct, ...
    """

    name: str
    function: str
    column: str | None
    window: timedelta | None
    where: str | None = None
    parameter: float | None = None

    def __post_init__(self) -> None:
        where = f"window feature {self.name}"
        if self.function not in FUNCTIONS:
            raise UnknownName(where, "function", self.function, FUNCTIONS)
        if self.column is None and self.function != "count":
            raise DeclarationError(where, f"{self.function} needs a column.")
        if self.function in PARAMETERS and self.parameter is None:
            raise DeclarationError(where, f"{self.function} needs {PARAMETERS[self.function]}.")
        if self.window is not None and self.window <= timedelta(0):
            raise DeclarationError(where, f"the window {self.window} has no length.")


@dataclass(frozen=True)
class WindowJoin:
    """Which events meet which spine rows.

    Args:
        spine: SQL name of a relation with a column `__row`, BIGINT, unique.
        events: SQL name of the events; equal rows are as many events. Events without a key or time count nowhere.
        keys: pairs (spine column, event column), compared one by one; a null key matches nothing. None: time alone.
        spine_time: the spine's moment, TIMESTAMP (read as UTC), TIMESTAMPTZ or DATE; no event is in reach of a null.
        event_time: when an event happened, of the same types.
        created: when an event became known; null means always.
        known_only: an event counts only for moments at or after its `created`.
        ttl: how far back a feature without a window looks, its edge included; None and zero mean for ever.
        every: windows end at the last step of this length, since 1970, at or before the spine's moment.
    """

    spine: str
    events: str
    keys: tuple[tuple[str, str], ...]
    spine_time: str
    event_time: str
    created: str | None = None
    known_only: bool = True
    ttl: timedelta | None = None
    features: tuple[WindowFeature, ...] = ()
    every: timedelta | None = None

    def __post_init__(self) -> None:
        if self.ttl and self.ttl < timedelta(0):
            raise DeclarationError(f"windows over {self.events}", f"the ttl {self.ttl} is negative.")

    @property
    def hides(self) -> bool:
        """Whether an event's `created` decides if a spine row may see it."""
        return self.known_only and self.created is not None

    def reach(self, feature: WindowFeature) -> int | None:
        """The greatest age in microseconds that an event of `feature` may have; None: any."""
        if feature.window is None:
            return span(self.ttl)
        length = span(feature.window)
        return None if length is None else length - 1


def windows_sql(join: WindowJoin) -> str:
    """A query of `__row` and the features, exactly one row for each spine row, in no particular order.

    A window's right edge is closed and its left edge open, to the microsecond: seven days at midnight over daily
    midnight events hold seven. Without an event, `count` and `count_distinct` are 0 and everything else is null.

    `count` of a column and `count_distinct` leave out nulls and are BIGINT. `sum` of integers is BIGINT (of UBIGINT and
    HUGEINT: HUGEINT) and raises when it does not fit, of DECIMAL it is an exact DECIMAL, of DOUBLE and FLOAT the same
    type; `mean` and `stddev` (sample; null for one value) are DOUBLE. `min` and `max` keep the column's type. `first`
    and `last` are the value of the earliest and latest event, null if that event's value is null; at equal times the
    least and greatest (`created`, value), null being least. `last_k` lists the latest values in that order, latest
    first, nulls among them; `top_k` the most frequent values but null, equally frequent ones by value. `quantile` of
    numbers is DOUBLE, interpolated between two values; nulls are left out. The last bits of `sum`, `mean` and `stddev`
    of floating-point columns depend on the plan and the number of threads.

    >>> orders = (WindowFeature("orders_7d", "count", None, timedelta(days=7)),)
    >>> join = WindowJoin("spine", "orders", (("id", "id"),), "at", "ordered_at", features=orders)
    >>> print(windows_sql(join)[:12])
    with __spine
    """
    return paired_sql(join) if join.hides else split_sql(join)


def merged_sql(join: WindowJoin) -> str:
    """Plan: spine rows and events on one timeline with a RANGE frame for each reach.

    Time grows as n log n, however many events a key has. An event that comes to be known late has no one place on a
    timeline, so a join that hides such events is refused.
    """
    _refuse_hiding(join)
    return f"{_relations(join)} {_merged(join, '__spine', '__events')}"


def paired_sql(join: WindowJoin) -> str:
    """Plan: each spine row with each event in its reach, then grouped.

    Fast while a key has few rows on either side; time grows with their product.
    """
    return f"{_relations(join)} {_paired(join, '__spine')}"


def split_sql(join: WindowJoin, crowded: int = CROWDED) -> str:
    """Plan: `paired_sql`, but `merged_sql` for the keys that have more than about `crowded` rows on either side."""
    _refuse_hiding(join)
    keys = ", ".join(key_names(join.keys))
    rows = f"select {keys}, count(*) as __rows from __spine group by {keys}"
    events = f"select {keys}, count(*) as __met from __events group by {keys}"
    product = f"__rows * __met > {crowded} * (__rows + __met)"
    busy = f"select {keys} from ({rows}) join ({events}) using ({keys}) where {product}"
    paired = _paired(join, f"(from __spine anti join __busy using ({keys}))")
    merged = _merged(join, *(f"(from {name} semi join __busy using ({keys}))" for name in ("__spine", "__events")))
    return f"{_relations(join)}, __busy as materialized ({busy}) ({paired}) union all ({merged})"


def _refuse_hiding(join: WindowJoin) -> None:
    if join.hides:
        fix = "Use paired_sql, or known_only=False."
        raise DeclarationError(f"windows over {join.events}", "a timeline cannot hide late events.", fix=fix)


def _merged(join: WindowJoin, spine: str, events: str) -> str:
    reaches = dict.fromkeys(join.reach(feature) for feature in join.features)
    frames = {reach: f"__frame{number}" for number, reach in enumerate(reaches)}
    ordered = f"partition by {', '.join(key_names(join.keys))} order by __at"
    windows = [
        f"{frame} as ({ordered} range between {'unbounded' if reach is None else reach} preceding and current row)"
        for reach, frame in frames.items()
    ]
    window = f" window {', '.join(windows)}" if windows else ""
    features = [_feature(join, one, over=f" over {frames[join.reach(one)]}") for one in join.features]
    timeline = f"(from {events} union all by name from {spine})"
    evaluated = f"select {', '.join(('__row', *features))} from {timeline}{window}"
    return f"from ({evaluated}) where __row is not null"


def _paired(join: WindowJoin, spine: str) -> str:
    reaches = [join.reach(feature) for feature in join.features]
    meets = [f"spine.{name} = events.{name}" for name in key_names(join.keys)]
    meets.append("events.__at <= __moment")
    if join.hides:
        meets.append("events.__created <= __moment")
    bounds = [reach for reach in reaches if reach is not None]
    if bounds and len(bounds) == len(reaches):
        meets.append(f"events.__at >= __moment - {max(bounds)}")
    features = [_feature(join, one, since="__moment") for one in join.features]
    moments = f"(select * rename (__at as __moment) from {spine}) as spine"
    return (
        f"select {', '.join(('__row', *features))} from {moments}"
        f" left join __events as events on {' and '.join(meets)} group by __row"
    )


def _relations(join: WindowJoin) -> str:
    """The spine and the events of its keys; events take the spine's key types, so both can share a column."""
    keys = ", ".join(key_names(join.keys))
    # Before every event, so that a frame without a bound holds none: a null would sort last and hold them all.
    every = span(join.every)
    at = instant(join.spine_time) if every is None else stepped(instant(join.spine_time), every)
    moment = f"coalesce({at}, {-FOREVER - 1})"
    spine = ["__row", *key_columns(column for column, _ in join.keys), f"{moment} as __at"]
    created = f"{-FOREVER}" if join.created is None else f"coalesce({instant(join.created)}, {-FOREVER})"
    events = [*key_columns(column for _, column in join.keys), f"{instant(join.event_time)} as __at"]
    events += [f"{created} as __created", "true as __event"]
    events += [f"{expression} as {name}" for expression, name in _inner_names(join).items()]
    reachable = (
        f"(select distinct {keys} from __spine) join (select {', '.join(events)} from {join.events}) using ({keys})"
    )
    return (
        f"with __spine as (select {', '.join(spine)} from {join.spine}),"
        f" __events as not materialized (from {reachable} where __at is not null)"
    )


def _inner_names(join: WindowJoin) -> dict[str, str]:
    """The event columns and conditions that features use, each with its name inside the query."""
    columns = [quote(one.column) for one in join.features if one.column is not None]
    conditions = [f"({one.where})" for one in join.features if one.where is not None]
    return {expression: f"__v{number}" for number, expression in enumerate(dict.fromkeys((*columns, *conditions)))}


def _feature(join: WindowJoin, feature: WindowFeature, *, over: str = "", since: str | None = None) -> str:
    """A select item: over a frame, or over a group whose events are still to be held to the feature's reach."""
    names = _inner_names(join)
    value = "*" if feature.column is None else names[quote(feature.column)]
    conditions = ["__event" if feature.where is None else names[f"({feature.where})"]]
    reach = join.reach(feature)
    if since is not None and reach is not None:
        conditions.append(f"events.__at >= {since} - {reach}")
    order = _order(value, "" if since is None else "events.")
    called = _CALLS[feature.function].format(value=value, order=order, parameter=feature.parameter)
    aggregate = f"{called} filter (where {' and '.join(conditions)}){over}"
    if feature.function == "sum":
        aggregate = _narrow(aggregate, value if since is None else f"any_value({value})")
    finished = _FINISHED.get(feature.function, "{aggregate}").format(aggregate=aggregate, parameter=feature.parameter)
    return f"{finished} as {quote(feature.name)}"


_CALLS = {
    "count": "count({value})",
    "count_distinct": "count(distinct {value})",
    "sum": "sum({value})",
    "mean": "avg({value})",
    "min": "min({value})",
    "max": "max({value})",
    "first": "arg_min_null({value}, {order})",
    "last": "arg_max_null({value}, {order})",
    "stddev": "stddev_samp({value})",
    "last_k": "arg_max({{'v': {value}}}, {order}, {parameter})",
    "quantile": "quantile_cont({value}::double, {parameter})",
    "top_k": "histogram({value})",
}
# What is made of an aggregate's result.
_FINISHED = {
    "last_k": "list_transform({aggregate}, lambda e: e.v)",
    "top_k": "list_transform(list_sort(list_transform(map_entries({aggregate}),"
    " lambda e: {{'n': -(e.value::bigint), 'v': e.key}})), lambda e: e.v)[:{parameter}]",
}


def _order(value: str, side: str) -> str:
    """What places events in time, ties included. Null values are told apart first: DuckDB would call them greatest."""
    return f"{{'at': {side}__at, 'created': __created, 'given': {value} is not null, 'value': {value}}}"


def _narrow(total: str, value: str) -> str:
    """A sum in the column's own family: DuckDB sums every integer type to HUGEINT, which few readers take."""
    return f"cast_to_type({total}, coalesce({value}, 0::bigint))"
