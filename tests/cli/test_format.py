"""Values as people and programs read them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from headrace.cli.format import age, blob, cell, duration, size, table, to_json

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.004, "0.00 s"), (9.99, "9.99 s"), (12.34, "12.3 s"), (75, "1 min 15 s"), (3_700, "1 h 1 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("passed", "text"), [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7_200, "2 h"), (3 * 86_400, "3 d")]
)
def test_ages(passed, text):
    assert age((NOW - timedelta(seconds=passed)).isoformat(), NOW) == text


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 B"), (1_000, "1.0 kB"), (5 * 10**6, "5.0 MB"), (10**9, "1.0 GB")]
)
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (1.23456789, "1.23457"),
        (12_345, "12345"),
        (True, "True"),
        ("a\nb", "a b"),
        ("x" * 50, "x" * 39 + "…"),
        (b"\x89PNG" + bytes(1196), "<PNG 1.2 kB>"),
        (b"\xff\xd8\xff", "<JPEG 3 B>"),
        (b"", "<bytes 0 B>"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_blobs_of_any_kind():
    assert blob(b"anything") == "<bytes 8 B>"


def test_a_table_without_rows_is_its_headers():
    assert table(["a", "bc"], []) == ["a  bc"]


def test_numbers_are_to_the_right_and_nulls_stay_empty():
    assert table(["n", "t"], [[1, "x"], [None, None], [100, "y"]]) == ["  n  t", "  1  x", "", "100  y"]


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        (float("nan"), "nan"),
        (datetime(2026, 1, 1), "2026-01-01T00:00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (Decimal("1.50"), "1.50"),
        ([1, b"a"], [1, "YQ=="]),
        ({"a": timedelta(days=1)}, {"a": "1 day, 0:00:00"}),
    ],
)
def test_json_values(value, json_value):
    assert to_json(value) == json_value
    json.dumps(to_json(value), allow_nan=False)
