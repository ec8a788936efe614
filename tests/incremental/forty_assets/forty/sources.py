"""Raw data."""

import pandera.polars as pa

import headrace as hr

from . import helpers

customer = hr.Entity("customer", keys=["customer_id"])
product = hr.Entity("product", keys=["sku"])


class Returns(pa.DataFrameModel):
    return_id: int
    order_id: int = pa.Field(ge=0)
    reason: str

    @pa.check("order_id")
    def known(cls, data):
        return helpers.is_known(data.lazyframe, data.key)


orders = hr.Source("orders", path="orders/*.parquet", keys=["order_id"], timestamp="ordered_at")
customers = hr.Source("customers", path="customers.csv", keys=["customer_id"])
products = hr.Source("products", path="products.parquet", keys=["sku"])
visits = hr.Source("visits", path="visits.csv", timestamp="visited_at")
returns = hr.Source("returns", path="returns.csv", keys=["return_id"], schema=Returns)
prices = hr.Source("prices", path="prices.parquet", keys=["sku", "day"], timestamp="day")
offers = hr.Source("offers", path="offers.csv", keys=["offer_id"], timestamp="offered_at")
