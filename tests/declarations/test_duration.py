from __future__ import annotations

from datetime import timedelta

import pytest

from headrace.declarations.duration import parse_duration
from headrace.errors import DeclarationError


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("15s", timedelta(seconds=15)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
        (" 7 d ", timedelta(days=7)),
        ("0d", timedelta(0)),
    ],
)
def test_reads(text, length):
    assert parse_duration(text, "ttl") == length


@pytest.mark.parametrize("text", ["7", "d", "1.5d", "-1d", "1y", "7D", "", None, 7])
def test_refuses(text):
    with pytest.raises(DeclarationError, match=r"ttl: cannot read .* as a duration. Write a whole number"):
        parse_duration(text, "ttl")
