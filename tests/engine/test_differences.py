"""Two tables side by side, against a naive comparison in Python."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.differences import Example, compare_tables
from headrace.engine.session import connect


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")

    def run(before: dict, now: dict, keys=(("k",),), **options):
        schema = options.pop("schema", None)
        for name, table in (("before", before), ("now", now)):
            pl.DataFrame(table, schema=schema, strict=False).write_parquet(folder / f"{name}.parquet")
        with connect() as connection:
            return compare_tables(connection, folder / "before.parquet", folder / "now.parquet", keys, **options)

    return run


def test_rows_and_values(compare):
    found = compare(
        {"k": [1, 2, 3, 4], "x": [1.0, 2.0, None, 4.0], "t": ["a", "b", "c", "d"]},
        {"k": [4, 3, 2, 6, 7], "x": [2.0, 3.0, None, 0.0, 0.0], "t": ["d", "c", "B", "", ""]},
    )
    assert (found.keys, found.rows) == (("k",), (4, 5))
    assert (found.added, found.removed, found.changed, found.rounding) == (2, 1, 3, 0)
    assert (found.added_examples, found.removed_examples) == (({"k": 6}, {"k": 7}), ({"k": 1},))
    x, t = found.columns
    assert (x.name, x.differ, x.appeared, x.vanished, x.largest, x.relative) == ("x", 3, 1, 1, 2.0, 0.5)
    assert x.examples == (Example({"k": 2}, 2.0, None), Example({"k": 3}, None, 3.0), Example({"k": 4}, 4.0, 2.0))
    assert (t.differ, t.largest, t.examples) == (1, None, (Example({"k": 2}, "b", "B"),))


def test_columns_and_types(compare):
    found = compare({"k": [1, 2], "gone": [1, 1], "x": [1, 2]}, {"k": ["1", "2"], "x": [1.0, 2.5], "new": ["", ""]})
    assert (found.new_columns, found.gone_columns) == ({"new": "VARCHAR"}, {"gone": "BIGINT"})
    assert found.retyped == {"k": ("BIGINT", "VARCHAR"), "x": ("BIGINT", "DOUBLE")}
    assert (found.added, found.changed, found.columns[0].largest) == (0, 1, 0.5)


def test_nothing(compare):
    table = {"k": [1, 2], "x": [math.nan, -math.inf], "l": [[1.0], None]}
    assert compare(table, table).is_none


@pytest.mark.parametrize(
    ("before", "now", "rounding"),
    [
        (0.1 + 0.2, 0.3, True),
        (1e300, 1e300 * (1 + 1e-15), True),
        (-0.0, 0.0, True),
        (1.0, 1.00000000001, False),
        (1e-320, 2e-320, False),
        (math.inf, 1.0, False),
        (math.inf, -math.inf, False),
        (math.nan, 1.0, False),
        (0.0, 1e-300, False),
    ],
)
def test_rounding(compare, before, now, rounding):
    found = compare({"k": [1], "x": [before]}, {"k": [1], "x": [now]})
    assert (found.changed, found.rounding) == (not rounding, rounding)
    assert (found.columns[0].differ, found.columns[0].rounding) == (not rounding, rounding)
    assert not found.is_none


def test_keys_that_do_not_identify_are_passed_over(compare):
    before = {"k": [1, 1, 2], "t": [1, 2, 1], "x": [1, 2, 3]}
    found = compare(before, {**before, "x": [1, 2, 4]}, keys=(("k",), ("k", "t")))
    assert (found.keys, found.changed) == (("k", "t"), 1)
    assert found.columns[0].examples == (Example({"k": 2, "t": 1}, 3, 4),)


def test_null_keys_match_each_other(compare):
    found = compare({"k": [None, 1], "x": [1, 2]}, {"k": [1, None], "x": [2, 3]})
    assert (found.added, found.changed) == (0, 1)


def test_rows_in_the_same_order_match_by_place(compare):
    found = compare({"k": [1, 1, 2], "x": [1, 2, 3]}, {"k": [1, 1, 2], "x": [1, 5, 3]})
    assert (found.keys, found.added, found.changed) == (("file_row_number",), 0, 1)
    assert found.columns[0].examples == (Example({"file_row_number": 1}, 2, 5),)


def test_without_keys_whole_rows_are_compared(compare):
    found = compare({"s": ["a", "a", "b"], "x": [0.1 + 0.2, 0.3, 1.0]}, {"s": ["a", "c"], "x": [0.3, 1.0]}, keys=())
    assert (found.keys, found.added, found.removed, found.changed) == ((), 1, 2, 0)
    assert found.added_examples == ({"s": "c", "x": 1.0},)
    assert found.removed_examples[-1] == {"s": "b", "x": 1.0}


def test_examples_are_as_many_as_asked_for(compare):
    before = {"k": list(range(9)), "x": list(range(9))}
    found = compare(before, {"k": list(range(5, 20)), "x": [0] * 15}, examples=2)
    assert [len(found.added_examples), len(found.removed_examples), len(found.columns[0].examples)] == [2, 2, 2]


def test_names_that_need_quotes(compare):
    before = {"a key": [1, 2], 'x"y': [1, 2], "key": [1, 1], "s": [1, 1]}
    found = compare(before, {**before, 'x"y': [1, 3]}, keys=(("a key",),))
    assert [(one.name, one.differ) for one in found.columns] == [('x"y', 1)]
    assert compare(before, before, keys=()).is_none


def test_an_empty_table(compare):
    schema = {"k": pl.Int64, "x": pl.Float64}
    found = compare({"k": [], "x": []}, {"k": [1], "x": [1.0]}, schema=schema)
    assert (found.added, found.removed, found.changed) == (1, 0, 0)
    assert compare({"k": [], "x": []}, {"k": [], "x": []}, schema=schema).is_none


CELLS = st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from([None, "a", "b"]))
TABLES = st.dictionaries(st.integers(0, 6), CELLS, max_size=6)
SCHEMA = {"k": pl.Int64, "x": pl.Int64, "t": pl.String}


def as_columns(table):
    return {"k": list(table), "x": [one[0] for one in table.values()], "t": [one[1] for one in table.values()]}


@settings(max_examples=20, deadline=None)
@given(TABLES, TABLES)
def test_as_a_naive_comparison_finds(compare, before, now):
    both = before.keys() & now.keys()
    found = compare(as_columns(before), as_columns(now), schema=SCHEMA)
    assert (found.added, found.removed) == (len(now.keys() - both), len(before.keys() - both))
    assert found.changed == sum(before[key] != now[key] for key in both)
    differ = [sum(before[key][n] != now[key][n] for key in both) for n in (0, 1)]
    assert [one.differ for one in found.columns] == [count for count in differ if count]
