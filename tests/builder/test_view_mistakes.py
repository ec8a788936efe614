"""Mistakes in a view that only its source's data tell: each is named when it is built."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.builder.build import build

ROWS = "order_id,customer,at,amount,day\n1,7,2026-03-01 12:00:00,10.5,01.03.2026 noon\n"
customer = hr.Entity("customer", keys=["customer"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="at")


def view(**given):
    return hr.FeatureView("v", **{"entity": customer, "source": orders, "features": ["amount"], **given})


def counted(function="count", column=None, **given):
    return view(features={"n": hr.Aggregate(function, column, over="7d", **given)})


@hr.feature_view(entity=customer, timestamp="day", name="v")
def by_sql(orders=orders):
    """A view whose time is a text."""
    return f"select customer, day, amount from {orders}"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            view(features=["amont"]),
            r"FeatureView\('v'\): unknown column of sources/orders 'amont'. Did you mean 'amount'",
        ),
        (view(entity=hr.Entity("c", keys=["custmer"])), "unknown column of sources/orders 'custmer'"),
        (view(timestamp="att"), "unknown column of sources/orders 'att'. Did you mean 'at'"),
        (view(created="seen"), "unknown column of sources/orders 'seen'"),
        (counted("sum", "amont"), "unknown column of sources/orders 'amont'"),
        (counted("sum", "at"), "n: 'at' is TIMESTAMP, no number"),
        (counted("quantile", "day", q=0.5), "n: 'day' is VARCHAR, no number"),
        (counted(where="amont > 1"), '(?s)features/v: DuckDB refused its aggregates.*"amont" not found'),
        (counted(where="amount >"), "features/v: DuckDB refused its aggregates: Parser Error"),
        (view(timestamp="day"), "(?s)features/v:.*day: is VARCHAR, no time"),
        (view(created="order_id"), "(?s)features/v:.*order_id: is BIGINT, no time"),
        (by_sql, "(?s)features/v:.*day: is VARCHAR, no time"),
        (
            hr.TrainingSet("t", spine=orders, timestamp="day", label="order_id", features=[view()]),
            "(?s)sources/orders:.*day: is VARCHAR, no time",
        ),
    ],
)
def test_what_is_wrong_is_named(make_project, tmp_path, made, message):
    (tmp_path / "orders.csv").write_text(ROWS)
    report = build(make_project([made], tmp_path))
    assert list(report.failed) == [made.key]
    with pytest.raises(hr.HeadraceError, match=message):
        raise report.failed[made.key]
