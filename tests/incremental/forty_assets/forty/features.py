"""Feature views in every way of writing them."""

import polars as pl

import headrace as hr

from . import helpers, rates
from .helpers import Weight, rounded, weighing
from .sources import customer, customers, orders, prices, product, products, returns, visits

half = weighing(0.5)
ROUNDING = 2


@hr.feature_view(entity=customer, timestamp="ordered_at")
def paid_orders(orders):
    """Orders with what they cost."""
    return f"""
        select order_id, customer_id, sku, ordered_at, amount * quantity as total, channel
        from {orders}
        where quantity > 0
    """


@hr.feature_view(entity=customer)
def customer_spend(paid_orders):
    return f"select customer_id, sum(total) as spend, count(*) as orders from {paid_orders} group by customer_id"


@hr.feature_view(entity=customer)
def customer_channels(paid_orders):
    return f"""
        with every as (select * from {paid_orders}),
        counted as (select customer_id, channel, count(*) as n from every group by all)
        select customer_id, count(*) as channels, max(n) as busiest from counted group by customer_id
    """


@hr.feature_view(entity=customer)
def customer_age(customers=customers):
    return f"""
        select customer_id, age, case when age < {rates.ADULT} then 'minor' else 'adult' end as band from {customers}
    """


@hr.feature_view(entity=customer)
def city_size(customers=customers):
    return f"select customer_id, count(*) over (partition by city) as neighbours from {customers}"


@hr.feature_view(entity=customer)
def customer_summary(customer_spend, customer_age):
    return f"""
        select s.customer_id, s.spend / s.orders as mean_spend, a.band
        from {customer_spend} as s join {customer_age} as a on s.customer_id = a.customer_id
    """


@hr.feature_view(entity=product)
def product_sales(orders):
    return f"select sku, sum(quantity) as sold from {orders} group by sku"


product_profile = hr.FeatureView(
    "product_profile", entity=product, source=products, features=["category", "price"], description="What it is."
)


@hr.feature_view(entity=product)
def product_ranks(product_sales, product_profile):
    return f"""
        select sku, p.category, rank() over (partition by p.category order by s.sold desc, sku) as place
        from {product_sales} as s join {product_profile} as p using (sku)
    """


@hr.feature_view(entity=product)
def product_tags(products):
    return f"select sku, coalesce(len(tags), -1) as tags, weight / 2 as half_weight from {products}"


@hr.feature_view(entity=customer)
def returned(returns=returns, orders=orders):
    return f"""
        select r.*, o.customer_id from {returns} as r join (select order_id, customer_id from {orders}) as o
        on r.order_id = o.order_id
    """


@hr.feature_view(entity=customer)
def return_rate(returned):
    return f"select customer_id, count(*) as returned from {returned} group by customer_id"


@hr.feature_view(entity=customer, timestamp="moment")
def contacts(orders, visits):
    return f"""
        select customer_id, ordered_at as moment, 'order' as what from {orders}
        union all
        select customer_id, visited_at, 'visit' from {visits}
    """


@hr.feature_view(entity=customer, timestamp="moment")
def last_contact(contacts):
    return f"""
        select customer_id, moment, what from {contacts}
        qualify row_number() over (partition by customer_id order by moment desc, what) = 1
    """


customer_activity = hr.FeatureView(
    "customer_activity",
    entity=customer,
    source=orders,
    features={
        "recent_orders": hr.Aggregate("count", over="7d"),
        "recent_spend": hr.Aggregate("sum", "amount", over="14d"),
        "last_channel": hr.Aggregate("last", "channel", over="30d"),
    },
)
visit_activity = hr.FeatureView(
    "visit_activity",
    entity=customer,
    source=visits,
    features={
        "recent_visits": hr.Aggregate("count", over="5d"),
        "long_visits": hr.Aggregate("count", over="10d", where="seconds > 20"),
    },
)
product_demand = hr.FeatureView(
    "product_demand", entity=product, source=orders, features={"demand": hr.Aggregate("sum", "quantity", over="14d")}
)
daily_price = hr.FeatureView("daily_price", entity=product, source=prices, features={"day_price": "price"})


@hr.feature_view(entity=customer)
def visit_depth(visits: pl.DataFrame):
    """How deep a customer looks, in points of pages seen."""
    scored = visits.with_columns(points=helpers.points(pl.col("page")) * Weight.of("seconds") / rates.DEPTH)
    return scored.group_by("customer_id").agg(depth=pl.col("points").sum().round(ROUNDING))


@hr.feature_view(entity=customer, inputs={"a": paid_orders})
@rounded
def loyalty(a: pl.LazyFrame):
    return a.group_by("customer_id").agg(kept=half("total").sum())


def shared(column, share=0.25):
    return pl.col(column) * share


@hr.feature_view(entity=customer)
def score(customer_summary: pl.DataFrame, visit_depth: pl.DataFrame):
    joined = customer_summary.join(visit_depth, on="customer_id", how="left")
    return joined.select("customer_id", score=shared("mean_spend") + pl.col("depth").fill_null(0))


@hr.feature_view(entity=customer, timestamp="ordered_at")
def trend(orders: pl.DataFrame):
    growing = pl.col("quantity").cum_sum().over("customer_id", order_by=["ordered_at", "order_id"])
    return orders.select("customer_id", "ordered_at", "order_id", growing=growing)
