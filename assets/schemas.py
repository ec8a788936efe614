"""What the raw files must look like."""

import pandera.polars as pa
import polars as pl


class Customers(pa.DataFrameModel):
    customer_id: pl.Int64 = pa.Field(unique=True)
    signed_up_at: pl.Datetime
    age: pl.Int64 = pa.Field(in_range={"min_value": 0, "max_value": 120})
    newsletter: pl.Boolean
    about: pl.String = pa.Field(nullable=True)


class Products(pa.DataFrameModel):
    product_id: pl.Int64 = pa.Field(unique=True)
    title: pl.String
    category: pl.String
    price: pl.Float64 = pa.Field(gt=0)
    photo: pl.Binary  # a path in the file, the image's bytes in the table


class Orders(pa.DataFrameModel):
    order_id: pl.Int64 = pa.Field(unique=True)
    customer_id: pl.Int64
    product_id: pl.Int64
    ordered_at: pl.Datetime
    category: pl.String
    quantity: pl.Int64 = pa.Field(gt=0)
    amount: pl.Float64 = pa.Field(ge=0)


class Impressions(pa.DataFrameModel):
    impression_id: pl.Int64 = pa.Field(unique=True)
    customer_id: pl.Int64
    product_id: pl.Int64
    shown_at: pl.Datetime
    basket_value: pl.Float64 = pa.Field(ge=0)  # what was in the customer's basket at that moment
    bought: pl.Boolean
