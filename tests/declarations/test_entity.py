from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import DeclarationError


def test_one_key_may_be_a_text():
    assert hr.Entity("route", keys="origin").keys == ("origin",)
    assert hr.Entity("route", keys=["origin", "destination"]).keys == ("origin", "destination")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "has no keys"),
        (["id", "id"], "keys repeats id"),
        ([3], "keys must be column names, got 3"),
    ],
)
def test_keys_are_checked(keys, message):
    with pytest.raises(DeclarationError, match=rf"Entity\('customer'\): {message}"):
        hr.Entity("customer", keys=keys)
