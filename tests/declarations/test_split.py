from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import headrace as hr
from headrace.errors import DeclarationError


def test_time_boundaries_are_lengths_or_instants():
    split = hr.TimeSplit(validation="2013-10-01", test="14d")
    assert split.boundary("validation") == datetime(2013, 10, 1)
    assert split.boundary("test") == timedelta(days=14)
    assert hr.TimeSplit(test="1d").boundary("validation") is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hr.TimeSplit(), "splits nothing off"),
        (lambda: hr.TimeSplit(test="soon"), "test='soon' is neither a duration"),
        (lambda: hr.TimeSplit(validation="2013-13-01"), "validation='2013-13-01' is neither"),
        (lambda: hr.GroupSplit("id", validation=0.5, test=0.5), "cannot split 0.5 and 0.5 off"),
        (lambda: hr.GroupSplit("id", test=-0.1), "cannot split 0.0 and -0.1 off"),
        (lambda: hr.GroupSplit("id", test=0.0), "cannot split 0.0 and 0.0 off"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (hr.TimeSplit(test="7d"), hr.TimeSplit(validation="7d")),
        (hr.GroupSplit("a"), hr.GroupSplit("a", seed=1)),
        (hr.ColumnSplit("a"), hr.ColumnSplit("b")),
        (hr.GroupSplit("a"), hr.ColumnSplit("a")),
    ],
)
def test_splits_differ_in_their_data(one, other):
    assert one != other
    assert one.data() != other.data()
