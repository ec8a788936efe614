"""The value of a view's windows at any moment, from one entity's events: the same definition as in training."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import OnlineError
from headrace.store.online.base import Columns
from headrace.store.online.events import EventCodec, Opened
from headrace.store.online.stack import rank
from headrace.store.online.tagged import dump

Span = tuple[int, int, int | None]
"""The first and the last place of a window's events, and the column of its condition."""


@dataclass(frozen=True)
class Window:
    """One feature: see engine.windows for what each function gives.

    Attributes:
        column: the place of the event column; None: of events.
        kind: the SQL type of the column; None without one.
        reach: the greatest age of an event in microseconds; None: any.
        where: the place of the column that says whether an event counts; None: all do.
        parameter: how many values `last_k` and `top_k` list, which `quantile` is meant.
    """

    name: str
    function: str
    column: int | None
    kind: str | None
    reach: int | None
    where: int | None
    parameter: float | None = None


def windows_of(view: str, definitions: Sequence[Mapping[str, Any]], columns: Columns) -> list[Window]:
    """Read the definitions of a schema; raises OnlineError for a function that cannot be computed here."""
    places = {name: place for place, (name, _) in enumerate(columns)}
    found = []
    for one in definitions:
        if one["function"] not in FUNCTIONS:
            problem = f"{one['name']} is a {one['function']}, which this version of Headrace does not know."
            raise OnlineError(view, problem, "Upgrade headrace where features are read.")
        column = None if one["column"] is None else places[one["column"]]
        where = None if one["where"] is None else places[one["where"]]
        kind = None if column is None else columns[column][1]
        found.append(Window(one["name"], one["function"], column, kind, one["reach"], where, one.get("parameter")))
    return found


class Windows:
    """Evaluates some windows of a view.

    Args:
        every: the step in microseconds at which windows move; None: at every moment.
    """

    def __init__(self, view: str, codec: EventCodec, windows: Sequence[Window], every: int | None = None) -> None:
        self._view = view
        self._codec = codec
        self._windows = windows
        self._every = every
        self._empty = tuple(_of_nothing(one) for one in windows)
        self.reach = max((math.inf if one.reach is None else one.reach for one in windows), default=0)

    def moment(self, now: int) -> int:
        """The moment at which windows that move in steps stand."""
        return now if self._every is None else now - now % self._every

    def at(self, record: bytes | None, moment: int) -> tuple[tuple[Any, ...], int | None]:
        """The values of the windows, and the time of the latest event in any of them."""
        if record is None:
            return self._empty, None
        events = self._codec.open(record)
        end = bisect_right(events.at, moment)
        spans = [(self._start(events, one, moment, end), end, one.where) for one in self._windows]
        places: dict[Span, Sequence[int]] = {}
        for span in spans:
            if span not in places:
                places[span] = _places(events, span, moment)
        values = tuple(
            self._value(one, events, places[span]) if places[span] else empty
            for one, span, empty in zip(self._windows, spans, self._empty, strict=True)
        )
        latest = max((found[-1] for found in places.values() if found), default=None)
        return values, None if latest is None else events.at[latest]

    def _start(self, events: Opened, window: Window, moment: int, end: int) -> int:
        return 0 if window.reach is None else bisect_left(events.at, moment - window.reach, 0, end)

    def _value(self, window: Window, events: Opened, places: Sequence[int]) -> Any:
        if window.column is None:
            return len(places)
        column = events.column(window.column)
        values = [column[place] for place in places]
        if window.function in _ORDERED:
            at, created = events.at, events.created
            order = sorted(
                zip(places, values, strict=True), key=lambda one: (at[one[0]], created[one[0]], rank(one[1]))
            )
            values = [value for _, value in order]
        else:
            values = [value for value in values if value is not None]
        try:
            return FUNCTIONS[window.function](values, window)
        except OverflowError as error:
            problem = f"{window.name}: the {window.function} does not fit its type."
            raise OnlineError(self._view, problem, "Cast the column to DECIMAL or DOUBLE in its source.") from error


def _places(events: Opened, span: Span, moment: int) -> Sequence[int]:
    """The events of a window: known by then, and meeting its condition."""
    start, end, where = span
    places: Sequence[int] = range(start, end)
    created = events.created
    if events.has_created:
        places = [place for place in places if created[place] <= moment]
    if where is not None:
        counts = events.column(where)
        places = [place for place in places if counts[place]]
    return places


def _of_nothing(window: Window) -> Any:
    return FUNCTIONS[window.function]([], window)


def _sum(values: list[Any], window: Window) -> Any:
    if not values:
        return None
    total = sum(values)
    if window.kind == "FLOAT":
        return struct.unpack("<f", struct.pack("<f", total))[0]
    limits = _LIMITS.get(window.kind or "")
    if limits is not None and not limits[0] <= total <= limits[1]:
        raise OverflowError
    return total


_LIMITS = dict.fromkeys(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), (-(2**63), 2**63 - 1)
)
"""The sums of integers are BIGINT."""


def _mean(values: list[Any], _: Window) -> float | None:
    return float(sum(values) / len(values)) if values else None


def _stddev(values: list[Any], _: Window) -> float | None:
    """By Welford's method, as DuckDB does: no large numbers cancel."""
    if len(values) < 2:
        return None
    mean = squares = 0.0
    for count, value in enumerate(map(float, values), 1):
        delta = value - mean
        mean += delta / count
        squares += delta * (value - mean)
    return math.sqrt(squares / (len(values) - 1))


def _distinct(values: list[Any], _: Window) -> int:
    return len({_hashable(value) for value in values})


def _hashable(value: Any) -> Any:
    if isinstance(value, float):
        return "nan" if value != value else value
    return dump(value) if isinstance(value, list | tuple | dict) else value


def _quantile(values: list[Any], window: Window) -> float | None:
    """Interpolated between the two values that it lies between."""
    if not values:
        return None
    ordered = sorted(map(float, values), key=rank)
    place = (window.parameter or 0.0) * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low if low == high else low + (high - low) * (place - math.floor(place))


def _most_frequent(values: list[Any], window: Window) -> list[Any] | None:
    counted: dict[Any, list[Any]] = {}
    for value in values:
        counted.setdefault(_hashable(value), []).append(value)
    ordered = sorted(counted.values(), key=lambda same: (-len(same), rank(same[0])))
    return [same[0] for same in ordered[: int(window.parameter or 0)]] or None


FUNCTIONS: dict[str, Callable[[list[Any], Window], Any]] = {
    "count": lambda values, _: len(values),
    "count_distinct": _distinct,
    "sum": _sum,
    "mean": _mean,
    "min": lambda values, _: min(values, key=rank, default=None),
    "max": lambda values, _: max(values, key=rank, default=None),
    "first": lambda values, _: values[0] if values else None,
    "last": lambda values, _: values[-1] if values else None,
    "stddev": _stddev,
    "last_k": lambda values, window: values[::-1][: int(window.parameter or 0)] or None,
    "quantile": _quantile,
    "top_k": _most_frequent,
}
_ORDERED = ("first", "last", "last_k")
