"""How Headrace's answers and Feast's are compared: differences are seen, and said."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import polars as pl
import pytest

from benchmarks import feature_store_clauses as clauses
from benchmarks.feature_store import INDEXED
from benchmarks.feature_store_data import VIEWS, Size, make_data
from benchmarks.feature_store_sides import in_order, lost_rows, online_differences, unequal
from benchmarks.feature_store_worker import Worker, peak_megabytes, percentiles
from benchmarks.measure import OURS, Case, Timing
from benchmarks.report import page

ROWS = {"row": [2, 0, 1], "f": [1.5, None, 0.1]}


def frame(**changes) -> pl.DataFrame:
    return pl.DataFrame({**ROWS, **changes})


def test_rows_are_compared_in_the_order_of_asking_and_nan_is_null(tmp_path):
    frame().write_parquet(tmp_path / "ours.parquet")
    pl.DataFrame({"f": [float("nan"), 0.1, 1.5], "row": [0, 1, 2]}).write_parquet(tmp_path / "theirs.parquet")
    mine, theirs = (in_order(tmp_path / f"{name}.parquet", ["f"]) for name in ("ours", "theirs"))
    assert unequal(mine, theirs) == []


@pytest.mark.parametrize("f", [[1.5, 0.0, 0.1], [1.5, None, 0.1 + 1e-17 * 2], [None, None, 0.1]])
def test_a_difference_in_one_value_is_seen(f):
    equal = frame().equals(frame(f=f))
    assert unequal(frame(), frame(f=f)) == ([] if equal else ["f"])


def test_lost_rows_are_those_that_only_we_have():
    assert lost_rows(frame(), frame().head(1))["row"].to_list() == [0, 1]


def test_online_answers_are_counted_by_how_they_differ():
    def answer(value, status):
        return {"values": [value], "statuses": [status]}

    mine = [answer(1.0, "present"), answer(None, "expired"), answer(None, "missing"), answer(2.0, "present")]
    mine += [answer(None, "missing")]
    theirs = [answer(1.0, "PRESENT"), answer(5.0, "PRESENT"), answer(None, "PRESENT"), answer(3.0, "PRESENT")]
    theirs += [answer(None, "NOT_FOUND")]
    assert online_differences(mine, theirs) == {
        "equal and present": 1,
        "expired here, present in Feast": 1,
        "missing here, present as null in Feast": 1,
        "another value, present": 1,
        "equal and missing": 1,
    }


def test_a_broken_clause_is_named():
    lines = ["| | ours | theirs |", "|---|---|---|", "| a tie | right | gives (1, 2) |", "| a null | right | right |"]
    assert clauses.wrong(lines) == {"ours": [], "theirs": ["a tie"]}


def test_clauses_have_names_and_keys_of_their_own():
    assert len({clause.name for clause in clauses.CLAUSES}) == len(clauses.CLAUSES)


def test_rows_at_the_end_are_newer_or_late_and_the_latest_of_their_keys(tmp_path):
    data = make_data(tmp_path / "data", Size(2_000, 500, (10,)))
    before, end = data.rows(), data.end
    late = data.append()
    rows = pl.read_parquet(tmp_path / "data" / "one.parquet")
    assert data.rows() == before + len(VIEWS) * (len(data.changed) + len(late))
    assert rows.filter(pl.col("at") > end)["key"].to_list() == data.changed
    latest = rows.sort("at").group_by("key").last().filter(pl.col("key").is_in(list(late)))
    assert dict(latest.select("key", "one_f0").rows()) == late
    assert (latest["at"] <= end).all()
    assert data.end < datetime.now(UTC)


def test_a_worker_says_why_it_failed(tmp_path):
    with Worker(sys.executable, "feature_store_ours", tmp_path) as worker:
        with pytest.raises(RuntimeError, match=r"(?s)load of feature_store_ours failed.*No such file"):
            worker.ask("load", path=str(tmp_path / "nothing.parquet"))
        pl.DataFrame(ROWS).write_parquet(tmp_path / "rows.parquet")
        answer = worker.ask("load", path=str(tmp_path / "rows.parquet"))
    assert answer.result is None
    assert answer.timing.wall > 0
    assert answer.peak > 10


def test_percentiles_are_of_single_calls():
    found = percentiles(lambda one: one, list(range(100)))
    assert 0 < found["p50"] <= found["p99"]
    assert peak_megabytes() > 10


def test_variants_of_ours_are_no_rivals_and_peaks_are_told():
    timings = {OURS: Timing(2.0, 2.0, 100.0), INDEXED: Timing(1.0, 1.0, 50.0), "Feast": Timing(4.0, 4.0, 2_000.0)}
    text = page({"store": [Case("a fill", timings, "same", variants=frozenset({INDEXED}))]}, {"store": ""})
    assert "than Headrace with its index" not in text
    assert "| Feast | 4 s | 4 s | 2 | 2 | 2,000 MB |" in text
