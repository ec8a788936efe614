"""Historical features: spines of every origin, in batches, with and without an index, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.declarations.feature_service import expand
from headrace.errors import DeclarationError, NotBuilt, UnknownName, ValidationError
from headrace.serving.historical import historical

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1)
shop = hr.Entity("shop", keys=["country", "shop"])
customer = hr.Entity("customer", keys=["customer"])
prices = hr.Source("prices", path="prices.parquet", timestamp="at", created="known")
visits = hr.Source("visits", path="visits.parquet", timestamp="at")
clicks = hr.Source("clicks", path="clicks.parquet", keys=["id"], timestamp="at")


def views(index):
    price = hr.FeatureView("price", entity=shop, source=prices, features=["price", "label"], ttl="30h", index=index)
    last = hr.FeatureView("last", entity=customer, source=visits, features=["page"], index=index)
    counted = {"visits_{window}": hr.Aggregate("count", over=["5h", "20h"]), "pages": hr.Aggregate("max", "page")}
    activity = hr.FeatureView("activity", entity=customer, source=visits, features=counted, index=index)
    return [price, last, activity]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    numbers = range(200)
    pl.DataFrame(
        {
            "country": [("de", "at", None)[n % 3] for n in numbers],
            "shop": [n % 4 for n in numbers],
            "at": [START + n * HOUR / 2 for n in numbers],
            "known": [START + n * HOUR / 2 + (n % 5) * HOUR for n in numbers],
            "price": [None if n % 7 == 0 else n / 10 for n in numbers],
            "label": [f"p{n}" for n in numbers],
        }
    ).sample(fraction=1.0, shuffle=True, seed=1).write_parquet(folder / "prices.parquet")
    pl.DataFrame(
        {"customer": [n % 9 for n in numbers], "at": [START + n * HOUR for n in numbers], "page": list(numbers)}
    ).write_parquet(folder / "visits.parquet")
    spine().with_columns(customer=pl.col("customer").cast(pl.Int64)).write_parquet(folder / "clicks.parquet")
    return folder


def spine(rows=300):
    numbers = range(rows)
    return pl.DataFrame(
        {
            "id": list(numbers),
            "customer": [None if n % 13 == 0 else n % 11 for n in numbers],
            "country": [("at", "de", "fr")[n % 3] for n in numbers],
            "shop": [n % 5 for n in numbers],
            "at": [START + (n * 7 % 400) * HOUR / 3 for n in numbers],
        }
    )


@pytest.fixture(scope="module")
def projects(make_project, raw):
    """The same project with and without indexes."""
    found = {}
    for index in (False, True):
        project = make_project([*views(index), clicks], raw)
        report = build(project)
        assert not report.failed
        found[index] = project
    return found


def ask(project, given, *, index=False, features=None, **options):
    return historical(project.store, "dev", expand("test", features or views(index)), given, **options)


@pytest.fixture(scope="module")
def expected(projects):
    return ask(projects[False], spine(), timestamp="at").pl()


def test_the_spine_comes_first_and_in_order(expected):
    features = ["price", "label", "page", "visits_5h", "visits_20h", "pages"]
    assert expected.columns == [*spine().columns, *features]
    assert expected["id"].to_list() == list(range(300))
    assert all(0 < expected[name].null_count() < 300 for name in ("label", "page", "pages"))


def test_every_row_equals_a_loop_over_the_raw_rows(expected, raw):
    rows = pl.read_parquet(raw / "prices.parquet").to_dicts()
    for asked in expected.to_dicts():
        seen = [
            row
            for row in rows
            if (row["country"], row["shop"]) == (asked["country"], asked["shop"])
            and row["at"] <= asked["at"]
            and row["known"] <= asked["at"]
        ]
        best = max(seen, key=lambda row: row["at"], default=None)
        best = None if best is None or best["at"] < asked["at"] - 30 * HOUR else best
        assert asked["label"] == (best and best["label"])
        assert asked["price"] == (best and best["price"])


def test_an_index_changes_nothing(projects, expected):
    found = ask(projects[True], spine(), index=True, timestamp="at")
    assert found.pl().equals(expected)
    assert found.pl().schema == expected.schema


@pytest.mark.parametrize("size", [7, 299, 300, 1000])
@pytest.mark.parametrize("index", [False, True])
def test_batches_are_the_rows_in_order(projects, expected, index, size):
    given = spine().head(40) if size == 7 else spine()
    found = ask(projects[index], given, index=index, timestamp="at")
    batches = [pl.DataFrame(batch) for batch in found.batches(size)]
    assert {batch.height for batch in batches[:-1]} <= {size}
    assert pl.concat(batches).equals(expected.head(given.height))


def origins(folder: Path):
    spine().write_parquet(folder / "spine.parquet")
    spine().write_csv(folder / "spine.csv")
    connection = duckdb.connect()
    connection.execute(f"create table rows as from '{folder / 'spine.parquet'}'")
    return {
        "polars": spine(),
        "lazy": spine().lazy(),
        "arrow": spine().to_arrow(),
        "relation": connection.table("rows"),
        "file": folder / "spine.parquet",
        "file by name": str(folder / "spine.parquet"),
        "csv": str(folder / "spine.csv"),
        "sql": "select * from sources.clicks order by id;",
    }


@pytest.mark.parametrize("origin", ["polars", "lazy", "arrow", "relation", "file", "file by name", "csv", "sql"])
def test_spines_of_every_origin(projects, expected, origin, tmp_path):
    found = ask(projects[True], origins(tmp_path)[origin], index=True, timestamp="at").pl()
    assert found.equals(expected.cast(dict(zip(found.columns, found.dtypes, strict=True))))


def test_a_declaration_brings_its_own_time(projects, expected):
    assert ask(projects[False], clicks).pl().sort("id").equals(expected)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_written_files_hold_the_rows(projects, expected, tmp_path, suffix):
    path = ask(projects[True], spine(), index=True, timestamp="at").write(tmp_path / f"out.{suffix}")
    connection = duckdb.connect()
    assert (
        connection.sql(f"select id, label, visits_5h from '{path}'")
        .pl()
        .equals(expected.select("id", "label", "visits_5h"))
    )
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_relation_can_be_asked_further(projects, expected):
    relation = ask(projects[False], spine(), timestamp="at").relation()
    assert relation.filter("visits_5h > 0").aggregate("count(*)").fetchall() == [((expected["visits_5h"] > 0).sum(),)]


@pytest.mark.parametrize("index", [False, True])
def test_an_empty_spine_has_every_column_with_its_type(projects, expected, index):
    found = ask(projects[index], spine().head(0), index=index, timestamp="at").pl()
    assert (found.height, found.schema) == (0, expected.schema)


@pytest.mark.parametrize("index", [False, True])
def test_as_known_at_an_earlier_moment(projects, raw, index):
    moment = START + 20 * HOUR
    price = views(index)[0]
    given = pl.DataFrame({"country": ["de"], "shop": [0], "at": [START + 24 * HOUR]})
    found = ask(projects[index], given, features=[price], timestamp="at", as_of=moment.replace(tzinfo=UTC)).pl()
    rows = pl.read_parquet(raw / "prices.parquet").filter(
        (pl.col("country") == "de") & (pl.col("shop") == 0) & (pl.col("known") <= moment)
    )
    assert found["label"].to_list() == [rows.sort("at")["label"].to_list()[-1]]
    same = ask(projects[index], given, features=[price], timestamp="at", as_of=moment.isoformat()).pl()
    assert same.equals(found)


@pytest.mark.parametrize("index", [False, True])
def test_the_leaky_reading_is_an_option(projects, raw, index):
    price = views(index)[0]
    given = pl.DataFrame({"country": ["de"], "shop": [0], "at": [START + 6 * HOUR]})
    honest = ask(projects[index], given, features=[price], timestamp="at").pl()
    leaky = ask(projects[index], given, features=[price], timestamp="at", known_only=False).pl()
    rows = pl.read_parquet(raw / "prices.parquet").filter((pl.col("country") == "de") & (pl.col("shop") == 0))
    latest = rows.filter(pl.col("at") <= START + 6 * HOUR).sort("at")["label"].to_list()[-1]
    assert leaky["label"].to_list() == [latest]
    assert honest["label"].to_list() != [latest]


def test_on_demand_features_are_computed_for_each_batch(projects):
    @hr.on_demand(inputs=[views(False)[2], hr.Request("factor", float)], features=["scaled"])
    def scaled(rows):
        return rows.select(scaled=pl.col("visits_20h") * pl.col("factor"))

    given = spine().with_columns(factor=pl.col("id") / 2)
    found = ask(projects[False], given, features=[*views(False)[2:], scaled], timestamp="at")
    frame = pl.concat([pl.DataFrame(one) for one in found.batches(64)])
    assert frame["scaled"].to_list() == (frame["visits_20h"] * frame["factor"]).to_list()


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (spine().drop("shop"), {"timestamp": "at"}, UnknownName, "unknown spine column 'shop'"),
        (spine(), {"timestamp": "att"}, UnknownName, "unknown spine column 'att'. Did you mean 'at'"),
        (spine(), {}, DeclarationError, "features/price changes over time but the spine has no time"),
        (spine(), {"timestamp": "id"}, ValidationError, "id: is BIGINT, no time"),
        (5, {"timestamp": "at"}, DeclarationError, "the spine is a int"),
        (Path("rows.xyz"), {"timestamp": "at"}, DeclarationError, "cannot read rows.xyz as a spine"),
        ("selekt 1", {"timestamp": "at"}, DeclarationError, "the spine cannot be read: Parser Error"),
        (spine(), {"timestamp": "at", "as_of": "soon"}, DeclarationError, "cannot read as_of='soon' as a moment"),
        (
            spine().rename({"id": "page"}),
            {"timestamp": "at"},
            DeclarationError,
            "'page' comes from the spine and features/last",
        ),
        (
            spine().with_columns(customer=pl.col("customer").cast(pl.String)),
            {"timestamp": "at"},
            ValidationError,
            "customer: is VARCHAR, but 'customer' of features/last is BIGINT",
        ),
    ],
)
def test_what_does_not_fit_is_refused(projects, given, options, error, message):
    with pytest.raises(error, match=message):
        ask(projects[False], given, **options).pl()


def test_a_view_that_was_never_built_is_named(projects):
    other = hr.FeatureView("other", entity=customer, source=visits, features=["page"])
    with pytest.raises(NotBuilt, match="features/other has no version"):
        ask(projects[False], spine(), features=[other], timestamp="at")
