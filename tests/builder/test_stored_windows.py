"""Who reads a view of windows as a table depends on its rows; who asks it at other moments, on its events."""

from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import project_from

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.parquet", timestamp="at")
counts = {"n": hr.Aggregate("count", over="7d", where="amount > 3")}
activity = hr.FeatureView("activity", entity=customer, source=orders, features=counts)


@hr.feature_view(entity=customer)
def by_sql(activity=activity):
    return f"select customer_id, max(n) as most from {activity} group by customer_id"


@hr.feature_view(entity=customer)
def by_polars(activity: pl.LazyFrame = activity):
    return activity.group_by("customer_id").agg(most=pl.col("n").max())


@hr.feature_view(entity=customer)
def by_frames(activity: pl.DataFrame = activity):
    return activity.group_by("customer_id").agg(pl.col("n").max())


again = hr.FeatureView("again", entity=customer, source=activity, features={"top": hr.Aggregate("max", "n", over="9d")})
learning = hr.TrainingSet("learning", spine=orders, timestamp="at", label="label", features=[activity])
READERS = {"features/by_sql", "features/by_polars", "features/by_frames", "features/again"}


@pytest.mark.parametrize(("amount", "moved"), [(2, set()), (5, READERS)])
def test_events_that_change_no_row(tmp_path, amount, moved):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    (tmp_path / "data").mkdir()

    def rebuild(first: int) -> set[str]:
        days = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 1, 4), eager=True).cast(pl.Datetime)
        rows = {"customer_id": [1, 1, 2, 2], "at": days, "amount": [first, 4, 9, 1], "label": [0, 1, 0, 1]}
        pl.DataFrame(rows).write_parquet(tmp_path / "data" / "orders.parquet")
        report = build(project_from([orders, activity, by_sql, by_polars, by_frames, again, learning], tmp_path))
        assert not report.failed
        return set(report.keys("built"))

    assert rebuild(1) > READERS
    built = rebuild(amount)
    assert "features/activity" in built
    assert built & READERS == moved
    assert "training_sets/learning" in built, "which may ask at any moment"
