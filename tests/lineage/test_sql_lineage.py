"""Values of SQL columns, told from what only filters or joins."""

from __future__ import annotations

import pytest

from headrace.lineage.column_lineage import Lineage
from headrace.lineage.sql_lineage import refined, trace

KNOWN = {"sources/orders": ["order_id", "customer_id", "Amount"], "sources/customers": ["customer_id", "age"]}


@pytest.mark.parametrize(
    ("sql", "origins"),
    [
        ("select amount as a from sources.orders", [["sources/orders.Amount"]]),
        ("select Amount * order_id as a from sources.orders", [["sources/orders.Amount", "sources/orders.order_id"]]),
        (
            "with t as (select customer_id as c, age from sources.customers where age > 3) "
            "select t.age as a, o.amount from t join sources.orders o on o.customer_id = t.c",
            [["sources/customers.age"], ["sources/orders.Amount"]],
        ),
        ("select sum(amount) from sources.orders group by customer_id", [["sources/orders.Amount"]]),
        ("select count(*) as a, 1 + 1 from sources.orders", [[], []]),
        ("from sources.customers", [["sources/customers.customer_id"], ["sources/customers.age"]]),
        ("select age from sources.customers union all select 1", [["sources/customers.age"]]),
    ],
)
def test_sql_is_traced(sql, origins):
    names = [f"column {number}" for number in range(len(origins))]
    assert trace(sql, names, KNOWN) == dict(zip(names, origins, strict=True))


@pytest.mark.parametrize(
    "sql",
    [
        "this is no SQL ((",
        "select #1 as a from sources.orders",
        "select orders as a from sources.orders",
        "select age.upper() as a from sources.customers",
        "select columns('a.*') from sources.customers",
        "select x as a from elsewhere.table",
        "pivot sources.customers on age using count(*)",
        "select 1, 2",
    ],
)
def test_what_cannot_be_followed_is_not_guessed(sql):
    assert trace(sql, ["a"], KNOWN) == {}


@pytest.mark.parametrize(
    ("everything", "traced", "expected"),
    [
        (["t.a", "t.b"], ["t.a"], (["t.a"], ["t.b"])),
        (["t.a"], ["t.a"], (["t.a"], None)),
        (["t.a"], [], ([], ["t.a"])),
        (["t.*"], ["t.a"], (["t.a"], ["t.*"])),
        (["t.a"], ["t.other"], (["t.a"], None)),
        (["t"], [], ([], ["t"])),
    ],
)
def test_nothing_is_lost_when_values_are_told_apart(everything, traced, expected):
    found = refined(Lineage({"x": everything}), {"x": traced})
    assert (found.values["x"], found.rows.get("x")) == expected
