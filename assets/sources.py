"""Raw files, and the things they are about."""

import headrace as hr

from .schemas import Customers, Impressions, Orders, Products

customer = hr.Entity("customer", keys=["customer_id"])
product = hr.Entity("product", keys=["product_id"])

customers = hr.Source(
    "customers",
    path="customers.parquet",
    keys=["customer_id"],
    schema=Customers,
    sensitive=["age"],
    description="Everyone with an account, as they describe themselves.",
    owners=["team:shop"],
)
products = hr.Source(
    "products",
    path="products.csv",
    keys=["product_id"],
    images=["photo"],
    schema=Products,
    description="The range, with a photo of each product.",
    owners=["team:shop"],
)
orders = hr.Source(
    "orders",
    path="orders/*.parquet",
    keys=["order_id"],
    timestamp="ordered_at",
    schema=Orders,
    push=True,
    description="What was ordered, a file a month.",
    owners=["team:shop"],
)
impressions = hr.Source(
    "impressions",
    path="impressions/*.csv",
    keys=["impression_id"],
    timestamp="shown_at",
    schema=Impressions,
    description="Which product was shown to whom, and whether it was bought.",
    owners=["team:shop"],
)
