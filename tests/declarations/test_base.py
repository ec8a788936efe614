"""What every noun has in common: a frozen, comparable, hashable, printable value with a checked name."""

from __future__ import annotations

import dataclasses

import pytest

import headrace as hr
from headrace.declarations.base import names, require_known, table_name
from headrace.errors import DeclarationError, UnknownName


def make_entity(**changes) -> hr.Entity:
    return hr.Entity(**{"name": "customer", "keys": ["customer_id"], **changes})


def make_source(**changes) -> hr.Source:
    return hr.Source(**{"name": "orders", "path": "orders.csv", "keys": ["order_id"], "timestamp": "at", **changes})


def make_view(**changes) -> hr.FeatureView:
    features = {"n_{window}": hr.Aggregate("count", over=["1d", "7d"])}
    return hr.FeatureView(
        **{"name": "activity", "entity": make_entity(), "source": make_source(), "features": features, **changes}
    )


def make_training_set(**changes) -> hr.TrainingSet:
    return hr.TrainingSet(
        **{"name": "rows", "spine": make_source(), "label": "paid", "features": [make_view()], **changes}
    )


def make_transform(**changes) -> hr.Transform:
    encode = {"counts": hr.Standardize("n_1d")}
    return hr.Transform(**{"name": "encoding", "fit_on": make_training_set(), "encode": encode, **changes})


def make_matrix(**changes) -> hr.Matrix:
    return hr.Matrix(**{"name": "numbers", "rows": make_training_set(), "transform": make_transform(), **changes})


class Estimator:
    """As little of scikit-learn as a declaration looks at."""

    def __init__(self, depth: object = 3) -> None:
        self.depth = depth

    def fit(self, rows, target):
        return self

    def predict(self, rows):
        return rows

    def get_params(self, deep: bool = True):
        return {"depth": self.depth}


def make_stage(**changes) -> hr.Stage:
    return hr.Stage(**{"name": "paid", "matrix": make_matrix(), "target": "paid", "estimator": Estimator(), **changes})


def make_cascade(**changes) -> hr.Cascade:
    return hr.Cascade(**{"name": "scores", "stages": [make_stage()], **changes})


NOUNS = {
    make_entity: {"keys": ["id"]},
    make_source: {"null_values": ["", "NA"]},
    make_view: {"ttl": "30d"},
    make_training_set: {"keep": ["channel"]},
    make_transform: {"encode": {"counts": hr.Standardize("n_7d")}},
    make_matrix: {"transform": make_transform(name="other")},
    make_stage: {"estimator": Estimator(depth=4)},
    make_cascade: {"folds": 3},
}


@pytest.mark.parametrize("make", NOUNS)
class TestEveryNoun:
    def test_is_frozen(self, make):
        with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
            make().name = "other"

    def test_equal_declarations_are_equal_and_hash_alike(self, make):
        assert make() == make()
        assert hash(make()) == hash(make())
        assert len({make(), make()}) == 1

    def test_another_value_is_another_declaration(self, make):
        assert make() != make(**NOUNS[make])

    def test_description_is_no_part_of_the_value(self, make):
        assert make() == make(description="for people")

    def test_prints_its_name(self, make):
        assert repr(make()).startswith(f"{type(make()).__name__}(name={make().name!r}")

    @pytest.mark.parametrize("name", ["Orders", "7d", "two words", "a__b", "a/b", "", "a_", None])
    def test_refuses_a_name_that_is_no_folder_table_and_asset_at_once(self, make, name):
        with pytest.raises(DeclarationError, match=r"cannot be used as a name.*lower-case"):
            make(name=name)


def test_an_owner_is_an_address_or_a_team():
    assert make_source(owners=["team:data", "a@b.org"]).owners == ("team:data", "a@b.org")
    with pytest.raises(DeclarationError, match=r"Source\('orders'\): owner 'data' is neither"):
        make_source(owners=["data"])


@pytest.mark.parametrize(
    ("given", "message"),
    [(["a", "a", "b"], "repeats a"), ([1], "must be column names, got 1"), ([""], "got ''"), (7, "got 7")],
)
def test_names_are_distinct_texts(given, message):
    with pytest.raises(DeclarationError, match=f"here: keys .*{message}"):
        names("here", "keys", given)


def test_an_unknown_name_comes_with_the_nearest_and_all_sorted():
    with pytest.raises(
        UnknownName, match=r"unknown column 'amout'\. Did you mean 'amount'\? Known: Zone, amount, at\."
    ) as caught:
        require_known("here", "column", ["amout"], ["at", "Zone", "amount"])
    assert caught.value.suggestion == "amount"


def test_nothing_is_unknown_before_the_data_is_read():
    require_known("here", "column", ["anything"], None)


def test_table_names_are_told_apart():
    assert table_name("features/a") == "features.a"
    assert table_name("cascades/a/b") == "cascades.a__b"
