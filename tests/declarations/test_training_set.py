from __future__ import annotations

import pandera.polars as pa
import polars as pl
import pytest

import headrace as hr
from headrace.errors import DeclarationError


class Impressions(pa.DataFrameModel):
    impression_id: int
    customer_id: int
    shown_at: pl.Datetime
    channel: str
    bought: bool


class Customers(pa.DataFrameModel):
    customer_id: int
    age: int
    channel: str


customer = hr.Entity("customer", keys=["customer_id"])
impressions = hr.Source("impressions", path="i.csv", keys=["impression_id"], schema=Impressions)
customers = hr.Source("customers", path="c.csv", keys=["customer_id"], schema=Customers)
profile = hr.FeatureView("profile", entity=customer, source=customers, features=["age"])
channels = hr.FeatureView("channels", entity=customer, source=customers, features=["channel"])
events = hr.Source("events", path="e.csv", timestamp="at")
activity = hr.FeatureView("activity", entity=customer, source=events, features={"n": hr.Aggregate("count")})


def rows(**changes) -> hr.TrainingSet:
    return hr.TrainingSet(
        **{"name": "rows", "spine": impressions, "timestamp": "shown_at", "label": "bought", **changes}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spine": "impressions"}, "spine is a str. Give a Source or FeatureView"),
        ({"label": "bougth"}, "unknown spine column 'bougth'. Did you mean 'bought'"),
        ({"label": []}, "has no label"),
        ({"timestamp": "shown"}, "unknown spine column 'shown'. Did you mean 'shown_at'"),
        ({"keep": ["chanel"]}, "unknown spine column 'chanel'. Did you mean 'channel'"),
        ({"features": ["profile"]}, "'profile' is no feature view"),
        ({"features": [profile, profile]}, "'age' comes from features/profile and features/profile"),
        ({"features": [channels], "keep": ["channel"]}, "'channel' comes from the spine and features/channels"),
        ({"timestamp": None, "features": [activity]}, "features/activity changes over time but the spine has no"),
        ({"timestamp": None, "split": hr.TimeSplit(test="1d")}, "is split by time but has no timestamp"),
        ({"split": hr.GroupSplit("custmer_id")}, "unknown spine column 'custmer_id'. Did you mean 'customer_id'"),
        ({"split": "time"}, "split is 'time'. Give hr.TimeSplit"),
        ({"features": [profile.on({"customer_id": "buyer"})]}, "unknown spine column 'buyer'"),
    ],
)
def test_mistakes(changes, message):
    with pytest.raises(DeclarationError, match=message):
        rows(**changes)


def test_nothing_of_the_spine_comes_along_unasked():
    found = rows(features=[profile], split=hr.GroupSplit("customer_id"))
    assert found.columns() == ("impression_id", "customer_id", "shown_at", "bought", "age", "split")
    assert "channel" in rows(keep="channel").columns()


def test_one_view_may_stand_alone():
    assert rows(features=profile) == rows(features=[profile])
    assert rows(features=activity["n"]).selections == (activity["n"],)


def test_a_view_twice_under_two_prefixes():
    found = rows(features=[profile.on({}, prefix="a_"), profile.on({}, prefix="b_")])
    assert found.columns()[-3:] == ("a_age", "b_age", "split")
    assert found.inputs == (impressions, profile)
