"""What a lazy function was seen to take decides whether a version of it is found again."""

from __future__ import annotations

import polars as pl

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import project_from

orders = hr.Source("orders", path="orders.parquet", timestamp="at")
ROWS = {"at": [1, 2, 3], "amount": [5, 6, 7], "note": ["a", "b", "c"]}


@hr.feature_view(entity=None)
def doubled(orders: pl.LazyFrame = orders):
    return orders.select(pl.col("amount") * 2)


def test_a_version_is_found_again_though_more_was_taken_since(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    (tmp_path / "data").mkdir()

    def state_of(rows: pl.DataFrame) -> str:
        rows.write_parquet(tmp_path / "data" / "orders.parquet")
        report = build(project_from([orders, doubled], tmp_path))
        assert not report.failed
        return {outcome.asset: outcome.state for outcome in report.outcomes}["features/doubled"]

    unique = pl.DataFrame(ROWS).with_columns(pl.col("at").cast(pl.Datetime))
    tied = unique.with_columns(at=pl.lit(1).cast(pl.Datetime))  # now every column decides the order of rows
    assert [state_of(rows) for rows in (unique, tied, unique)] == ["built", "built", "reused"]
