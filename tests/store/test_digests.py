"""The digest of a table: what must change it, and what must not. Rows are given as SQL."""

from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.store.digests import (
    describe,
    digest_table,
    hash_probe,
    projection_digest,
    quote,
    table_digest,
    table_sums,
)

ROWS = "(1, 'a', 1.5::double), (2, 'b', null), (2, 'b', null)"


@pytest.fixture
def digest():
    with duckdb.connect() as connection:

        def of(query: str) -> str:
            connection.execute(f"create or replace temp table t as {query}").fetchall()
            return table_digest(connection, "t")

        yield of


def values(rows: str) -> str:
    return f"select * from (values {rows}) as t(a, b, c)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (values(ROWS), values("(2, 'b', null), (1, 'a', 1.5::double), (2, 'b', null)")),
        ("select 0.1::double + 0.2 as x", "select 0.3::double as x"),
        ("select 1e20::double / 3 as x", "select 1e20::double * (1.0::double / 3) as x"),
        ("select -1e-9::double * 1.0000000000000002 as x", "select -1e-9::double as x"),
        ("select 'nan'::double as x", "select '-nan'::double as x"),
        ("select 0.1::float + 0.2::float as x", "select 0.3::float as x"),
        ("select unnest(range(5000)) as x", "select unnest(range(4999, -1, -1)) as x"),
    ],
)
def test_same(digest, one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(values(ROWS), values("(1, 'a', 1.5::double), (2, 'b', null)"), id="a duplicate less"),
        pytest.param(values(ROWS), values(f"{ROWS}, (1, 'a', 1.5), (1, 'a', 1.5)"), id="a pair of duplicates more"),
        pytest.param(
            "select * from (values (1, 'a'), (2, 'b')) as t(x, y)",
            "select * from (values (1, 'b'), (2, 'a')) as t(x, y)",
            id="a column shuffled between rows",
        ),
        pytest.param("select 1 as x, 2 as y", "select 2 as x, 1 as y", id="values between columns"),
        pytest.param("select 1 as x, 2 as y", "select 2 as y, 1 as x", id="order of columns"),
        pytest.param("select 1 as x", "select 1 as y", id="name"),
        pytest.param("select 1::int as x", "select 1::bigint as x", id="type"),
        pytest.param("select 1::float as x", "select 1::double as x", id="width"),
        pytest.param("select 1::decimal(9, 2) as x", "select 1::decimal(9, 3) as x", id="scale"),
        pytest.param("select '2020-01-01'::date as x", "select '2020-01-01'::timestamp as x", id="date"),
        pytest.param("select null::int as x", "select 0 as x", id="null and zero"),
        pytest.param("select null::varchar as x", "select '' as x", id="null and empty text"),
        pytest.param("select 'nan'::double as x", "select null::double as x", id="NaN and null"),
        pytest.param("select 0.0::double as x", "select -(0.0::double) as x", id="the sign of zero"),
        pytest.param("select 'inf'::double as x", "select '-inf'::double as x", id="infinities"),
        pytest.param("select null::int[] as x", "select []::int[] as x", id="null and empty list"),
        pytest.param("select [null]::int[] as x", "select []::int[] as x", id="list of a null"),
        pytest.param("select ['a, b'] as x", "select ['a', 'b'] as x", id="lists of texts"),
        pytest.param("select ['NULL'] as x", "select [null]::varchar[] as x", id="the text NULL"),
        pytest.param("select [[1], [2]] as x", "select [[1, 2]] as x", id="lists of lists"),
        pytest.param("select {'a': 1, 'b': 2} as x", "select {'a': 2, 'b': 1} as x", id="struct"),
        pytest.param("select {'a': null::int} as x", "select null::struct(a int) as x", id="struct of a null"),
        pytest.param("select map {'a': 1} as x", "select map {'a': 2} as x", id="map"),
        pytest.param("select 1.0::double as x", "select 1.00000000001::double as x", id="eleventh digit"),
        pytest.param("select 1e-300::double as x", "select 2e-300::double as x", id="tiny"),
        pytest.param("select 1e300::double as x", "select 2e300::double as x", id="huge"),
        pytest.param("select 'a'::blob as x", "select 'b'::blob as x", id="bytes"),
        pytest.param("select 1 as x where false", "select 1 as x", id="no rows"),
        pytest.param("select 1 as x where false", "select 1 as y where false", id="no rows, other name"),
    ],
)
def test_different(digest, one, other):
    assert digest(one) != digest(other)


def test_numbers_past_the_doubles_stay_exact(digest):
    assert digest("select 9007199254740993 as x") != digest("select 9007199254740992 as x")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), min_size=1, max_size=8),
    others=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), min_size=1, max_size=8),
)
def test_equal_exactly_for_equal_multisets_of_rows(rows, others):
    def text(found):
        cells = (f"({number}, {'null' if word is None else repr(word)}::varchar)" for number, word in found)
        return f"select * from (values {', '.join(cells)}) as t(x, y)"

    with duckdb.connect() as connection:
        connection.execute(f"create view one as {text(rows)}; create view other as {text(others)}").fetchall()
        same = table_digest(connection, "one") == table_digest(connection, "other")
    assert same == (sorted(rows, key=repr) == sorted(others, key=repr))


def test_float_noise_of_any_size_is_rounded_away(digest):
    for exponent in range(-140, 141, 7):
        number = math.pi * 10.0**exponent
        assert digest(f"select {number!r}::double as x") == digest(f"select {math.nextafter(number, 0)!r}::double as x")


def columns_of(query: str) -> dict[str, str]:
    with duckdb.connect() as connection:
        connection.execute(f"create temp table t as {query}").fetchall()
        return digest_table(connection, "t").columns


def test_each_column_has_a_digest_of_its_own():
    before, after = columns_of("select 1 as x, 2 as y, 'a' as z"), columns_of("select 1 as x, 3 as y, 'a' as z")
    assert {name for name in before if before[name] != after[name]} == {"y"}
    assert columns_of("select 1 as x") != columns_of("select 1::bigint as x")


@pytest.fixture
def projection():
    with duckdb.connect() as connection:

        def of(query: str, *columns: str) -> str:
            connection.execute(f"create or replace temp table t as {query}").fetchall()
            return projection_digest(connection, "t", columns)

        yield of


def test_a_projection_knows_of_its_own_columns_only(projection):
    one, other = "select 1 as x, 2 as y, 3 as z", "select 1 as x, 2 as y, 4::double as z, 5 as w"
    assert projection(one, "x", "y") == projection(other, "x", "y") != projection(other, "y", "x")
    assert projection(one, "x", "y") == projection("select 2 as y, 1 as x", "x", "y")
    assert projection(one, "x", "z") != projection(other, "x", "z")
    assert projection(one) == projection(other) != projection(f"{one} union all {one}")


def test_a_projection_sees_a_column_shuffled_between_rows(projection):
    one = "select * from (values (1, 'a', 0), (2, 'b', 0)) as t(x, y, z)"
    other = "select * from (values (1, 'b', 0), (2, 'a', 0)) as t(x, y, z)"
    assert projection(one, "x") == projection(other, "x")
    assert projection(one, "x", "y") != projection(other, "x", "y")


def test_a_projection_on_all_columns_is_the_whole(projection, digest):
    assert projection(values(ROWS), "a", "b", "c") == digest(values(ROWS))


def test_a_column_that_is_not_there(projection):
    with pytest.raises(KeyError, match="w"):
        projection("select 1 as x", "w")


def test_digests_of_another_algorithm_are_known_by_their_probe(monkeypatch):
    with duckdb.connect() as connection:
        before = hash_probe(connection)
        assert hash_probe(connection) == before
        monkeypatch.setattr("headrace.store.digests.ALGORITHM", 0)
        assert hash_probe(connection) != before


def test_a_parquet_file_and_its_table_have_one_digest(tmp_path):
    with duckdb.connect() as connection:
        connection.execute(f"create table t as {values(ROWS)}").fetchall()
        connection.execute(f"copy t to '{tmp_path}/t.parquet'").fetchall()
        assert table_digest(connection, "t") == table_digest(connection, f"'{tmp_path}/t.parquet'")
        assert describe(connection, "t")[0] == ["a", "INTEGER"]


def test_any_column_name_goes(digest):
    name = 'say "hi", all'
    assert quote(name) == '"say ""hi"", all"'
    assert digest(f"select 1 as {quote(name)}") != digest(f"select 2 as {quote(name)}")


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_sums_of_parts_add_up_to_the_digest_of_the_whole(cut):
    rows = f"(select * from (values {ROWS}) as t(a, b, c))"
    with duckdb.connect() as connection:
        first, rest = (table_sums(connection, f"({rows} {part})") for part in (f"limit {cut}", f"offset {cut}"))
        assert (first + rest).digest(hash_probe(connection)) == digest_table(connection, rows)
        with pytest.raises(ValueError, match="tables with other columns cannot be added"):
            first + table_sums(connection, "(select 1 as a)")
