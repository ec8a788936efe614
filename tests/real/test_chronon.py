"""Chronon's quickstart: what users bought and sent back in 3, 14 and 30 days, exactly at each of their checkouts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.declarations.feature_service import expand
from headrace.serving.historical import historical
from tests.engine import naive

WINDOWS = ["3d", "14d", "30d"]
AMOUNTS = {"purchases": "purchase_price", "returns": "refund_amt"}
FUNCTIONS = ["sum", "count", "mean", "last_k"]
user = hr.Entity("user", keys=["user_id"])
purchases = hr.Source("purchases", path="purchases.csv")
returns = hr.Source("returns", path="returns.csv")
checkouts = hr.Source("checkouts", path="checkouts.csv")


@hr.feature_view(entity=user, timestamp="at")
def purchase_events(purchases=purchases):
    """Purchases with their moment."""
    return f"select user_id, make_timestamp(ts * 1000) as at, purchase_price from {purchases}"


@hr.feature_view(entity=user, timestamp="at")
def return_events(returns=returns):
    """Returns with their moment."""
    return f"select user_id, make_timestamp(ts * 1000) as at, refund_amt from {returns}"


@hr.feature_view(entity=user, timestamp="at")
def checkout_events(checkouts=checkouts):
    """Checkouts with their moment. The columns are misnamed at their origin."""
    named = "return_id as checkout, refund_amt > 200 as dear"
    return f"select user_id, make_timestamp(ts * 1000) as at, {named} from {checkouts}"


def views(index):
    made = []
    for name, source in (("purchases", purchase_events), ("returns", return_events)):
        features = {}
        for function in FUNCTIONS:
            column = None if function == "count" else AMOUNTS[name]
            k = 3 if function == "last_k" else None
            features[f"{name}_{function}_{{window}}"] = hr.Aggregate(function, column, over=WINDOWS, k=k)
        made.append(hr.FeatureView(f"{name}_of_user", entity=user, source=source, features=features, index=index))
    return made


@pytest.fixture(scope="module")
def events(shared_data):
    folder = shared_data / "chronon_quickstart"
    found = {}
    for name in (*AMOUNTS, "checkouts"):
        rows = pl.read_csv(folder / f"{name}.csv").to_dicts()
        for row in rows:
            row["key"], row["at"] = row["user_id"], naive.EPOCH + timedelta(milliseconds=row["ts"])
        found[name] = rows
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["without an index", "with an index"])
def built(request, make_project, shared_data):
    features = views(request.param)
    rows = hr.TrainingSet("checkouts", spine=checkout_events, label="dear", keep=["checkout"], features=features)
    project = make_project([rows], shared_data / "chronon_quickstart")
    report = build(project)
    assert not report.failed, report.failed
    manifest = project.store.current(rows.key, "dev")
    return project, features, pl.read_parquet(project.store.folder(rows.key, manifest.version) / "data.parquet")


def expected(events, checkouts):
    found = {}
    for name, column in AMOUNTS.items():
        for function in FUNCTIONS:
            for days in (3, 14, 30):
                values = naive.window(
                    checkouts,
                    events[name],
                    function,
                    None if function == "count" else column,
                    timedelta(days=days),
                    parameter=3,
                )
                found[f"{name}_{function}_{days}d"] = values
    return found


def test_every_window_of_every_checkout_equals_a_loop(built, events):
    table = built[2]
    assert table.height == len(events["checkouts"])
    asked = [{"key": row["user_id"], "at": row["at"]} for row in table.iter_rows(named=True)]
    for name, values in expected(events, asked).items():
        assert table[name].to_list() == pytest.approx(values) if "mean" in name else table[name].to_list() == values
    assert table["purchases_sum_30d"].null_count() < table.height


def test_history_of_a_frame_is_the_training_set(built, events):
    project, features, table = built
    rows = [{"user_id": row["user_id"], "at": row["at"].replace(tzinfo=UTC)} for row in events["checkouts"]]
    found = historical(project.store, "dev", expand("test", features), pl.DataFrame(rows), timestamp="at").pl()
    names = [name for name in found.columns if name not in ("user_id", "at")]
    key = ["user_id", "at"]
    left = found.with_columns(pl.col("at").dt.replace_time_zone(None)).sort(*key).select(*key, *names)
    assert left.equals(table.sort(*key).select(*key, *names))


def test_nobody_has_bought_before_history_begins(built):
    project, features, _ = built
    long_ago = pl.DataFrame({"user_id": [1, 2], "at": [datetime(2001, 1, 1)] * 2})
    found = historical(project.store, "dev", expand("test", features), long_ago, timestamp="at").pl()
    assert found["purchases_count_30d"].to_list() == [0, 0]
    assert found["purchases_sum_30d"].to_list() == [None, None]
