"""Refresh: when Dagster's daemon rebuilds an asset by itself. It decides when data is made, never which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from headrace.declarations.duration import parse_duration
from headrace.errors import DeclarationError

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = {"minute": (0, 59), "hour": (0, 23), "day of the month": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_WORDS = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_ITEM = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_FIX = "Write minute, hour, day of the month, month and weekday, as in '0 6 * * mon-fri'."


@dataclass(frozen=True)
class OnChange:
    """Rebuild as soon as the plan calls an asset out of date: its code, its raw files or anything it is made from.

    Args:
        every: at most once in this time, such as "30m"; None is as often as something changes.

    >>> OnChange(every="soon")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: OnChange(every='soon'): cannot read 'soon' as a duration. ...
    """

    every: str | None = None

    def __post_init__(self) -> None:
        _ = self.seconds

    @property
    def seconds(self) -> float:
        """The least time between two rebuilds; 0 without a limit."""
        where = f"OnChange(every={self.every!r})"
        return 0.0 if self.every is None else parse_duration(self.every, where).total_seconds()


@dataclass(frozen=True)
class Cron:
    """Rebuild at fixed times, if the asset is out of date then.

    Args:
        expression: five fields (minute, hour, day of the month, month, weekday) of numbers, names, `*`, lists, ranges
            and steps, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
        timezone: the IANA zone whose clock it follows.

    >>> Cron("@daily", timezone="Europe/Berlin")
    Cron(expression='0 0 * * *', timezone='Europe/Berlin')
    >>> Cron("0 25 * * *")
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Cron('0 25 * * *'): hour '25' is not within 0-23. ...
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        where = f"Cron({self.expression!r})"
        if not isinstance(self.expression, str):
            raise DeclarationError(where, "is no text.", fix=_FIX)
        text = " ".join(self.expression.lower().split())
        fields = _ALIASES.get(text, text).split(" ")
        if len(fields) != len(_FIELDS):
            raise DeclarationError(where, f"has {len(fields)} field(s), not {len(_FIELDS)}.", fix=_FIX)
        parsed = {name: _values(where, name, field) for name, field in zip(_FIELDS, fields, strict=True)}
        _refuse_never(where, parsed["day of the month"], parsed["month"], any_weekday=fields[-1] == "*")
        check_timezone(where, self.timezone)
        object.__setattr__(self, "expression", " ".join(fields))


Refresh = OnChange | Cron


def parse_refresh(where: str, given: Any) -> Refresh | None:
    """What `refresh=` of a declaration means: a Refresh, "on_change", or the five fields of a Cron.

    >>> parse_refresh("Matrix('m')", "on_change"), parse_refresh("Matrix('m')", "0 6 * * *")
    (OnChange(every=None), Cron(expression='0 6 * * *', timezone='UTC'))
    """
    if given is None or isinstance(given, OnChange | Cron):
        return given
    if given == "on_change":
        return OnChange()
    fix = 'Give "on_change", a cron expression such as "0 6 * * *", hr.OnChange(...) or hr.Cron(...).'
    if not isinstance(given, str) or not (given.startswith("@") or " " in given):
        raise DeclarationError(where, f"refresh is {given!r}.", fix=fix)
    try:
        return Cron(given)
    except DeclarationError as error:
        raise DeclarationError(f"{where}.refresh={given!r}", error.problem, fix=error.fix) from None


def _values(where: str, name: str, field: str) -> set[int]:
    """The values that one field of a cron expression names."""
    low, high = _FIELDS[name]
    found: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or match[4] == "0":
            raise DeclarationError(where, f"cannot read {item!r} as a {name}.", fix=_FIX)
        first = low if match[1] == "*" else _value(where, name, match[2])
        last = _value(where, name, match[3]) if match[3] else high if match[1] == "*" or match[4] else first
        # A range may run over the end, as in `fri-mon` and `22-2`.
        span = [*range(first, last + 1)] if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        found |= set(span[:: int(match[4] or 1)])
    return found


def _value(where: str, name: str, text: str) -> int:
    low, high = _FIELDS[name]
    words = _WORDS.get(name, [])
    value = words.index(text) + (name == "month") if text in words else int(text) if text.isdecimal() else None
    if value is None or not low <= value <= high:
        raise DeclarationError(where, f"{name} {text!r} is not within {low}-{high}.", fix=_FIX)
    return value


def _refuse_never(where: str, days: set[int], months: set[int], *, any_weekday: bool) -> None:
    if any_weekday and all(min(days) > _LONGEST_MONTHS.get(month, 31) for month in months):
        raise DeclarationError(where, "names a day that never comes.", fix=_FIX)


def check_timezone(where: str, name: object) -> None:
    """Refuse what is no IANA zone."""
    if name == "UTC":
        return  # known even where the machine has no table of zones
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):  # a name of no zone, no name at all, a folder of zones
        fix = "Use an IANA name such as 'UTC' or 'Europe/Berlin'."
        raise DeclarationError(where, f"timezone {name!r} is unknown.", fix=fix) from None
