"""Typed values come back as they were given, whatever their type; what does not fit is refused."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import OnlineError
from headrace.store.online.keys import LONGEST, all_encoder, key_encoder
from headrace.store.online.rows import RowCodec
from headrace.store.online.tagged import dump, load
from headrace.store.online.times import from_micros, micros

KINDS = [
    ("BOOLEAN", True),
    ("TINYINT", -128),
    ("UBIGINT", 2**64 - 1),
    ("BIGINT", 2**53 + 1),
    ("HUGEINT", -(2**100)),
    ("FLOAT", 0.5),
    ("DOUBLE", 0.1),
    ("VARCHAR", "Grüße \0 \U0001f600"),
    ("VARCHAR", ""),
    ("BLOB", b"\0\xff"),
    ("DATE", date(1900, 2, 28)),
    ("TIMESTAMP", datetime(2024, 5, 1, 12, 0, 0, 1)),
    ("TIMESTAMP WITH TIME ZONE", datetime(1960, 5, 1, tzinfo=UTC)),
    ("TIME", time(23, 59, 59, 5)),
    ("INTERVAL", timedelta(days=-3, microseconds=1)),
    ("DECIMAL(18,3)", Decimal("1.500")),
    ("UUID", UUID(int=7)),
    ("ENUM('a', 'b')", "b"),
    ("BIGINT[]", [1, None, 3]),
    ("DOUBLE[]", []),
    ("FLOAT[3]", (0.5, 1.5, -2.0)),
    ("STRUCT(a INTEGER, b VARCHAR[])", {"a": 1, "b": ["x", None]}),
    ("MAP(VARCHAR, INTEGER)", {"x": 1}),
    ("TIMESTAMP[]", [datetime(2024, 1, 1)]),
    ("DECIMAL(5,1)[]", [Decimal("0.5")]),
]


def codec(*kinds):
    return RowCodec("v", tuple((f"c{n}", kind) for n, kind in enumerate(kinds)), timed=True, created=True)


def round_trip(kinds, values, wanted=None):
    made = codec(*kinds)
    row = made.pack(5, None, values)
    return made.values(wanted)(row, made.parse(row))


@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_a_value_comes_back_next_to_nulls(kind, value):
    found = round_trip((kind, "BIGINT", kind, kind), (value, None, None, value))
    assert found == (value, None, None, value)
    assert type(found[0]) is type(value)


def test_all_types_in_one_row():
    kinds, values = [kind for kind, _ in KINDS], tuple(value for _, value in KINDS)
    assert round_trip(kinds, values) == values
    assert round_trip(kinds, values, [7, 3, 8]) == (values[7], values[3], values[8])


@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_what_duckdb_gives_comes_back(kind, value):
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        (found,) = connection.execute(f"select ?::{kind}", [value]).fetchall()[0]
    assert round_trip((kind,), (found,)) == (value,)


def test_nan_and_infinity():
    found = round_trip(("DOUBLE", "FLOAT", "DOUBLE[]"), (math.nan, math.inf, [math.nan, -math.inf]))
    assert math.isnan(found[0])
    assert found[1] == math.inf
    assert math.isnan(found[2][0])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("BIGINT", "1"),
        ("BIGINT", 1.5),
        ("TINYINT", 128),
        ("UINTEGER", -1),
        ("VARCHAR", 1),
        ("DOUBLE", "x"),
        ("TIMESTAMP", "2024-01-01"),
        ("BIGINT[]", [object()]),
    ],
)
def test_what_does_not_fit_is_named(kind, value):
    with pytest.raises(OnlineError, match=r"online/v: c1 is .*, got .*Nothing was written"):
        codec("BIGINT", kind).pack(1, None, (None, value))


def test_numpy_values_are_taken():
    assert round_trip(("BIGINT", "DOUBLE", "DOUBLE[]"), (np.int64(5), np.float64(0.5), np.array([1.0, 2.0]))) == (
        5,
        0.5,
        [1.0, 2.0],
    )


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
nested = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(nested)
def test_any_nested_value_comes_back(value):
    assert load(dump(value)) == value


def test_values_without_a_form_are_refused():
    with pytest.raises(TypeError, match="a object cannot be stored"):
        dump(object())


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_number_keys_keep_their_order(one, other):
    encode = key_encoder("v", (("id", "BIGINT"),))
    assert (encode((one,)) < encode((other,))) == (one < other)


@given(st.lists(st.tuples(st.none() | st.integers(-(2**64), 2**64)), max_size=5))
def test_many_keys_are_encoded_as_each(asked):
    encode = key_encoder("v", (("id", "BIGINT"),))
    assert all_encoder(encode, (("id", "BIGINT"),))(asked) == [encode(one) for one in asked]


@given(st.integers(-(2**55), 2**55))
def test_moments_are_exact_to_the_microsecond(value):
    assert micros(from_micros(value)) == value


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=2))
def test_composite_keys_never_collide(pairs):
    encode = key_encoder("v", (("a", "VARCHAR"), ("b", "VARCHAR")))
    one, other = map(encode, pairs)
    assert (one == other) == (pairs[0] == pairs[1])
    if all(len(key) < LONGEST for key in (one, other)):
        first, second = ([text.encode("utf-8", "surrogatepass") for text in pair] for pair in pairs)
        assert (one < other) == (first < second)


def test_keys_of_several_types():
    encode = key_encoder("v", (("a", "INTEGER"), ("b", "VARCHAR"), ("c", "DATE")))
    assert encode((1, "x", date(2024, 1, 1))) == encode((np.int32(1), "x", datetime(2024, 1, 1, tzinfo=UTC)))
    assert encode((1, None, date(2024, 1, 1))) is None
    assert encode((1, "x" * 1000, date(2024, 1, 1))) != encode((1, "x" * 999, date(2024, 1, 1)))
    assert len(encode((1, "x" * 1000, date(2024, 1, 1)))) <= LONGEST


@pytest.mark.parametrize(("kind", "value"), [("BIGINT", 2**64), ("UBIGINT", -1), ("INTEGER", -(2**200))])
def test_a_number_that_no_row_can_have_matches_nothing(kind, value):
    assert key_encoder("v", (("a", kind),))((value,)) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("BIGINT", 1.0),
        ("BIGINT", True),
        ("VARCHAR", 1),
        ("DATE", "2024-01-01"),
        ("DOUBLE", "1"),
        ("BOOLEAN", 1),
        ("UUID", "7"),
    ],
)
def test_keys_of_another_type_are_refused(kind, value):
    with pytest.raises(OnlineError, match=f"key a is {kind}, got"):
        key_encoder("v", (("a", kind),))((value,))


def test_equal_numbers_are_equal_keys():
    double = key_encoder("v", (("a", "DOUBLE"),))
    assert double((0.0,)) == double((-0.0,)) == double((0,))
    decimal = key_encoder("v", (("a", "DECIMAL(5,2)"),))
    assert decimal((Decimal("1.50"),)) == decimal((Decimal("1.5"),)) != decimal((Decimal("1.05"),))
