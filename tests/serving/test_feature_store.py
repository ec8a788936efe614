"""The feature store's client: every way to ask, typed values, statuses, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

import headrace as hr
from headrace.errors import OnDemandError, OnlineError, ProjectError, RequestError, UnknownName

ONE = {"customer_id": 3, "shop": "north", "product_id": 1}
BASKET = {"basket_value": 23.0}


def test_a_service_by_name_gives_typed_values(store):
    found = store.online("purchase", ONE, BASKET)
    assert found.names == (
        *("orders_7d", "orders_3650d", "spend_3650d", "amount", "paid", "price", "since", "basket_ratio"),
    )
    row = found[0]
    assert (row["orders_3650d"], row["spend_3650d"], row["amount"]) == (3, 69.0, 43.0)
    assert (row["paid"], row["since"].tzinfo, row["basket_ratio"]) == (Decimal("43.50"), UTC, 23.0 / 69.0)
    assert found.complete
    assert found.event_times()["last_order"] == datetime(2026, 1, 2, 19, tzinfo=UTC)
    assert repr(found).startswith("OnlineFeatures('purchase', 1 rows, features: orders_7d")


@pytest.mark.parametrize(
    "keys",
    [
        [{"customer_id": 1}, {"customer_id": 2}],
        {"customer_id": [1, 2]},
        pl.DataFrame({"customer_id": [1, 2]}),
        pl.DataFrame({"customer_id": [1, 2]}, schema={"customer_id": pl.Int16}).to_arrow(),
        {"customer_id": pl.Series([1, 2])},
        {"customer_id": pl.Series([1, 2]).to_numpy()},
        ({"customer_id": one} for one in (1, 2)),
    ],
    ids=["rows", "columns", "polars", "arrow", "series", "numpy", "generator"],
)
def test_keys_come_in_many_forms(store, keys):
    keys = list(keys) if hasattr(keys, "__next__") else keys
    assert [one["amount"] for one in store.online("simple", keys)] == [41.0, 42.0]


def test_lists_nulls_and_text_come_back_as_they_were(store):
    found = store.online("simple", {"customer_id": [0, 1, 2]})
    assert [one["tags"] for one in found] == [[], ["b"], ["a", None]]
    assert [one["comment"] for one in found] == ['say "hi"', "ä", None]
    assert found.status(2)["comment"] == "present"
    frame = found.pl()
    assert frame.schema["tags"] == pl.List(pl.String)
    assert frame.schema["paid"] == pl.Decimal(10, 2)


def test_missing_and_expired_are_told_apart(store):
    keys = [ONE | {"customer_id": 99}, ONE | {"product_id": 2}, ONE | {"customer_id": None, "product_id": 9}]
    found = store.online("purchase", keys, BASKET)
    assert [found.status(row)["price"] for row in range(3)] == ["present", "expired", "missing"]
    assert [found.status(row)["basket_ratio"] for row in range(3)] == ["missing", "present", "missing"]
    assert [row["price"] for row in found] == [9.5, None, None]
    assert found[0]["orders_3650d"] == 0
    assert not found.complete


def test_no_rows_have_columns(store):
    found = store.online("purchase", [], [])
    assert (len(found), found.pl().height, found.pl().width) == (0, 0, 8)


def test_one_view_under_two_keys(store):
    assert store.online("gift", {"customer_id": 1, "receiver_id": 2})[0] == {"amount": 41.0, "receiver_amount": 42.0}


def test_views_parts_and_on_demand_features_as_objects(store, declared):
    asked = [declared.last_order["amount"].renamed({"amount": "paid_last"}), declared.basket_ratio]
    found = store.online(asked, {"customer_id": [1, 2]}, {"basket_value": [63, None]})
    assert list(found) == [
        {"paid_last": 41.0, "basket_ratio": 1.0},
        {"paid_last": 42.0, "basket_ratio": None},
    ]
    assert store.online(declared.activity, {"customer_id": 1}).names == ("orders_7d", "orders_3650d", "spend_3650d")
    assert store.online(declared.purchase, ONE, BASKET).rows == store.online("purchase", ONE, BASKET).rows


def test_references_by_name(store):
    found = store.online(["last_order:amount", "activity"], {"customer_id": 1})
    assert found.names == ("amount", "orders_7d", "orders_3650d", "spend_3650d")


@pytest.mark.parametrize(
    ("features", "reason", "message"),
    [
        ("purchsae", "unknown_service", "unknown service 'purchsae'. Did you mean 'purchase'"),
        ("../secrets", "unknown_service", "unknown service"),
        ("", "unknown_service", "unknown service"),
        (["activty"], "unknown_view", "unknown view 'activty'. Did you mean 'activity'"),
        (["activity:orders"], "unknown_feature", "unknown feature of activity 'orders'"),
        (["activity", "activity:orders_7d"], "repeated_feature", "'orders_7d' is asked for twice"),
        ("kept", "not_online", "reads features/offline, which is not online"),
    ],
)
def test_unknown_names_are_told_with_the_known(store, features, reason, message):
    with pytest.raises(RequestError, match=message) as caught:
        store.online(features, {"customer_id": 1})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("keys", "request_", "reason", "message"),
    [
        ({"customer_id": 1}, BASKET, "missing_key", r"keys: 'shop' \(VARCHAR\) is missing"),
        (ONE | {"custmer": 1}, BASKET, "unknown_key", "keys: unknown name 'custmer'. Did you mean 'customer_id'"),
        ([ONE, ONE | {"customer_id": "3"}], BASKET, "wrong_type", r"keys\[1\].customer_id: is BIGINT, got '3' \(str"),
        (ONE | {"customer_id": True}, BASKET, "wrong_type", "is BIGINT, got True"),
        (ONE | {"customer_id": 3.0}, BASKET, "wrong_type", "is BIGINT, got 3.0"),
        (ONE | {"customer_id": 10**5000}, BASKET, "wrong_type", "is BIGINT, got a int"),
        (ONE | {"shop": 1}, BASKET, "wrong_type", "keys.shop: is VARCHAR, got 1"),
        (ONE, {}, "missing_request", r"request: 'basket_value' \(DOUBLE\) is missing"),
        (ONE, {"basket": 1}, "unknown_request", "unknown name 'basket'"),
        (ONE, {"basket_value": float("nan")}, "wrong_type", "request.basket_value: is DOUBLE, got nan"),
        (ONE, [BASKET, BASKET], "wrong_length", "request: has 2 rows for 1 rows"),
        ({"customer_id": [1, 2], "shop": ["a"], "product_id": [1, 1]}, BASKET, "wrong_length", "not of one length"),
        (5, BASKET, "wrong_type", "keys: should be an object"),
        ([5], BASKET, "wrong_type", r"keys\[0\]: should be an object of names"),
    ],
)
def test_questions_that_do_not_fit(store, keys, request_, reason, message):
    with pytest.raises(RequestError, match=message) as caught:
        store.online("purchase", keys, request_)
    assert caught.value.reason == reason


@pytest.mark.parametrize("features", ["purchase", ["activity", "last_order:amount", "last_order:paid"]])
def test_historical_features_are_those_of_the_training_set(store, shop, features):
    spine = pl.read_parquet(shop / "data" / "impressions.parquet")
    found = store.historical(features, spine, "shown_at").pl()
    assert found.height == spine.height
    assert found["amount"].to_list() == [float(40 + number) for number in range(10)]
    if features == "purchase":
        assert found["basket_ratio"].to_list() == [number / (3 * number + 60) for number in range(10)]


def test_historical_names_are_looked_up(store, declared):
    spine = declared.impressions
    with pytest.raises(RequestError, match=r"unknown service 'purchas'. Did you mean 'purchase'"):
        store.historical("purchas", spine)
    with pytest.raises(RequestError, match="unknown view 'activty'"):
        store.historical(["activty"], spine)
    full = store.historical([declared.last_order["amount"]], spine, full_names=True).pl()
    assert full.columns[-1] == "last_order__amount"


def test_what_is_declared_wrongly_is_refused_as_in_a_training_set(store, declared):
    with pytest.raises(UnknownName, match=r"unknown feature 'amuont'. Did you mean 'amount'"):
        store.online([declared.last_order["amuont"]], {"customer_id": 1})
    with pytest.raises(OnlineError, match="online/offline: it was never filled"):
        store.online([declared.offline], {"customer_id": 1})


def test_a_function_that_fails_is_named(store, declared):
    broken = hr.on_demand(inputs=[declared.last_order["amount"]], features={"x": float}, name="broken")(
        lambda df: df.with_columns(x=pl.col("nothing"))
    )
    with pytest.raises(OnDemandError, match=r"OnDemand\('broken'\): its function failed: ColumnNotFoundError"):
        store.online([broken], {"customer_id": 1})


def test_services_are_listed_and_described(store):
    assert store.services() == ["clock", "gift", "kept", "market", "purchase", "simple"]
    assert dict(store.service("purchase").keys) == {"customer_id": "BIGINT", "shop": "VARCHAR", "product_id": "BIGINT"}
    assert store.service("purchase@1") == store.service("purchase")


def test_outside_a_project(tmp_path):
    with pytest.raises(ProjectError, match="is in no Headrace project"):
        hr.FeatureStore(tmp_path)


def test_an_environment_without_services(shop):
    with hr.FeatureStore(shop, "prod") as prod, pytest.raises(RequestError, match=r"no service is published in .*prod"):
        prod.online("purchase", ONE)


def test_another_process_reads_without_dagster_and_without_the_project_s_code(shop):
    code = f"""
import sys, headrace as hr
found = hr.FeatureStore({str(shop)!r}).online("simple", {{"customer_id": 1}})
heavy = {{"dagster", "duckdb", "polars", "reading_shop", "sklearn"}}
print(found[0]["amount"], sorted(heavy & set(sys.modules)))
found = hr.FeatureStore({str(shop)!r}).online("purchase", {ONE}, {BASKET})
print(found[0]["basket_ratio"], "reading_shop" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["41.0", "[]", str(23.0 / 69.0), "True"]


def test_the_training_set_has_the_same_value_at_the_same_moment(store, shop):
    """Online asked about the moment of a training row, and that row."""
    from headrace.builder.project import load_project

    project = load_project(shop)
    version = project.store.refs("dev").current()["training_sets/rows"]
    rows = pl.read_parquet(project.store.folder("training_sets/rows", version) / "data.parquet")
    moment = rows["shown_at"][0].replace(tzinfo=UTC)
    keys = rows.select("customer_id", "shop", "product_id")
    basket = pl.read_parquet(shop / "data" / "impressions.parquet").sort("id")["basket_value"]
    found = store.online("purchase", keys, {"basket_value": basket}, at=moment).pl()
    same = ["orders_7d", "orders_3650d", "spend_3650d", "amount", "paid", "basket_ratio"]
    assert found.select(same).equals(rows.sort("id").select(same))


@pytest.mark.parametrize(
    ("features", "at", "field"),
    [(None, None, "features"), (5, None, "features"), ([], None, "features"), ("simple", "2026-03-01", "at")],
)
def test_what_is_no_question_is_refused(store, features, at, field):
    with pytest.raises(RequestError, match=f"^{field}") as caught:
        store.online(features, {"customer_id": 1}, at=at)
    assert caught.value.reason == "wrong_type"


def test_names_need_the_project_s_code(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.headrace]\nassets = "nowhere_to_be_found"\n')
    with hr.FeatureStore(tmp_path) as store, pytest.raises(ProjectError, match="has no package 'nowhere_to_be_found'"):
        store.historical(["activity"], pl.DataFrame())
