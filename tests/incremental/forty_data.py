"""Raw data of the project of forty assets: small, the same every time, in numbers whose sums are exact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl

START = datetime(2024, 1, 1)
SKUS = [f"sku_{number}" for number in range(8)]
TIME = "%Y-%m-%d %H:%M:%S"


def write_data(folder: Path) -> None:
    """Every raw file of the project."""
    rng = Random(7)
    (folder / "orders").mkdir(parents=True)
    orders = _orders(rng)
    orders[:35].write_parquet(folder / "orders" / "2024-01.parquet")
    orders[35:].write_parquet(folder / "orders" / "2024-02.parquet")
    _products().write_parquet(folder / "products.parquet")
    _prices(rng).write_parquet(folder / "prices.parquet")
    for name, frame in {
        "customers": _customers(rng), "visits": _visits(rng), "returns": _returns(rng), "offers": _offers(rng)
    }.items():  # fmt: skip
        frame.write_csv(folder / f"{name}.csv", datetime_format=TIME)


def edit_parquet(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Rewrite a Parquet file."""
    change(pl.read_parquet(path)).write_parquet(path)


def _moment(rng: Random, days: int) -> datetime:
    return START + timedelta(hours=rng.randrange(24 * days))


def _orders(rng: Random) -> pl.DataFrame:
    rows = [
        {
            "order_id": number,
            "customer_id": rng.randint(1, 24),
            "sku": rng.choice(SKUS),
            "ordered_at": _moment(rng, 55),
            "amount": rng.randint(1, 200) / 4,
            "quantity": rng.randint(1, 5),
            "channel": rng.choice(["web", "app", "shop"]),
            "note": rng.choice(["", "fast", None]),
        }
        for number in range(70)
    ]
    frame = pl.DataFrame(sorted(rows, key=lambda row: row["ordered_at"]), infer_schema_length=None)
    return frame.with_columns(pl.col("order_id", "customer_id", "quantity").cast(pl.Int32))


def _customers(rng: Random) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": range(1, 25),
            "age": [rng.choice([15, 16, 30, 40, 50]) for _ in range(24)],
            "city": [rng.choice(["Ulm", "Bonn", "Kiel"]) for _ in range(24)],
            "email": [f"c{number}@example.org" for number in range(24)],
        }
    )


def _products() -> pl.DataFrame:
    count = len(SKUS)
    return pl.DataFrame(
        {
            "sku": SKUS,
            "category": [["book", "toy", "tool"][number % 3] for number in range(count)],
            "price": [number * 1.5 + 2 for number in range(count)],
            "weight": pl.Series([number * 3 + 1 for number in range(count)], dtype=pl.Int32),
            "tags": pl.Series([["a"], None, ["a", "b"], None, ["a"], ["b"], [], ["c"]], dtype=pl.List(pl.String)),
        }
    )  # fmt: skip


def _prices(rng: Random) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"sku": sku, "day": START + timedelta(days=day), "price": rng.randint(4, 80) / 4, "currency": "EUR"}
            for sku in SKUS
            for day in range(0, 60, 15)
        ]
    )


def _visits(rng: Random) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "customer_id": rng.randint(1, 24),
                "visited_at": _moment(rng, 55),
                "page": rng.choice(["shop", "blog", "help"]),
                "seconds": rng.randint(1, 60),
            }
            for _ in range(50)
        ]
    )


def _returns(rng: Random) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "return_id": range(12),
            "order_id": rng.sample(range(70), 12),
            "reason": [rng.choice(["broken", "late"]) for _ in range(12)],
        }
    )


def _offers(rng: Random) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "offer_id": number,
                "customer_id": rng.randint(1, 24),
                "sku": rng.choice(SKUS),
                "offered_at": START + timedelta(hours=23 * number),
                "bought": number % 2 if number < 8 else rng.randint(0, 1),
                "paid": rng.randint(0, 100) / 4,
            }
            for number in range(64)
        ]
    )
