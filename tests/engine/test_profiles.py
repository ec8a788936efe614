"""Profiles against a naive computation over the same rows."""

from __future__ import annotations

import math
import statistics

import polars as pl
import pytest

from headrace.engine.profiles import SHARES, profile_in, profile_table


def profile(tmp_path, hidden=(), **columns):
    path = tmp_path / "data.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return profile_table(path, hidden)


def test_numbers_are_as_a_naive_loop_has_them(tmp_path):
    values = [float(n * 7919 % 1000) / 8 for n in range(500)]
    found = profile(tmp_path, x=[*values, None, None]).column("x")
    assert (found.nulls, found.least, found.greatest) == (2, min(values), max(values))
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert found.distinct == len(set(values))
    ordered = sorted(values)
    assert found.quantiles == [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in SHARES]


def test_what_is_not_finite_is_counted_and_left_out(tmp_path):
    found = profile(tmp_path, x=[1.0, float("nan"), float("inf"), -float("inf"), 3.0, None]).column("x")
    assert (found.not_finite, found.mean, found.nulls, found.distinct) == (3, 2.0, 1, 2)


def test_whole_numbers_stay_exact(tmp_path):
    found = profile(tmp_path, x=[2**53 + 1, None]).column("x")
    assert (found.least, found.greatest) == (2**53 + 1, 2**53 + 1)


def test_huge_numbers_have_no_deviation(tmp_path):
    assert profile(tmp_path, x=[1e300, -1e300]).column("x").deviation is None


def test_texts_and_booleans_have_their_most_frequent_values(tmp_path):
    found = profile(tmp_path, text=["b", "a", "b", None], flag=[True, True, False, None])
    assert found.column("text").top == [["b", 2], ["a", 1]]
    assert (found.column("flag").mean, found.column("flag").top) == (pytest.approx(2 / 3), [["true", 2], ["false", 1]])


def test_times_have_ends_but_no_mean(tmp_path):
    from datetime import datetime

    found = profile(tmp_path, at=[datetime(2024, 1, 1), datetime(2024, 2, 1, 12)]).column("at")
    assert (found.least, found.greatest, found.mean) == ("2024-01-01T00:00:00", "2024-02-01T12:00:00", None)


def test_lists_and_bytes_are_only_counted(tmp_path):
    found = profile(tmp_path, x=[[1], None], y=[b"a", None])
    assert [(one.name, one.distinct, one.top) for one in found.columns] == [("x", None, []), ("y", None, [])]
    assert found.column("y").nulls == 1


def test_hidden_columns_have_a_type_and_nulls_alone(tmp_path):
    found = profile(tmp_path, hidden=["email"], email=["a@b", None])
    assert found.column("email").__dict__ | {"type": ""} == {
        **{"name": "email", "type": "", "nulls": 1, "hidden": True, "least": None, "greatest": None, "not_finite": 0},
        **{"mean": None, "deviation": None, "quantiles": [], "distinct": None, "top": []},
    }


@pytest.mark.parametrize("columns", [{"x": pl.Series([], dtype=pl.Float64)}, {"x": pl.Series([None], dtype=pl.Int64)}])
def test_without_values_there_is_nothing_to_say(tmp_path, columns):
    found = profile(tmp_path, **columns).column("x")
    assert (found.mean, found.least, found.distinct) == (None, None, 0)


def test_of_a_large_table_some_rows_are_looked_at_and_ends_and_nulls_are_exact(tmp_path):
    values = [None if n == 1 else n for n in range(200_000)]
    found = profile(tmp_path, x=values)
    assert (found.rows, found.looked_at) == (200_000, 32 * 1024)
    one = found.column("x")
    assert (one.nulls, one.least, one.greatest) == (1, 0, 199_999)
    assert one.mean == pytest.approx(100_000, rel=0.05)
    assert profile_table(tmp_path / "data.parquet") == found


def test_a_folder_of_files_is_one_table(tmp_path):
    for number in range(2):
        pl.DataFrame({"x": [number, None]}).write_parquet(tmp_path / f"{number}.parquet")
    found = profile_table(tmp_path)
    assert (found.rows, found.column("x").nulls, found.column("x").greatest) == (4, 2, 1)


def test_a_large_folder_is_sampled_too(tmp_path):
    for number in range(2):
        pl.DataFrame({"x": range(50_000)}).write_parquet(tmp_path / f"{number}.parquet")
    found = profile_table(tmp_path)
    assert (found.rows, found.looked_at) == (100_000, 2 * 16_667)


def test_it_is_kept_as_json(tmp_path):
    import json

    found = profile(tmp_path, x=[1.5, None], y=["a", "b"])
    assert profile_in(json.loads(json.dumps(found.to_json()))) == found
    assert profile_in({"format": 0}) is None


def test_names_are_quoted(tmp_path):
    assert profile(tmp_path, **{"a \"b\" 'c'": [1, 2]}).columns[0].mean == 1.5
