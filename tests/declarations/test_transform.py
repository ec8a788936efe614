from __future__ import annotations

import pandera.polars as pa
import pytest

import headrace as hr
from headrace.errors import DeclarationError


class Rows(pa.DataFrameModel):
    id: int
    price: float
    colour: str
    sold: bool


source = hr.Source("rows", path="r.csv", keys=["id"], schema=Rows)
training = hr.TrainingSet("rows", spine=source, label="sold", keep=["price", "colour"])


def transform(**changes) -> hr.Transform:
    return hr.Transform(**{"name": "t", "fit_on": training, "encode": {"price": hr.Standardize("price")}, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fit_on": source}, "fit_on is a Source. Give a TrainingSet"),
        ({"encode": {}}, "encodes nothing"),
        ({"encode": {"a": hr.Standardize("pric")}}, r"encode\['a'\]: unknown column 'pric'. Did you mean 'price'"),
        ({"encode": {"a": hr.OneHot("sold")}}, r"encode\['a'\]: encodes 'sold', the label or split"),
        ({"encode": {"a": hr.OneHot("split")}}, "encodes 'split', the label or split"),
        ({"encode": {"a": "price"}}, r"encode\['a'\]: is a str. Give an encoder"),
        ({"encode": {"a b": hr.OneHot("colour")}}, r"encode\['a b'\]: is no block name"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(DeclarationError, match=message):
        transform(**changes)


def test_required_columns_come_once_in_order():
    blocks = {"b": hr.OneHot("colour"), "a": hr.Standardize("price"), "c": hr.Impute("price")}
    assert transform(encode=blocks).required() == ("colour", "price")


def test_order_of_blocks_is_part_of_the_data():
    a, b = ("a", hr.OneHot("colour")), ("b", hr.Standardize("price"))
    assert transform(encode=dict([a, b])).data() != transform(encode=dict([b, a])).data()
