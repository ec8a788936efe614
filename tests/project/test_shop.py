"""The reference project as its user runs it: the whole main path over generated raw files."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import datetime

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from headrace import serving
from headrace.builder.build import build
from headrace.builder.project import load_project
from headrace.examples.shop_data import generate
from headrace.serving.feature_store import FeatureStore
from headrace.store.store import Store
from tests.conftest import REPOSITORY

CUTOFF = datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The shop, built in a store and over raw data of its own."""
    root = tmp_path_factory.mktemp("shop")
    generate(root / "data", impressions=8_000)
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    found = load_project(REPOSITORY)
    project = dataclasses.replace(found, root=root, store_folder=root / ".headrace", data_folder=root / "data")
    report = build(project)
    assert not report.failed, report.failed
    return project


def table(project, asset: str) -> str:
    manifest = project.store.current(asset, project.environment)
    return f"'{project.store.folder(asset, manifest.version)}/data.parquet'"


def metrics(project, asset: str) -> dict:
    return project.store.current(asset, project.environment).details["metrics"]


def test_a_second_build_computes_nothing(shop):
    report = build(shop)
    assert (report.keys("built"), report.keys("reused"), len(report.keys("fresh"))) == ([], [], len(shop.graph.keys))


def test_the_cascade_beats_one_model_and_loses_to_perfect_routing(shop):
    found = metrics(shop, "cascades/recommend")["bought"]
    assert found["one model without routing"]["auc"] + 0.02 < found["end to end"]["auc"] < found["true routing"]["auc"]
    assert found["end to end"]["rows"] == found["branch for_minors"]["rows"] + found["branch for_adults"]["rows"]


def test_text_tells_the_age_band(shop):
    assert metrics(shop, "cascades/recommend/age_band")["test"]["accuracy"] > 0.80


def test_downstream_learns_from_answers_of_models_that_have_not_seen_the_customer(shop):
    folds = duckdb.sql(
        f"select count(distinct fold) filter (where split = 'train'), count(fold) filter (where split = 'test'),"
        f" max(per) from (select *, count(distinct fold) over (partition by customer_id) as per"
        f" from {table(shop, 'cascades/recommend/age_band')})"
    ).fetchall()
    assert folds == [(5, 0, 1)]


@pytest.fixture(scope="module")
def served(shop):
    rows = duckdb.sql(f"select * from {table(shop, 'training_sets/purchases')} limit 1000").pl()
    return rows, serving.load("recommend", shop.root)


def test_a_thousand_rows_one_at_a_time_equal_the_bulk(served):
    rows, predictor = served
    assert [predictor.predict_row(row) for row in rows.to_dicts()] == predictor.predict(rows).to_dicts()


def test_serving_says_what_the_evaluation_said(shop, served):
    """The final model on test rows whose customers the router never learnt from, as the cascade's table has them."""
    _, predictor = served
    wanted = (
        f"select p.*, c.prediction, c.score from {table(shop, 'cascades/recommend')} as c"
        f" join (select row_number() over () - 1 as row, * from {table(shop, 'training_sets/purchases')}) as p"
        f" using (row)"
        f" where c.output = 'bought' and p.customer_id in"
        f" (select customer_id from {table(shop, 'training_sets/ages')} where split = 'test')"
    )
    rows = duckdb.sql(wanted).pl()
    assert rows.height > 100
    said = predictor.predict(rows.drop("prediction", "score"))
    assert said["bought_probability_true"].cast(pl.Float64).to_list() == rows["score"].to_list()


def test_the_online_store_says_what_a_training_row_of_that_moment_would_see(shop, served):
    """And so does the cascade, asked with what was read online."""
    at = datetime(2026, 4, 1)
    asked = duckdb.sql(
        f"select * replace (timestamp '{at}' as shown_at) from {table(shop, 'sources/impressions')}"
        f" using sample 300 rows (reservoir, 7)"
    ).pl()
    rows, requests = asked.select("customer_id", "product_id"), asked.select("basket_value")
    with FeatureStore(shop.root) as store:
        (purchase,) = shop.services
        wanted = store.historical(purchase, asked, "shown_at").pl()
        found = store.online(purchase, rows, requests, at=at)
    assert_frame_equal(found.pl(), wanted.select(found.names), check_exact=False, rel_tol=1e-12, abs_tol=1e-9)
    assert found.pl()["basket_share"].is_not_null().mean() > 0.5
    _, predictor = served
    assert [predictor.predict_row(row) for row in found] == predictor.predict(found.pl()).to_dicts()


@pytest.fixture(scope="module")
def changed_future(shop, tmp_path_factory):
    """The same shop with every event after the cutoff moved by an hour and changed."""
    root = tmp_path_factory.mktemp("future")
    shutil.copytree(shop.data_folder, root / "data")
    for path in (root / "data" / "orders").glob("*.parquet"):
        later = pl.col("ordered_at") > CUTOFF
        moved = pl.read_parquet(path).with_columns(
            pl.when(later)
            .then(pl.col("ordered_at") + pl.duration(hours=1))
            .otherwise("ordered_at")
            .alias("ordered_at"),
            pl.when(later).then(pl.col("amount") * 100).otherwise("amount").alias("amount"),
            pl.when(later).then(pl.col("quantity") + 7).otherwise("quantity").alias("quantity"),
        )
        moved.write_parquet(path)
    changed = dataclasses.replace(shop, root=root, store_folder=root / ".headrace", data_folder=root / "data")
    report = build(changed, ["training_sets/purchases"])
    assert not report.failed, report.failed
    return changed


def test_no_event_of_the_future_changes_a_training_row(shop, changed_future):
    query = "select * exclude (split) from {} where shown_at <= timestamp '" + str(CUTOFF) + "' order by impression_id"
    before, after = (
        duckdb.sql(query.format(table(one, "training_sets/purchases"))).pl() for one in (shop, changed_future)
    )
    assert before.height > 4_000
    assert before.equals(after)


def test_the_changed_future_did_change_later_rows(shop, changed_future):
    query = "select sum(spend_7d) from {} where shown_at > timestamp '" + str(CUTOFF) + "'"
    before, after = (
        duckdb.sql(query.format(table(one, "training_sets/purchases"))).fetchall() for one in (shop, changed_future)
    )
    assert before != after


@pytest.mark.parametrize(
    ("removed", "least_fall"),
    [
        ("about", 0.05),
        ("photo", 0.01),
        ("title", 0.005),
        ("category", 0.005),
        ("orders_30d", 0.005),
        ("basket_share", 0.003),
    ],
)
def test_each_modality_carries_signal(shop, served, removed, least_fall):
    """Shuffling one input among the test rows must cost: a broken encoder shows as a fallen metric."""
    from sklearn.metrics import roc_auc_score

    _, predictor = served
    rows = duckdb.sql(f"select * from {table(shop, 'training_sets/purchases')} where split = 'test'").pl()
    target = "age_band" if removed == "about" else "bought"
    truth = rows["bought"] if target == "bought" else _bands(shop, rows)
    share = f"{target}_probability_{'true' if target == 'bought' else 'minor'}"
    columns = ["orders_7d", "orders_30d", "spend_7d", "spend_30d"] if removed == "orders_30d" else [removed]
    shuffled = rows.with_columns(rows.select(columns).sample(fraction=1.0, shuffle=True, seed=3))
    whole, broken = (roc_auc_score(truth, predictor.predict(one)[share]) for one in (rows, shuffled))
    assert broken < whole - least_fall, (whole, broken)


def _bands(shop, rows):
    customers = duckdb.sql(f"select customer_id, age < 18 as minor from {table(shop, 'sources/customers')}").pl()
    return rows.select("customer_id").join(customers, on="customer_id", how="left", maintain_order="left")["minor"]


def test_any_duckdb_client_reads_the_views_while_they_are_replaced(shop):
    with duckdb.connect(str(shop.views_file)) as client:
        before = client.sql("select count(*) from training_sets.purchases").fetchall()
        report = build(shop, ["matrices/purchase_matrix"], force=True, only=True)
        assert report.keys("built") == ["matrices/purchase_matrix"]
        assert client.sql("select count(*) from training_sets.purchases").fetchall() == before
    assert Store(shop.store_folder).refs("dev").current().keys() == set(shop.graph.keys)
