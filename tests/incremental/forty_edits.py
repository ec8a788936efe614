"""A hostile list of edits of the project of forty assets, each with exactly the assets that it makes be computed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from tests.incremental.forty_data import START, TIME, edit_parquet

TASTE = "offer_encoding offer_matrix likes worth taste"
BANDS = "customer_encoding customer_matrix band bands"
DEPTH = "visit_depth score offer_rows"


@dataclass(frozen=True)
class Edit:
    """What is done to the project's folder, and the last parts of the keys of what has to be computed.

    `*` are all. `as_before`: every table but those of sources holds afterwards what it held before.
    """

    name: str
    do: Callable[[Path], object]
    built: str
    as_before: bool = False

    def __str__(self) -> str:
        return self.name


def text(file: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    """Replace parts of a text file, each of which must be there."""

    def change(root: Path) -> None:
        content = (root / file).read_text()
        for before, after in changes:
            assert before in content, f"{before!r} is not in {file}"
            content = content.replace(before, after)
        (root / file).write_text(content)

    return change


def code(module: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    return text(f"forty/{module}.py", *changes)


def parquet(file: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    """Change a Parquet file, or every one of a folder."""

    def apply(root: Path) -> None:
        for path in sorted((root / "data").glob(file)):
            edit_parquet(path, change)

    return apply


def lines(file: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Change the lines of a CSV file after its header."""

    def apply(root: Path) -> None:
        path = root / "data" / file
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, *change(rows)]) + "\n")

    return apply


def cells(file: str, column: str, change: Callable[[pl.Expr], pl.Expr]) -> Callable[[Path], None]:
    """Change a column of a CSV file, every cell of which is text."""

    def apply(root: Path) -> None:
        path = root / "data" / file
        pl.read_csv(path, infer_schema=False).with_columns(change(pl.col(column)).alias(column)).write_csv(path)

    return apply


def both(*changes: Callable[[Path], object]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        for change in changes:
            change(root)

    return apply


def remove(pattern: str) -> Callable[[Path], None]:
    """Delete what matches, files and folders alike."""

    def apply(root: Path) -> None:
        found = list((root / ".headrace").glob(pattern))
        assert found, f"nothing matches {pattern}"
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return apply


def _cut(root: Path) -> None:
    for path in (root / ".headrace/objects/features/customer_summary").glob("*/data.parquet"):
        os.truncate(path, 40)


def _touch(root: Path) -> None:
    for path in (root / "data").rglob("*.*"):
        os.utime(path, (1, 1))


def _delete_ref(root: Path) -> None:
    path = root / ".headrace/refs/dev.json"
    rows = path.read_text().splitlines()
    path.write_text("\n".join(row for row in rows if '"features/paid_orders"' not in row))


def _repeat_visit(root: Path) -> None:
    """Once more a look into the shop, shortly before an offer to that customer, of whom there are orders."""
    path = root / "data/visits.csv"
    visits = pl.read_csv(path, try_parse_dates=True)
    offers = pl.read_csv(root / "data/offers.csv", try_parse_dates=True)
    known = pl.read_parquet(root / "data/orders/*.parquet")["customer_id"].implode()
    soon = pl.col("offered_at").is_between(pl.col("visited_at"), pl.col("visited_at") + timedelta(days=4))
    seen = pl.col("page") == "shop"
    found = visits.join(offers, on="customer_id").filter(soon, seen, pl.col("customer_id").is_in(known))
    pl.concat([visits, found[:1].select(visits.columns)]).write_csv(path, datetime_format=TIME)


def _swap_amounts(root: Path) -> None:
    """The amounts of two orders of different customers change places."""

    def swap(frame: pl.DataFrame) -> pl.DataFrame:
        amounts, customers = frame["amount"].to_list(), frame["customer_id"].to_list()
        other = next(n for n in range(1, 35) if customers[n] != customers[0] and amounts[n] != amounts[0])
        amounts[0], amounts[other] = amounts[other], amounts[0]
        return frame.with_columns(amount=pl.Series(amounts))

    parquet("orders/2024-01.parquet", swap)(root)


def _late_file(root: Path) -> None:
    """An order of a customer nobody knows, after every offer."""
    order = pl.read_parquet(root / "data/orders/2024-02.parquet")[:1]
    changed = {"order_id": 900, "customer_id": 77, "ordered_at": START + timedelta(days=70)}
    order = order.with_columns(pl.lit(value).cast(order.schema[name]).alias(name) for name, value in changed.items())
    order.write_parquet(root / "data/orders/2024-03.parquet")


def _move_rows(root: Path) -> None:
    first, second = (root / f"data/orders/2024-0{month}.parquet" for month in (1, 2))
    early, late = pl.read_parquet(first), pl.read_parquet(second)
    early[:-5].write_parquet(first)
    pl.concat([early[-5:], late]).write_parquet(second)


def _reverse_columns(root: Path) -> None:
    path = root / "data/customers.csv"
    frame = pl.read_csv(path)
    frame.select(frame.columns[::-1]).write_csv(path)


LOOKS = both(
    code("features", ('"""Orders with what they cost."""', '"""What was ordered, and its cost."""  # see sources')),
    code("features", ("select order_id, customer_id, sku,", "SELECT order_id,\n   customer_id -- whose\n   , sku,")),
    code("helpers", ('"""Points of a page."""', '"""How many points a page gives."""\n\n    # by its name')),
    code(
        "helpers",
        ("replace_strict(rates.PAGES, default=0, ", "replace_strict(\n        rates.PAGES,\n        default=0, "),
    ),
)
EDITS = (
    # Nothing has to be computed.
    Edit("sources touched", _touch, "", as_before=True),
    Edit("comments, docstrings and layout", LOOKS, "", as_before=True),
    Edit(
        "description",
        code("features", ('description="What it is."', 'description="A product.", owners=["team:shop"]')),
        "",
        True,
    ),
    Edit("helper nobody calls", code("helpers", ("* 100", "* 101")), "", as_before=True),
    Edit(
        "view removed",
        code("features", ('@hr.feature_view(entity=customer, timestamp="ordered_at")\ndef trend', "def trend")),
        "",
        True,
    ),
    Edit("refs deleted", remove("refs/dev.json"), "", as_before=True),
    Edit("one ref deleted", _delete_ref, "", as_before=True),
    Edit("cache deleted", remove("cache"), "", as_before=True),
    # One asset is computed and comes out as it was, in what others read of it.
    Edit("rows in another order", lines("visits.csv", lambda rows: rows[::-1]), "visits", as_before=True),
    Edit("columns in another order", _reverse_columns, "customers", as_before=True),
    Edit("rows moved to another file", _move_rows, "orders", as_before=True),
    Edit("numbers written otherwise", cells("offers.csv", "paid", lambda one: one + "0"), "offers", as_before=True),
    Edit(
        "column nobody reads changed",
        cells("customers.csv", "email", lambda one: one + "x"),
        "customers",
        as_before=True,
    ),
    Edit(
        "column nobody reads added",
        parquet("products.parquet", lambda one: one.with_columns(color=pl.lit("red"))),
        "products",
        True,
    ),
    Edit(
        "column that only a whole frame has",
        parquet("orders/*.parquet", lambda one: one.with_columns(note=pl.lit("x"))),
        "orders trend",
    ),
    Edit("column few read changed", cells("returns.csv", "reason", lambda one: one + "x"), "returns returned"),
    Edit(
        "helper rewritten",
        code("helpers", ("return pl.col(column) * cls.base", "return cls.base * pl.col(column)")),
        "visit_depth",
        True,
    ),
    Edit(
        "SQL rewritten", code("features", ("where quantity > 0", "where 0 < quantity")), "paid_orders", as_before=True
    ),
    Edit(
        "select list reordered",
        code("features", ("sum(total) as spend, count(*) as orders", "count(*) as orders, sum(total) as spend")),
        "customer_spend",
    ),
    Edit("constant without effect", code("rates", ("ADULT = 18", "ADULT = 17")), "customer_age", as_before=True),
    Edit("bound in a check of a schema", code("rates", ("ORDERS = 1000", "ORDERS = 2000")), "returns", as_before=True),
    Edit("rounding without effect", code("features", ("ROUNDING = 2", "ROUNDING = 3")), "visit_depth", as_before=True),
    # What was stored is lost.
    Edit("object of a view dropped", remove("objects/features/paid_orders/*"), "paid_orders", as_before=True),
    Edit("object of a source dropped", remove("objects/sources/orders/*"), "orders", as_before=True),
    Edit("object of a matrix dropped", remove("objects/matrices/offer_matrix/*"), "offer_matrix", as_before=True),
    Edit("object of a stage dropped", remove("objects/cascades/taste/likes/*"), "likes", as_before=True),
    Edit("every object dropped", remove("objects"), "*", as_before=True),
    Edit("object cut short", _cut, "customer_summary", as_before=True),
    # New content.
    Edit(
        "new row",
        lines("visits.csv", lambda rows: [*rows, "99,2024-01-05 00:00:00,shop,7"]),
        "visits visit_activity visit_depth contacts last_contact score offer_rows",
    ),
    Edit(
        "late file",
        _late_file,
        "orders paid_orders customer_spend customer_channels customer_summary loyalty product_sales product_ranks"
        " returned contacts last_contact customer_activity product_demand trend customer_rows offer_rows",
    ),
    Edit("row duplicated", _repeat_visit, f"visits visit_activity contacts last_contact {DEPTH} {TASTE}"),
    Edit(
        "column shuffled between rows",
        _swap_amounts,
        "orders paid_orders customer_spend customer_summary loyalty customer_activity trend score offer_rows"
        f" customer_rows {TASTE} {BANDS}",
    ),
    Edit(
        "type changed, that stops",
        parquet("orders/*.parquet", lambda one: one.cast({"quantity": pl.Int64})),
        "orders paid_orders product_sales product_demand trend offer_rows",
    ),
    Edit(
        "type changed, that goes on",
        parquet("prices.parquet", lambda one: one.cast({"price": pl.Float32})),
        "prices daily_price offer_rows offer_encoding offer_matrix",
    ),
    Edit(
        "null became an empty list",
        parquet("products.parquet", lambda one: one.with_columns(pl.col("tags").fill_null([]))),
        "products product_tags",
    ),
    Edit(
        "column of one of two readers",
        parquet("products.parquet", lambda one: one.with_columns(pl.col("price") ** 2)),
        f"products product_profile offer_rows {TASTE}",
    ),
    Edit(
        "column of a window function",
        cells("customers.csv", "city", lambda one: pl.when(pl.col("age") == "30").then(pl.lit("Ulm")).otherwise(one)),
        f"customers city_size customer_rows {BANDS}",
    ),
    Edit(
        "column renamed with its readers",
        both(
            parquet("orders/*.parquet", lambda one: one.rename({"channel": "via"})),
            code("features", ("as total, channel", "as total, via as channel"), ('"last", "channel"', '"last", "via"')),
        ),
        "orders paid_orders customer_activity trend offer_rows",
    ),
    Edit(
        "feature renamed with its readers",
        both(
            code("features", ("as spend,", "as spent,"), ("s.spend", "s.spent")),
            code(
                "training",
                ('customer_spend["spend"]', 'customer_spend["spent"]'),
                ('Standardize("spend"', 'Standardize("spent"'),
            ),
        ),
        "customer_spend customer_summary customer_rows customer_encoding customer_matrix bands",
    ),
    # New code.
    Edit("helper in another module", code("helpers", ("default=0", "default=1")), DEPTH),
    Edit("constant of another module", code("rates", ("DEPTH = 10", "DEPTH = 20")), DEPTH),
    Edit("constant in a dict", code("rates", ('"blog": 1', '"blog": 3')), DEPTH),
    Edit("class attribute", code("helpers", ("base = 4", "base = 5")), DEPTH),
    Edit("constant of the module", code("features", ("ROUNDING = 2", "ROUNDING = 0")), DEPTH),
    Edit(
        "constant in SQL",
        code("rates", ("ADULT = 18", "ADULT = 16")),
        "customer_age customer_summary score customer_rows customer_matrix band bands",
    ),
    Edit("default argument", code("features", ("share=0.25", "share=0.5")), "score offer_rows"),
    Edit("closure", code("features", ("weighing(0.5)", "weighing(0.75)")), "loyalty"),
    Edit("decorator", code("helpers", (".round(6)", ".round(0)")), "loyalty"),
    Edit(
        "window",
        code("features", ('"count", over="7d"', '"count", over="4d"')),
        f"customer_activity offer_rows {TASTE}",
    ),
    Edit("condition of a window not asked for", code("features", ("seconds > 20", "seconds > 30")), "visit_activity"),
    Edit("split", code("training", ('test="10d"', 'test="12d"')), f"offer_rows {TASTE}"),
    Edit("encoder parameter", code("training", ('strategy="median"', 'strategy="mean"')), TASTE),
    Edit("estimator parameter", code("models", ("max_depth=3", "max_depth=1")), "band bands"),
    Edit("nested estimator parameter", code("models", ("Ridge(alpha=1.0)", "Ridge(alpha=9.0)")), "worth taste"),
    Edit(
        "nested parameter upstream",
        code("models", ("LogisticRegression(C=1.0)", "LogisticRegression(C=0.01)")),
        "likes worth taste",
    ),
)
