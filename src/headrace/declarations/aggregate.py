"""Aggregate: a feature computed from the events in a window that ends at the training row's own timestamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from headrace.declarations.base import names
from headrace.declarations.duration import parse_duration
from headrace.errors import DeclarationError, UnknownName

FUNCTIONS = ("count", "count_distinct", "sum", "mean", "min", "max", "first", "last", "stddev")


@dataclass(frozen=True)
class Aggregate:
    """`function` of `column` over the events of `(t - over, t]`, where t is the row's timestamp.

    Args:
        function: one of count, count_distinct, sum, mean, min, max, first, last, stddev (sample).
        column: the event column; only `count` does without.
        over: a window such as "7d", or several; None looks back as far as the view's `ttl`.
        where: a SQL condition; only events that meet it count.

    Without an event in the window, the counts are 0 and everything else is null.

    >>> Aggregate("summ", "amount", over="7d")
    Traceback (most recent call last):
    headrace.errors.UnknownName: Aggregate: unknown function 'summ'. Did you mean 'sum'? Known: count, ...
    """

    function: str
    column: str | None = None
    over: str | Sequence[str] | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise UnknownName("Aggregate", "function", self.function, FUNCTIONS)
        if self.column is None and self.function != "count":
            raise DeclarationError(
                f"Aggregate({self.function!r})", "needs a column.", fix='As in Aggregate("sum", "amount").'
            )
        if self.over is not None and not isinstance(self.over, str):
            object.__setattr__(self, "over", names("Aggregate", "over", self.over))
        for window in self.windows:
            if window is not None and not parse_duration(window, "Aggregate.over"):
                raise DeclarationError("Aggregate", f"window {window!r} has no length.")

    @property
    def windows(self) -> tuple[str | None, ...]:
        """The windows as written; `(None,)` when it looks back without one."""
        return (self.over,) if self.over is None or isinstance(self.over, str) else tuple(self.over)


@dataclass(frozen=True)
class WindowedFeature:
    """One column of a view: an aggregate with exactly one window."""

    name: str
    function: str
    column: str | None
    window: str | None
    where: str | None

    @property
    def length(self) -> timedelta | None:
        return None if self.window is None else parse_duration(self.window, self.name)


def expand(where: str, pattern: str, aggregate: Aggregate) -> list[WindowedFeature]:
    """The features that one entry such as `"spend_{window}": Aggregate("sum", "amount", over=["1d", "7d"])` means."""
    if len(aggregate.windows) > 1 and "{window}" not in pattern:
        fix = f"Write {pattern + '_{window}'!r}."
        raise DeclarationError(where, f"{pattern!r} has several windows but no {{window}} in its name.", fix=fix)
    return [
        WindowedFeature(
            pattern.replace("{window}", window or "all"), aggregate.function, aggregate.column, window, aggregate.where
        )
        for window in aggregate.windows
    ]
