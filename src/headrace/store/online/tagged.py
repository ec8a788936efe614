"""Any value as bytes that say their own type: what is stored of lists, structs, decimals and such."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from headrace.store.online.times import from_micros, micros

_INTEGER, _DOUBLE, _COUNT = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I")
_SMALL, _LARGE = -(2**63), 2**63 - 1


def dump(value: Any) -> bytes:
    """The value as bytes; equal values of one type give equal bytes.

    Takes None, bool, int, float, str, bytes, date, datetime (aware ones come back in UTC), time, timedelta, Decimal,
    UUID, and lists, tuples and dicts of these; of numpy and such, what `tolist` makes of it. Raises TypeError for
    anything else.

    >>> load(dump({"a": [1, None, 2.5], "b": "x"}))
    {'a': [1, None, 2.5], 'b': 'x'}
    """
    if value is None:
        return b"N"
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if hasattr(value, "tolist"):
        return dump(value.tolist())
    if hasattr(value, "to_list"):
        return dump(value.to_list())
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def load(data: bytes) -> Any:
    """The value that `dump` was given."""
    return _load(data, 0)[0]


def _integer(value: int) -> bytes:
    if _SMALL <= value <= _LARGE:
        return b"i" + _INTEGER.pack(value)
    return b"I" + _sized(str(value).encode())


def _sized(data: bytes) -> bytes:
    return _COUNT.pack(len(data)) + data


def _moment(value: datetime) -> bytes:
    return (b"t" if value.tzinfo is None else b"z") + _INTEGER.pack(micros(value))


def _clock(value: time) -> bytes:
    return b"c" + _sized(value.isoformat().encode())


def _length(value: timedelta) -> bytes:
    return b"l" + _INTEGER.pack(value // timedelta(microseconds=1))


def _list(values: list[Any]) -> bytes:
    if values and all(type(one) is float for one in values):
        return b"F" + _COUNT.pack(len(values)) + struct.pack(f"<{len(values)}d", *values)
    return b"L" + _COUNT.pack(len(values)) + b"".join(map(dump, values))


def _tuple(values: tuple[Any, ...]) -> bytes:
    return b"T" + _list(list(values))


def _dict(values: Mapping[Any, Any]) -> bytes:
    inner = b"".join(dump(one) for pair in values.items() for one in pair)
    return b"M" + _COUNT.pack(len(values)) + inner


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    bool: lambda value: b"+" if value else b"-",
    int: _integer,
    float: lambda value: b"f" + _DOUBLE.pack(value),
    str: lambda value: b"s" + _sized(value.encode()),
    bytes: lambda value: b"b" + _sized(value),
    datetime: _moment,
    date: lambda value: b"d" + _INTEGER.pack(value.toordinal()),
    time: _clock,
    timedelta: _length,
    Decimal: lambda value: b"D" + _sized(str(value).encode()),
    UUID: lambda value: b"u" + _sized(value.bytes),
    list: _list,
    tuple: _tuple,
    dict: _dict,
}


def _load(data: bytes, start: int) -> tuple[Any, int]:
    tag = data[start : start + 1]
    start += 1
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], start
    if tag in _NUMBERS:
        number = _DOUBLE if tag == b"f" else _INTEGER
        return _NUMBERS[tag](number.unpack_from(data, start)[0]), start + 8
    if tag == b"T":
        found, start = _load(data, start)
        return tuple(found), start
    count = _COUNT.unpack_from(data, start)[0]
    start += 4
    if tag in _TEXTS:
        return _TEXTS[tag](data[start : start + count]), start + count
    if tag == b"F":
        return list(struct.unpack_from(f"<{count}d", data, start)), start + 8 * count
    return _load_many(data, start, count, pairs=tag == b"M")


def _load_many(data: bytes, start: int, count: int, *, pairs: bool) -> tuple[Any, int]:
    found = []
    for _ in range(2 * count if pairs else count):
        one, start = _load(data, start)
        found.append(one)
    return (dict(zip(found[::2], found[1::2], strict=True)) if pairs else found), start


_CONSTANTS = {b"N": None, b"+": True, b"-": False}
_NUMBERS: dict[bytes, Callable[[Any], Any]] = {
    b"i": int,
    b"f": float,
    b"t": lambda value: from_micros(value).replace(tzinfo=None),
    b"z": from_micros,
    b"d": date.fromordinal,
    b"l": lambda value: timedelta(microseconds=value),
}
_TEXTS: dict[bytes, Callable[[bytes], Any]] = {
    b"I": int,
    b"s": bytes.decode,
    b"b": bytes,
    b"c": lambda data: time.fromisoformat(data.decode()),
    b"D": lambda data: Decimal(data.decode()),
    b"u": lambda data: UUID(bytes=data),
}
