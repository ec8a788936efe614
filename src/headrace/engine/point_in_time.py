"""Point-in-time joins: for each spine row, the one feature row that was current, and known, at the row's own moment.

Every function here makes SQL text and runs nothing. A plan is one function that says how each spine row's feature row
is picked; what is gathered for the picked rows, and how ties end, is the same for every plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from headrace.errors import DeclarationError
from headrace.store.digests import quote

FOREVER = 2**62


@dataclass(frozen=True)
class AsOfJoin:
    """Which rows meet, and when a feature row counts as current.

    Args:
        spine: SQL name of a relation with a column `__row`, BIGINT, unique.
        view: SQL name of the feature rows.
        keys: pairs (spine column, view column), compared one by one; a null key matches nothing. None: time alone.
        spine_time: the spine's moment, TIMESTAMP (read as UTC), TIMESTAMPTZ or DATE; a null moment gives nulls.
            None: the latest row of each key.
        view_time: when a feature row begins to hold, of the same types; rows without it are never seen.
            None: one row a key, the latest `created`.
        created: when a feature row became known; null means always.
        known_only: hide feature rows created after the spine row's moment. Needs `created` and `spine_time`.
        ttl: the greatest age of a feature row, its edge included; None and zero mean for ever.
        features: pairs (output name, view column).
        every: the view is refreshed in steps of this length since 1970: what was known at the last step at or before
            the spine's moment is seen, unless it is older than the ttl at that moment.

    >>> AsOfJoin("spine", "prices", (), None, "day", ttl=timedelta(days=1))
    Traceback (most recent call last):
    headrace.errors.DeclarationError: as-of join of prices: a ttl needs a time on both sides to measure an age. ...
    """

    spine: str
    view: str
    keys: tuple[tuple[str, str], ...]
    spine_time: str | None
    view_time: str | None
    created: str | None = None
    known_only: bool = True
    ttl: timedelta | None = None
    features: tuple[tuple[str, str], ...] = ()
    every: timedelta | None = None

    def __post_init__(self) -> None:
        where = f"as-of join of {self.view}"
        if self.ttl and self.ttl < timedelta(0):
            raise DeclarationError(where, f"the ttl {self.ttl} is negative.")
        if self.ttl and (self.spine_time is None or self.view_time is None):
            fix = "Give both timestamps, or no ttl."
            raise DeclarationError(where, "a ttl needs a time on both sides to measure an age.", fix=fix)

    @property
    def hides(self) -> bool:
        """Whether a row's `created` decides if a spine row may see it."""
        return self.known_only and self.created is not None and self.spine_time is not None


def as_of_sql(join: AsOfJoin) -> str:
    """A query of `__row` and the features, exactly one row for each spine row, in no particular order.

    Among the rows at or before the spine row's moment the latest wins; at equal times the greatest `created`, null
    being least; then the greatest feature values in their order, null being least: one whole row, never a mixture. A
    null feature is a value. Times are compared as microseconds since 1970 in UTC, whatever the session's time zone;
    nanoseconds are rounded. Features keep their types.

    >>> print(as_of_sql(AsOfJoin("spine", "prices", (("id", "id"),), "at", "day", features=(("price", "price"),)))[:12])
    with __spine
    """
    if join.hides:
        return _as_of_known(join)
    if join.spine_time is not None and join.view_time is not None:
        return _as_of(join)
    return _latest(join)


def _as_of(join: AsOfJoin) -> str:
    """Plan: a narrow ASOF join on keys and time alone."""
    keys = key_names(join.keys)
    events = f"select {', '.join(keys)}, __event from __view semi join __spine using ({', '.join(keys)})"
    picked = _asof_join(join, events, (), "__event")
    return _gather(join, [], picked, (*keys, "__event"))


def _as_of_known(join: AsOfJoin) -> str:
    """Plan: a narrow ASOF join on keys and the moment a row became visible, among rows that ever were the latest.

    A row is visible from the later of its event and its `created`. In order of that moment, a row that is not the
    latest event when it arrives never becomes so, and without those rows the last arrival is the answer.
    """
    keys = ", ".join(key_names(join.keys))
    ranked = (
        f"select {keys}, __event, __created, greatest(__event, __created) as __visible,"
        f" rank() over (partition by {keys} order by __event, __created) as __rank"
        f" from __view semi join __spine using ({keys})"
    )
    arrived = f"partition by {keys} order by __visible range between unbounded preceding and current row"
    current = f"select * from ({ranked}) qualify __rank = max(__rank) over ({arrived})"
    picked = _asof_join(join, "from __current", ("__created",), "__visible")
    return _gather(join, [f"__current as ({current})"], picked, (*key_names(join.keys), "__event", "__created"))


def _latest(join: AsOfJoin) -> str:
    """Plan: the latest event of each key, where there is no moment to compare it with."""
    keys = ", ".join(key_names(join.keys))
    last = f"select {keys}, max(__event) as __event from __view semi join __spine using ({keys}) group by {keys}"
    picked = f"select __row, {keys}, __event from __spine left join ({last}) using ({keys})"
    return _gather(join, [], picked, (*key_names(join.keys), "__event"))


def _asof_join(join: AsOfJoin, events: str, kept: Sequence[str], moment: str) -> str:
    """The spine with each row's event, or null. The TTL stays out of the ASOF's ON, where it would change the match."""
    lifetime = span(join.ttl)
    event = "events.__event"
    if lifetime is not None:
        event = f"case when events.__event >= __moment - {lifetime} then events.__event end"
    columns = [f"spine.{name}" for name in ("__row", *key_names(join.keys))]
    columns += [f"{event} as __event", *(f"events.{name}" for name in kept)]
    meets = [f"spine.{name} = events.{name}" for name in key_names(join.keys)]
    condition = " and ".join((*meets, f"__at >= events.{moment}"))
    return f"select {', '.join(columns)} from __spine as spine asof left join ({events}) as events on {condition}"


def _gather(join: AsOfJoin, steps: list[str], picked: str, identity: tuple[str, ...]) -> str:
    """The features of each picked row. Only tied rows are sorted, so wide rows are not."""
    same = ", ".join(identity)
    outputs = [f"__f{number}" for number in range(len(join.features))]
    order = ", ".join(f"{name} desc nulls last" for name in ("__created", *outputs))
    first = f"row_number() over (partition by {same} order by {order}) = 1"
    chosen = f"select * from __found semi join __tied using ({same}) qualify {first}"
    named = [f"{output} as {quote(name)}" for output, (name, _) in zip(outputs, join.features, strict=True)]
    ctes = [
        f"__spine as ({_spine(join)})",
        f"__view as not materialized ({_view(join)})",
        *steps,
        f"__picked as materialized ({picked})",
        f"__found as materialized (select * from __view semi join __picked using ({same}))",
        f"__tied as materialized (select {same} from __found group by {same} having count(*) > 1)",
        f"__whole as (select * from __found anti join __tied using ({same}) union all {chosen})",
    ]
    select = ", ".join(("__row", *named))
    return f"with {', '.join(ctes)} select {select} from __picked left join __whole using ({same})"


def _spine(join: AsOfJoin) -> str:
    moment = "null" if join.spine_time is None else instant(join.spine_time)
    every = span(join.every)
    columns = ["__row", *key_columns(column for column, _ in join.keys)]
    columns += [f"{moment} as __moment", f"{moment if every is None else stepped(moment, every)} as __at"]
    return f"select {', '.join(columns)} from {join.spine}"


def _view(join: AsOfJoin) -> str:
    created = f"{-FOREVER}" if join.created is None else f"coalesce({instant(join.created)}, {-FOREVER})"
    event = f"{-FOREVER}" if join.view_time is None else instant(join.view_time)
    columns = key_columns(column for _, column in join.keys)
    columns += [f"{event} as __event", f"{created} as __created"]
    columns += [f"{quote(column)} as __f{number}" for number, (_, column) in enumerate(join.features)]
    timed = "" if join.view_time is None else f" where {quote(join.view_time)} is not null"
    return f"select {', '.join(columns)} from {join.view}{timed}"


def key_names(keys: Sequence[object]) -> tuple[str, ...]:
    """The names that key columns have inside a query; without keys there is one, for a constant.

    >>> key_names(["customer_id", "shop"]), key_names([])
    (('__k0', '__k1'), ('__k0',))
    """
    return tuple(f"__k{number}" for number in range(len(keys) or 1))


def key_columns(columns: Iterable[str]) -> list[str]:
    """Select items that give key columns their inner names."""
    return [f"{quote(name)} as __k{number}" for number, name in enumerate(columns)] or ["0 as __k0"]


def instant(column: str) -> str:
    """SQL for a time column as microseconds since 1970 in UTC, BIGINT; infinite times become plus or minus `FOREVER`.

    Unlike comparing a TIMESTAMP with a TIMESTAMPTZ, this never asks for the session's time zone.

    >>> instant("at")[:24]
    'coalesce(epoch_us("at"),'
    """
    name = quote(column)
    infinite = f"if({name}::varchar = 'infinity', {FOREVER}, {-FOREVER})"
    return f"coalesce(epoch_us({name}), case when isinf({name}) then {infinite} end)"


def stepped(moment: str, every: int) -> str:
    """SQL for the last step at or before a moment in microseconds; steps count from 1970.

    >>> stepped("at", 60)
    'if(abs(at) < 4611686018427387904, at - (at % 60 + 60) % 60, at)'
    """
    return f"if(abs({moment}) < {FOREVER}, {moment} - ({moment} % {every} + {every}) % {every}, {moment})"


def span(length: timedelta | None) -> int | None:
    """A length in microseconds, or None where it sets no bound: unset, zero, or beyond any two times.

    >>> span(timedelta(seconds=1)), span(timedelta(0)), span(timedelta.max)
    (1000000, None, None)
    """
    microseconds = length // timedelta(microseconds=1) if length else FOREVER
    return microseconds if microseconds < FOREVER else None
