from __future__ import annotations

from datetime import timedelta

import pytest

import headrace as hr
from headrace.declarations.aggregate import expand
from headrace.errors import DeclarationError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "summ", "column": "amount"}, "unknown function 'summ'. Did you mean 'sum'"),
        ({"function": "sum"}, "needs a column"),
        ({"function": "count", "over": "7 days"}, "cannot read '7 days' as a duration"),
        ({"function": "count", "over": "0d"}, "window '0d' has no length"),
        ({"function": "count", "over": ["7d", "7d"]}, "over repeats 7d"),
        ({"function": "count", "over": 7}, "over must be column names, got 7"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(DeclarationError, match=message):
        hr.Aggregate(**arguments)


def test_a_feature_for_each_window():
    found = expand("view", "spend_{window}", hr.Aggregate("sum", "amount", over=["1d", "2w"], where="paid"))
    assert [(one.name, one.length) for one in found] == [
        ("spend_1d", timedelta(days=1)),
        ("spend_2w", timedelta(days=14)),
    ]
    assert {(one.function, one.column, one.where) for one in found} == {("sum", "amount", "paid")}


def test_without_a_window_there_is_one_feature_without_a_length():
    (found,) = expand("view", "last_amount", hr.Aggregate("last", "amount"))
    assert (found.name, found.length) == ("last_amount", None)


def test_several_windows_need_a_place_in_the_name():
    with pytest.raises(DeclarationError, match=r"no \{window\} in its name. Write 'spend_\{window\}'"):
        expand("view", "spend", hr.Aggregate("sum", "amount", over=["1d", "7d"]))
