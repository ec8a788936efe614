from __future__ import annotations

from datetime import timedelta

import pandera.polars as pa
import polars as pl
import pytest

import headrace as hr
from headrace.errors import DeclarationError, UnknownName


class Orders(pa.DataFrameModel):
    order_id: int
    customer_id: int
    ordered_at: pl.Datetime
    recorded_at: pl.Datetime
    amount: float


customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", timestamp="ordered_at", created="recorded_at", schema=Orders)
activity = hr.FeatureView(
    "activity",
    entity=customer,
    source=orders,
    ttl="90d",
    features={"spend_{window}": hr.Aggregate("sum", "amount", over=["1d", "7d"]), "n": hr.Aggregate("count")},
)


def view(**changes) -> hr.FeatureView:
    return hr.FeatureView(**{"name": "v", "entity": customer, "source": orders, "features": ["amount"], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ["amuont"]}, "unknown column 'amuont'. Did you mean 'amount'"),
        ({"features": {"x": hr.Aggregate("sum", "amonut")}}, "unknown column 'amonut'. Did you mean 'amount'"),
        ({"features": None}, "has no features. Give features="),
        ({"features": []}, "has no features"),
        ({"features": {"a": "amount", "b": hr.Aggregate("count")}}, "mixes aggregates with plain columns"),
        ({"features": ["customer_id"]}, "feature 'customer_id' is also a key or a time"),
        ({"features": ["recorded_at"]}, "feature 'recorded_at' is also a key or a time"),
        ({"entity": hr.Entity("c", keys="custmer_id")}, "unknown column 'custmer_id'. Did you mean 'customer_id'"),
        ({"entity": "customer"}, "entity is a str, 'customer'. Give an hr.Entity"),
        ({"source": "orders"}, "source is a str. Give a Source or FeatureView"),
        ({"source": None}, "needs either a source or a function"),
        ({"ttl": "1 month"}, "cannot read '1 month' as a duration"),
        ({"ttl": "1d", "features": {"n": hr.Aggregate("count", over="7d")}}, "window '7d' is longer than ttl '1d'"),
        (
            {"features": {"n_{window}": hr.Aggregate("count", over=["7d"]), "n_7d": hr.Aggregate("count")}},
            "features repeats n_7d",
        ),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(DeclarationError, match=message):
        view(**changes)


def test_aggregates_need_a_time():
    timeless = hr.Source("orders", path="orders.csv")
    with pytest.raises(DeclarationError, match="has aggregates but no timestamp"):
        view(source=timeless, features={"n": hr.Aggregate("count")})


def test_takes_the_times_of_its_source():
    assert (activity.timestamp, activity.created, activity.lifetime) == (
        "ordered_at",
        "recorded_at",
        timedelta(days=90),
    )
    assert activity.columns() == ("customer_id", "ordered_at", "spend_1d", "spend_7d", "n")


def test_a_ttl_of_nothing_is_for_ever():
    assert view(ttl="0d").lifetime is None


def test_order_of_features_is_part_of_the_data():
    assert (
        view(features={"a": "amount", "b": "order_id"}).data() != view(features={"b": "order_id", "a": "amount"}).data()
    )


class TestSelection:
    def test_some_features(self):
        assert activity["n", "spend_1d"].features() == (("n", "n"), ("spend_1d", "spend_1d"))
        assert activity["n"].view is activity

    def test_under_other_keys_and_names(self):
        chosen = activity.on({"customer_id": "buyer"}, prefix="buyer_")["n"]
        assert chosen.keys == (("buyer", "customer_id"),)
        assert chosen.features() == (("buyer_n", "n"),)

    def test_unknown_feature(self):
        with pytest.raises(UnknownName, match=r"unknown feature 'spend_2d'. Did you mean 'spend_.d'"):
            activity["spend_2d"]

    def test_unknown_key(self):
        with pytest.raises(UnknownName, match=r"unknown key 'customer'. Did you mean 'customer_id'"):
            activity.on({"customer": "buyer"})
