"""Values that are handed in: what each type takes, from Python and from JSON, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from headrace.serving.values import reader_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("TINYINT", -128, -128),
        ("UBIGINT", 2**64 - 1, 2**64 - 1),
        ("BIGINT", np.int32(7), 7),
        ("DOUBLE", 1, 1.0),
        ("FLOAT", np.float32(0.5), 0.5),
        ("VARCHAR", "", ""),
        ("BOOLEAN", False, False),
        ("TIMESTAMP", "2026-01-31T13:00:00+01:00", NOON.replace(tzinfo=None)),
        ("TIMESTAMP", NOON.replace(tzinfo=None), NOON.replace(tzinfo=None)),
        ("TIMESTAMP WITH TIME ZONE", "2026-01-31T12:00:00Z", NOON),
        ("TIMESTAMP WITH TIME ZONE", NOON.astimezone(timezone(timedelta(hours=5))), NOON),
        ("DATE", "2026-01-31", date(2026, 1, 31)),
        ("TIME", "12:30", time(12, 30)),
        ("DECIMAL(5,2)", "123.4", Decimal("123.40")),
        ("DECIMAL(5,2)", 7, Decimal("7.00")),
        ("UUID", "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        ("BLOB", "AAE=", b"\0\1"),
        ("INTEGER[]", [1, None], [1, None]),
        ("DOUBLE[2][]", [[1, 2]], [[1.0, 2.0]]),
    ],
)
def test_what_is_taken(kind, given, expected):
    found = reader_of(kind)(given)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *[("INTEGER", one) for one in (2**31, True, 1.0, "1", [], {}, float("nan"))],
        *[("UTINYINT", one) for one in (-1, 256)],
        *[("DOUBLE", one) for one in (float("inf"), float("nan"), 10**400, "1", True, [])],
        *[("VARCHAR", one) for one in (1, b"a", ["a"], "\ud800")],
        *[("BOOLEAN", one) for one in (0, 1, "true")],
        *[("TIMESTAMP", one) for one in ("yesterday", 0, date(2026, 1, 1), "2026-13-01", "0001-01-01T00:00:00+14:00")],
        *[("DATE", one) for one in (NOON, "2026-02-30", 1)],
        *[("DECIMAL(5,2)", one) for one in ("1.234", "1000", "NaN", "Infinity", 0.5, True, "1e999999999", "x")],
        *[("UUID", one) for one in ("x", 1)],
        *[("BLOB", one) for one in ("*", "a", 1)],
        *[("BIGINT[]", one) for one in (["x"], "12", 1)],
        ("STRUCT(a INTEGER)", {"a": 1}),
    ],
)
def test_what_is_refused(kind, given):
    with pytest.raises((TypeError, ValueError)):
        reader_of(kind)(given)
