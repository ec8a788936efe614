"""Raw data of the reference project, a small shop: customers, products with photos, orders and impressions.

What is bought depends on the customer's band (under 18, or adult), which no table but `age` states: each band has
the opposite taste in style (seen in the photo only), in words of the title and in categories, and minors mind the
price more. Recent orders make a purchase likelier in both. So a recommender for each band beats one for all.

Run `python -m headrace.examples.shop_data FOLDER [--seed N]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headrace.errors import DeclarationError
from headrace.examples.shop_photos import draw_photos, save_photos

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

END = datetime(2026, 4, 1)
DAY = 86_400_000_000  # microseconds, the unit of every time in this file
ADULT_AGE = 18
MINOR_SHARE = 0.38
BOUGHT_SHARE = 0.25
ORDERS_PER_CUSTOMER_DAY = 1 / 6

# Liking of minors and of adults, in log-odds.
CATEGORIES = {
    "books": (-0.6, 0.5),
    "electronics": (0.8, -0.1),
    "fashion": (0.3, -0.1),
    "games": (1.5, -1.3),
    "garden": (-1.6, 1.3),
    "kitchen": (-1.3, 1.1),
    "sports": (0.8, -0.4),
    "toys": (1.1, -1.1),
}
STYLE_TASTE = 1.5
WORD_TASTE = 0.85
PRICE_DISLIKE = (1.0, 0.3)

YOUNG_TITLE_WORDS = ("sale", "limited", "neon", "drop")
ADULT_TITLE_WORDS = ("organic", "handmade", "certified", "heritage")
BRANDS = ("Alba", "Brio", "Corvo", "Delta", "Ember", "Fjord", "Gala", "Hexa", "Iris", "Juno")
FORMS = ("set", "kit", "pack", "edition", "bundle", "piece")

OPENERS = ("I like", "Mostly into", "Here for", "Big fan of", "My days are", "Always up for")
CLOSERS = ("", "on weekends", "with friends", "and my dog", "near the sea", "whenever there is time")
YOUNG_INTERESTS = (
    "school exams gaming skate homework anime slime minecraft tiktok manga football stickers lego recess teachers "
    "streaming memes sneakers braces sleepovers"
)
ADULT_INTERESTS = (
    "work kids garden wine mortgage cooking commute gardening taxes opera renovation coffee career yoga podcasts "
    "grandchildren antiques meetings housework newspapers"
)
SHARED_INTERESTS = (
    "music travel movies reading cats dogs cycling running swimming photography pizza hiking drawing dancing baking "
    "camping chess history fashion concerts"
)
INTERESTS = tuple(words.split() for words in (SHARED_INTERESTS, YOUNG_INTERESTS, ADULT_INTERESTS))


@dataclass(frozen=True)
class _Customers:
    """Customers and what is hidden of them; row i has customer_id i + 1."""

    frame: pl.DataFrame
    minor: Flags


@dataclass(frozen=True)
class _Products:
    """Products and what is hidden of them; row i has product_id i + 1."""

    frame: pl.DataFrame
    style: Floats
    appeal: Floats  # (2, products), log-odds: row 0 for adults, row 1 for minors


@dataclass(frozen=True)
class _Orders:
    """Orders by time: rows of the customer and product, microseconds since the start, and what was paid."""

    customer: Ints
    product: Ints
    time: Ints
    quantity: Ints
    amount: Floats


def generate(
    folder: Path,
    *,
    seed: int = 7,
    customers: int = 800,
    products: int = 150,
    days: int = 90,
    impressions: int = 24_000,
) -> dict[str, int]:
    """Write the shop's raw data into `folder`, the same data for the same arguments.

    Files of these names are overwritten; every other file in `folder` is left as it is, also an older run's months
    and photos that this run does not write. Times lie in the `days` that end with 2026-03-31, sign-ups before them.
    Orders are a history of their own: a bought impression does not appear among them.

    Args:
        folder: where to write; made if absent.
        seed: 0 or more; another seed is another shop.
        customers: how many, 1 or more.
        products: how many, each with a photo, 1 or more.
        days: 1 or more; every customer orders once in six days on average.
        impressions: how many, 1 or more.

    Returns:
        Rows written by file, relative to `folder`; the photos together as `photos/*.png`.

    Raises:
        DeclarationError: a count below 1 or a seed below 0; nothing is written.

    >>> generate(Path("shop"), days=0)
    Traceback (most recent call last):
    ...
    headrace.errors.DeclarationError: generate: days=0, expected 1 or more. Nothing was written.

    """
    _require(0, seed=seed)
    _require(1, customers=customers, products=products, days=days, impressions=impressions)
    people, wares, orders, shown, photos, baskets = (np.random.default_rng([seed, part]) for part in range(6))
    who = _customers(customers, days, people)
    what = _products(products, wares)
    history = _orders(who, what, days, orders)
    written = _write_products(folder, what, photos)
    who.frame.write_parquet(folder / "customers.parquet")
    written["customers.parquet"] = customers
    written |= _write_months(folder / "orders", _orders_frame(history, what, days), "ordered_at", "parquet")
    seen = _with_baskets(_impressions(impressions, who, what, history, days, shown), baskets)
    return written | _write_months(folder / "impressions", seen, "shown_at", "csv")


def _require(least: int, **given: int) -> None:
    for name, value in given.items():
        if value < least:
            raise DeclarationError("generate", f"{name}={value}, expected {least} or more.", fix="Nothing was written.")


def _customers(count: int, days: int, rng: np.random.Generator) -> _Customers:
    import polars as pl

    minor = rng.permutation(count) < round(count * MINOR_SHARE)
    adult_age = ADULT_AGE + np.floor(58 * rng.beta(1.3, 2.0, count)).astype(np.int64)
    age = np.where(minor, rng.integers(8, ADULT_AGE, count), adult_age)
    joined = -np.sort(rng.integers(DAY, 1000 * DAY, count))[::-1] // 1_000_000 * 1_000_000
    columns = {
        "customer_id": np.arange(1, count + 1),
        "signed_up_at": _timestamps(joined, days),
        "age": age,
        "newsletter": rng.random(count) < np.where(minor, 0.35, 0.5),
        "about": _self_descriptions(age, rng),
    }
    return _Customers(pl.DataFrame(columns), minor)


def _self_descriptions(age: Ints, rng: np.random.Generator) -> list[str | None]:
    """5 to 15 words each, None for about 4 %; the nearer to 18, the harder to tell."""
    young = 0.07 + 0.86 / (1.0 + np.exp((age - 17.5) / 2.0))
    return [None if rng.random() < 0.04 else _self_description(share, rng) for share in young]


def _self_description(young: float, rng: np.random.Generator) -> str:
    count = int(rng.integers(3, 7))
    own = rng.choice([0, 1, 2], count, p=[0.25, 0.75 * young, 0.75 * (1.0 - young)])
    words = list(dict.fromkeys(str(rng.choice(INTERESTS[pool])) for pool in own))
    interests = ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
    return f"{rng.choice(OPENERS)} {interests} {rng.choice(CLOSERS)}".strip()


def _products(count: int, rng: np.random.Generator) -> _Products:
    import polars as pl

    category = rng.integers(0, len(CATEGORIES), count)
    spread = rng.normal(0.0, 1.0, count)
    price = np.round(np.exp(3.1 + 0.6 * spread), 2)
    title, wording = _titles(count, rng)
    style = rng.random(count)
    columns = {
        "product_id": np.arange(1, count + 1),
        "title": title,
        "category": np.array(list(CATEGORIES))[category],
        "price": price,
        "photo": [f"photos/{number:04d}.png" for number in range(1, count + 1)],
    }
    liking = np.array(list(CATEGORIES.values()))[category]
    young = STYLE_TASTE * (2.0 * style - 1.0) + WORD_TASTE * wording
    minors = young + liking[:, 0] - PRICE_DISLIKE[0] * spread
    adults = -young + liking[:, 1] - PRICE_DISLIKE[1] * spread
    return _Products(pl.DataFrame(columns), style, np.stack([adults, minors]))


def _titles(count: int, rng: np.random.Generator) -> tuple[list[str], Floats]:
    """Titles, and how far their wording is meant for the young: -1, 0 or 1."""
    wording = rng.choice([-1, 0, 1], count, p=[0.4, 0.2, 0.4])
    young, adult = rng.choice(YOUNG_TITLE_WORDS, count), rng.choice(ADULT_TITLE_WORDS, count)
    hooks = np.select([wording > 0, wording < 0], [young, adult], "")
    brands, forms = rng.choice(BRANDS, count), rng.choice(FORMS, count)
    parts = zip(brands, hooks, forms, strict=True)
    return [" ".join(word for word in words if word) for words in parts], wording.astype(np.float64)


def _orders(who: _Customers, what: _Products, days: int, rng: np.random.Generator) -> _Orders:
    rate = _daily_rates(len(who.minor), days, rng)
    total = max(1, round(rate.size * ORDERS_PER_CUSTOMER_DAY))
    cell = np.repeat(np.arange(rate.size), rng.multinomial(total, rate.ravel() / rate.sum()))
    customer, day = np.divmod(cell, days)
    time = day * DAY + _times_of_day(who.minor[customer], rng)
    by_time = np.argsort(time, kind="stable")
    customer, time = customer[by_time], time[by_time]
    product = _chosen_products(who.minor[customer], what.appeal, rng)
    quantity = rng.choice([1, 2, 3], total, p=[0.75, 0.18, 0.07])
    amount = np.round(what.frame["price"].to_numpy()[product] * quantity, 2)
    return _Orders(customer, product, time, quantity, amount)


def _daily_rates(customers: int, days: int, rng: np.random.Generator) -> Floats:
    """Relative rate of orders (customers, days): a level of the customer's own, and a mood that drifts by the week."""
    weeks = -(-days // 7)
    level = rng.normal(0.0, 0.5, customers)
    mood = np.empty((weeks, customers))
    mood[0] = rng.normal(0.0, 1.0, customers)
    for week in range(1, weeks):
        mood[week] = 0.8 * mood[week - 1] + 0.6 * rng.normal(0.0, 1.0, customers)
    rates: Floats = np.exp(level + mood).repeat(7, axis=0)[:days].T
    return rates


def _times_of_day(minor: Flags, rng: np.random.Generator) -> Ints:
    """Microseconds since midnight: minors after school, adults all day long."""
    hour = rng.normal(np.where(minor, 16.5, 14.0), np.where(minor, 3.5, 4.5)) % 24.0
    return np.minimum((hour / 24.0 * DAY).astype(np.int64), DAY - 1)


def _chosen_products(minor: Flags, appeal: Floats, rng: np.random.Generator) -> Ints:
    """One product an order, the likelier the more it appeals to the band."""
    weight = np.exp(0.12 * appeal)
    upto = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    draw = rng.random(len(minor))
    chosen: Ints = np.where(minor, np.searchsorted(upto[1], draw), np.searchsorted(upto[0], draw))
    return chosen.clip(max=appeal.shape[1] - 1)


def _orders_frame(orders: _Orders, what: _Products, days: int) -> pl.DataFrame:
    import polars as pl

    columns = {
        "order_id": np.arange(1, len(orders.time) + 1),
        "customer_id": orders.customer + 1,
        "product_id": orders.product + 1,
        "ordered_at": _timestamps(orders.time, days),
        "category": what.frame["category"].gather(orders.product),
        "quantity": orders.quantity,
        "amount": orders.amount,
    }
    return pl.DataFrame(columns)


def _impressions(
    count: int, who: _Customers, what: _Products, orders: _Orders, days: int, rng: np.random.Generator
) -> pl.DataFrame:
    import polars as pl

    customer = rng.integers(0, len(who.minor), count)
    time = rng.integers(0, days, count) * DAY + _times_of_day(who.minor[customer], rng)
    by_time = np.argsort(time, kind="stable")
    customer, time = customer[by_time], time[by_time]
    product = rng.integers(0, len(what.style), count)
    taste = what.appeal[who.minor[customer].astype(np.int64), product]
    chance = _chances(taste + _activity(customer, time, orders, days))
    columns = {
        "impression_id": np.arange(1, count + 1),
        "customer_id": customer + 1,
        "product_id": product + 1,
        "shown_at": _timestamps(time, days),
        "bought": rng.random(count) < chance,
    }
    return pl.DataFrame(columns)


def _with_baskets(impressions: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """What was in the basket already, in money: who is about to buy has filled it a little more."""
    import polars as pl

    bought = impressions["bought"].to_numpy()
    filled = rng.random(len(bought)) < np.where(bought, 0.75, 0.55)
    value = np.round(np.where(filled, np.exp(3.0 + 0.4 * bought + 0.7 * rng.normal(0.0, 1.0, len(bought))), 0.0), 2)
    at = impressions.get_column_index("bought")
    return impressions.insert_column(at, pl.Series("basket_value", value))


def _activity(customer: Ints, time: Ints, orders: _Orders, days: int) -> Floats:
    """Log-odds for what the customer ordered before `time`: orders of 7 and of 30 days, and spend of 30 days."""
    span = (days + 31) * DAY  # a customer's stretch of keys, wide enough that no window reaches into the next one's
    by_customer = np.lexsort((orders.time, orders.customer))
    keys = (orders.customer * span + orders.time)[by_customer]
    spent = np.concatenate([[0.0], np.cumsum(orders.amount[by_customer])])
    now = customer * span + time
    upto, week, month = (np.searchsorted(keys, now - back * DAY) for back in (0, 7, 30))
    spend = spent[upto] - spent[month]
    score: Floats = 0.5 * np.log1p(upto - week) + 0.3 * np.log1p(upto - month) + 0.2 * np.log1p(spend / 20.0)
    return score


def _chances(score: Floats) -> Floats:
    """Probabilities by the logistic function, shifted until their mean is the share bought."""
    low, high = -50.0, 50.0
    for _ in range(60):
        shift = (low + high) / 2
        mean = (1.0 / (1.0 + np.exp(-(score + shift)))).mean()
        low, high = (shift, high) if mean < BOUGHT_SHARE else (low, shift)
    return 1.0 / (1.0 + np.exp(-(score + low)))


def _timestamps(offset: Ints, days: int) -> NDArray[np.datetime64]:
    """Microseconds since the first day, as times without a zone."""
    return np.datetime64(END - timedelta(days=days), "us") + offset.astype("timedelta64[us]")


def _write_products(folder: Path, what: _Products, rng: np.random.Generator) -> dict[str, int]:
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    save_photos(draw_photos(what.style, rng), [folder / path for path in what.frame["photo"]])
    what.frame.write_csv(folder / "products.csv")
    return {"products.csv": what.frame.height, "photos/*.png": what.frame.height}


def _write_months(folder: Path, rows: pl.DataFrame, timestamp: str, suffix: str) -> dict[str, int]:
    """One file a month, each in the order of the rows."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    months = rows.with_columns(month=pl.col(timestamp).dt.strftime("%Y-%m"))
    for (month,), part in months.partition_by("month", include_key=False, as_dict=True).items():
        path = folder / f"{month}.{suffix}"
        if suffix == "parquet":
            part.write_parquet(path)
        else:
            part.with_columns(pl.col(timestamp).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")).write_csv(path)
        written[f"{folder.name}/{path.name}"] = part.height
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate from the command line and print the rows written by file."""
    parser = argparse.ArgumentParser("python -m headrace.examples.shop_data", description="Write a shop's raw data.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args(arguments)
    for file, rows in generate(given.folder, seed=given.seed).items():
        print(f"{rows:>8,}  {given.folder / file}")


if __name__ == "__main__":
    main()
