"""The shop's raw data: the same for a seed, sound in its keys and times, and with the shares it promises."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from headrace.errors import DeclarationError
from headrace.examples import shop_data
from headrace.examples.shop_photos import draw_photos

SMALL = {"customers": 60, "products": 20, "days": 40, "impressions": 500}
FIRST, END = datetime(2026, 1, 1), datetime(2026, 4, 1)


def read(folder: Path, table: str) -> pl.DataFrame:
    """One table of the shop, its files put together in the order of their names."""
    paths = sorted(folder.glob(f"{table}/*")) or sorted(folder.glob(f"{table}.*"))
    assert paths, f"no file of {table}"
    readers = {".parquet": pl.read_parquet, ".csv": lambda path: pl.read_csv(path, try_parse_dates=True)}
    return pl.concat(readers[path.suffix](path) for path in paths)


def contents(folder: Path) -> dict[str, object]:
    """Every file: a Parquet file's rows, any other's bytes."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: pl.read_parquet(path).rows() if name.endswith("parquet") else path.read_bytes()
        for name, path in files.items()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("shop") / "raw"
    return folder, shop_data.generate(folder)


@pytest.fixture(scope="module")
def shop(written: tuple[Path, dict[str, int]]) -> dict[str, pl.DataFrame]:
    return {table: read(written[0], table) for table in ("customers", "products", "orders", "impressions")}


def test_same_seed_same_data(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        shop_data.generate(tmp_path / folder, seed=3, **SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_other_seed_other_data(tmp_path: Path) -> None:
    for seed in (3, 4):
        shop_data.generate(tmp_path / str(seed), seed=seed, **SMALL)
    three, four = contents(tmp_path / "3"), contents(tmp_path / "4")
    assert three.keys() == four.keys()
    assert [name for name in three if three[name] == four[name]] == []


def test_own_files_are_overwritten_and_others_left(tmp_path: Path) -> None:
    shop_data.generate(tmp_path, seed=3, **SMALL)
    before = contents(tmp_path)
    (tmp_path / "products.csv").write_text("spoilt")
    (tmp_path / "orders" / "notes.txt").write_text("mine")
    shop_data.generate(tmp_path, seed=3, **SMALL)
    assert contents(tmp_path) == before | {"orders/notes.txt": b"mine"}


def test_rows_written_are_reported(written: tuple[Path, dict[str, int]]) -> None:
    folder, rows = written
    assert rows["customers.parquet"] == 800
    assert rows["products.csv"] == rows["photos/*.png"] == len(list(folder.glob("photos/*.png"))) == 150
    for table, total, suffix in (("orders", 12_000, "parquet"), ("impressions", 24_000, "csv")):
        months = {f"{table}/2026-{month}.{suffix}": 0 for month in ("01", "02", "03")}
        assert {name for name in rows if name.startswith(table)} == months.keys()
        assert sum(rows[name] for name in months) == read(folder, table).height == total


@pytest.mark.parametrize("counts", [{**SMALL, "days": 1}, dict.fromkeys(SMALL, 1)])
def test_small_shops_have_every_row(tmp_path: Path, counts: dict[str, int]) -> None:
    shop_data.generate(tmp_path, **counts)
    heights = [read(tmp_path, table).height for table in ("customers", "products", "impressions")]
    assert heights == [counts["customers"], counts["products"], counts["impressions"]]


@pytest.mark.parametrize(
    ("table", "schema"),
    [
        (
            "customers",
            {
                "customer_id": pl.Int64,
                "signed_up_at": pl.Datetime("us"),
                "age": pl.Int64,
                "newsletter": pl.Boolean,
                "about": pl.String,
            },
        ),
        (
            "products",
            {
                "product_id": pl.Int64,
                "title": pl.String,
                "category": pl.String,
                "price": pl.Float64,
                "photo": pl.String,
            },
        ),
        (
            "orders",
            {
                "order_id": pl.Int64,
                "customer_id": pl.Int64,
                "product_id": pl.Int64,
                "ordered_at": pl.Datetime("us"),
                "category": pl.String,
                "quantity": pl.Int64,
                "amount": pl.Float64,
            },
        ),
        (
            "impressions",
            {
                "impression_id": pl.Int64,
                "customer_id": pl.Int64,
                "product_id": pl.Int64,
                "shown_at": pl.Datetime("us"),
                "basket_value": pl.Float64,
                "bought": pl.Boolean,
            },
        ),
    ],
)
def test_schema(shop: dict[str, pl.DataFrame], table: str, schema: dict[str, pl.DataType]) -> None:
    frame = shop[table]
    key = frame.columns[0]
    assert dict(frame.schema) == schema
    assert frame[key].to_list() == list(range(1, frame.height + 1))
    assert [name for name in frame.columns if frame[name].null_count()] == (["about"] if table == "customers" else [])


def test_keys_refer_to_rows(shop: dict[str, pl.DataFrame]) -> None:
    for table in ("orders", "impressions"):
        for parent, key in (("customers", "customer_id"), ("products", "product_id")):
            assert shop[table].join(shop[parent], on=key, how="anti").height == 0


def test_orders_repeat_the_category_and_price_of_their_product(shop: dict[str, pl.DataFrame]) -> None:
    joined = shop["orders"].join(shop["products"], on="product_id")
    assert (joined["category"] == joined["category_right"]).all()
    assert joined["amount"].to_numpy() == pytest.approx((joined["price"] * joined["quantity"]).to_numpy(), abs=0.005)


@pytest.mark.parametrize(("table", "timestamp"), [("orders", "ordered_at"), ("impressions", "shown_at")])
def test_times_are_sorted_inside_the_days_and_in_their_month(
    written: tuple[Path, dict[str, int]], shop: dict[str, pl.DataFrame], table: str, timestamp: str
) -> None:
    times = shop[table][timestamp]
    assert times.is_sorted()
    assert times.is_between(FIRST, END, closed="left").all()
    start = 0
    for month, name in enumerate(sorted(name for name in written[1] if name.startswith(table)), start=1):
        assert set(times[start : start + written[1][name]].dt.month()) == {month}
        start += written[1][name]


def test_times_of_impressions_are_iso_text_with_microseconds(written: tuple[Path, dict[str, int]]) -> None:
    text = pl.read_csv(written[0] / "impressions" / "2026-02.csv", infer_schema=False)
    assert text["shown_at"].str.contains(r"^2026-02-\d\dT\d\d:\d\d:\d\d\.\d{6}$").all()
    assert set(text["bought"]) == {"true", "false"}


def test_customers_are_as_described(shop: dict[str, pl.DataFrame]) -> None:
    customers = shop["customers"]
    words = customers["about"].drop_nulls().str.split(" ").list.len()
    assert customers["age"].is_between(8, 75).all()
    assert 0.35 <= (customers["age"] < 18).mean() <= 0.40
    assert customers["signed_up_at"].max() < FIRST
    assert 0.02 < customers["about"].null_count() / customers.height < 0.06
    assert words.is_between(5, 15).all()


def test_about_a_quarter_is_bought(shop: dict[str, pl.DataFrame]) -> None:
    assert shop["impressions"]["bought"].mean() == pytest.approx(0.25, abs=0.01)
    assert shop["impressions"]["customer_id"].value_counts()["count"].min() > 5


def bought_gap(shop: dict[str, pl.DataFrame], condition: pl.Expr) -> dict[bool, float]:
    """For minors (True) and adults, how much likelier a purchase is where the condition holds."""
    rows = shop["impressions"].join(shop["products"], on="product_id").join(shop["customers"], on="customer_id")
    shares = rows.group_by(minor=pl.col("age") < 18, holds=condition).agg(pl.col("bought").mean())
    share = {(minor, holds): bought for minor, holds, bought in shares.rows()}
    return {minor: share[minor, True] - share[minor, False] for minor in (True, False)}


@pytest.mark.parametrize(
    "condition",
    [
        pl.col("title").str.contains("|".join(shop_data.YOUNG_TITLE_WORDS)),
        pl.col("category").is_in(["games", "toys", "electronics"]),
        pl.col("playful"),
    ],
    ids=["title", "category", "photo"],
)
def test_bands_have_opposite_tastes(
    written: tuple[Path, dict[str, int]], shop: dict[str, pl.DataFrame], condition: pl.Expr
) -> None:
    colours = [
        np.ptp(np.asarray(Image.open(written[0] / photo), dtype=int), axis=2).mean()
        for photo in shop["products"]["photo"]
    ]
    products = shop["products"].with_columns(playful=pl.Series(colours) > np.median(colours))
    gap = bought_gap(shop | {"products": products}, condition)
    assert gap[True] > 0.05
    assert gap[False] < -0.05


def test_dear_products_put_off_minors_most(shop: dict[str, pl.DataFrame]) -> None:
    gap = bought_gap(shop, pl.col("price") > shop["products"]["price"].median())
    assert gap[True] < gap[False] < 0


def test_recent_orders_make_buying_likelier(shop: dict[str, pl.DataFrame]) -> None:
    recent = shop["impressions"].join(shop["orders"], on="customer_id")
    recent = recent.filter((pl.col("shown_at") - pl.col("ordered_at")).is_between(pl.duration(), pl.duration(days=7)))
    active = pl.col("impression_id").is_in(recent["impression_id"].unique().to_list())
    gap = bought_gap(shop, active)
    assert min(gap.values()) > 0.05


def test_who_buys_has_filled_the_basket_more(shop: dict[str, pl.DataFrame]) -> None:
    baskets = shop["impressions"]["basket_value"]
    assert baskets.min() == 0.0
    assert min(bought_gap(shop, pl.col("basket_value") > baskets.median()).values()) > 0.02


def test_photos_decode(written: tuple[Path, dict[str, int]], shop: dict[str, pl.DataFrame]) -> None:
    for photo in shop["products"]["photo"]:
        with Image.open(written[0] / photo) as image:
            image.load()
            assert (image.size, image.mode, image.format) == ((32, 32), "RGB", "PNG")


def test_playful_photos_are_more_saturated_and_more_striped() -> None:
    photos = draw_photos(np.repeat([0.0, 1.0], 50), np.random.default_rng(1)).astype(np.int64)
    saturation = np.ptp(photos, axis=3).mean(axis=(1, 2)).reshape(2, 50).mean(axis=1)
    texture = np.abs(np.diff(photos.sum(axis=3), axis=1)).mean(axis=(1, 2)).reshape(2, 50).mean(axis=1)
    assert saturation[1] > 2 * saturation[0]
    assert texture[1] > 1.5 * texture[0]


@pytest.mark.parametrize(
    ("argument", "value", "least"),
    [("seed", -1, 0), ("customers", 0, 1), ("products", 0, 1), ("days", -3, 1), ("impressions", 0, 1)],
)
def test_impossible_counts_are_named_and_nothing_is_written(
    tmp_path: Path, argument: str, value: int, least: int
) -> None:
    message = f"generate: {argument}={value}, expected {least} or more. Nothing was written."
    with pytest.raises(DeclarationError, match=message):
        shop_data.generate(tmp_path / "shop", **{argument: value})
    assert not (tmp_path / "shop").exists()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop_data.main([str(tmp_path), "--seed", "5"])
    assert f"     800  {tmp_path / 'customers.parquet'}\n" in capsys.readouterr().out
    assert read(tmp_path, "customers").height == 800
