"""Where columns come from: their values, and what else can change them."""

from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.lineage.column_lineage import Lineage, column_lineage, lineage_in
from headrace.lineage.reads import dependencies_of

KNOWN = {"sources/orders": ["order_id", "customer_id", "at", "amount"], "sources/customers": ["customer_id", "age"]}
customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="o.csv", keys=["order_id"], timestamp="at")
activity = hr.FeatureView("activity", entity=customer, source=orders, features={"n": hr.Aggregate("sum", "amount")})


@hr.feature_view(entity=customer, timestamp="day")
def daily(orders=orders):
    return f"select customer_id, at as day, amount as spent, at as late from {orders}"


def stage(name: str, target: str, **options) -> hr.Stage:
    return hr.Stage(name, matrix=matrix, estimator=Estimator(), target=target, **options)


class Estimator:
    """Enough of an estimator to be declared."""

    def fit(self, x, y):
        return self

    def predict(self, x):
        return x

    def get_params(self, deep=True):
        return {}


learning = hr.TrainingSet(
    "learning",
    spine=orders,
    label=["paid", "sent"],
    features=[activity, daily["spent", "late"]],
    split=hr.TimeSplit(test="1d"),
)
encoding = hr.Transform("encoding", fit_on=learning, encode={"numbers": hr.Standardize("n", "spent")})
matrix = hr.Matrix("matrix", rows=learning, transform=encoding)


def test_aggregates_come_from_their_column_and_are_decided_by_keys_and_time():
    found = column_lineage(activity, ["customer_id", "at", "n"], KNOWN)
    assert found.values == {
        "n": ["sources/orders.amount"],
        "customer_id": ["sources/orders.customer_id"],
        "at": ["sources/orders.at"],
    }
    assert found.rows["n"] == ["sources/orders.customer_id", "sources/orders.at"]
    assert found.rows["at"] == ["sources/orders.customer_id"]


def test_a_condition_on_events_decides_rows():
    features = {"n": hr.Aggregate("count", where="amount > 3")}
    view = hr.FeatureView("v", entity=customer, source=orders, features=features)
    known = type("Analysis", (), {"reads": {"sources/orders": ("amount",)}, "outputs": {}})
    found = column_lineage(view, ["n"], KNOWN, dependencies=dependencies_of(view, known()))
    assert found.values["n"] == []
    assert "sources/orders.amount" in found.rows["n"]
    assert column_lineage(view, ["n"], KNOWN).rows["n"][-1] == "sources/orders.*"


def test_sql_comes_from_all_that_can_change_it_until_it_is_parsed():
    outputs = {"spent": {"sources/orders": ("amount", "at")}, "late": {"sources/orders": ()}}
    found = column_lineage(daily, ["spent", "late", "other"], KNOWN, dependencies=outputs)
    assert found.values["spent"] == ["sources/orders.amount", "sources/orders.at"]
    assert found.values["late"] == ["sources/orders"]
    assert found.values["other"] == ["sources/orders.*", "sources/customers.*"]
    assert found.sql is not None


def test_python_comes_from_what_it_took():
    @hr.feature_view(entity=customer)
    def view(orders: pl.LazyFrame = orders):
        return orders

    known = {"sources/orders": KNOWN["sources/orders"]}
    assert column_lineage(view, ["x"], known).values == {"x": ["sources/orders.*"]}
    seen = column_lineage(view, ["x"], known, {"sources/orders": ("amount", "*")})
    assert seen.values == {"x": ["sources/orders.amount"]}


def test_a_training_set_names_spine_and_views():
    known = {"features/activity": ["n"], "features/daily": ["spent", "late"], **KNOWN}
    found = column_lineage(learning, ["order_id", "at", "customer_id", "paid", "n", "spent", "late", "split"], known)
    assert found.values["n"] == ["features/activity.n"]
    assert found.values["paid"] == ["sources/orders.paid"]
    assert found.values["split"] == ["sources/orders.at"]
    keys = ["features/activity.customer_id", "features/activity.at", "sources/orders.customer_id", "sources/orders.at"]
    assert found.rows["n"] == keys
    assert "features/daily.late" in found.rows["spent"], "of two rows of one moment the greatest is taken"


@pytest.mark.parametrize(("keys", "tied"), [(["customer_id"], False), (["order_id"], True), ([], True)])
def test_rows_that_a_key_tells_apart_cannot_be_tied(keys, tied):
    source = hr.Source("people", path="people.csv", keys=keys)
    view = hr.FeatureView("people", entity=customer, source=source, features=["age", "city"])
    rows = hr.TrainingSet("rows", spine=orders, label="paid", features=[view])
    found = column_lineage(rows, ["age", "city"], {"features/people": ["customer_id", "age", "city"], **KNOWN})
    assert ("features/people.city" in found.rows["age"]) is tied


def test_a_prefix_and_features_that_only_the_data_knows():
    @hr.feature_view(entity=customer)
    def view(orders=orders):
        return f"select customer_id, 1 as x from {orders}"

    rows = hr.TrainingSet("rows", spine=orders, label="paid", features=[view.on({}, prefix="v_")])
    found = column_lineage(rows, ["customer_id", "v_x", "split"], {"features/view": ["customer_id", "x"], **KNOWN})
    assert found.values["v_x"] == ["features/view.x"]
    assert found.values["split"] == []


def test_a_transform_is_fitted_column_by_column_on_the_training_split():
    found = column_lineage(encoding, ["block", "fitted"], {})
    assert found.values["n"] == ["training_sets/learning.n"]
    assert found.values["fitted"] == ["training_sets/learning.n", "training_sets/learning.spent"]
    assert found.rows["n"] == ["training_sets/learning.split"]


def test_a_block_comes_from_its_features_and_what_was_fitted_for_them():
    found = column_lineage(matrix, ["order_id", "paid"], {})
    assert found.values["paid"] == ["training_sets/learning.paid"]
    features = ["training_sets/learning.n", "training_sets/learning.spent"]
    assert found.values["numbers"] == [*features, "transforms/encoding.n", "transforms/encoding.spent"]
    assert "training_sets/learning.at" in found.rows["numbers"], "it decides the order of rows"


def test_stages_and_cascades_go_by_their_matrices():
    cascade = hr.Cascade("c", stages=[stage("first", "paid"), stage("second", "sent", inputs=["first"])])
    first, second = (
        column_lineage(one, ["order_id", "split", "target", "prediction"], {"matrices/matrix": ["order_id"]})
        for one in cascade.members
    )
    assert first.values["prediction"] == ["matrices/matrix.numbers", "matrices/matrix.paid"]
    assert first.rows == {"prediction": ["matrices/matrix.*"]}
    assert first.values["target"] == ["matrices/matrix.paid"]
    assert "cascades/c/first.prediction" in second.values["prediction"]
    assert {"training_sets/learning.n", "transforms/encoding.n"} <= {*second.rows["prediction"]}
    whole = column_lineage(cascade, ["prediction", "truth"], {})
    assert whole.values["prediction"] == ["cascades/c/first.prediction", "cascades/c/second.prediction"]
    assert whole.values["truth"] == ["training_sets/learning.paid", "training_sets/learning.sent"]


def test_sources_come_from_files_alone():
    assert column_lineage(orders, ["a"], {}) == Lineage()


def test_lineage_goes_through_a_manifest():
    lineage = Lineage({"a": ["t.x"]}, {"a": ["t.y"]}, "select 1")
    assert lineage_in(lineage.details(), ["t"]) == lineage


@pytest.mark.parametrize("details", [{"column lineage": {"a": ["t.x"]}}])
def test_an_older_version_hangs_on_all_of_its_inputs(details):
    assert lineage_in(details, ["t", "u"]).rows == {"a": ["t.*", "u.*"]}
