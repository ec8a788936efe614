from __future__ import annotations

import json

import pandera.polars as pa
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import headrace as hr
from headrace.lineage.fingerprint import fingerprint, name_changes, parts_of

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="at")


class Checked(pa.DataFrameModel):
    amount: float = pa.Field(ge=0)

    @pa.check("amount")
    def is_small(cls, data) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) < LIMIT)


LIMIT = 100


class Majority(ClassifierMixin, BaseEstimator):
    def fit(self, rows, target):
        return self

    def predict(self, rows):
        return rows


def to_cents(rows):
    return rows * 100


def stage(estimator) -> hr.Cascade:
    rows = hr.TrainingSet("rows", spine=orders, label="paid", keep=["amount"])
    encoding = hr.Transform("encoding", fit_on=rows, encode={"amount": hr.Standardize("amount")})
    matrix = hr.Matrix("matrix", rows=rows, transform=encoding)
    return hr.Cascade("c", stages=[hr.Stage("paid", matrix=matrix, target="paid", estimator=estimator)])


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": ["id"]},
        {"timestamp": "ordered_at"},
        {"created": "recorded_at"},
        {"path": "o.csv"},
        {"null_values": ["NA"]},
        {"allow_empty": True},
        {"format": "json"},
        {"images": ["photo"]},
        {"schema": Checked},
    ],
)
def test_every_field_of_a_source_that_decides_data_counts(changes):
    changed = {"path": "orders.csv", "keys": ["order_id"], "timestamp": "at", **changes}
    if "schema" in changes:
        changed |= {"keys": [], "timestamp": None}
    assert parts_of(hr.Source("orders", **changed)) != parts_of(orders)


@pytest.mark.parametrize("changes", [{"description": "d"}, {"owners": ["team:x"]}, {"tags": {"a": "b"}}])
def test_what_describes_does_not_count(changes):
    described = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="at", **changes)
    assert parts_of(described) == parts_of(orders)


def test_sql_counts_by_its_meaning_and_not_by_the_function_that_wrote_it():
    @hr.feature_view(entity=customer, name="v")
    def one(orders):
        return f"SELECT * -- all\nFROM {orders}"

    @hr.feature_view(entity=customer, name="v")
    def other(orders):
        return f"select * from {orders}"

    assert parts_of(one) == parts_of(other)


def test_polars_counts_by_its_code():
    @hr.feature_view(entity=customer)
    def view(orders: pl.DataFrame):
        return orders.head(LIMIT)

    assert any(name.startswith("code ") and name.endswith(".LIMIT") for name in parts_of(view))


def test_own_checks_of_a_schema_count_by_their_code():
    parts = parts_of(hr.Source("checked", path="c.csv", schema=Checked))
    assert any(name.endswith("Checked.is_small") for name in parts)
    assert any(name.endswith("is_small.LIMIT") for name in parts)
    by_hand = pa.DataFrameSchema({"amount": pa.Column(float, pa.Check(to_cents))})
    assert any(name.endswith(":to_cents") for name in parts_of(hr.Source("c", path="c.csv", schema=by_hand)))


def test_own_estimators_and_functions_count_by_their_code():
    assert any(name.endswith(":Majority") for name in parts_of(stage(Majority())))
    cascade = stage(make_pipeline(FunctionTransformer(to_cents), LogisticRegression()))
    for declaration in (cascade, *cascade.members):
        assert any(name.endswith(":to_cents") for name in parts_of(declaration))


def test_models_count_with_their_library():
    assert "library scikit-learn" in parts_of(stage(LogisticRegression()))
    assert "library scikit-learn" not in parts_of(orders)


def test_parts_are_json():
    for declaration in (orders, hr.Source("c", path="c.csv", schema=Checked), stage(LogisticRegression())):
        json.dumps(parts_of(declaration))


def test_a_fingerprint_is_of_parts_and_inputs_in_any_order():
    base = fingerprint({"a": 1, "b": 2}, {"x": "1", "y": "2"})
    assert base == fingerprint({"b": 2, "a": 1}, {"y": "2", "x": "1"})
    assert base != fingerprint({"a": 1, "b": 2}, {"x": "2", "y": "1"})
    assert base != fingerprint({"a": 1, "b": 2}, {"x": "1"})
    assert len(base) == 32


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"ttl": "1d"}, {"ttl": "2d"}, [("declaration_changed", "ttl changed from 1d to 2d")]),
        ({}, {"file a.csv": "x"}, [("file_changed", "a.csv is new")]),
        ({"file a.csv": "x"}, {}, [("file_changed", "a.csv was removed")]),
        ({"file a.csv": "x"}, {"file a.csv": "y"}, [("file_changed", "a.csv changed")]),
        ({"code m:f": "0" * 32}, {"code m:f": "1" * 32}, [("code_changed", "`f` in m.py changed")]),
        ({"sql": "x"}, {"sql": "y"}, [("code_changed", "its SQL changed")]),
        ({"code m:f.N": "3"}, {"code m:f.N": "4"}, [("code_changed", "`N` of `f` in m.py changed from 3 to 4")]),
        ({"a": [1, 2]}, {"a": (1, 2)}, []),
        ({"a": float("nan")}, {"a": float("nan")}, []),
        ({"a": None}, {"a": 1}, [("declaration_changed", "a is new")]),
    ],
)
def test_changes_are_named(before, now, expected):
    assert name_changes(before, now) == expected
