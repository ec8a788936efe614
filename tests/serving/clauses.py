"""Clauses of point-in-time reading: rows, the moments that ask, and by hand what these see.

The rows of one clause are those of one key. They lie in the future, all rows of which an online store keeps: so it
answers for any of these moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import headrace as hr

H = 2**53
NAN, INFINITY = float("nan"), float("inf")


def at(text: str) -> datetime:
    """`"12:00"` of the tenth, `"2 12:00"` of the second."""
    day, _, clock = text.rpartition(" ")
    return datetime.fromisoformat(f"2099-03-{int(day or 10):02}T{clock}")


def zoned(text: str, zone: str = "UTC") -> pl.Expr:
    return pl.lit(at(text)).dt.replace_time_zone(zone)


# How a view is declared: "known" ones hide by `created`.
LATEST: dict[str, dict[str, Any]] = {
    "plain": {},
    "ttl_zero": {"ttl": "0s"},
    "ttl_hour": {"ttl": "1h"},
    "known": {"created": "created"},
    "known_ttl": {"created": "created", "ttl": "1h"},
    "stepped": {"every": "1h"},
    "stepped_ttl": {"every": "1h", "ttl": "1h"},
}
# clause: view, rows (time, value) or (time, created, value), and what is seen at each moment.
CLAUSES: dict[str, tuple[str, list[tuple[Any, ...]], dict[str, Any]]] = {
    "the moment itself is seen, to the microsecond": (
        "plain",
        [("12:00", 1)],
        {"11:59:59.999999": None, "12:00": 1, "12:00:00.000001": 1},
    ),
    "a microsecond tells rows apart": (
        "plain",
        [("12:00:00.000001", 2), ("12:00", 1)],
        {"12:00": 1, "12:00:00.000001": 2},
    ),
    "only rows of the future": ("plain", [("12:00", 1), ("13:00", 2)], {"1 00:00": None}),
    "never seen": ("plain", [], {"12:00": None}),
    "rows in any order": (
        "plain",
        [("12:00", 2), ("10:00", 1), ("11:00", 3)],
        {"10:30": 1, "11:59": 3, "13:00": 2},
    ),
    "a null value is a value": ("plain", [("10:00", 1), ("11:00", None)], {"10:30": 1, "11:30": None}),
    "exact duplicates": ("plain", [("10:00", 1)] * 3, {"11:00": 1}),
    "a tie is one whole row": ("plain", [("10:00", (1, "z")), ("10:00", (2, "a"))], {"11:00": (2, "a")}),
    "a tie with nulls is one whole row": (
        "plain",
        [("10:00", (None, "z")), ("10:00", (1, None)), ("10:00", (None, None))],
        {"11:00": (1, None)},
    ),
    "a tie on one value alone": ("plain", [("10:00", (1, "b")), ("10:00", (1, "c"))], {"11:00": (1, "c")}),
    "without ttl for ever": ("plain", [("1 00:00", 1)], {"31 23:00": 1}),
    "ttl zero is for ever": ("ttl_zero", [("1 00:00", 1)], {"1 00:00": 1, "31 23:00": 1}),
    "the edge of the ttl is in": (
        "ttl_hour",
        [("12:00", 1)],
        {"12:00": 1, "13:00": 1, "13:00:00.000001": None},
    ),
    "expired, then new": (
        "ttl_hour",
        [("10:00", 1), ("12:00", 2)],
        {"11:00": 1, "11:00:00.000001": None, "12:00": 2},
    ),
    "a tie that expires": ("ttl_hour", [("10:00", 1), ("10:00", 2)], {"11:00": 2, "11:01": None}),
    "the greatest created wins": ("known", [("10:00", "10:30", 1), ("10:00", "10:20", 9)], {"11:00": 1}),
    "a null created loses": ("known", [("10:00", None, 9), ("10:00", "10:00", 1)], {"10:00": 1}),
    "a null created loses only once the other is known": (
        "known",
        [("10:00", None, 9), ("10:00", "11:00", 1)],
        {"10:30": 9, "11:00": 1},
    ),
    "a null created was always known": ("known", [("10:00", None, 5)], {"09:59": None, "10:00": 5}),
    "equal created, then values": (
        "known",
        [("10:00", "10:00", (1, "z")), ("10:00", "10:00", (2, "a"))],
        {"10:00": (2, "a")},
    ),
    "created at the moment itself is known": (
        "known",
        [("10:00", "11:00", 1)],
        {"10:59:59.999999": None, "11:00": 1},
    ),
    "created before its time": ("known", [("10:00", "1 00:00", 1)], {"09:59": None, "10:00": 1}),
    "a hidden row leaves the older one": (
        "known",
        [("09:00", "09:00", 1), ("10:00", "12:00", 2)],
        {"11:59:59.999999": 1, "12:00": 2},
    ),
    "a hidden row leaves the older one of null": (
        "known",
        [("08:00", "08:00", 1), ("09:00", "09:00", None), ("10:00", "12:00", 2)],
        {"11:00": None, "12:00": 2},
    ),
    "late and older does not beat newer": (
        "known",
        [("10:00", "10:00", 1), ("09:00", "11:00", 2)],
        {"10:30": 1, "11:00": 1, "12:00": 1},
    ),
    "a correction counts once it is known": (
        "known",
        [("10:00", "10:00", 1), ("10:00", "12:00", 2)],
        {"11:59": 1, "12:00": 2},
    ),
    "a correction to a lesser value": (
        "known",
        [("10:00", "12:00", 1), ("10:00", "10:00", 9)],
        {"11:00": 9, "12:00": 1},
    ),
    "a correction to null": ("known", [("10:00", "10:00", 1), ("10:00", "12:00", None)], {"11:00": 1, "12:00": None}),
    "late rows arrive newest first": (
        "known",
        [("08:00", "08:00", 1), ("09:00", "15:00", 2), ("10:00", "14:00", 3)],
        {"13:00": 1, "14:30": 3, "15:30": 3},
    ),
    "late rows arrive oldest first": (
        "known",
        [("10:00", "14:00", 3), ("09:00", "12:00", 2), ("08:00", "08:00", 1)],
        {"11:00": 1, "13:00": 2, "14:00": 3},
    ),
    "late duplicates": ("known", [("10:00", "12:00", 1)] * 2 + [("09:00", "09:00", 3)], {"11:00": 3, "12:00": 1}),
    "age counts from the event": (
        "known_ttl",
        [("10:00", "10:59", 1)],
        {"10:58": None, "11:00": 1, "11:00:00.000001": None},
    ),
    "expired before it was known": ("known_ttl", [("10:00", "12:00", 1)], {"11:00": None, "12:00": None}),
    "the row behind a hidden one expires too": (
        "known_ttl",
        [("09:30", "09:30", 1), ("10:00", "10:45", 2)],
        {"10:30": 1, "10:30:00.000001": None, "10:45": 2},
    ),
    "what the last step knew": (
        "stepped",
        [("10:00", 1), ("10:20", 2)],
        {"09:59": None, "10:00": 1, "10:59:59.999999": 1, "11:00": 2},
    ),
    "steps, but age by the row's own moment": (
        "stepped_ttl",
        [("10:30", 1)],
        {"10:45": None, "11:00": 1, "11:30": 1, "11:30:00.000001": None},
    ),
}
COUNT = {"n": hr.Aggregate("count", over="1h"), "total": hr.Aggregate("sum", "value", over="1h")}
WINDOWED: dict[str, dict[str, Any]] = {
    "hour": {
        "features": {
            **COUNT,
            "values": hr.Aggregate("count", "value", over="1h"),
            "mean": hr.Aggregate("mean", "value", over="1h"),
            "least": hr.Aggregate("min", "value", over="1h"),
            "most": hr.Aggregate("max", "value", over="1h"),
            "first": hr.Aggregate("first", "value", over="1h"),
            "last": hr.Aggregate("last", "value", over="1h"),
            "last_two": hr.Aggregate("last_k", "value", over="1h", k=2),
            "std": hr.Aggregate("std", "value", over="1h"),
            "different": hr.Aggregate("count_distinct", "value", over="1h"),
            "median": hr.Aggregate("quantile", "value", over="1h", q=0.5),
            "top": hr.Aggregate("top_k", "value", over="1h", k=2),
            "big": hr.Aggregate("count", over="1h", where="value > 5"),
            "big_last": hr.Aggregate("last", "note", over="1h", where="value > 5"),
            "n_2h": hr.Aggregate("count", over="2h"),
        }
    },
    "ttl": {"features": {"n": hr.Aggregate("count"), "last": hr.Aggregate("last", "value")}, "ttl": "1h"},
    "ever": {"features": {"n": hr.Aggregate("count"), "last": hr.Aggregate("last", "value")}},
    "hidden": {"features": {**COUNT, "last": hr.Aggregate("last", "value", over="1h")}, "created": "created"},
    "steps": {"features": COUNT, "every": "1h"},
    "alone": {"features": {"n": COUNT["n"]}, "created": "created"},
}
NOTHING = {
    "n": 0,
    "total": None,
    "values": 0,
    "mean": None,
    "least": None,
    "first": None,
    "last_two": None,
    "std": None,
}
NOTHING |= {"different": 0, "median": None, "top": None, "big": 0, "big_last": None, "n_2h": 0}
WINDOWS: dict[str, tuple[str, list[tuple[Any, ...]], dict[str, Any]]] = {
    "the right edge is in, the left edge is out": (
        "hour",
        [("10:00", 1), ("11:00", 2)],
        {
            "09:59:59.999999": {"n": 0, "total": None},
            "10:00": {"n": 1, "total": 1},
            "10:59:59.999999": {"n": 1, "total": 1},
            "11:00": {"n": 1, "total": 2, "n_2h": 2},
            "12:00": {"n": 0, "total": None, "n_2h": 1},
        },
    ),
    "no event": ("hour", [], {"10:00": NOTHING}),
    "every function": (
        "hour",
        [("10:10", 5), ("10:30", None), ("10:00", 1), ("10:20", 5)],
        {
            "10:40": {
                **{"n": 4, "total": 11, "values": 3, "mean": 11 / 3, "least": 1, "most": 5, "first": 1, "last": None},
                **{"last_two": [None, 5], "std": pytest.approx(2.3094010767585), "different": 2, "median": 5.0},
                **{"top": [5, 1], "big": 0},
            },
            "10:05": {"std": None, "median": 1.0, "last_two": [1]},
        },
    ),
    "a condition that is null leaves an event out": (
        "hour",
        [("10:00", (7, "a")), ("10:10", (None, "b")), ("10:20", (3, "c"))],
        {"10:30": {"n": 3, "big": 1, "big_last": "a"}, "11:00": {"n": 2, "big": 0, "big_last": None}},
    ),
    "equal events are as many": ("hour", [("10:00", 2)] * 3, {"10:00": {"n": 3, "total": 6, "different": 1}}),
    "first and last of equal times": (
        "hour",
        [("10:00", 2), ("10:00", None), ("10:00", 3)],
        {"10:00": {"first": None, "last": 3, "last_two": [3, 2]}},
    ),
    "sums beyond 2**53": (
        "hour",
        [("10:00", H), ("10:01", None), ("10:02", 1)],
        {"10:30": {"total": H + 1, "most": H}},
    ),
    "of a ttl both edges are in": (
        "ttl",
        [("10:00", 1)],
        {"10:00": {"n": 1}, "11:00": {"n": 1, "last": 1}, "11:00:00.000001": {"n": 0, "last": None}},
    ),
    "without a window all events": ("ever", [("1 00:00", 1), ("2 00:00", 2)], {"31 00:00": {"n": 2, "last": 2}}),
    "an event counts once it is known": (
        "hidden",
        [("10:00", "10:00", 1), ("10:10", "10:50", 2), ("10:20", "12:00", 3), ("10:30", None, 4)],
        {
            "10:30": {"n": 2, "total": 5, "last": 4},
            "10:49:59.999999": {"n": 2, "total": 5, "last": 4},
            "10:50": {"n": 3, "total": 7, "last": 4},
            "11:00": {"n": 2, "total": 6, "last": 4},
            "12:00": {"n": 0, "total": None, "last": None},
        },
    ),
    "the last of equal times by created": (
        "hidden",
        [("10:00", "10:05", 1), ("10:00", "10:02", 9), ("10:00", None, 20)],
        {"10:00": {"last": 20}, "10:03": {"last": 9}, "10:06": {"last": 1, "n": 3}},
    ),
    "a count alone, of no column": (
        "alone",
        [("10:00", "10:00", 1), ("10:10", "10:30", 2), ("10:10", "10:30", 2)],
        {"10:00": {"n": 1}, "10:20": {"n": 1}, "10:30": {"n": 3}, "11:00": {"n": 2}, "11:10": {"n": 0}},
    ),
    "a window ends at the last step": (
        "steps",
        [("10:00", 1), ("10:30", 2)],
        {
            "09:59": {"n": 0},
            "10:59:59.999999": {"n": 1, "total": 1},
            "11:00": {"n": 1, "total": 2},
            "11:59": {"n": 1, "total": 2},
            "12:00": {"n": 0, "total": None},
        },
    ),
}


def frame(columns: str, *rows: tuple[Any, ...], **types: Any) -> pl.DataFrame:
    """A frame by rows; columns called `at` and `created` take the short times."""
    names = columns.split()
    read = [
        [
            at(cell) if name in ("at", "created") and isinstance(cell, str) else cell
            for name, cell in zip(names, row, strict=True)
        ]
        for row in rows
    ]
    known = {"at": pl.Datetime("us"), "created": pl.Datetime("us"), "value": pl.Int64, **types}
    return pl.DataFrame(read, schema={name: known.get(name, pl.String) for name in names}, orient="row")


@dataclass(frozen=True)
class Shape:
    """A clause about types and keys, with tables of its own."""

    rows: pl.DataFrame
    asks: pl.DataFrame
    seen: list[Any]
    features: tuple[str, ...] = ("value",)
    keys: tuple[str, ...] = ("k",)
    options: dict[str, Any] = field(default_factory=lambda: {"timestamp": "at"})
    online: bool = True


def keyed(theirs: list[Any], kind: Any, ours: list[Any], asking: Any, seen: list[Any], online: bool = True) -> Shape:
    """One key: the row of their number n has the value n."""
    rows = frame("k at value", *((key, "10:00", number) for number, key in enumerate(theirs)), k=kind)
    return Shape(rows, frame("k at", *((key, "11:00") for key in ours), k=asking), seen, online=online)


def timed(rows: pl.Expr, asks: list[pl.Expr], seen: list[Any], online: bool = True) -> Shape:
    """One row of value 1 at a time of some type, asked at times of some type."""
    asking = pl.concat([pl.select(k=pl.lit("x"), at=one) for one in asks])
    return Shape(pl.select(k=pl.lit("x"), at=rows, value=pl.lit(1)), asking, seen, online=online)


# Values of each type, which come back as they were, next to nulls.
VALUES: dict[str, tuple[Any, ...]] = {
    "integers beyond 2**53": (pl.Int64, H + 1, 2**63 - 1, -(2**63)),
    "unsigned integers": (pl.UInt64, 2**64 - 1, 0),
    "small integers": (pl.Int8, -128, 127),
    "decimals": (pl.Decimal(38, 4), Decimal("1234567890123456789012345678901234.5678"), Decimal("-0.0001")),
    "infinities": (pl.Float64, INFINITY, -INFINITY, 0.1),
    "single floats": (pl.Float32, 0.5, -INFINITY),
    "truths": (pl.Boolean, True, False),
    "texts": (pl.String, "", "null", "ä\U0001f600\0"),
    "bytes": (pl.Binary, b"", b"\0\xff"),
    "dates": (pl.Date, date(1900, 1, 1), date(2100, 2, 28)),
    "times of a day": (pl.Time, time(0, 0), time(23, 59, 59, 999999)),
    "naive moments": (pl.Datetime("us"), datetime(1900, 1, 1, 0, 0, 0, 1)),
    "aware moments": (pl.Datetime("us", "UTC"), datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    "lists": (pl.List(pl.Int64), [], [None], [H + 1, None, -1]),
    "lists of texts": (pl.List(pl.String), ["", None, "ä"], []),
    "arrays": (pl.Array(pl.Float64, 2), [1.0, None], [0.5, -1.0]),
    "structs": (pl.Struct({"a": pl.Int64, "b": pl.String}), {"a": H + 1, "b": None}, {"a": None, "b": ""}),
}
PAIR = {"a": pl.String, "b": pl.String}
DAY = pl.lit(date(2099, 3, 10))
SHAPES: dict[str, Shape] = {
    "composite keys do not collide": Shape(
        frame(
            "a b at value",
            ("x", "yz", "10:00", 1),
            ("xy", "z", "10:00", 2),
            ("x|", "y", "10:00", 3),
            ("", "xyz", "10:00", 4),
        ),
        frame(
            "a b at",
            *(
                (*pair, "11:00")
                for pair in [("xy", "z"), ("x", "yz"), ("x", "|y"), ("xyz", ""), ("", "xyz"), ("x|", "y")]
            ),
        ),
        [2, 1, None, None, 4, 3],
        keys=("a", "b"),
    ),
    "composite integer keys do not collide": Shape(
        frame("a b at value", (1, 12, "10:00", 1), (11, 2, "10:00", 2), **dict.fromkeys("ab", pl.Int64)),
        frame(
            "a b at",
            (11, 2, "11:00"),
            (1, 12, "11:00"),
            (2, 11, "11:00"),
            (112, None, "11:00"),
            **dict.fromkeys("ab", pl.Int32),
        ),
        [2, 1, None, None],
        keys=("a", "b"),
    ),
    "a null in a composite key matches nothing": Shape(
        frame("a b at value", ("x", None, "10:00", 1), (None, None, "10:00", 2), ("x", "", "10:00", 3)),
        frame("a b at", ("x", None, "11:00"), (None, None, "11:00"), (None, "", "11:00"), ("x", "", "11:00")),
        [None, None, None, 3],
        keys=("a", "b"),
    ),
    "a null integer key matches nothing": keyed([None, 0, 1], pl.Int64, [None, 0, 1], pl.Int64, [None, 1, 2]),
    "a null text key matches nothing": keyed(
        [None, "", "null"], pl.String, [None, "", "null"], pl.String, [None, 1, 2]
    ),
    "nulls without a type ask": keyed(["a"], pl.String, [None, None], pl.Null, [None, None]),
    "only null keys ask": keyed([1], pl.Int64, [None, None], pl.Int64, [None, None]),
    "text keys are exact": keyed(
        ["a", "A", "a ", "ä", "01"],
        pl.String,
        ["a ", "A", "a", "a\u0308", "ä", "1", "01"],
        pl.String,
        [2, 1, 0, None, 3, None, 4],
    ),
    "32 bits ask 64": keyed([1, 2**40, -1, 2**32 + 1], pl.Int64, [1, -1, 2], pl.Int32, [0, 2, None]),
    "64 bits ask 32, and do not wrap": keyed(
        [1, -1], pl.Int32, [1, 2**32 + 1, -1, 2**32 - 1], pl.Int64, [0, None, 1, None], online=False
    ),
    "unsigned ask signed": keyed([-1, 5], pl.Int64, [5, 2**64 - 1], pl.UInt64, [1, None], online=False),
    "signed ask unsigned": keyed([5, 2**64 - 1], pl.UInt64, [5, -1], pl.Int64, [0, None], online=False),
    "keys beyond 2**53": keyed([H, H + 1], pl.Int64, [H + 1, H, H + 2], pl.Int64, [1, 0, None]),
    "floats ask integers": keyed([1, 2], pl.Int64, [2.0, 1.5, None, NAN], pl.Float64, [1, None, None, None], False),
    "dates are keys": keyed([date(2024, 1, 1)], pl.Date, [date(2024, 1, 1), date(2024, 1, 2)], pl.Date, [0, None]),
    "truths are keys": keyed([True], pl.Boolean, [True, False, None], pl.Boolean, [0, None, None]),
    "without an entity time alone": Shape(
        frame("at value", ("10:00", 1), ("12:00", 2)),
        frame("at", ("09:59",), ("10:00",), ("11:00",), ("12:00",)),
        [None, 1, 1, 2],
        keys=(),
    ),
    "without a time for all time": Shape(
        frame("k value", ("x", 1), ("y", 2), ("y", 3)),
        frame("k at", ("x", "1 00:00"), ("y", "2 00:00"), ("z", "11:00")),
        [1, 3, None],
        options={},
    ),
    "without a time by what was known": Shape(
        frame("k created value", ("x", "10:00", 2), ("x", "12:00", 1), ("y", None, 3)),
        frame("k at", ("x", "09:00"), ("x", "11:00"), ("x", "12:00"), ("y", "01:00")),
        [None, 2, 1, 3],
        options={"created": "created"},
    ),
    "aware asks naive": timed(
        pl.lit(at("12:00")), [zoned("12:59:59.999999", "Europe/Berlin"), zoned("13:00", "Europe/Berlin")], [None, 1]
    ),
    "naive asks aware": timed(
        zoned("12:00", "America/New_York"), [pl.lit(at("15:59:59.999999")), pl.lit(at("16:00"))], [None, 1]
    ),
    "aware asks aware of another zone": timed(
        zoned("12:00", "Asia/Tokyo"),
        [one.dt.convert_time_zone("America/New_York") for one in (zoned("02:59:59.999999"), zoned("03:00"))],
        [None, 1],
    ),
    "times ask dates": timed(DAY, [pl.lit(at("9 23:59:59.999999")), pl.lit(at("00:00"))], [None, 1]),
    "dates ask times": timed(pl.lit(at("00:00:00.000001")), [DAY, DAY + timedelta(days=1)], [None, 1]),
    "dates ask aware times": timed(zoned("00:00"), [DAY - timedelta(days=1), DAY], [None, 1]),
    "microseconds ask nanoseconds": timed(
        pl.lit(at("12:00:00.000001")).cast(pl.Datetime("ns")),
        [pl.lit(at("12:00")), pl.lit(at("12:00:00.000001"))],
        [None, 1],
    ),
    "nanoseconds ask milliseconds": timed(
        pl.lit(at("12:00")).cast(pl.Datetime("ms")),
        [pl.lit(at(one)).cast(pl.Datetime("ns")) for one in ("11:59:59.999999", "12:00")],
        [None, 1],
    ),
    "before 1970": timed(
        pl.lit(datetime(1969, 12, 31, 23, 59, 59, 999999)),
        [pl.lit(datetime(1969, 12, 31, 23, 59, 59, 999998)), pl.lit(datetime(1969, 12, 31, 23, 59, 59, 999999))],
        [None, 1],
        online=False,
    ),
    "no rows at all": Shape(frame("k at value"), frame("k at", ("x", "10:00")), [None]),
    "no one asks": Shape(frame("k at value", ("x", "10:00", 1)), frame("k at"), []),
    "no rows and no one asks": Shape(frame("k at value"), frame("k at"), []),
    "features with odd names": Shape(
        pl.DataFrame({"k": [1], "at": [at("10:00")], "Größe (cm)": [5], 'a "b"': ["x"], "order": [True], "__row": [7]}),
        pl.DataFrame({"k": [1], "at": [at("10:00")]}),
        [(5, "x", True)],
        features=("Größe (cm)", 'a "b"', "order"),
    ),
}
SHAPES["values"] = Shape(
    pl.DataFrame({"k": range(4), "at": [at("10:00")] * 4}).hstack(
        [pl.Series(name, [None, *values, None, None][:4], kind) for name, (kind, *values) in VALUES.items()]
    ),
    pl.DataFrame({"k": [9, 0, 1, 2, 3], "at": [at("11:00")] * 5}),
    list(zip(*([None, None, *values, None, None][:5] for _, *values in VALUES.values()), strict=True)),
    features=tuple(VALUES),
)


def noted(value: int | None) -> tuple[int | None, str | None]:
    """What is in a row whose value is this."""
    return value, None if value is None else f"note of {value}"
