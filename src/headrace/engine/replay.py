"""Replay: whether the online store answers what a training row of the same moment would have seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from headrace.declarations.feature_view import FeatureView
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.session import MAIN_TABLE, connect, parquet
from headrace.engine.windows import windows_sql
from headrace.store.digests import quote
from headrace.store.online.base import OnlineStore
from headrace.store.online.times import from_micros

SAMPLE = 200
_TOLERANCE = 1e-9
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Replay:
    """What was compared, and what differed.

    Attributes:
        entities, values: how many were compared.
        moments: at which moments, aware, UTC.
        differing: how many values differ; `examples` has the first, each with its key, moment, feature and both values.
    """

    entities: int
    values: int
    moments: tuple[datetime, ...]
    differing: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.differing


def replay(
    view: FeatureView,
    folder: Path,
    snapshot: Path,
    online: OnlineStore,
    moments: Sequence[datetime],
    apart: set[tuple[Any, ...]],
) -> Replay:
    """Compare a sample of entities, the same for the same snapshot, at each of some moments.

    Args:
        folder: of the view's version that the snapshot was made of.
        apart: entities with pushes that are in no version yet.

    Numbers may differ by their last digits, as sums of floating-point columns do.
    """
    done: list[Replay] = []
    with connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        keys = _sample(view, snapshot, connection, apart)
        for moment in moments:
            known = _known_then(view, folder, connection, moment)
            found = online.read(view.name, keys, [name for name, _ in known[0]], moment)
            empty = (None,) * len(known[0])
            done.append(
                _compare(keys, moment, [name for name, _ in known[0]], known[1], [one.values or empty for one in found])
            )
    examples = [example for one in done for example in one.examples][:_MOST_SHOWN]
    return Replay(
        len(keys), sum(one.values for one in done), tuple(moments), sum(one.differing for one in done), examples
    )


def _sample(
    view: FeatureView, snapshot: Path, connection: duckdb.DuckDBPyConnection, apart: set[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Some entities, as the table `asked`."""
    names = ", ".join(quote(name) for name in view.keys)
    if not names:
        connection.execute("create temp table asked as select 0::bigint as __row").fetchall()
        return [()]
    table = parquet(snapshot)
    salt = f"'{snapshot.parent.name}'"
    chosen = f"select distinct {names} from {table} order by hash({names}, {salt}), {names} limit {SAMPLE}"
    connection.execute(f"create temp table chosen as {chosen}").fetchall()
    connection.execute("create temp table asked as select row_number() over () - 1 as __row, * from chosen").fetchall()
    rows = connection.sql(f"select __row, {names} from asked order by __row").fetchall()
    gone = [row[0] for row in rows if row[1:] in apart]
    if gone:
        connection.execute(f"delete from asked where __row in ({', '.join(map(str, gone))})").fetchall()
    return [row[1:] for row in rows if row[1:] not in apart]


def _known_then(
    view: FeatureView, folder: Path, connection: duckdb.DuckDBPyConnection, moment: datetime
) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    """The features, and their values for each asked entity as a training row of that moment has them."""
    at = moment.replace(tzinfo=None).isoformat(sep=" ")
    connection.execute(
        f"create or replace temp table spine as select *, timestamp '{at}' as __asked from asked"
    ).fetchall()
    table = parquet(folder / MAIN_TABLE)
    columns = [(str(row[0]), str(row[1])) for row in connection.sql(f"describe from {table}").fetchall()]
    features = [one for one in columns if one[0] not in (*view.keys, view.timestamp, view.created)]
    keys = [(name, name) for name in view.keys]
    if view.windowed:
        query = windows_sql(window_join(view, "spine", parquet(folder / EVENTS), keys, "__asked"))
    else:
        join = AsOfJoin(
            spine="spine",
            view=table,
            keys=tuple(keys),
            spine_time="__asked" if view.timestamp or view.created else None,
            view_time=view.timestamp,
            created=view.created,
            ttl=view.lifetime,
            every=view.step,
            features=tuple((name, name) for name, _ in features),
        )
        query = as_of_sql(join)
    names = ", ".join(quote(name) for name, _ in features)
    return features, connection.sql(f"select {names} from ({query}) order by __row").fetchall()


def _compare(
    keys: Sequence[tuple[Any, ...]],
    moment: datetime,
    names: Sequence[str],
    offline: Sequence[tuple[Any, ...]],
    online: Sequence[tuple[Any, ...]],
) -> Replay:
    differing: list[dict[str, Any]] = []
    for key, one, other in zip(keys, offline, online, strict=True):
        differing += [
            {"key": key, "moment": moment, "feature": name, "offline": left, "online": right}
            for name, left, right in zip(names, one, other, strict=True)
            if not equal(left, right)
        ]
    return Replay(len(keys), len(keys) * len(names), (moment,), len(differing), differing[:_MOST_SHOWN])


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, the last digits of numbers apart; NaN is NaN.

    >>> equal(0.1 + 0.2, 0.3), equal([1, None], [1, None]), equal(1, None), equal(float("nan"), float("nan"))
    (True, True, False, True)
    """
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=1e-12) or (one != one and other != other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return bool(one == other)


def moments_of(now: datetime, until: int | None, every: float | None = None) -> list[datetime]:
    """The moments to compare: now, and the last that the data tell of, at which windows are not empty.

    Of a view that moves in steps, the step after it: from then on all of the data is seen, and no older row is kept.
    """
    if until is None:
        return [now]
    return list(dict.fromkeys((min(from_micros(until) + timedelta(seconds=every or 0), now), now)))
