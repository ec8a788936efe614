"""One row of a view as bytes: its times, a bit for each null, numbers at fixed places, and text behind them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from headrace.errors import OnlineError
from headrace.store.online.base import Columns
from headrace.store.online.tagged import dump, load
from headrace.store.online.times import FOREVER, from_micros, micros

_CODES = {
    "BOOLEAN": "?",
    "TINYINT": "b",
    "SMALLINT": "h",
    "INTEGER": "i",
    "BIGINT": "q",
    "UTINYINT": "B",
    "USMALLINT": "H",
    "UINTEGER": "I",
    "UBIGINT": "Q",
    "FLOAT": "f",
    "DOUBLE": "d",
}
ZONED = "TIMESTAMP WITH TIME ZONE"
TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", ZONED, "DATE")
"""Columns of these types are stored as microseconds since 1970."""

Parsed = tuple[Any, ...]
"""What is at the fixed places of a row: its times, then a number for each column."""


def code_of(kind: str) -> str | None:
    """The struct code of a type with a fixed length; None for one without."""
    return "q" if kind in TIMES else _CODES.get(kind)


def is_text(kind: str) -> bool:
    """Whether values of a type are Python texts."""
    return kind in ("VARCHAR", "JSON") or kind.startswith("ENUM")


def lowered(kind: str) -> Callable[[Any], Any] | None:
    """What turns a value of a type into what is packed: a number, or bytes; None where nothing needs to be done."""
    if kind in TIMES:
        return lambda value: value if type(value) is int else micros(value)
    if kind in _CODES:
        return None
    if is_text(kind):
        return _encoded
    return bytes if kind == "BLOB" else dump


def _encoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} is no text")
    return value.encode("utf-8", "surrogatepass")


def raised(kind: str) -> Callable[[Any], Any] | None:
    """What turns what was packed back into a value."""
    if kind == ZONED:
        return from_micros
    if kind == "DATE":
        return lambda value: from_micros(value).date()
    if kind in TIMES:
        return lambda value: from_micros(value).replace(tzinfo=None)
    if kind in _CODES:
        return None
    if is_text(kind):
        return lambda data: data.decode("utf-8", "surrogatepass")
    return bytes if kind == "BLOB" else load


class RowCodec:
    """How the rows of one view are packed.

    >>> codec = RowCodec("v", (("name", "VARCHAR"), ("n", "INTEGER")), timed=True, created=False)
    >>> row = codec.pack(5, None, ("a", None))
    >>> codec.times(codec.parse(row)), codec.values()(row, codec.parse(row))
    ((5, -4611686018427387904), ('a', None))
    """

    def __init__(self, view: str, columns: Columns, *, timed: bool, created: bool) -> None:
        self._view = view
        self._columns = columns
        self._timed, self._created = timed, created
        self._lower = [lowered(kind) for _, kind in columns]
        self._raise = [raised(kind) for _, kind in columns]
        self._floating = [code_of(kind) is None for _, kind in columns]
        self._first = timed + created + 1
        codes = "".join(code_of(kind) or "I" for _, kind in columns)
        mask = (len(columns) + 7) // 8
        self._struct = struct.Struct(f"<x{'q' * (self._first - 1)}{mask}s{codes}")
        self._whole = bytes(mask)
        self._plain = not any(self._lower)
        self.parse: Callable[[bytes], Parsed] = self._struct.unpack_from

    def pack(self, event: int | None, created: int | None, values: Sequence[Any]) -> bytes:
        """A row; `values` are Python's, or for times microseconds. Raises OnlineError for what does not fit."""
        head = self._head(event, created)
        try:
            if self._plain and None not in values:
                return self._struct.pack(*head, self._whole, *values)
            return self._pack(head, values)
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise self._misfit(values) from error

    def _head(self, event: int | None, created: int | None) -> tuple[int, ...]:
        times: tuple[int, ...] = ()
        if self._timed:
            times = (-FOREVER if event is None else event,)
        return (*times, -FOREVER if created is None else created) if self._created else times

    def _pack(self, head: tuple[int, ...], values: Sequence[Any]) -> bytes:
        mask, end = 0, 0
        heap: list[bytes] = []
        fixed: list[Any] = []
        for number, (value, lower, floats) in enumerate(zip(values, self._lower, self._floating, strict=True)):
            if value is None:
                mask |= 1 << number
                fixed.append(end if floats else 0)
                continue
            low = value if lower is None else lower(value)
            if floats:
                heap.append(low)
                end += len(low)
                low = end
            fixed.append(low)
        return self._struct.pack(*head, mask.to_bytes(len(self._whole), "little"), *fixed) + b"".join(heap)

    def _misfit(self, values: Sequence[Any]) -> OnlineError:
        """Which value it is that does not fit."""
        if len(values) != len(self._columns):
            named = ", ".join(name for name, _ in self._columns)
            return OnlineError(self._view, f"a row has {len(values)} values.", f"Its columns are: {named}.")
        for (name, kind), value in zip(self._columns, values, strict=True):
            if not _fits(kind, value):
                problem = f"{name} is {kind}, got {value!r} ({type(value).__name__})."
                return OnlineError(self._view, problem, "Give a value of that type. Nothing was written.")
        return OnlineError(self._view, f"the row {tuple(values)!r} cannot be stored.")

    def times(self, parsed: Parsed) -> tuple[int, int]:
        """When the row became true, and known."""
        event = parsed[0] if self._timed else -FOREVER
        return event, parsed[self._timed] if self._created else -FOREVER

    def values(self, wanted: Sequence[int] | None = None) -> Callable[[bytes, Parsed], tuple[Any, ...]]:
        """What takes the columns at these places out of a row; None is all of them."""
        chosen = range(len(self._columns)) if wanted is None else wanted
        slow = self._slow(list(chosen))
        if any(self._raise[one] for one in chosen) or not len(chosen):
            return slow
        first, whole = self._first, self._whole
        mask = first - 1
        if list(chosen) == list(range(len(self._columns))):
            return lambda row, parsed: parsed[first:] if parsed[mask] == whole else slow(row, parsed)
        if len(chosen) == 1:
            place = first + chosen[0]
            return lambda row, parsed: (parsed[place],) if parsed[mask] == whole else slow(row, parsed)
        pick = itemgetter(*(first + one for one in chosen))
        return lambda row, parsed: pick(parsed) if parsed[mask] == whole else slow(row, parsed)

    def _slow(self, chosen: Sequence[int]) -> Callable[[bytes, Parsed], tuple[Any, ...]]:
        before: list[int | None] = []
        last: int | None = None
        for number, floats in enumerate(self._floating):
            before.append(last)
            last = number if floats else last
        steps = [(one, self._raise[one], self._floating[one], before[one]) for one in chosen]
        first, size = self._first, self._struct.size

        def values(row: bytes, parsed: Parsed) -> tuple[Any, ...]:
            nulls = int.from_bytes(parsed[first - 1], "little")
            found: list[Any] = []
            for number, lift, floats, previous in steps:
                if nulls >> number & 1:
                    found.append(None)
                    continue
                value = parsed[first + number]
                if floats:
                    start = 0 if previous is None else parsed[first + previous]
                    value = row[size + start : size + value]
                found.append(value if lift is None else lift(value))
            return tuple(found)

        return values


def _fits(kind: str, value: Any) -> bool:
    lower, code = lowered(kind), code_of(kind)
    try:
        low = value if lower is None or value is None else lower(value)
        if code is not None and low is not None:
            struct.pack(f"<{code}", low)
    except (struct.error, TypeError, ValueError, OverflowError, AttributeError):
        return False
    return True


def moment_of(value: datetime | date | int | None) -> int | None:
    """A time of a change in microseconds."""
    return value if value is None or isinstance(value, int) else micros(value)
