"""Windows that have to look at each of their values: distinct counts, quantiles, frequent values, latest values.

All values of all windows are laid out one after the other and sorted, some windows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine.point_in_time_timeline import Ints
from headrace.engine.windows_columns import EventColumn

# Values laid out at a time: 16 megabytes an array.
_VALUES = 1 << 21
# Numbers below this one leave room for that of a window in front of them.
_CODES = 1 << 40


def stretches(low: Ints, high: Ints, *, always: bool = False) -> Iterator[tuple[slice, Ints, Ints]]:
    """Some windows at a time: which, and of each value in them the number of its window and its place.

    Args:
        always: give a part even where there is no window at all.
    """
    if always and not len(low):
        nothing = np.zeros(0, dtype=np.int64)
        yield slice(0, 0), nothing, nothing
    sizes = np.maximum(high - low, 0)
    ends = np.cumsum(sizes)
    start = 0
    while start < len(low):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _VALUES, side="right")))
        windows = np.repeat(np.arange(stop - start), sizes[start:stop])
        begins = ends[start:stop] - sizes[start:stop] - done
        places = np.arange(len(windows)) - begins[windows] + low[start:stop][windows]
        yield slice(start, stop), windows, places
        start = stop


def distinct_counts(ranks: Ints, low: Ints, high: Ints) -> Ints:
    """How many different values each window has.

    >>> distinct_counts(np.array([5, 6, 5]), np.array([0, 0, 1]), np.array([3, 1, 1])).tolist()
    [2, 1, 0]
    """
    found = np.zeros(len(low), dtype=np.int64)
    for part, windows, places in stretches(low, high):
        same = _sorted(windows, ranks[places], ranks)
        new = np.concatenate([[True], same[1:] != same[:-1]]) if len(same) else np.zeros(0, dtype=bool)
        found[part] = np.bincount(windows[new], minlength=part.stop - part.start)
    return found


def _sorted(windows: Ints, values: Ints, ranks: Ints) -> Ints:
    """Each value with the number of its window before it, as one number, sorted."""
    return np.sort(windows * (int(ranks.max(initial=0)) + 1) + values)


def quantiles(column: EventColumn, low: Ints, high: Ints, share: float) -> npt.NDArray[np.float64]:
    """The quantile of each window, interpolated between two neighbours; anything for an empty one.

    >>> quantiles(EventColumn(pa.array([4.0, 1.0, 2.0])), np.array([0, 1]), np.array([3, 3]), 0.5).tolist()
    [2.0, 1.5]
    """
    found = np.zeros(len(low))
    sizes = np.maximum(high - low, 0)
    codes, decoded = _coded(column, int(sizes.sum()))
    for part, windows, places in stretches(low, high):
        size = sizes[part]
        if not len(places):
            continue
        if codes is None:
            ordered = column.floats[places]
            ordered = ordered[np.lexsort((ordered, windows))]
        else:
            same = _sorted(windows, codes[places], codes)
            ordered = decoded(same % (int(codes.max()) + 1))
        place = share * np.maximum(size - 1, 0)
        first = np.cumsum(size) - size
        below = np.minimum(first + np.floor(place).astype(np.int64), len(ordered) - 1)
        above = np.minimum(first + np.ceil(place).astype(np.int64), len(ordered) - 1)
        with np.errstate(invalid="ignore"):
            step = np.where(below == above, 0.0, (ordered[above] - ordered[below]) * (place - np.floor(place)))
        found[part] = ordered[below] + step
    return found


def _coded(column: EventColumn, values: int) -> tuple[Ints | None, Callable[[Ints], npt.NDArray[np.float64]]]:
    """Small whole numbers in the order of the values, which sort faster than these; None where they cost more."""
    numbers = column.numbers
    if np.issubdtype(numbers.dtype, np.integer) and len(numbers):
        least = int(numbers.min())
        if int(numbers.max()) - least < _CODES:
            return numbers.astype(np.int64) - least, lambda codes: (codes + least).astype(np.float64)
    elif values > len(numbers):
        different = column.different.to_numpy(zero_copy_only=False).astype(np.float64)
        return column.ranks, lambda codes: different[codes]
    return None, lambda codes: codes.astype(np.float64)


def most_frequent(column: EventColumn, low: Ints, high: Ints, most: int) -> pa.Array:
    """The most frequent values of each window, equally frequent ones by value; null for an empty one."""
    ranks = column.ranks
    width = int(ranks.max(initial=0)) + 1
    sizes, picked = [], []
    for part, windows, places in stretches(low, high):
        same = _sorted(windows, ranks[places], ranks)
        starts = np.flatnonzero(np.concatenate([[True], same[1:] != same[:-1]])) if len(same) else same
        counts = np.diff(np.append(starts, len(same)))
        owner, value = same[starts] // width, same[starts] % width
        order = np.lexsort((value, -counts, owner))
        owner, value = owner[order], value[order]
        per = np.bincount(owner, minlength=part.stop - part.start)
        position = np.arange(len(owner)) - (np.cumsum(per) - per)[owner]
        picked.append(value[position < most])
        sizes.append(np.minimum(per, most))
    return _lists(column.different, picked, sizes)


def latest(column: EventColumn, order: Ints | None, low: Ints, high: Ints, most: int) -> pa.Array:
    """The latest values of each window, latest first; null for an empty one."""
    sizes = np.minimum(np.maximum(high - low, 0), most)
    windows = np.repeat(np.arange(len(low)), sizes)
    back = np.arange(len(windows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = high[windows] - 1 - back
    return _lists(column.values, [places if order is None else order[places]], [sizes])


def _lists(values: pa.Array, picked: list[Ints], sizes: list[Ints]) -> pa.Array:
    size = np.concatenate([np.zeros(0, dtype=np.int64), *sizes])
    places = np.concatenate([np.zeros(0, dtype=np.int64), *picked])
    offsets = pa.array(np.concatenate([[0], np.cumsum(size)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values.take(pa.array(places)), mask=pa.array(size == 0))
