"""Durations as people write them: "90d", "12h", "30m", "15s", "2w"."""

from __future__ import annotations

import re
from datetime import timedelta

from headrace.errors import DeclarationError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PATTERN = re.compile(r"(\d+)\s*([smhdw])")


def parse_duration(text: str, where: str) -> timedelta:
    """The length of time that `text` names.

    >>> parse_duration("36h", "ttl")
    datetime.timedelta(days=1, seconds=43200)
    >>> parse_duration("3 months", "ttl")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: ttl: cannot read '3 months' as a duration. ...
    """
    found = _PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        fix = "Write a whole number and s, m, h, d or w, as in '90d'."
        raise DeclarationError(where, f"cannot read {text!r} as a duration.", fix=fix)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
