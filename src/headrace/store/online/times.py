"""Moments as the online store keeps them: microseconds since 1970 in UTC."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = 2**62
EXACT = 2**32 * 1_000_000
"""Until 2106 a double tells microseconds apart, and making a moment of one is the fastest."""
from_seconds = datetime.fromtimestamp
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_LEAST, _GREATEST = (_FIRST - EPOCH) // _MICROSECOND, (_LAST - EPOCH) // _MICROSECOND


def micros(moment: datetime | date) -> int:
    """Microseconds since 1970 in UTC; a moment without a time zone is UTC, a date its midnight.

    >>> micros(datetime(1970, 1, 2))
    86400000000
    """
    if not isinstance(moment, datetime):
        return (moment.toordinal() - 719_163) * 86_400_000_000
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The moment, aware, in UTC; what lies beyond Python's years is the first or last of them.

    >>> from_micros(86_400_000_000)
    datetime.datetime(1970, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if 0 <= value < EXACT:
        return from_seconds(value / 1_000_000, UTC)
    if value < _LEAST:
        return _FIRST
    return _LAST if value > _GREATEST else EPOCH + timedelta(microseconds=value)


def now_micros() -> int:
    """Now."""
    return time.time_ns() // 1000
