"""What a model asks for: when it learns, about rows of the past, and when it answers, about now."""

import polars as pl

import headrace as hr

from .features import customer_activity, customer_profile, product_demand, product_profile


@hr.on_demand(
    inputs=[customer_activity["spend_30d"], hr.Request("basket_value", float)],
    features={"basket_share": float},
    owners=["team:shop"],
    tags={"domain": "customers"},
)
def basket_share(rows: pl.DataFrame) -> pl.DataFrame:
    """What is in the basket, as a share of that and what the customer has spent in 30 days."""
    return rows.select(basket_share=pl.col("basket_value") / (pl.col("basket_value") + pl.col("spend_30d")))


purchase = hr.FeatureService(
    "purchase",
    features=[customer_activity, customer_profile, product_profile, product_demand["units"], basket_share],
    version=1,
    description="What is known of a customer and a product when the product is shown.",
    owners=["team:shop"],
)
