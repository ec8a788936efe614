"""Rows to learn from, and their encodings."""

import headrace as hr

from .features import (
    city_size,
    customer_activity,
    customer_age,
    customer_spend,
    customer_summary,
    daily_price,
    product_demand,
    product_profile,
    score,
    visit_activity,
)
from .sources import offers

offer_rows = hr.TrainingSet(
    "offer_rows",
    spine=offers,
    label=["bought", "paid"],
    features=[
        customer_activity,
        visit_activity["recent_visits"],
        customer_summary["mean_spend"],
        product_profile,
        product_demand,
        daily_price,
        score,
    ],
    split=hr.TimeSplit(test="10d"),
)
customer_rows = hr.TrainingSet(
    "customer_rows", spine=customer_age, label="band", keep=["age"], features=[customer_spend["spend"], city_size]
)

offer_encoding = hr.Transform(
    "offer_encoding",
    fit_on=offer_rows,
    encode={
        "numbers": hr.Standardize("recent_orders", "recent_spend", "recent_visits", "mean_spend", "price"),
        "filled": hr.Impute("day_price", "demand", strategy="median"),
        "kinds": hr.OneHot("category", "last_channel", max_categories=10),
    },
)
customer_encoding = hr.Transform(
    "customer_encoding", fit_on=customer_rows, encode={"numbers": hr.Standardize("spend", "neighbours")}
)
offer_matrix = hr.Matrix("offer_matrix", rows=offer_rows, transform=offer_encoding)
customer_matrix = hr.Matrix("customer_matrix", rows=customer_rows, transform=customer_encoding)
