"""Training sets as tables: what is kept, how rows are split, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

import headrace as hr
from headrace.builder.materialize import materialize
from headrace.errors import DeclarationError, UnknownName, ValidationError

DAY = timedelta(days=1)
START = datetime(2026, 1, 1)
customer = hr.Entity("customer", keys=["customer"])


@pytest.fixture
def raw(tmp_path):
    rows = pl.DataFrame(
        {
            "id": range(20),
            "customer": [number % 4 for number in range(20)],
            "at": [START + number * DAY for number in range(20)],
            "later": range(100, 120),
            "split": ["test" if number < 5 else "train" for number in range(20)],
            "y": [None if number == 3 else number % 2 == 0 for number in range(20)],
        }
    )
    rows.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(tmp_path / "rows.parquet")
    rows.select("id", "customer", "at", amount="later").write_parquet(tmp_path / "events.parquet")
    return tmp_path


spine = hr.Source("rows", path="rows.parquet", keys=["id"], timestamp="at")
events = hr.Source("events", path="events.parquet", keys=["id"], timestamp="at")
spending = hr.FeatureView(
    "spending", entity=customer, source=events, features={"spent": hr.Aggregate("sum", "amount", over="5d")}
)


def table(make_project, raw, training_set):
    project = make_project([training_set], raw)
    for declaration in project.graph.nodes.values():
        manifest = materialize(project, declaration).manifest
    return pl.read_parquet(project.store.folder(manifest.asset, manifest.version) / "data.parquet"), manifest


def test_only_what_was_asked_for_is_kept_in_order_of_time(make_project, raw):
    found, manifest = table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", features=[spending]))
    assert found.columns == ["id", "customer", "at", "y", "spent", "split"]
    assert found["at"].is_sorted()
    assert manifest.details["labels"] == {"y": {"null": 1, "distinct": 2}}


def test_a_window_holds_the_row_s_own_moment_and_not_the_edge_behind_it(make_project, raw):
    found, _ = table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", features=[spending]))
    expected = [100 + number + (100 + number - 4 if number >= 4 else 0) for number in range(20)]
    assert found.sort("id")["spent"].to_list() == expected


@pytest.mark.parametrize(
    ("split", "test", "validation"),
    [
        (hr.TimeSplit(test="4d"), [16, 17, 18, 19], []),
        (hr.TimeSplit(validation="2d", test="4d"), [16, 17, 18, 19], [14, 15]),
        (hr.TimeSplit(test="2026-01-19"), [18, 19], []),
        (hr.ColumnSplit("split"), [0, 1, 2, 3, 4], []),
    ],
)
def test_splits(make_project, raw, split, test, validation):
    found, _ = table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", split=split))
    by_split = {name: sorted(rows["id"]) for (name,), rows in found.group_by("split")}
    assert (by_split["test"], by_split.get("validation", [])) == (test, validation)
    assert found.height == 20


def test_groups_are_never_divided(make_project, raw):
    split = hr.GroupSplit(by="customer", test=0.5, seed=3)
    found, _ = table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", split=split))
    assert found.group_by("customer").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 4
    assert set(found["split"]) == {"train", "test"}


def test_a_split_without_training_rows_is_refused(make_project, raw):
    with pytest.raises(ValidationError, match="leaves no row to train on"):
        table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", split=hr.TimeSplit(test="2025-01-01")))


def test_an_unknown_spine_column_is_named_once_data_is_read(make_project, raw):
    with pytest.raises(UnknownName, match=r"unknown spine column 'yy'\. Did you mean 'y'"):
        table(make_project, raw, hr.TrainingSet("t", spine=spine, label="yy"))


def test_the_same_feature_from_two_views_is_refused():
    other = hr.FeatureView("other", entity=customer, source=events, features={"spent": "amount"})
    with pytest.raises(DeclarationError, match="'spent' comes from features/spending and features/other"):
        hr.TrainingSet("t", spine=spine, label="y", features=[spending, other])


def test_text_keys_are_not_compared_with_numbers(make_project, raw):
    pl.read_parquet(raw / "events.parquet").with_columns(pl.col("customer").cast(pl.String)).write_parquet(
        raw / "events.parquet"
    )
    with pytest.raises(ValidationError, match="customer: is BIGINT, but 'customer' of features/spending is VARCHAR"):
        table(make_project, raw, hr.TrainingSet("t", spine=spine, label="y", features=[spending]))


def test_one_view_under_two_keys_answers_each_by_its_own(make_project, raw):
    """As the weather at an origin and at a destination: a windowed view and one of columns."""
    flights = pl.DataFrame({"id": [1, 2], "at": [START + 10 * DAY] * 2, "a": [0, 1], "b": [1, 9], "y": [True, False]})
    flights.write_parquet(raw / "flights.parquet")
    trips = hr.Source("flights", path="flights.parquet", keys=["id"], timestamp="at")
    last = hr.FeatureView("last", entity=customer, source=events, features=["amount"])
    features = [one.on({"customer": end}, prefix=f"{end}_") for one in (spending, last) for end in ("a", "b")]
    found, manifest = table(make_project, raw, hr.TrainingSet("t", spine=trips, label="y", features=features))
    wanted = {"a_spent": [108, 109], "b_spent": [109, None], "a_amount": [108, 109], "b_amount": [109, None]}
    assert found.select(*wanted).to_dict(as_series=False) == wanted
    assert manifest.details["column lineage"]["b_amount"] == ["features/last.amount"]
