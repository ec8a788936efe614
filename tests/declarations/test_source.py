from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

import headrace as hr
from headrace.errors import DeclarationError, UnknownName


class Orders(pa.DataFrameModel):
    order_id: int
    ordered_at: pl.Datetime
    amount: float = pa.Field(ge=0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a.csv", "csv"), ("a.TSV", "csv"), ("x/*.parquet", "parquet"), ("a.json", "json"), ("a.ndjson", "json")],
)
def test_format_is_told_from_the_name(path, kind):
    assert hr.Source("orders", path=path).format == kind


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "orders.xlsx"}, "cannot tell the format of 'orders.xlsx'. Say format="),
        ({"format": "parqet"}, "unknown format 'parqet'. Did you mean 'parquet'"),
        ({"schema": dict}, "schema is type. Give a pandera.polars"),
        ({"keys": ["id", "id"]}, "keys repeats id"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(DeclarationError, match=rf"Source\('orders'\): {message}"):
        hr.Source("orders", **{"path": "orders.csv", **changes})


@pytest.mark.parametrize(
    "changes", [{"keys": ["order_ids"]}, {"timestamp": "orderd_at"}, {"created": "amount_"}, {"images": ["amont"]}]
)
def test_a_column_that_the_schema_has_not_is_refused_with_the_nearest(changes):
    with pytest.raises(UnknownName, match=r"unknown column .* Did you mean .* Known: amount, order_id, ordered_at"):
        hr.Source("orders", path="orders.csv", schema=Orders, **changes)


def test_a_model_and_its_schema_are_the_same():
    model = hr.Source("orders", path="orders.csv", schema=Orders)
    assert model == hr.Source("orders", path="orders.csv", schema=Orders.to_schema())
    assert model.columns() == ("order_id", "ordered_at", "amount")


def test_another_bound_is_another_source():
    def source(least: float) -> hr.Source:
        schema = pa.DataFrameSchema({"amount": pa.Column(float, pa.Check.ge(least))})
        return hr.Source("orders", path="orders.csv", schema=schema)

    assert source(0) == source(0)
    assert source(0) != source(1)


def test_without_a_schema_columns_are_not_known():
    assert hr.Source("orders", path="orders.csv", keys=["whatever"]).columns() is None


@pytest.mark.parametrize(
    ("database", "kind"),
    [("shop.duckdb", "duckdb"), ("shop.db", "duckdb"), ("a.SQLITE3", "sqlite"), ("postgresql://host/shop", "postgres")],
)
def test_a_database_is_of_the_type_that_its_name_says(database, kind):
    source = hr.Source("orders", database=database, table="main.orders")
    assert (source.format, source.data()["database_type"]) == (kind, kind)
    assert hr.Source("orders", database=database, query="select 1", database_type="mysql").format == "mysql"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs either a path or a database. Give path="),
        ({"path": "a.csv", "database": "a.duckdb"}, "needs either a path or a database"),
        ({"path": "a.csv", "table": "orders"}, "has table= but no database"),
        ({"database": "a.duckdb"}, "needs either a table or a query"),
        ({"database": "a.duckdb", "table": "t", "query": "select 1"}, "needs either a table or a query"),
        ({"database": "a.duckdb", "table": "t; drop"}, "table 't; drop' is no name"),
        ({"database": "a.duckdb", "table": "t", "images": ["photo"]}, "images= is for files, not for a database"),
        ({"database": "a.duckdb", "table": "t", "format": "csv"}, "format= is for files"),
        ({"database": "a.duckdb", "table": "t", "database_type": "oracle"}, "unknown database type 'oracle'"),
        ({"database": "host=h password=x", "table": "t"}, "has a password in database=. It would be stored"),
        ({"database": "postgresql://me:secret@host/shop", "table": "t"}, "has a password in database="),
    ],
)
def test_files_or_a_database(given, message):
    with pytest.raises(DeclarationError, match=rf"Source\('orders'\): {message}"):
        hr.Source("orders", **given)
