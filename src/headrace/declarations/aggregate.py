"""Aggregate: a feature computed from the events in a window that ends at the training row's own timestamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from headrace.declarations.base import names
from headrace.declarations.duration import parse_duration
from headrace.errors import DeclarationError, UnknownName

FUNCTIONS = (
    *("count", "count_distinct", "sum", "mean", "min", "max", "first", "last", "stddev"),
    *("last_k", "quantile", "top_k"),
)
SYNONYMS = {"std": "stddev"}
# What a function needs besides a column: a number of values, or a share of them.
PARAMETERS = {"last_k": "k", "top_k": "k", "quantile": "q"}


@dataclass(frozen=True)
class Aggregate:
    """`function` of `column` over the events of `(t - over, t]`, where t is the row's timestamp.

    Args:
        function: one of count, count_distinct, sum, mean, min, max, first, last, stddev or std (of a sample), last_k
            (the latest values, latest first), top_k (the most frequent values, most frequent first) and quantile.
        column: the event column; only `count` does without.
        over: a window such as "7d", or several; None looks back as far as the view's `ttl`.
        where: a SQL condition; only events that meet it count.
        k: how many values last_k and top_k list at most.
        q: which quantile, from 0 to 1; 0.5 is the median. Between two values it is interpolated.

    Without an event in the window, the counts are 0 and everything else is null.

    >>> Aggregate("summ", "amount", over="7d")
    Traceback (most recent call last):
    headrace.errors.UnknownName: Aggregate: unknown function 'summ'. Did you mean 'sum'? Known: count, ...
    """

    function: str
    column: str | None = None
    over: str | Sequence[str] | None = None
    where: str | None = None
    k: int | None = None
    q: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", SYNONYMS.get(self.function, self.function))
        if self.function not in FUNCTIONS:
            raise UnknownName("Aggregate", "function", self.function, (*FUNCTIONS, *SYNONYMS))
        self._check_parameters()
        if self.column is None and self.function != "count":
            raise DeclarationError(
                f"Aggregate({self.function!r})", "needs a column.", fix='As in Aggregate("sum", "amount").'
            )
        if self.over is not None and not isinstance(self.over, str):
            object.__setattr__(self, "over", names("Aggregate", "over", self.over))
        for window in self.windows:
            if window is not None and not parse_duration(window, "Aggregate.over"):
                raise DeclarationError("Aggregate", f"window {window!r} has no length.")

    def _check_parameters(self) -> None:
        where, needed = f"Aggregate({self.function!r})", PARAMETERS.get(self.function)
        for name, value in (("k", self.k), ("q", self.q)):
            if value is not None and name != needed:
                raise DeclarationError(where, f"has no use for {name}={value!r}.", fix=f"Leave {name} out.")
        if needed == "k" and (isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1):
            raise DeclarationError(where, f"k is {self.k!r}.", fix="Say how many values, as in k=3.")
        if needed == "q" and not (isinstance(self.q, int | float) and 0 <= self.q <= 1):
            raise DeclarationError(where, f"q is {self.q!r}.", fix="Say which quantile, as in q=0.9.")

    @property
    def parameter(self) -> float | None:
        """What its function needs besides a column."""
        return self.k if self.q is None else float(self.q)

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
    parameter: float | None = None

    @property
    def definition(self) -> list[Any]:
        """What decides its values, as JSON values."""
        return [self.function, self.column, self.window, self.where, *filter(None, [self.parameter_text])]

    @property
    def parameter_text(self) -> str:
        return "" if self.parameter is None else f"{PARAMETERS[self.function]}={self.parameter}"

    @property
    def length(self) -> timedelta | None:
        return None if self.window is None else parse_duration(self.window, self.name)


def expand(where: str, pattern: str, aggregate: Aggregate) -> list[WindowedFeature]:
    """The features that one entry such as `"spend_{window}": Aggregate("sum", "amount", over=["1d", "7d"])` means."""
    if len(aggregate.windows) > 1 and "{window}" not in pattern:
        fix = f"Write {pattern + '_{window}'!r}."
        raise DeclarationError(where, f"{pattern!r} has several windows but no {{window}} in its name.", fix=fix)
    shared = aggregate.where, aggregate.parameter
    return [
        WindowedFeature(
            pattern.replace("{window}", window or "all"), aggregate.function, aggregate.column, window, *shared
        )
        for window in aggregate.windows
    ]
