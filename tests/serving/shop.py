"""A small project on disk with online views, an on-demand feature and services, for tests of reading."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

START = datetime(2026, 1, 1)
ASSETS = """
from datetime import datetime as moment_type
import polars as pl
import headrace as hr

customer = hr.Entity("customer", keys=["customer_id"])
product = hr.Entity("product", keys=["shop", "product_id"])
impressions = hr.Source("impressions", path="impressions.parquet", keys=["id"], timestamp="shown_at")
orders = hr.Source("orders", path="orders.parquet", keys=["order_id"], timestamp="ordered_at")
prices = hr.Source("prices", path="prices.parquet", keys=["shop", "product_id", "day"], timestamp="day")
activity = hr.FeatureView(
    "activity", entity=customer, source=orders, online=True,
    features={"orders_{window}": hr.Aggregate("count", over=["7d", "3650d"]),
              "spend_3650d": hr.Aggregate("sum", "amount", over="3650d")},
)
last_order = hr.FeatureView("last_order", entity=customer, source=orders, online=True,
                            features=["amount", "paid", "tags", "comment"])
price = hr.FeatureView("price", entity=product, source=prices, online=True, features=["price", "since"], ttl="30d")
offline = hr.FeatureView("offline", entity=customer, source=orders, features={"first": "amount"})

overall = hr.FeatureView("overall", entity=None, source=orders, online=True, features={"last_amount": "amount"})
market = hr.FeatureService("market", features=overall)
FACTOR = 1.0

@hr.on_demand(inputs=[activity["spend_3650d"], hr.Request("basket_value", float)], features={"basket_ratio": float})
def basket_ratio(df):
    return df.with_columns(basket_ratio=FACTOR * pl.col("basket_value") / pl.col("spend_3650d"))

@hr.on_demand(inputs=[hr.Request("moment", moment_type), hr.Request("words", list[str])])
def told(df):
    return df.select(hour=pl.col("moment").dt.hour(), words=pl.col("words"), count=pl.col("words").list.len())

clock = hr.FeatureService("clock", features=told, description="What a request alone tells.")
purchase = hr.FeatureService("purchase", features=[activity, last_order["amount", "paid"], price, basket_ratio])
simple = hr.FeatureService("simple", features=[activity, last_order])
kept = hr.FeatureService("kept", features=[offline])
gift = hr.FeatureService("gift", features=[
    last_order["amount"], last_order["amount"].on({"customer_id": "receiver_id"}, prefix="receiver_")])
rows = hr.TrainingSet("rows", spine=impressions, timestamp="shown_at", label="bought", features=purchase)
"""


def write_shop(root: Path, package: str = "assets", customers: int = 20) -> Path:
    """The project's files. `package` is a name of its own where several projects live in one process."""
    folder = root / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "declared.py").write_text(ASSETS)
    (root / "data").mkdir()
    (root / "pyproject.toml").write_text(f'[tool.headrace]\nassets = "{package}"\n')
    rows = range(customers * 3)
    orders = pl.DataFrame(
        {
            "order_id": rows,
            "customer_id": [number % customers for number in rows],
            "ordered_at": [START + timedelta(hours=number) for number in rows],
            "amount": [float(number) for number in rows],
            "paid": pl.Series([f"{number}.50" for number in rows]).cast(pl.Decimal(10, 2)),
            "tags": [["a", None], [], ["b"]] * customers,
            "comment": [None, 'say "hi"', "ä"] * customers,
        }
    )
    orders.write_parquet(root / "data" / "orders.parquet")
    moments = [datetime.now().replace(microsecond=0) - timedelta(days=days) for days in (1, 60)]
    pl.DataFrame(
        {"shop": ["north", "north"], "product_id": [1, 2], "day": moments, "price": [9.5, 3.0], "since": moments}
    ).with_columns(pl.col("since").dt.replace_time_zone("UTC")).write_parquet(root / "data" / "prices.parquet")
    pl.DataFrame(
        {
            "id": range(10),
            "customer_id": range(10),
            "shop": ["north"] * 10,
            "product_id": [1, 2] * 5,
            "shown_at": [START + timedelta(days=30)] * 10,
            "basket_value": [float(number) for number in range(10)],
            "bought": [True, False] * 5,
        }
    ).write_parquet(root / "data" / "impressions.parquet")
    return root


def forget(package: str, root: Path) -> None:
    """As a new process would begin: without the project's modules."""
    for name in [one for one in sys.modules if one.split(".")[0] == package]:
        del sys.modules[name]
    if str(root) in sys.path:
        sys.path.remove(str(root))
