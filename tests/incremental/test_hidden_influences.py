"""What no digest sees must not decide a result: the order of rows, and the last bits of parallel sums."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import Project, project_from
from headrace.declarations.feature_view import FeatureView
from tests.incremental.contents import read_contents
from tests.incremental.incremental import assert_equal, assert_nothing_to_do, full_rebuild, succeeded

entity = hr.Entity("entity", keys=["k"])
tied = hr.Source("tied", path="rows.csv", timestamp="at")
keyed = hr.Source("keyed", path="rows.csv", keys=["k"])


@hr.feature_view(entity=entity)
def several(tied):
    return f"select k % 2 as k, x, y from {tied}"


def running(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("k", total=pl.col("x").cum_sum(), before=pl.col("y").shift(1))


def first(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.group_by("k", maintain_order=True).agg(pl.col("y").first())


def numbered(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.select("x").with_row_index("k")


def head(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.select("k", "x").head(2)


def reverse(rows: list[str]) -> list[str]:
    return rows[::-1]


def exchange_keys(rows: list[str]) -> list[str]:
    """The first two rows get each other's keys: the other columns hold what they held, in another order of keys."""
    (one, rest), (other, more) = (row.split(",", 1) for row in rows[:2])
    return [f"{other},{rest}", f"{one},{more}", *rows[2:]]


@pytest.mark.parametrize("change", [reverse, exchange_keys], ids=lambda one: one.__name__)
@pytest.mark.parametrize("table", [tied, keyed, several], ids=lambda one: one.name)
@pytest.mark.parametrize("function", [running, first, numbered, head], ids=lambda one: one.__name__)
def test_the_order_of_rows_is_no_hidden_input(
    function: Callable[..., object], table: hr.Source | FeatureView, change: Callable[..., list[str]], tmp_path: Path
) -> None:
    root = tmp_path / "project"
    rows = ["1,2024-01-01,1,5", "2,2024-01-01,10,6", "3,2024-01-01,100,7", "4,2024-01-01,1000,8"]
    _write_rows(root, rows)
    project = project_from([hr.feature_view(entity=entity, inputs={"frame": table})(function)], root)
    succeeded(build(project))
    _write_rows(root, change(rows))
    succeeded(build(project))
    assert_equal(read_contents(project), full_rebuild(project, tmp_path / "full"))
    assert_nothing_to_do(project)


def _write_rows(root: Path, rows: list[str]) -> None:
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "data" / "rows.csv").write_text("\n".join(["k,at,x,y", *rows]) + "\n")


events = hr.Source("events", path="events.parquet", keys=["id"])


@hr.feature_view(entity=entity)
def noisy(events):
    return f"select k, sum(x) as x, avg(y) as y, sum(y) as z, count(*) as n from {events} group by k"


@hr.feature_view(entity=entity)
def doubled(noisy):
    return f"select k, x * 2 as x, y + z as yz from {noisy}"


@hr.feature_view(entity=entity)
def framed(noisy: pl.DataFrame):
    return noisy.select("k", share=pl.col("y") / pl.col("n"))


@hr.feature_view(entity=entity)
def last(doubled, framed):
    return f"select k, x, share from {doubled} join {framed} using (k)"


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """300,000 events of 20,000 keys: doubles of both signs and many sizes, whose sums depend on their order."""
    root = tmp_path_factory.mktemp("sums")
    (root / "data").mkdir()
    number = "((hash(i * {}) % 1000003)::double - 500000)"
    duckdb.execute(f"""
        copy (
            select i as id, (hash(i) % 20000)::int as k, {number.format(7)} / 997 as x,
                {number.format(13)} / 991 * exp((hash(i * 3) % 40)::double - 20) as y
            from range(300000) as numbers(i)
        ) to '{root}/data/events.parquet' (row_group_size 20000)
    """).fetchall()
    project = project_from([last], root)
    succeeded(build(project))
    return project


def test_noise_of_parallel_sums_runs_nothing_downstream(sums: Project) -> None:
    for _ in range(30):
        assert succeeded(build(sums, ["features/noisy"], force=True)).keys("built") == ["features/noisy"]
        assert_nothing_to_do(sums)


def test_nor_does_it_when_the_sums_are_lost(sums: Project) -> None:
    for _ in range(5):
        shutil.rmtree(sums.store_folder / "objects" / "features" / "noisy")
        assert succeeded(build(sums)).keys("built") == ["features/noisy"]
        assert_nothing_to_do(sums)


def test_a_real_change_among_the_noise_is_seen(sums: Project) -> None:
    path = sums.data_folder / "events.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(x=pl.when(pl.col("id") == 5).then(pl.col("x") + 1).otherwise("x")).write_parquet(path)
    assert set(succeeded(build(sums)).keys("built")) == set(sums.graph.keys)
    assert_nothing_to_do(sums)
