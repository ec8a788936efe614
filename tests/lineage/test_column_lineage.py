from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.lineage.column_lineage import column_lineage, sql_lineage

KNOWN = {"sources/orders": ["order_id", "customer_id", "at", "amount"], "sources/customers": ["customer_id", "age"]}
customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="o.csv", timestamp="at")


@pytest.mark.parametrize(
    ("sql", "origins"),
    [
        ("select amount as a from sources.orders", {"a": ["sources/orders.amount"]}),
        (
            "select amount * order_id as a from sources.orders",
            {"a": ["sources/orders.amount", "sources/orders.order_id"]},
        ),
        (
            "with t as (select customer_id as c, age from sources.customers) "
            "select t.age as a, o.amount as b from t join sources.orders o on o.customer_id = t.c",
            {"a": ["sources/customers.age"], "b": ["sources/orders.amount"]},
        ),
        ("select sum(amount) as a from sources.orders group by customer_id", {"a": ["sources/orders.amount"]}),
        ("select * from sources.customers", {"age": ["sources/customers.age"]}),
    ],
)
def test_sql_is_traced(sql, origins):
    assert sql_lineage(sql, list(origins), KNOWN) == origins


@pytest.mark.parametrize("sql", ["select count(*) as a from sources.orders", "this is no SQL ((", "select 1 as b"])
def test_what_cannot_be_traced_comes_from_everything(sql):
    assert sql_lineage(sql, ["a"], KNOWN) == {"a": ["sources/orders.*", "sources/customers.*"]}


def test_aggregates_come_from_their_column_keys_and_time():
    view = hr.FeatureView("v", entity=customer, source=orders, features={"n": hr.Aggregate("sum", "amount")})
    found = column_lineage(view, ["customer_id", "at", "n"], KNOWN)
    assert found["n"] == ["sources/orders.amount", "sources/orders.customer_id", "sources/orders.at"]
    assert found["at"] == ["sources/orders.at"]


def test_python_comes_from_everything():
    @hr.feature_view(entity=customer)
    def view(orders: pl.DataFrame):
        return orders

    assert column_lineage(view, ["x"], {"sources/orders": ["a"]}) == {"x": ["sources/orders.*"]}


def test_a_training_set_names_spine_and_views():
    view = hr.FeatureView("v", entity=customer, source=orders, features={"n": hr.Aggregate("count")})
    rows = hr.TrainingSet("rows", spine=orders, label="paid", features=[view.on({}, prefix="x_")])
    found = column_lineage(rows, ["at", "customer_id", "paid", "x_n", "split"], {"features/v": ["n"], **KNOWN})
    assert found["x_n"] == ["features/v.n"]
    assert found["paid"] == ["sources/orders.paid"]
    assert found["split"] == ["sources/orders.at"]


def test_sources_come_from_files_alone():
    assert column_lineage(orders, ["a"], {}) == {}
