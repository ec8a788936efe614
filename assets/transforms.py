"""How rows become numbers. Everything is fitted on the training split and reused as it is when serving."""

import headrace as hr

from .training import ages, purchases

age_encoding = hr.Transform(
    "age_encoding",
    fit_on=ages,
    encode={
        "activity": hr.Standardize(
            "orders_7d", "orders_30d", "spend_30d", "last_amount", "mean_quantity", "categories_30d"
        ),
        "newsletter": hr.OneHot("newsletter"),
        "about": hr.TfIdf("about", max_features=500),
    },
    description="Customers as the age model sees them.",
)

purchase_encoding = hr.Transform(
    "purchase_encoding",
    fit_on=purchases,
    encode={
        "activity": hr.Standardize(
            "orders_7d", "orders_30d", "spend_7d", "spend_30d", "price", "units", "basket_share", missing_flag=True
        ),
        "category": hr.OneHot("category"),
        "title": hr.TfIdf("title", max_features=300),
        "colours": hr.ColorHistogram("photo"),
        "shapes": hr.GradientHistogram("photo"),
    },
    description="Impressions as the recommenders see them.",
)
