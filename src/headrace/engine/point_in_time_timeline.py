"""Timelines: the rows of each key in the order in which they came to be current, and the search for a moment on them.

Everything here is arithmetic on arrays; a row goes by its place in its table, a key by a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.engine.parts import in_parts

Ints = npt.NDArray[np.int64]
NOWHERE = -1


@dataclass(frozen=True)
class Timeline:
    """The rows that can be current at some moment, by key and then by the moment from which they are.

    Attributes:
        first: of key number `k` the rows are those from `first[k]` to `first[k + 1]`.
        visible: the moment from which a row is the current one of its key, in microseconds; rises within a key.
        event: when its values became true, never after `visible`; the same array where nothing is known late.
        place: where the row is in its table; None: the timeline has the table's order and all of its rows.
        tied: for each row, the first of those that nothing but their values tells apart; None: there are none.
    """

    first: Ints
    visible: Ints
    event: Ints
    place: Ints | None = None
    tied: Ints | None = None

    def __len__(self) -> int:
        return len(self.visible)

    def find(self, keys: Ints, moments: Ints, ttl: int | None = None) -> Ints:
        """The row that is current for each key at each moment, as a position on the timeline, or `NOWHERE`.

        Args:
            keys: key numbers; `NOWHERE` for a key without rows.
            moments: in microseconds, the moment itself included.
            ttl: the greatest age of a row, in microseconds, its edge included.

        >>> days = np.array([1, 5, 2])
        >>> Timeline(np.array([0, 2, 3]), days, days).find(np.array([0, 0, 1, -1]), np.array([4, 0, 2, 9])).tolist()
        [0, -1, 2, -1]
        """
        found = np.empty(len(keys), dtype=np.int64)

        def search(part: slice) -> None:
            start, past = self.bounds(keys[part])
            last = upper_bound(self.visible, start, past, moments[part]) - 1
            seen = last >= start
            if ttl is not None and len(self):
                seen &= self.event.take(last, mode="clip") >= moments[part] - ttl
            found[part] = np.where(seen, last, NOWHERE)

        in_parts(len(keys), search)
        return found

    def bounds(self, keys: Ints) -> tuple[Ints, Ints]:
        """Where the rows of each key begin and end; nothing for `NOWHERE`."""
        known = keys >= 0
        safe = np.where(known, keys, 0)
        if len(self.first) < 2:
            return np.zeros_like(safe), np.zeros_like(safe)
        start = self.first[safe]
        return start, np.where(known, self.first[safe + 1], start)


def upper_bound(values: Ints, start: Ints, past: Ints, asked: Ints) -> Ints:
    """For each range `start` to `past` of rising values, the first position whose value is greater than `asked`.

    A binary search in all ranges at once: as many rounds as the longest range takes.

    >>> upper_bound(np.array([1, 3, 3, 2]), np.array([0, 3]), np.array([3, 4]), np.array([3, 1])).tolist()
    [3, 3]
    """
    longest = int((past - start).max()) if len(start) else 0
    if longest <= 0:
        return start.copy()
    last, step = start - 1, 1 << (longest.bit_length() - 1)  # the last position that is known not to be greater
    probe, value = np.empty_like(last), np.empty(len(last), dtype=values.dtype)
    while step:
        np.add(last, step, out=probe)
        values.take(probe, out=value, mode="clip")
        last += ((value <= asked) & (probe < past)) * step
        step >>= 1
    return last + 1


def timeline(keys: Ints, event: Ints, created: Ints | None, place: Ints | None, *, count: int, hide: bool) -> Timeline:
    """The timeline of rows in any order; rows in order of key, event and created cost no sorting.

    Args:
        keys: key numbers, all below `count`.
        created: when a row became known; among equal events the greatest wins.
        hide: a row is not seen before its `created`.
        place: where the rows are in their table; None: they are the whole table.
    """
    order, tied = _order(keys, event, created)
    if order is not None:
        keys, event, created = keys[order], event[order], None if created is None else created[order]
        place = order if place is None else place[order]
    visible = event if created is None or not hide else np.maximum(event, created)
    if visible is not event and not np.array_equal(visible, event):
        kept = _ever_current(keys, visible)
        keys, event, visible = keys[kept], event[kept], visible[kept]
        place = kept if place is None else place[kept]
        tied = None if tied is None else _group_starts(tied[kept])
    else:
        visible = event
    first = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=count))]).astype(np.int64)
    return Timeline(first, visible, event, place, tied)


def _order(keys: Ints, event: Ints, created: Ints | None) -> tuple[Ints | None, Ints | None]:
    """What sorts the rows, None where they are in order, and which of the sorted rows are tied with their neighbour."""
    columns = [keys, event, *([] if created is None else [created])]
    rising, level = _steps(columns)
    order = None
    if not rising.all():
        order = np.lexsort(columns[::-1]).astype(np.int64)
        _, level = _steps([one[order] for one in columns])
    if not level.any():
        return order, None
    return order, _group_starts(np.concatenate([[0], np.cumsum(~level)]))


def _steps(columns: list[Ints]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """From each row to the next: whether it is no step back, and whether it is none at all."""
    rising: npt.NDArray[np.bool_] = np.zeros(max(len(columns[0]) - 1, 0), dtype=bool)
    level = ~rising
    for one in columns:
        before, after = one[:-1], one[1:]
        rising |= level & (after > before)
        level &= after == before
    return rising | level, level


def _group_starts(groups: Ints) -> Ints:
    """For rows with rising group numbers, the position of the first row of each one's group.

    >>> _group_starts(np.array([4, 4, 7])).tolist()
    [0, 0, 2]
    """
    begins = np.concatenate([[True], groups[1:] != groups[:-1]])
    return np.maximum.accumulate(np.where(begins, np.arange(len(groups)), 0))


def _ever_current(keys: Ints, visible: Ints) -> Ints:
    """Of rows in order of key, event and created: those that are the latest of their key when they become visible.

    A row that is not the latest event when it arrives never becomes so. Rows that arrive together end with the latest.
    """
    arrival = np.lexsort((np.arange(len(keys)), visible, keys))  # stable, so rank decides among equal arrivals
    return arrival[arrival >= np.maximum.accumulate(arrival)].astype(np.int64)
