"""Plan: windows as stretches of a timeline of events, found by binary search and aggregated by arrays.

Events are read and ordered once for all moments and all windows; windows of one length share their search, features of
one column what is prepared of it. Every aggregate is exact: see windows_trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine.parts import in_parts
from headrace.engine.point_in_time import span
from headrace.engine.point_in_time_asked import Asked, Keys
from headrace.engine.point_in_time_timeline import Ints, Timeline, upper_bound
from headrace.engine.windows import WindowFeature, WindowJoin
from headrace.engine.windows_columns import Counted, EventColumn, counted, in_order, is_number, is_ranked
from headrace.engine.windows_lists import distinct_counts, latest, most_frequent, quantiles, stretches
from headrace.errors import HeadraceError

_SUMMED = ("sum", "mean", "stddev", "quantile")
_GREATEST = 2**63 - 1


def supports(feature: WindowFeature, kinds: Mapping[str, pa.DataType]) -> bool:
    """Whether arrays give the same as SQL does for a column of this type."""
    if feature.column is None or feature.function == "count":
        return True
    kind = kinds[feature.column]
    if feature.function in _SUMMED:
        whole = pa.types.is_integer(kind) and kind != pa.uint64()
        return whole or pa.types.is_floating(kind) or (pa.types.is_boolean(kind) and feature.function == "sum")
    return is_number(kind) or is_ranked(kind)


@dataclass
class ArrayWindows:
    """Events ready for windows at any number of moments.

    Attributes:
        groups: numbers of equal times (and `created`) of the events; None where no two are equal.
        columns: their values, in the order of the timeline.
        conditions: for each condition, which events meet it.
        known: when events came to be known, where some did so after their time and do not count before.
    """

    join: WindowJoin
    keys: Keys
    line: Timeline
    groups: Ints | None
    columns: Mapping[str, pa.Array]
    conditions: Mapping[str, npt.NDArray[np.bool_]]
    known: Ints | None = None
    _counted: dict[tuple[str | None, str | None], Counted] = field(default_factory=dict, repr=False)
    _prepared: dict[tuple[str, str | None, bool], EventColumn] = field(default_factory=dict, repr=False)
    _orders: dict[tuple[str, str | None], Ints | None] = field(default_factory=dict, repr=False)

    def take(self, asked: Asked) -> list[pa.ChunkedArray]:
        """The join's features of each asking row, in their order."""
        reaches = [self.join.reach(one) for one in self.join.features]
        moments = asked.moments(span(self.join.every))
        found = self._stretches(asked, moments, list(dict.fromkeys(reaches)))
        if self.known is None:
            made = [self._features(found)]
        else:
            widest = found[None if None in reaches else max(filter(None, reaches), default=0)] if reaches else None
            made = [] if widest is None else [part._features(one) for part, one in self._known_parts(widest, moments)]
        return [pa.chunked_array([part[number] for part in made]) for number in range(len(reaches))]

    def _features(self, found: Mapping[int | None, tuple[Ints, Ints]]) -> list[pa.Array]:
        return [self._feature(one, *found[self.join.reach(one)]) for one in self.join.features]

    def _stretches(self, asked: Asked, moments: Ints, reaches: list[int | None]) -> dict[int | None, tuple[Ints, Ints]]:
        """Where the window of each asking row begins and ends, for each reach."""
        numbers = self.keys.numbers(asked, [ours for ours, _ in self.join.keys])
        high = np.empty(asked.rows, dtype=np.int64)
        low = {reach: np.empty(asked.rows, dtype=np.int64) for reach in reaches}

        def search(part: slice) -> None:
            start, past = self.line.bounds(numbers[part])
            high[part] = upper_bound(self.line.visible, start, past, moments[part])
            for reach, found in low.items():
                edge = moments[part] - (reach or 0) - 1
                found[part] = start if reach is None else upper_bound(self.line.visible, start, high[part], edge)

        in_parts(asked.rows, search)
        return {reach: (found, high) for reach, found in low.items()}

    def _known_parts(
        self, widest: tuple[Ints, Ints], moments: Ints
    ) -> Iterator[tuple[ArrayWindows, dict[int | None, tuple[Ints, Ints]]]]:
        """Some asking rows at a time, each with events of its own: those in its widest window that it knows of."""
        known = np.empty(0, dtype=np.int64) if self.known is None else self.known
        for part, owners, places in stretches(*widest, always=True):
            at = moments[part]
            seen = known[places] <= at[owners]
            owners, places = owners[seen], places[seen]
            rows = part.stop - part.start
            past = np.cumsum(np.bincount(owners, minlength=rows))
            age = at[owners] - self.line.event[places]
            bounds: dict[int | None, tuple[Ints, Ints]] = {}
            for reach in dict.fromkeys(self.join.reach(one) for one in self.join.features):
                inside = owners if reach is None else owners[age <= reach]
                bounds[reach] = past - np.bincount(inside, minlength=rows), past
            yield self._only(owners, places), bounds

    def _only(self, owners: Ints, places: Ints) -> ArrayWindows:
        """The same windows over events laid out anew, in the order of those who ask for them."""
        chosen = pa.array(places)
        columns = {name: values.take(chosen) for name, values in self.columns.items()}
        conditions = {where: mask[places] for where, mask in self.conditions.items()}
        groups = None
        if self.groups is not None and len(places):
            tied = self.groups[places]
            apart = (tied[1:] != tied[:-1]) | (owners[1:] != owners[:-1])
            groups = np.concatenate([[0], np.cumsum(apart)])
        return ArrayWindows(self.join, self.keys, self.line, groups, columns, conditions)

    def _feature(self, feature: WindowFeature, low: Ints, high: Ints) -> pa.Array:
        if feature.function in ("first", "last", "last_k"):
            return self._picked(feature, low, high)
        column = feature.column
        low, high = self._events(feature.where, column).bounds(low, high)
        if feature.function == "count":
            return pa.array(high - low)
        values = self._column(str(column), feature.where, nulls=False)
        return _FUNCTIONS[feature.function](feature, values, low, high)

    def _picked(self, feature: WindowFeature, low: Ints, high: Ints) -> pa.Array:
        """The values of the first or last events; their nulls are values."""
        name = str(feature.column)
        low, high = self._events(feature.where, None).bounds(low, high)
        values = self._column(name, feature.where, nulls=True)
        order = self._order(name, feature.where)
        if feature.function == "last_k":
            return latest(values, order, low, high, int(feature.parameter or 1))
        place = low if feature.function == "first" else high - 1
        empty = high <= low
        place = np.where(empty, 0, place)
        if order is not None and len(order):
            place = order[place]
        return values.values.take(pa.array(place, mask=empty))

    def _events(self, where: str | None, column: str | None) -> Counted:
        """The events that meet a condition and have a value."""
        question = (where, column)
        if question not in self._counted:
            mask = None if where is None else self.conditions[where]
            if column is not None and self.columns[column].null_count:
                valid = np.asarray(self.columns[column].is_valid())
                mask = valid if mask is None else mask & valid
            self._counted[question] = counted(mask)
        return self._counted[question]

    def _column(self, name: str, where: str | None, *, nulls: bool) -> EventColumn:
        question = (name, where, nulls)
        if question not in self._prepared:
            places = self._events(where, None if nulls else name).places
            values = self.columns[name]
            self._prepared[question] = EventColumn(values if places is None else values.take(pa.array(places)))
        return self._prepared[question]

    def _order(self, name: str, where: str | None) -> Ints | None:
        question = (name, where)
        if question not in self._orders:
            places = self._events(where, None).places
            groups = self.groups if self.groups is None or places is None else self.groups[places]
            self._orders[question] = None if groups is None else in_order(self._column(name, where, nulls=True), groups)
        return self._orders[question]


def _sum(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    kind = column.values.type
    empty = high <= low
    if pa.types.is_floating(kind):
        return pa.array(column.sums.of(low, high).astype(column.numbers.dtype), mask=empty)
    return pa.array(_whole_sums(feature, column, low, high), mask=empty)


def _whole_sums(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> Ints:
    """Exact sums of integers; raises HeadraceError for one that is no BIGINT."""
    with np.errstate(over="ignore"):
        found: Ints = column.totals.take(high) - column.totals.take(low)
    longest = int((high - low).max()) if len(low) else 0
    if longest * column.greatest_size > _GREATEST:  # one may have overflowed: then it is far from its rough value
        rough = column.sums.of(low, high)
        if (np.abs(rough - found.astype(np.float64)) > 2.0**62).any():
            raise HeadraceError(f"window feature {feature.name}: a sum of {feature.column!r} is too large for BIGINT.")
    return found


def _mean(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    empty = high <= low
    longest = int((high - low).max()) if len(low) else 0
    whole = not pa.types.is_floating(column.values.type) and longest * column.greatest_size <= _GREATEST
    total = _whole_sums(feature, column, low, high).astype(np.float64) if whole else column.sums.of(low, high)
    return pa.array(total / np.maximum(high - low, 1), mask=empty)


def _stddev(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    return pa.array(column.spread.stddev(low, high), mask=high - low < 2)


def _extreme(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    tree = column.least if feature.function == "min" else column.most
    found, empty = tree.of(low, high), high <= low
    kind = column.values.type
    if not is_number(kind):
        return column.different.take(pa.array(np.where(empty, 0, found), mask=empty))
    if pa.types.is_boolean(kind):
        return pa.array(found.astype(np.bool_), mask=empty)
    stored = pa.array(np.where(empty, np.zeros(1, found.dtype), found), mask=empty)
    return stored.view(kind) if stored.type != kind else stored


def _distinct(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    return pa.array(distinct_counts(column.ranks, low, high))


def _quantile(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    return pa.array(quantiles(column, low, high, float(feature.parameter or 0.0)), mask=high <= low)


def _top(feature: WindowFeature, column: EventColumn, low: Ints, high: Ints) -> pa.Array:
    return most_frequent(column, low, high, int(feature.parameter or 1))


_FUNCTIONS: dict[str, Callable[[WindowFeature, EventColumn, Ints, Ints], Any]] = {
    "sum": _sum,
    "mean": _mean,
    "stddev": _stddev,
    "min": _extreme,
    "max": _extreme,
    "count_distinct": _distinct,
    "quantile": _quantile,
    "top_k": _top,
}
