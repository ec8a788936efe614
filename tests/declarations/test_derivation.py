from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.errors import DeclarationError, UnknownName

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv")
visits = hr.Source("visits", path="visits.csv")


def declare(function, **changes) -> hr.FeatureView:
    return hr.feature_view(entity=customer, **changes)(function)


def test_a_parameter_stands_for_the_declaration_of_its_name():
    def demand(orders):
        """Rows of each customer."""
        return f"""
            select customer_id, count(*) as n
            from {orders} group by all
        """

    view = declare(demand)
    assert view.inputs == (orders,)
    assert (view.name, view.description) == ("demand", "Rows of each customer.")
    assert view.derivation.sql == "select customer_id, count(*) as n\nfrom sources.orders group by all"


def test_a_default_or_inputs_say_which_declaration():
    def demand(table=visits):
        return f"select * from {table}"

    assert declare(demand).inputs == (visits,)
    assert declare(demand, inputs={"table": orders}).inputs == (orders,)


def test_frames_are_told_by_their_annotations():
    def eager(orders: pl.DataFrame):
        return orders

    def lazy(orders: pl.LazyFrame):
        return orders

    assert declare(eager).derivation.frames == ("DataFrame",)
    assert declare(lazy).derivation.frames == ("LazyFrame",)


def no_table():
    return "select 1"


def unknown_table(ordrs):
    return f"select * from {ordrs}"


def mixed(orders: pl.DataFrame, visits):
    return orders


def no_sql(orders):
    return 7


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_table, "takes no table. Give its function a parameter"),
        (unknown_table, "unknown table for parameter 'ordrs'. Did you mean 'orders'"),
        (mixed, "mixes frames and SQL tables"),
        (no_sql, "should return SQL text but returned int"),
    ],
)
def test_mistakes(function, message):
    with pytest.raises(DeclarationError, match=message):
        declare(function)


def test_an_entity_is_no_table():
    def demand(customer):
        return f"select * from {customer}"

    with pytest.raises(UnknownName, match="unknown table for parameter 'customer'"):
        declare(demand)
