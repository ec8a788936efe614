"""The events of one entity as bytes, a column at a time, so that a window reads only what it needs."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from headrace.errors import OnlineError
from headrace.store.online.base import Columns
from headrace.store.online.rows import code_of, lowered, raised
from headrace.store.online.stack import rank
from headrace.store.online.times import FOREVER

_HEAD = struct.Struct("<IB")
_IDENTITY = 16
_TRACKED = 1


class Event(NamedTuple):
    """An event: when it happened and became known, in microseconds, and its values.

    Attributes:
        push: its place in the log of pushes; 0 is what the store was filled with.
        identity: 16 bytes that tell it from other events; of two with the same one the greater is kept. Empty: none.
    """

    at: int
    created: int
    values: tuple[Any, ...]
    push: int = 0
    identity: bytes = b""


class EventCodec:
    """How the events of one view are packed. Values are Python's, or for times microseconds."""

    def __init__(self, view: str, columns: Columns, *, created: bool) -> None:
        self._view = view
        self._columns = columns
        self._created = created
        self._lower = [lowered(kind) for _, kind in columns]

    def pack(self, events: Sequence[Event]) -> bytes:
        """A record of events, which must be ordered; raises OnlineError for a value that does not fit its column."""
        count = len(events)
        tracked = any(one.push or one.identity for one in events)
        parts = [_HEAD.pack(count, _TRACKED if tracked else 0), b"\0\0\0"]
        parts.append(struct.pack(f"<{count}q", *(one.at for one in events)))
        if self._created:
            parts.append(struct.pack(f"<{count}q", *(one.created for one in events)))
        if tracked:
            parts.append(struct.pack(f"<{count}Q", *(one.push for one in events)))
            parts += [one.identity.ljust(_IDENTITY, b"\0") for one in events]
        return b"".join([*parts, *self._pack_columns(events)])

    def _pack_columns(self, events: Sequence[Event]) -> list[bytes]:
        columns = [self._pack_column(number, [one.values[number] for one in events]) for number in range(self.width)]
        ends, end = [], 0
        for one in columns:
            end += len(one)
            ends.append(end)
        return [struct.pack(f"<{self.width}I", *ends), *columns]

    @property
    def width(self) -> int:
        return len(self._columns)

    def _pack_column(self, number: int, values: list[Any]) -> bytes:
        name, kind = self._columns[number]
        lower, code = self._lower[number], code_of(kind)
        nulls = bytes(value is None for value in values)
        try:
            low = [value if value is None or lower is None else lower(value) for value in values]
            if code is not None:
                body = struct.pack(f"<{len(low)}{code}", *(0 if one is None else one for one in low))
            else:
                body = _pack_texts([one or b"" for one in low])
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            problem = f"{name} is {kind}: {error}."
            raise OnlineError(self._view, problem, "Give values of that type. Nothing was written.") from error
        return (b"\1" + nulls if any(nulls) else b"\0") + body

    def open(self, record: bytes) -> Opened:
        return Opened(record, self._columns, created=self._created)

    def unpack(self, record: bytes | None) -> list[Event]:
        """The events of a record, in order."""
        if record is None:
            return []
        opened = self.open(record)
        columns = [opened.column(number) for number in range(self.width)]
        rows = list(zip(*columns, strict=True)) if columns else [()] * len(opened.at)
        tracks = opened.tracks()
        return [
            Event(at, created, values, push, identity)
            for at, created, values, (push, identity) in zip(opened.at, opened.created, rows, tracks, strict=True)
        ]

    def merged(self, events: Iterable[Event]) -> list[Event]:
        """The events in order; of those with the same identity only the greatest (at, created, values).

        An event that was pushed hides one that was filled only while it is the greater; which comes first is the same.
        """
        kept: dict[bytes, Event] = {}
        free: list[Event] = []
        for one in events:
            known = kept.get(one.identity)
            if not one.identity:
                free.append(one)
            elif known is None or _order(one) > _order(known):
                kept[one.identity] = one
        return sorted([*free, *kept.values()], key=_order)


def _order(event: Event) -> tuple[Any, ...]:
    return event.at, event.created, *map(rank, event.values), -event.push


def _pack_texts(texts: Sequence[bytes]) -> bytes:
    ends, end = [], 0
    for one in texts:
        end += len(one)
        ends.append(end)
    return struct.pack(f"<{len(texts)}I", *ends) + b"".join(texts)


class Opened:
    """A record that is read as far as it is asked."""

    def __init__(self, record: bytes, columns: Columns, *, created: bool) -> None:
        self._record = memoryview(record)
        self._columns = columns
        self.count, flags = _HEAD.unpack_from(record)
        start = 8
        self.has_created = created
        self.at: Sequence[int] = self._longs(start)
        start += 8 * self.count
        self.created: Sequence[int] = self._longs(start) if created else _Constant(-FOREVER, self.count)
        start += 8 * self.count if created else 0
        self._tracks = start if flags & _TRACKED else None
        start += (8 + _IDENTITY) * self.count if flags & _TRACKED else 0
        self._ends = struct.unpack_from(f"<{len(columns)}I", record, start)
        self._body = start + 4 * len(columns)
        self._known: dict[int, list[Any]] = {}

    def _longs(self, start: int) -> memoryview:
        return self._record[start : start + 8 * self.count].cast("q")

    def tracks(self) -> list[tuple[int, bytes]]:
        """Of each event its push and identity."""
        if self._tracks is None:
            return [(0, b"")] * self.count
        pushes = self._longs(self._tracks)
        data = bytes(self._record[self._tracks + 8 * self.count : self._tracks + (8 + _IDENTITY) * self.count])
        found = [data[start : start + _IDENTITY] for start in range(0, len(data), _IDENTITY)]
        return [(push, one if any(one) else b"") for push, one in zip(pushes, found, strict=True)]

    def column(self, number: int) -> list[Any]:
        """The values of a column, as Python has them."""
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self._column(number)
        return found

    def _column(self, number: int) -> list[Any]:
        kind = self._columns[number][1]
        start = self._body + (self._ends[number - 1] if number else 0)
        data = self._record[start : self._body + self._ends[number]]
        nulls = data[1 : 1 + self.count] if data[0] else None
        body = data[1 + self.count :] if data[0] else data[1:]
        code, lift = code_of(kind), raised(kind)
        values: list[Any] = list(body.cast(cast(Any, code))) if code else _texts(bytes(body), self.count)
        if lift is not None or nulls is not None:
            absent = nulls if nulls is not None else bytes(self.count)
            values = [
                None if off else one if lift is None else lift(one) for one, off in zip(values, absent, strict=True)
            ]
        return values


class _Constant(Sequence[int]):
    """The same number, so many times."""

    def __init__(self, value: int, count: int) -> None:
        self._value, self._count = value, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        if not -self._count <= place < self._count:
            raise IndexError(place)
        return self._value


def _texts(body: bytes, count: int) -> list[bytes]:
    ends = struct.unpack_from(f"<{count}I", body)
    first = 4 * count
    starts = (0, *ends)
    return [body[first + start : first + end] for start, end in zip(starts, ends, strict=False)]
