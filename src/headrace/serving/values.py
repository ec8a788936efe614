"""Values that askers hand in, checked against SQL types: as Python has them, or as JSON can write them."""

from __future__ import annotations

import base64
import binascii
import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, DecimalException
from functools import cache
from typing import Any
from uuid import UUID

Reader = Callable[[Any], Any]
"""Takes a value that is not None; raises ValueError or TypeError for one that the type cannot hold."""

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
_DECIMAL = re.compile(r"DECIMAL\(\s*(\d+)\s*,\s*(\d+)\s*\)")


@cache
def reader_of(kind: str) -> Reader:
    """What reads values of a SQL type, never losing a part of one.

    Text stands for what JSON lacks: ISO 8601 for moments and days, digits for decimals, base64 for bytes.

    >>> reader_of("BIGINT")(5), reader_of("DATE")("2026-01-31"), reader_of("DOUBLE[]")([1, 2.5])
    (5, datetime.date(2026, 1, 31), [1.0, 2.5])
    >>> reader_of("INTEGER")(2**31)
    Traceback (most recent call last):
    ValueError: is not between -2147483648 and 2147483647
    """
    kind = kind.upper()
    if kind.endswith("]"):
        return _list_of(reader_of(kind[: kind.rindex("[")]))
    if kind in _BITS:
        bits = _BITS[kind] - 1
        return _whole(-(2**bits), 2**bits - 1)
    if kind.startswith("U") and kind[1:] in _BITS:
        return _whole(0, 2 ** _BITS[kind[1:]] - 1)
    found = _DECIMAL.fullmatch(kind)
    if found:
        return _decimal(int(found[1]), int(found[2]))
    return _text if kind.startswith("ENUM") else _SIMPLE.get(kind, _unknown(kind))


def _whole(low: int, high: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool | float | str):
            raise TypeError
        number = operator.index(value)  # numpy's integers too
        if low <= number <= high:
            return number
        raise ValueError(f"is not between {low} and {high}")

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("is larger than a DOUBLE can be") from None
    if math.isfinite(number):
        return number
    raise ValueError("is not finite; give null for what is not known")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("is no valid Unicode text") from None
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool", "bool_"):  # numpy's
        return bool(value)
    raise TypeError


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = _iso(value, datetime.fromisoformat)
    if not isinstance(value, datetime):
        raise TypeError
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is no moment between the years 1 and 9999") from None


def _naive_moment(value: Any) -> datetime:
    return _moment(value).replace(tzinfo=None)


def _day(value: Any) -> date:
    if isinstance(value, str):
        value = _iso(value, date.fromisoformat)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise TypeError


def _time(value: Any) -> time:
    found = _iso(value, time.fromisoformat) if isinstance(value, str) else value
    if isinstance(found, time):
        return found
    raise TypeError


def _iso(text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise ValueError("is not in ISO 8601, as in 2026-01-31 or 2026-01-31T12:00:00Z") from None


def _decimal(digits: int, scale: int) -> Reader:
    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
            raise TypeError
        try:
            number = Decimal(value)
            fits = number.is_finite() and abs(number) < 10 ** (digits - scale)
            if fits and number == round(number, scale):
                return round(number, scale)
        except DecimalException:
            pass
        raise ValueError(f"is no decimal number of {digits} digits, {scale} of them behind the point")

    return read


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise TypeError
    try:
        return UUID(value)
    except ValueError:
        raise ValueError("is no UUID") from None


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise TypeError
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not in base64") from None


def _list_of(inner: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise TypeError
        return [None if one is None else inner(one) for one in value]

    return read


def _unknown(kind: str) -> Reader:
    def read(value: Any) -> Any:
        raise ValueError(f"is {kind}, which cannot be handed in")

    return read


_SIMPLE: dict[str, Reader] = {
    "BOOLEAN": _truth,
    "FLOAT": _number,
    "REAL": _number,
    "DOUBLE": _number,
    "VARCHAR": _text,
    "TIMESTAMP WITH TIME ZONE": _moment,
    "TIMESTAMPTZ": _moment,
    "TIMESTAMP": _naive_moment,
    "TIMESTAMP_S": _naive_moment,
    "TIMESTAMP_MS": _naive_moment,
    "TIMESTAMP_NS": _naive_moment,
    "DATE": _day,
    "TIME": _time,
    "UUID": _uuid,
    "BLOB": _bytes,
}
