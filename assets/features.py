"""What is known of customers and products at any moment."""

import headrace as hr

from .sources import customer, customers, impressions, orders, product, products

customer_activity = hr.FeatureView(
    "customer_activity",
    entity=customer,
    source=orders,
    ttl="90d",
    features={
        "orders_{window}": hr.Aggregate("count", over=["7d", "30d"]),
        "spend_{window}": hr.Aggregate("sum", "amount", over=["7d", "30d"]),
        "categories_30d": hr.Aggregate("count_distinct", "category", over="30d"),
        "last_amount": hr.Aggregate("last", "amount"),
        "mean_quantity": hr.Aggregate("mean", "quantity", over="30d"),
    },
    index=True,
    online=True,
    description="How much and how recently a customer has been buying.",
    owners=["team:shop"],
    tags={"domain": "customers"},
)

customer_profile = hr.FeatureView(
    "customer_profile",
    entity=customer,
    source=customers,
    features=["about", "newsletter"],
    online=True,
    description="What customers say of themselves.",
    owners=["team:shop"],
    tags={"domain": "customers"},
)

product_profile = hr.FeatureView(
    "product_profile",
    entity=product,
    source=products,
    features=["title", "category", "price", "photo"],
    online=True,
    description="What a product looks like to a customer.",
    owners=["team:shop"],
    tags={"domain": "products"},
)


@hr.feature_view(
    entity=product,
    timestamp="known_at",
    ttl="7d",
    online=True,
    owners=["team:shop"],
    tags={"domain": "products"},
)
def product_demand(orders=orders):
    """Units and buyers of each product and day, known from the following midnight on."""
    return f"""
        select
            product_id,
            date_trunc('day', ordered_at) + interval 1 day as known_at,
            sum(quantity)::bigint as units,
            count(distinct customer_id) as buyers
        from {orders}
        group by all
    """


@hr.feature_view(entity=customer, timestamp="asked_at", owners=["team:shop"], tags={"domain": "customers"})
def customer_moments(customers=customers, impressions=impressions):
    """The age band of each customer, at the first impression of each month: what the age model learns from."""
    return f"""
        select
            customer_id,
            min(shown_at) as asked_at,
            case when any_value(age) < 18 then 'minor' else 'adult' end as age_band
        from {customers} join {impressions} using (customer_id)
        group by customer_id, date_trunc('month', shown_at)
    """
