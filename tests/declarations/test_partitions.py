"""Labels of moments, their order and reach, and wrong declarations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.declarations.partitions import file_name
from headrace.errors import DeclarationError

ENTITY = hr.Entity("customer", keys=["customer"])
DAILY = hr.Daily(start="2024-01-01")
ORDERS = hr.Source("orders", path="{partition}.csv", timestamp="seen", partitions=DAILY)
KINDS = [
    hr.Hourly("at", start="1990-01-01"),
    hr.Daily("at", start="1990-01-01"),
    hr.Daily("at", start="1990-01-01", timezone="America/New_York"),
    hr.Daily("at", start="1990-01-01", timezone="Asia/Kathmandu"),
    hr.Daily("at", start="1990-01-01", timezone="America/Sao_Paulo"),
    hr.Monthly("at", start="1990-01-01", timezone="Europe/Berlin"),
]
moments = st.datetimes(datetime(1990, 1, 2), datetime(2040, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))


@pytest.mark.parametrize("partitions", KINDS, ids=repr)
@settings(max_examples=30, deadline=None)
@given(moments)
def test_a_moment_lies_in_its_partition(partitions, moment):
    label = partitions.label(moment)
    first, end = partitions.span(label)
    assert first <= moment < end
    assert partitions.why_not(label) is None
    assert partitions.label(end) > label
    assert partitions.span(partitions.label(end))[0] == end
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert partitions.label_at(microseconds) == label
    assert partitions.label_at(microseconds // 900_000_000 * 900_000_000) == label


@pytest.mark.parametrize(
    ("label", "hours"), [("2024-03-09", 24), ("2024-03-10", 23), ("2024-11-03", 25), ("2024-12-31", 24)]
)
def test_days_are_as_long_as_the_clock_makes_them(label, hours):
    first, end = hr.Daily("at", start="2024-01-01", timezone="America/New_York").span(label)
    assert end - first == timedelta(hours=hours)


@pytest.mark.parametrize("partitions", KINDS, ids=repr)
@settings(max_examples=10, deadline=None)
@given(moments, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_reach_holds_every_partition_that_a_window_meets_and_no_more_than_counted(partitions, moment, back):
    label = partitions.label(moment)
    labels = [label]
    while partitions.span(labels[0])[1] > partitions.span(label)[0] - back - timedelta(days=1):
        labels.insert(0, partitions.label(partitions.span(labels[0])[0] - timedelta(microseconds=1)))
    seen = partitions.reach(label, labels, back)
    assert partitions.label(partitions.span(label)[0] - back + timedelta(microseconds=1)) >= seen[0]
    assert seen[-1] == label
    assert len(seen) <= partitions.count(back) + 1


def test_a_window_of_a_day_at_the_end_of_a_month():
    months = hr.Monthly("at", start="2024-01-01")
    labels = ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert months.reach("2024-03-01", labels, timedelta(days=1)) == ["2024-02-01", "2024-03-01"]
    assert months.reach("2024-03-01", labels, timedelta(days=29)) == ["2024-02-01", "2024-03-01"]
    assert months.reach("2024-03-01", labels, timedelta(days=30)) == labels
    assert months.reach("2024-03-01", labels, None) == labels


def test_labels_become_names_of_files():
    names = [file_name(label) for label in ("2024-01-05-13:00", "a/b", "a%2Fb", "..", "é x")]
    assert names == [
        "2024-01-05-13%3A00.parquet",
        "a%2Fb.parquet",
        "a%252Fb.parquet",
        "%2E%2E.parquet",
        "%C3%A9 x.parquet",
    ]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: hr.Daily("at"), r"Daily\(start=''\): needs a start\. .*start=\"2024-01-01\""),
        (lambda: hr.Monthly("at", start="2024-01-15"), r"'2024-01-15' is not the beginning of a month"),
        (
            lambda: hr.Hourly("at", start="2024-01-01", timezone="Europe/Berlin"),
            r"Hourly.* has timezone 'Europe/Berlin'",
        ),
        (lambda: hr.Daily("at", start="2024-01-01", timezone="Berlin"), r"timezone 'Berlin' is unknown"),
        (lambda: hr.Daily("at", start="1960-01-01", timezone="Europe/Berlin"), r"Start in 1973 or later, or use UTC"),
        (lambda: hr.ByKey(""), r"needs a column\. As in hr\.ByKey"),
        (lambda: hr.ByKey("shop", values="ulm"), r"has no values\. Give several"),
        (lambda: hr.ByKey("shop", values=["a", "b\n"]), r"holds '\.\.' or a control character"),
        (lambda: hr.Source("s", path="{partition}.csv"), r"has \{partition\} in its path .* but no partitions"),
        (lambda: hr.Source("s", path="s.csv", partitions="day"), r"partitions is 'day'\. Give hr\.Hourly, hr\.Daily"),
        (lambda: hr.Source("s", path="s.csv", partitions=DAILY), r"no column of times\. Say which"),
        (
            lambda: hr.Source("s", path="{partition:%Y}/{partition}.csv", timestamp="at", partitions=DAILY),
            r"in two ways",
        ),
        (lambda: hr.Source("s", path="{partition:%Y}.csv", partitions=hr.ByKey("k")), r"gives a key a format"),
        (lambda: hr.Source("s", path="{partition}.csv", timestamp="at", partitions=DAILY, images=["p"]), r"and images"),
        (
            lambda: hr.Source("s", database="a.duckdb", table="t", timestamp="at", partitions=DAILY),
            r"which only files have",
        ),
        (
            lambda: hr.FeatureView(
                "v", entity=ENTITY, source=ORDERS, features=["x"], partitions=hr.Daily(start="2024-02-01")
            ),
            r"Daily\(start='2024-02-01', timezone='UTC'\), but sources/orders has Daily\(start='2024-01-01'",
        ),
        (
            lambda: hr.FeatureView(
                "v", entity=ENTITY, source=ORDERS, features=["x"], timestamp="paid", partitions=DAILY
            ),
            r"has partitions by 'paid', but its source by 'seen'",
        ),
        (
            lambda: hr.FeatureView("v", entity=ENTITY, source=ORDERS, features=["x"], partitions=DAILY, lookback="7d"),
            r"has lookback '7d', but a view of columns does not look back",
        ),
        (
            lambda: hr.FeatureView("v", entity=ENTITY, source=ORDERS, features=["x"], lookback="7d"),
            r"has lookback '7d' but no partitions in time",
        ),
        (
            lambda: hr.FeatureView(
                "v",
                entity=ENTITY,
                source=hr.Source("s", path="s.csv", timestamp="at"),
                features=["x"],
                partitions=DAILY,
            ),
            r"has partitions by day, but none of its inputs has any",
        ),
        (
            lambda: hr.FeatureView(
                "v",
                entity=ENTITY,
                source=hr.Source("s", path="s.csv", timestamp="at", partitions=hr.ByKey("shop")),
                features={"n": hr.Aggregate("count", over="1d")},
                partitions=hr.ByKey("shop"),
            ),
            r"has windows, which may reach over partitions by 'shop'\. Partition by one of its keys: customer",
        ),
    ],
)
def test_mistakes_are_refused_where_they_are_written(declare, message):
    with pytest.raises(DeclarationError, match=message):
        declare()


@pytest.mark.parametrize(
    ("features", "ttl", "back"),
    [
        ({"n": hr.Aggregate("count", over=["1d", "7d"])}, None, timedelta(days=7)),
        ({"n": hr.Aggregate("count")}, "30d", timedelta(days=30)),
        ({"n": hr.Aggregate("count")}, None, None),
        (["amount"], None, timedelta(0)),
    ],
)
def test_windows_say_how_far_they_look_back(features, ttl, back):
    if isinstance(features, dict) and len(features["n"].windows) > 1:
        features = {"n_{window}": features["n"]}
    view = hr.FeatureView("v", entity=ENTITY, source=ORDERS, features=features, ttl=ttl, partitions=DAILY)
    assert view.back == back


def test_start_and_values_do_not_decide_what_a_partition_holds():
    later = hr.Source("orders", path="{partition}.csv", timestamp="seen", partitions=hr.Daily(start="2025-01-01"))
    assert later.data() == ORDERS.data()
    assert "partitions" not in hr.Source("orders", path="o.csv").data()
