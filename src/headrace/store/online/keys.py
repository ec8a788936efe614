"""An entity's key as bytes: equal only for equal keys, in the order of the values where these are numbers or text."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from headrace.errors import OnlineError
from headrace.store.online.base import Columns
from headrace.store.online.tagged import dump
from headrace.store.online.times import micros

LONGEST = 400
"""Longer keys are cut and end with a hash: LMDB takes 511 bytes."""

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_WORD = struct.Struct(">Q")
_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "DATE")

_CLASSES: dict[str, type] = {"BOOLEAN": bool, "UUID": UUID, "BLOB": bytes, "TIME": time, "INTERVAL": timedelta}

Encode = Callable[[Sequence[Any]], bytes | None]
Part = Callable[[Any], bytes | None]


def key_encoder(view: str, keys: Columns) -> Encode:
    """What makes bytes of a key; None for one that holds a null, which matches nothing.

    Raises OnlineError for a key of another type: text is never taken for a number.

    >>> encode = key_encoder("v", (("id", "BIGINT"),))
    >>> encode((7,)) < encode((1000,)), encode((None,))
    (True, None)
    >>> encode(("7",))
    Traceback (most recent call last):
    headrace.errors.OnlineError: online/v: key id is BIGINT, got '7' (str). ...
    """
    parts = [_part(view, name, kind) for name, kind in keys]
    if len(parts) == 1 and keys[0][1] in _SIGNED:
        return _one_integer(view, keys, parts[0])

    def encode(values: Sequence[Any]) -> bytes | None:
        if len(values) != len(parts):
            raise _wrong_length(view, keys, values)
        if None in values:
            return None
        made = [part(value) for part, value in zip(parts, values, strict=True)]
        return None if None in made else _cut(b"k" + b"".join(filter(None, made)))

    return encode


def all_encoder(encode: Encode, keys: Columns) -> Callable[[Sequence[Sequence[Any]]], list[bytes | None]]:
    """The same for many keys at once, faster where each is one whole number."""
    pack, shift = _WORD.pack, 2**63
    if len(keys) != 1 or keys[0][1] not in _SIGNED:
        return lambda asked: [encode(one) for one in asked]

    def encode_all(asked: Sequence[Sequence[Any]]) -> list[bytes | None]:
        try:
            values = [value for (value,) in asked]
            if set(map(type, values)) == {int}:
                return [pack(value + shift) for value in values]
        except (ValueError, struct.error):
            pass  # one of them is no such key: each by itself says which, or matches nothing
        return [encode(one) for one in asked]

    return encode_all


def _one_integer(view: str, keys: Columns, part: Part) -> Encode:
    pack, shift = _WORD.pack, 2**63

    def encode(values: Sequence[Any]) -> bytes | None:
        if len(values) != 1:
            raise _wrong_length(view, keys, values)
        value = values[0]
        if type(value) is int and -shift <= value < shift:
            return pack(value + shift)
        return None if value is None else part(value)

    return encode


def _wrong_length(view: str, keys: Columns, values: Sequence[Any]) -> OnlineError:
    names = ", ".join(name for name, _ in keys) or "none"
    return OnlineError(view, f"a key has {len(values)} value(s), {tuple(values)!r}.", f"Its keys are: {names}.")


def _cut(data: bytes) -> bytes:
    if len(data) <= LONGEST:
        return data
    return data[: LONGEST - 32] + hashlib.blake2b(data, digest_size=32).digest()


def _part(view: str, name: str, kind: str) -> Part:
    if kind in _SIGNED:
        return _integer(view, name, kind, 2**63)
    if kind in _UNSIGNED:
        return _integer(view, name, kind, 0)
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        return lambda value: _text(value) if type(value) is str else _refuse(view, name, kind, value)
    return lambda value: _ended(dump(_normal(view, name, kind, value)))


def _integer(view: str, name: str, kind: str, shift: int) -> Part:
    def part(value: Any) -> bytes | None:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            _refuse(view, name, kind, value)
        number = value.__index__() + shift
        return _WORD.pack(number) if 0 <= number < 2**64 else None  # no row can have it as its key

    return part


def _text(value: str) -> bytes:
    return _ended(value.encode("utf-8", "surrogatepass"))


def _ended(data: bytes) -> bytes:
    """Ended so that no other key begins the same, and in order."""
    return data.replace(b"\0", b"\0\xff") + b"\0\0"


def _normal(view: str, name: str, kind: str, value: Any) -> Any:
    """The one form of a key among those that are equal to it in SQL."""
    if kind in _TIMES:
        return micros(value) if isinstance(value, date | datetime) else _refuse(view, name, kind, value)
    if kind in ("DOUBLE", "FLOAT"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(view, name, kind, value)
        number = float(value)
        return "nan" if math.isnan(number) else number or 0.0
    if kind.startswith("DECIMAL") or kind in ("HUGEINT", "UHUGEINT"):
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            _refuse(view, name, kind, value)
        return Decimal(value).normalize() or Decimal(0)
    if kind in _CLASSES and not isinstance(value, _CLASSES[kind]):
        _refuse(view, name, kind, value)
    return value


def _refuse(view: str, name: str, kind: str, value: Any) -> Any:
    problem = f"key {name} is {kind}, got {value!r} ({type(value).__name__})."
    raise OnlineError(view, problem, "Give a value of that type. Nothing was read or written.")
