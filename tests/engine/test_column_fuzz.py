"""No column moves a result that does not list it: some of the checks of `python -m benchmarks columns`."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from headrace.engine.sql_columns import SqlColumns, planner, sql_columns
from tests.engine.sql_fuzz import Tally, open_engine, try_statement


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_engine() as connection:
        yield connection


@pytest.fixture(scope="module")
def plans() -> Iterator[duckdb.DuckDBPyConnection]:
    with planner() as connection:
        yield connection


def test_what_is_not_listed_moves_nothing(engine, plans):
    tally = Tally()
    for seed in range(25):
        try_statement(
            engine, lambda sql, tables, order, _: sql_columns(sql, tables, order=order, connection=plans), seed, tally
        )
    assert not tally.unsound, tally.unsound[0]
    assert tally.checks > 200
    assert tally.refused < 4
    assert tally.precision > 0.25


@pytest.mark.parametrize("forgotten", ["outputs", "rows", "reads"])
def test_what_is_left_out_is_noticed(engine, plans, forgotten):
    def forgetful(sql, tables, order, width):
        found = sql_columns(sql, tables, order=order, connection=plans)
        without = {name: {} for name in found.outputs} if forgotten == "outputs" else {}
        return SqlColumns(**{**vars(found), forgotten: without})

    tally = Tally()
    assert any(try_statement(engine, forgetful, seed, tally) or tally.unsound for seed in range(10))


def test_a_window_that_a_column_does_without_still_arranges_rows(engine, plans):
    """`a` needs no window, yet the `limit` takes rows in the order that the window leaves them in."""
    alone, beside = (
        f"select {what} from (select *, sum(a) over (order by b) as s from t limit 3)" for what in ("a", "a, s")
    )
    tables = {"t": [("id", "INTEGER"), ("a", "INTEGER"), ("b", "INTEGER")]}
    engine.execute("create table t as select i as id, i as a, -i as b from range(9) r(i)").fetchall()
    for sql, listed, first in [(alone, ("id", "a"), [0, 1, 2]), (beside, ("id", "a", "b"), [6, 7, 8])]:
        assert sql_columns(sql, tables, order={"t": ["id"]}, connection=plans).outputs["a"] == {"t": listed}
        assert sorted(row[0] for row in engine.execute(sql).fetchall()) == first
