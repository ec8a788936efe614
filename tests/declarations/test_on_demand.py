"""On-demand features, requests and feature services: what they say, and what is refused where it is written."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import DeclarationError, UnknownName

customer = hr.Entity("customer", keys=["customer"])
orders = hr.Source("orders", path="orders.csv", keys=["order"], timestamp="at")
spending = hr.FeatureView(
    "spending", entity=customer, source=orders, features={"spend_{window}": hr.Aggregate("sum", "amount", over=["1d"])}
)
last = hr.FeatureView("last", entity=customer, source=orders, features=["amount", "shop"])
basket = hr.Request("basket_value", float)


@hr.on_demand(inputs=[spending, basket], features={"ratio": float})
def ratio(df):
    """Basket against spending."""
    return df.with_columns(ratio=df["basket_value"] / df["spend_1d"])


def test_it_knows_what_it_takes_and_gives():
    assert (ratio.name, ratio.description, ratio.feature_names()) == ("ratio", "Basket against spending.", ("ratio",))
    assert ratio.inputs == (spending,)
    assert ratio.data()["request"] == [["basket_value", "DOUBLE"]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "has no inputs"),
        ([customer], r"Entity\('customer'\) cannot be an input"),
        ([spending, hr.Request("spend_1d", int)], "'spend_1d' comes from features/spending and Request"),
        ([hr.Request("ratio", int)], "'ratio' comes from Request.* and its own features"),
    ],
)
def test_wrong_inputs(given, message):
    with pytest.raises(DeclarationError, match=message):
        hr.on_demand(inputs=given, features=["ratio"], name="ratio")(lambda df: df)


def test_a_function_of_two_frames_is_refused():
    with pytest.raises(DeclarationError, match="takes 2 parameters, not one frame"):
        hr.on_demand(inputs=[basket], name="x")(lambda one, two: one)


@pytest.mark.parametrize("kind", [complex, None, "float; drop table", dict])
def test_a_request_s_type_is_a_type(kind):
    with pytest.raises(DeclarationError, match="its type is"):
        hr.Request("x", kind)


def test_a_service_lists_its_features_in_order():
    service = hr.FeatureService("purchase", features=[last["shop"], ratio, last.renamed({"amount": "paid"})["amount"]])
    assert service.columns() == ("shop", "ratio", "paid")
    assert [one.view.name for one in service.listed.reads] == ["last", "last", "spending"]
    assert service.listed.hidden == (ratio.selections[0],)
    assert service.listed.key_columns == ("customer",)


def test_a_service_in_a_service_and_full_names():
    inner = hr.FeatureService("inner", features=spending)
    assert hr.FeatureService("outer", features=[inner, last]).columns() == ("spend_1d", "amount", "shop")
    full = hr.FeatureService("full", features=[last, last.on({"customer": "giver"}, prefix="giver_")], full_names=True)
    assert full.columns() == ("last__amount", "last__shop", "giver_last__amount", "giver_last__shop")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "has no features"),
        ([last, last["shop"]], "'shop' comes from features/last and features/last"),
        ([orders], r"Source\('orders'\) is no feature view"),
        ([last.renamed({"amount": "shop"})], "'shop' comes from features/last and features/last"),
    ],
)
def test_wrong_features(features, message):
    with pytest.raises(DeclarationError, match=message):
        hr.FeatureService("purchase", features=features)


@pytest.mark.parametrize("version", [0, -1, "1", True])
def test_versions_count_from_one(version):
    with pytest.raises(DeclarationError, match="Count from 1"):
        hr.FeatureService("purchase", features=last, version=version)


def test_renames_name_features_that_exist():
    with pytest.raises(UnknownName, match=r"unknown feature 'amuont'. Did you mean 'amount'"):
        last.renamed({"amuont": "paid"})
    with pytest.raises(UnknownName, match="unknown feature 'amount'"):
        last["shop"].renamed({"amount": "paid"})


def test_one_request_has_one_type():
    other = hr.on_demand(inputs=[hr.Request("basket_value", int)], features=["double"], name="double")(lambda df: df)
    with pytest.raises(DeclarationError, match="request 'basket_value' is DOUBLE and BIGINT"):
        hr.FeatureService("purchase", features=[ratio, other])


def test_a_training_set_takes_services_and_carries_no_request():
    spine = hr.Source("spine", path="spine.csv", keys=["id"], timestamp="at")
    service = hr.FeatureService("purchase", features=[last["shop"], ratio])
    rows = hr.TrainingSet("rows", spine=spine, label="y", features=service)
    assert rows.columns() == ("id", "customer", "at", "y", "shop", "ratio", "split")
    assert rows.inputs == (spine, last, spending)
    assert rows.request_columns() == ("basket_value",)


def test_a_label_cannot_be_requested():
    spine = hr.Source("spine", path="spine.csv", keys=["id"], timestamp="at")
    with pytest.raises(DeclarationError, match="the label 'basket_value' is requested"):
        hr.TrainingSet("rows", spine=spine, label="basket_value", features=[ratio])
