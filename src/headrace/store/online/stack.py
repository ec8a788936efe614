"""What is stored of one entity: nearly always one row; several while some are in the future or only pushed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from headrace.store.online.rows import RowCodec

STACKED = 1
_ENTRY = struct.Struct("<IQ")


class Entry(NamedTuple):
    """One row with its place in the log of pushes; 0 is what the store was filled with."""

    raw: bytes
    push: int = 0


def unstack(record: bytes) -> Iterator[Entry]:
    """The rows of a record."""
    if record[0] != STACKED:
        yield Entry(record)
        return
    start = 1
    while start < len(record):
        length, push = _ENTRY.unpack_from(record, start)
        start += _ENTRY.size + length
        yield Entry(record[start - length : start], push)


def stacked(entries: Iterable[Entry]) -> bytes | None:
    """The record of some rows; None for none."""
    rows = list(entries)
    if not rows:
        return None
    if len(rows) == 1 and not rows[0].push:
        return rows[0].raw
    return bytes([STACKED]) + b"".join(_ENTRY.pack(len(one.raw), one.push) + one.raw for one in rows)


class Merger:
    """Which of an entity's rows is read: the greatest (event time, created, values) that is known at the moment."""

    def __init__(self, codec: RowCodec) -> None:
        self._codec = codec
        self._values = codec.values()

    def best(self, record: bytes, moment: int) -> bytes | None:
        """The row that is read at a moment; None when none is known by then."""
        known = [one.raw for one in unstack(record) if self._visible(one.raw) <= moment]
        return max(known, key=self._rank) if known else None

    def merged(self, entries: Iterable[Entry], now: int) -> list[Entry]:
        """Those rows that may still be read at `now` or later, in an order that does not depend on the given one.

        What was pushed stays apart from what was filled, as a fill replaces only the latter.
        """
        filled: list[Entry] = []
        pushed: list[Entry] = []
        for one in entries:
            (pushed if one.push else filled).append(one)
        return [*self._useful(filled, now), *self._useful(pushed, now)]

    def _useful(self, entries: list[Entry], now: int) -> list[Entry]:
        if len(entries) < 2:
            return entries
        ranked = sorted(entries, key=lambda one: (self._rank(one.raw), -one.push), reverse=True)
        useful: list[Entry] = []
        earliest: int | None = None
        for one in ranked:
            visible = max(self._visible(one.raw), now)
            if earliest is None or visible < earliest:
                useful.append(one)
                earliest = visible
        return useful

    def _visible(self, raw: bytes) -> int:
        return max(self._codec.times(self._codec.parse(raw)))

    def _rank(self, raw: bytes) -> tuple[Any, ...]:
        parsed = self._codec.parse(raw)
        return (*self._codec.times(parsed), *map(rank, self._values(raw, parsed)))


def rank(value: Any) -> tuple[Any, ...]:
    """What values are compared by: null is the least, NaN the greatest number, lists go place by place."""
    if value is None:
        return (0,)
    if isinstance(value, float):
        return (1, value != value, 0.0 if value != value else value)
    if isinstance(value, list | tuple):
        return (1, *map(rank, value))
    if isinstance(value, dict):
        return (1, *(rank(one) for one in value.values()))
    return (1, value)
